#include "cloud/skerry/history.h"

#include "base/json_guard.h"
#include "base/text.h"
#include "cloud/skerry/event_feed.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "ports/json.h"
#include "ports/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_DEFAULT = 50, CELL_MAX = 120 };

/* --- printing whatever a query answers --- */

static void set_cell(struct json *row, struct sql_query *q, int column)
{
	const char *name = sql_column_name(q, column);
	struct bytes text = sql_bytes(q, column);
	if (sql_is_null(q, column))
		json_set_null(row, name);
	else if (sql_is_number(q, column) && !memchr(text.at, '.', text.len))
		json_set_integer(row, name, sql_integer(q, column));
	else if (sql_is_number(q, column))
		json_set_number(row, name, sql_number(q, column));
	else if (text.len && text.at[0] == '{' && json_is_well_formed(text))
		json_set_raw(row, name, text); /* whole numbers beyond 2^53 stay as they are */
	else
		json_set_bytes(row, name, text);
}

static enum err print_json_rows(struct sql_query *q, struct why *why)
{
	struct json *rows = json_new_array();
	enum err e;
	while (!(e = sql_step(q, why))) {
		struct json *row = json_new_object();
		for (int i = 0; i < sql_columns(q); i++)
			set_cell(row, q, i);
		json_push(rows, row);
	}
	char *text = json_print_pretty(rows);
	puts(text);
	free(text);
	json_free(rows);
	return e == ERR_NOT_FOUND ? OK : e;
}

static bool is_time(const char *title)
{
	return strcmp(title, "ts_ms") == 0 || strcmp(title, "TIME") == 0;
}

static void add_cell(struct table *t, struct sql_query *q, int column)
{
	char when[24];
	struct bytes text = sql_bytes(q, column);
	if (is_time(sql_column_name(q, column)) && sql_is_number(q, column)) {
		clock_print(when, sql_integer(q, column));
		table_add(t, "%s", when);
		return;
	}
	int n = text.len > CELL_MAX ? CELL_MAX : (int)text.len;
	table_add(t, "%.*s", n, text.len ? text.at : "");
}

