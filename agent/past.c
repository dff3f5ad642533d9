#include "agent/past.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many there were ever; the newest is in the slot before. */
static const char COUNT_KEY[] = "desired/past";

static void print_key(char out[32], int64_t number)
{
	snprintf(out, 32, "%s/%02d", COUNT_KEY, (int)(number % PAST_MAX));
}

static int64_t read_count(struct store *s)
{
	struct bytes kept;
	long long n = 0;
	if (store_get(s, COUNT_KEY, &kept) || text_number(kept, 0, INT64_MAX, &n))
		return 0;
	return n;
}

/* NULL: it does not read back. */
static struct json *read_row(struct store *s, int64_t number)
{
	char key[32];
	struct bytes kept;
	struct json *j;
	print_key(key, number);
	return store_get(s, key, &kept) || json_parse(kept, &j, NULL) ? NULL : j;
}

static enum err put_row(struct store *s, int64_t number, const struct json *row, struct why *why)
{
	char key[32];
	print_key(key, number);
	char *text = json_print(row);
	enum err e = store_put(s, key, bytes_of(text), why);
	free(text);
	return e;
}

static enum err put_count(struct store *s, int64_t count, struct why *why)
{
	char text[24];
	snprintf(text, sizeof text, "%lld", (long long)count);
	return store_put(s, COUNT_KEY, bytes_of(text), why);
}

enum err past_add(struct store *s, const struct desired_id *id, int64_t wall_ms, struct why *why)
{
	const int64_t count = read_count(s);
	enum err e = store_begin(s, why);
	if (e)
		return e;
	struct json *row = json_new_object();
	json_set_integer(row, "t", wall_ms);
	json_set_integer(row, "epoch", id->epoch);
	json_set_integer(row, "generation", id->generation);
	json_set_string(row, "document", id->digest);
	e = put_row(s, count, row, why);
	json_free(row);
	if (!e)
		e = put_count(s, count + 1, why);
	if (e) {
		store_rollback(s);
		return e;
	}
	return store_commit(s, why);
}

enum err past_end(struct store *s, const char *outcome, const char *reason, int64_t wall_ms,
		  struct why *why)
{
	const int64_t count = read_count(s);
	struct json *row = count ? read_row(s, count - 1) : NULL;
	if (!row)
		return OK; /* accepted before rows were kept */
	json_remove(row, "outcome");
	json_remove(row, "ended");
	json_remove(row, "reason");
	json_set_string(row, "outcome", outcome);
	json_set_integer(row, "ended", wall_ms);
	json_set_string(row, "reason", reason);
	enum err e = put_row(s, count - 1, row, why);
	json_free(row);
	return e;
}

struct json *past_show(struct store *s)
{
	const int64_t count = read_count(s);
	struct json *j = json_new_object(), *states = json_new_array();
	for (int64_t i = count > PAST_MAX ? count - PAST_MAX : 0; i < count; i++) {
		struct json *row = read_row(s, i);
		if (!row)
			continue;
		if (i < count - 1 && !json_member(row, "outcome"))
			json_set_string(row, "outcome", "superseded");
		json_push(states, row);
	}
	json_set(j, "states", states);
	return j;
}
