/* event_feed from the hub's database. */
#include "cloud/skerry/event_feed.h"
#include "cloud/skerry/event_line.h"
#include "ports/clock.h"
#include "ports/loop.h"
#include "ports/sql.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>

enum {
	FILE_EVERY_MS = 1000,
	SERVER_EVERY_MS = 2000, /* no index helps it with numbers of rows ... */
	REST = 20,              /* ... so that of so much time one part is work */
	FIRST_ROWS = 50,
	PAGE_ROWS = 4 * EVENT_FEED_LOOK_BACK,
};

/* ?1 fleet, ?2 device or "", ?3 since, ?4 beginning of the object. */
#define COLUMNS "SELECT rowid, ts_ms, device, type, reason, object, message FROM event"
#define CHOSEN                                                                                     \
	" WHERE fleet = ?1 AND (?2 = '' OR device = ?2) AND ts_ms >= ?3"                           \
	" AND (?4 = '' OR object LIKE ?4 || '%')"

struct rows {
	const struct options *options;
	struct sql *sql;
	struct loop *loop;
	bool interrupted;
	int64_t since_ms; /* since 1970 */
	int64_t newest;   /* number of a row */
	struct stat file; /* as it was opened; of a server: nothing */
	uint64_t seen[EVENT_FEED_LOOK_BACK];
};

static void on_signal(void *owner, int signo)
{
	if (signo != SIGHUP)
		((struct rows *)owner)->interrupted = true;
}

static enum err prepare(struct rows *r, const char *statement, struct sql_query **out,
			struct why *why)
{
	const struct options *o = r->options;
	enum err e = sql_prepare(r->sql, statement, out, why);
	if (e)
		return e;
	sql_bind_text(*out, 1, bytes_of(o->fleet));
	sql_bind_text(*out, 2, bytes_of(o->device_count ? o->devices[0] : ""));
	sql_bind_integer(*out, 3, r->since_ms);
	sql_bind_text(*out, 4, bytes_of(o->word_count ? o->words[0] : ""));
	return OK;
}

static void read_line(struct sql_query *q, struct event_line *out)
{
	*out = (struct event_line){
		.time_ms = sql_integer(q, 1),
		.device = sql_bytes(q, 2),
		.type = sql_bytes(q, 3),
		.reason = sql_bytes(q, 4),
		.object = sql_bytes(q, 5),
		.message = sql_bytes(q, 6),
	};
}

/* Was this row not there at an earlier look? */
static bool is_new(struct rows *r, int64_t number, const struct event_line *line)
{
	uint64_t *seen = &r->seen[number % EVENT_FEED_LOOK_BACK];
	const uint64_t hash = event_line_hash(line) ^ (uint64_t)number;
	if (*seen == hash)
		return false;
	*seen = hash;
	return true;
}