static enum err print_table_rows(struct sql_query *q, struct why *why)
{
	const char *titles[TABLE_COLUMNS_MAX + 1] = { NULL };
	int columns = sql_columns(q);
	struct table t;
	enum err e;
	if (columns < 1 || columns > TABLE_COLUMNS_MAX)
		return why_set(why, ERR_INVALID, "1 to %d columns are expected", TABLE_COLUMNS_MAX);
	for (int i = 0; i < columns; i++)
		titles[i] = sql_column_name(q, i);
	table_begin(&t, titles);
	while (!(e = sql_step(q, why)))
		for (int i = 0; i < columns; i++)
			add_cell(&t, q, i);
	table_print(&t);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* --- asking --- */

/* What narrows a question down: ?1 fleet, ?2 device or "", ?3 since, ?4 rows, ?5 more. */
static void bind_filter(struct sql_query *q, const struct options *o, const char *more)
{
	int64_t since = o->since_ms >= 0 ? clock_wall_ms() - o->since_ms : 0;
	sql_bind_text(q, 1, bytes_of(o->fleet));
	sql_bind_text(q, 2, bytes_of(o->device_count ? o->devices[0] : ""));
	sql_bind_integer(q, 3, since);
	sql_bind_integer(q, 4, o->count ? o->count : ROWS_DEFAULT);
	sql_bind_text(q, 5, bytes_of(more));
}

static enum exit_code ask(struct options *o, const char *statement, const char *more)
{
	struct sql *s = NULL;
	struct sql_query *q = NULL;
	struct why why;
	enum err e = options_need_database(o, &why);
	if (!e)
		e = sql_connect(o->database, SQL_READ, &s, &why);
	if (!e)
		e = sql_prepare(s, statement, &q, &why);
	if (!e) {
		if (!o->sql)
			bind_filter(q, o, more);
		e = o->json ? print_json_rows(q, &why) : print_table_rows(q, &why);
	}
	sql_finish(q);
	sql_close(s);
	return exit_code_tell(e, &why);
}

static enum exit_code list_events(struct options *o)
{
	return ask(o,
		   "SELECT \"TIME\", \"DEVICE\", \"TYPE\", \"REASON\", \"OBJECT\", \"MESSAGE\" FROM"
		   " (SELECT rowid AS n, ts_ms AS \"TIME\", device AS \"DEVICE\", type AS \"TYPE\","
		   " reason AS \"REASON\", object AS \"OBJECT\", message AS \"MESSAGE\" FROM event"
		   " WHERE fleet = ?1 AND (?2 = '' OR device = ?2) AND ts_ms >= ?3"
		   " AND (?5 = '' OR object LIKE ?5 || '%')"
		   " ORDER BY ts_ms DESC, rowid DESC LIMIT ?4) AS newest ORDER BY \"TIME\", n",
		   o->word_count ? o->words[0] : "");
}

/* A broker that was asked for by name comes before a database of the environment. */
static bool is_broker_meant(const struct options *o)
{
	const bool is_named = o->broker_text && o->broker_text != getenv("SKERRY_BROKER");
	return o->broker_text && (!o->database || (is_named && o->database == getenv("SKERRY_DB")));
}

enum exit_code verb_events(struct options *o)
{
	struct why why;
	if (!o->watch && !o->follow)
		return list_events(o);
	if (o->device_count > 1)
		return exit_code_tell(
			why_set(&why, ERR_INVALID, "watch one device (-d), or all of the fleet"),
			&why);
	if (is_broker_meant(o))
		return event_feed_from_broker(o);
	if (o->database)
		return event_feed_from_database(o);
	return exit_code_tell(why_set(&why, ERR_INVALID,
				      "watch what? give --db FILE (the hub's) or --broker "
				      "mqtt://HOST:1883, or set SKERRY_DB or SKERRY_BROKER"),
			      &why);
}

enum exit_code verb_files(struct options *o)
{
	return ask(o,
		   "SELECT \"TIME\", \"DEVICE\", \"POD\", \"NAME\", \"BYTES\", \"PATH\" FROM"
		   " (SELECT rowid AS n, ts_ms AS \"TIME\", device AS \"DEVICE\", pod AS \"POD\", "
		   "name AS \"NAME\","
		   " bytes AS \"BYTES\", path AS \"PATH\" FROM file"
		   " WHERE fleet = ?1 AND (?2 = '' OR device = ?2) AND ts_ms >= ?3"
		   " AND (?5 = '' OR pod = ?5)"
		   " ORDER BY ts_ms DESC, rowid DESC LIMIT ?4) AS newest ORDER BY \"TIME\", n",
		   o->word_count ? o->words[0] : "");
}

enum exit_code verb_telemetry(struct options *o)
{
	if (o->sql)
		return ask(o, o->sql, "");
	return ask(o,
		   "SELECT \"TIME\", \"DEVICE\", \"MEASUREMENT\", \"TAGS\", \"FIELDS\" FROM"
		   " (SELECT rowid AS n, ts_ms AS \"TIME\", device AS \"DEVICE\", measurement AS "
		   "\"MEASUREMENT\","
		   " tags AS \"TAGS\", fields AS \"FIELDS\" FROM point"
		   " WHERE fleet = ?1 AND (?2 = '' OR device = ?2) AND ts_ms >= ?3"
		   " AND (?5 = '' OR measurement = ?5)"
		   " ORDER BY ts_ms DESC, rowid DESC LIMIT ?4) AS newest ORDER BY \"TIME\", n",
		   o->word_count ? o->words[0] : "");
}

/* --- on the board itself --- */

static const char *string_or(const struct json *j, const char *key, const char *otherwise)
{
	const char *s = json_string(json_member(j, key));
	return s && *s ? s : otherwise;
}

static void print_states(const struct json *states)
{
	static const char *const titles[] = { "TIME",   "GENERATION", "OUTCOME", "ENDED",
					      "REASON", "DOCUMENT",   NULL };
	struct table t;
	table_begin(&t, titles);
	for (const struct json *s = json_first(states); s; s = json_next(s)) {
		char when[24], ended[24] = "-";
		clock_print(when, json_integer_at(s, "t"));
		if (json_member(s, "ended"))
			clock_print(ended, json_integer_at(s, "ended"));
		table_add(&t, "%s", when);
		table_add(&t, "%lld", (long long)json_integer_at(s, "generation"));
		table_add(&t, "%s", string_or(s, "outcome", "progressing"));
		table_add(&t, "%s", ended);
		table_add(&t, "%s", string_or(s, "reason", "-"));
		table_add(&t, "%s", string_or(s, "document", "-"));
	}
	table_print(&t);
}

static enum exit_code history_of_board(const struct options *o)
{
	struct json *request = json_new_object(), *answer;
	struct why why;
	json_set_string(request, "verb", "history");
	enum err e = local_ask(o->run_dir, request, &answer, &why);
	json_free(request);
	if (e)
		return exit_code_tell(e, &why);
	if (o->json) {
		char *text = json_print_pretty(answer);
		puts(text);
		free(text);
	} else {
		print_states(json_member(answer, "states"));
	}
	json_free(answer);
	return EXIT_CODE_OK;
}

enum exit_code verb_history(struct options *o)
{
	struct why why;
	if (!o->word_count && !o->database)
		return history_of_board(o);
	if (o->word_count != 1)
		return exit_code_tell(why_set(&why, ERR_INVALID, "which device? one is expected"),
				      &why);
	return ask(o,
		   "SELECT \"TIME\", \"GENERATION\", \"BASE\", \"KEPT\", \"WRITER\", \"REASON\","
		   " \"DOCUMENT\" FROM"
		   " (SELECT seq AS n, at_ms AS \"TIME\", generation AS \"GENERATION\","
		   " base AS \"BASE\", CASE kept WHEN 1 THEN 'yes' ELSE 'no' END AS \"KEPT\","
		   " writer AS \"WRITER\", reason AS \"REASON\", document AS \"DOCUMENT\""
		   " FROM audit WHERE fleet = ?1 AND device = ?5 AND ?2 = '' AND at_ms >= ?3"
		   " ORDER BY seq DESC LIMIT ?4) AS newest ORDER BY n",
		   o->words[0]);
}

enum exit_code history_logs(struct options *o, const char *workload)
{
	return ask(o,
		   "SELECT \"TIME\", \"DEVICE\", \"CONTAINER\", \"LINE\" FROM"
		   " (SELECT rowid AS n, ts_ms AS \"TIME\", device AS \"DEVICE\", container AS "
		   "\"CONTAINER\","
		   " line AS \"LINE\" FROM log"
		   " WHERE fleet = ?1 AND (?2 = '' OR device = ?2) AND ts_ms >= ?3"
		   " AND (pod = ?5 OR pod || '/' || container = ?5)"
		   " ORDER BY ts_ms DESC, rowid DESC LIMIT ?4) AS newest ORDER BY \"TIME\", n",
		   workload);
}