/* What is there, the newest last; all at once, in a snapshot. */
static enum err tell_first(struct rows *r, struct why *why)
{
	struct sql_query *q;
	enum err e = prepare(r,
			     "SELECT * FROM (" COLUMNS CHOSEN
			     " ORDER BY ts_ms DESC, rowid DESC LIMIT ?5) AS newest"
			     " ORDER BY ts_ms, rowid",
			     &q, why);
	if (e)
		return e;
	sql_bind_integer(q, 5, r->options->count ? r->options->count : FIRST_ROWS);
	while (!(e = sql_step(q, why))) {
		struct event_line line;
		read_line(q, &line);
		event_line_print(&line, r->options->json);
	}
	sql_finish(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err read_newest(struct rows *r, int64_t *out, struct why *why)
{
	struct sql_query *q;
	enum err e = sql_prepare(r->sql, "SELECT coalesce(max(rowid), 0) FROM event", &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	if (!e)
		*out = sql_integer(q, 0);
	sql_finish(q);
	return e;
}

/* Rows behind *after, which is moved on; *out_count of them, a page at most. */
static enum err look_at_page(struct rows *r, int64_t *after, bool tell, size_t *out_count,
			     struct why *why)
{
	struct sql_query *q;
	enum err e = prepare(r, COLUMNS CHOSEN " AND rowid > ?5 ORDER BY rowid LIMIT ?6", &q, why);
	*out_count = 0;
	if (e)
		return e;
	sql_bind_integer(q, 5, *after);
	sql_bind_integer(q, 6, PAGE_ROWS);
	while (!(e = sql_step(q, why))) {
		struct event_line line;
		*after = sql_integer(q, 0);
		++*out_count;
		read_line(q, &line);
		if (is_new(r, *after, &line) && tell)
			event_line_print(&line, r->options->json);
	}
	sql_finish(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* A file that was moved away, or restored beneath us, would be read for ever, and nothing come. */
static enum err check_file(const struct rows *r, struct why *why)
{
	struct stat now;
	const char *path = r->options->database;
	if (sql_is_server(r->sql) ||
	    (!stat(path, &now) && now.st_dev == r->file.st_dev && now.st_ino == r->file.st_ino))
		return OK;
	return why_set(why, ERR_OFFLINE, "%.180s is gone, or is another file now: watch it anew",
		       path);
}

/* A file gives the numbers of rows that were removed again: the newest may be older than the one
 * of the last look. A server never does, and would read the whole table to say so. */
static enum err look(struct rows *r, bool tell, struct why *why)
{
	int64_t newest = r->newest;
	size_t count = PAGE_ROWS;
	enum err e = tell && sql_is_server(r->sql) ? OK : read_newest(r, &newest, why);
	if (e)
		return e;
	int64_t after = MAX(MIN(newest, r->newest) - EVENT_FEED_LOOK_BACK, 0);
	while (!e && count == PAGE_ROWS)
		e = look_at_page(r, &after, tell, &count, why);
	r->newest = MAX(newest, after);
	return e;
}

/* One snapshot for both: what is in the list is never told again, all else once. */
static enum err begin(struct rows *r, struct why *why)
{
	enum err e = sql_run(
		r->sql, sql_is_server(r->sql) ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN",
		why);
	if (!e)
		e = look(r, false, why);
	if (!e)
		e = tell_first(r, why);
	return e ? e : sql_run(r->sql, "COMMIT", why);
}

static enum err follow(struct rows *r, struct why *why)
{
	const int64_t every = sql_is_server(r->sql) ? SERVER_EVERY_MS : FILE_EVERY_MS;
	int64_t pause = every;
	const int64_t wait = r->options->wait_ms;
	const int64_t until = wait < 0 ? INT64_MAX : clock_now_ms() + wait;
	enum err e = OK;
	while (!e && !r->interrupted && !ferror(stdout) && clock_now_ms() < until) {
		e = loop_turn(r->loop, MIN(pause, until - clock_now_ms()), why);
		const int64_t begin_ms = clock_now_ms();
		if (!e && !r->interrupted)
			e = look(r, true, why);
		if (!e)
			e = check_file(r, why);
		pause = MAX(every, (clock_now_ms() - begin_ms) * REST);
	}
	return e;
}

enum exit_code event_feed_from_database(struct options *o)
{
	struct why why;
	struct rows *r = calloc(1, sizeof *r);
	if (!r)
		return exit_code_tell(why_set(&why, ERR_SYSTEM, "no memory"), &why);
	r->options = o;
	r->since_ms = o->since_ms >= 0 ? clock_wall_ms() - o->since_ms : 0;
	r->newest = INT64_MAX;
	enum err e = sql_connect(o->database, SQL_READ, &r->sql, &why);
	if (!e && !sql_is_server(r->sql) && stat(o->database, &r->file))
		e = why_set(&why, ERR_OFFLINE, "%.180s: %s", o->database, strerror(errno));
	if (!e)
		e = loop_open(&r->loop, &why);
	if (!e)
		e = loop_on_signals(r->loop, on_signal, r, &why);
	if (!e) {
		event_line_print_titles(o->json);
		e = begin(r, &why);
	}
	if (!e)
		e = follow(r, &why);
	const bool interrupted = r->interrupted;
	loop_close(r->loop);
	sql_close(r->sql);
	free(r);
	return interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
}
