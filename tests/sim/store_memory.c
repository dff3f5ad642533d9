/*
 * ports/store.h in memory, in place of store_sql.c: a thousand devices in one process
 * are a thousand stores, and what they promise need only outlive the hub.
 */
#include "ports/store.h"

#include "base/text.h"

#include <stdlib.h>

enum { SETTINGS_MAX = 8, SETTING_BYTES_MAX = 48 };

struct kept {
	struct kept *next;
	struct letter letter; /* its stream and body lie behind it */
	char bytes[];
};

struct setting {
	char key[STORE_KEY_MAX];
	char value[SETTING_BYTES_MAX];
	size_t len;
};

struct store {
	struct kept *first, **last; /* in the order of seq */
	struct store_total totals[LETTER_CLASSES];
	struct setting settings[SETTINGS_MAX];
	int64_t last_seq, buried;
};

enum err store_open(const char *path, struct store **out, struct why *why)
{
	(void)path;
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return why_set(why, ERR_SYSTEM, "store: no memory");
	s->last = &s->first;
	*out = s;
	return OK;
}

void store_close(struct store *s)
{
	for (struct kept *k = s ? s->first : NULL, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	free(s);
}

/* One thread and no power to be cut: every call is whole already. */
enum err store_begin(struct store *s, struct why *why)
{
	(void)s;
	(void)why;
	return OK;
}

enum err store_commit(struct store *s, struct why *why)
{
	return store_begin(s, why);
}

void store_rollback(struct store *s)
{
	(void)s;
}

static struct kept *copy_of(const struct letter *l)
{
	const size_t stream = strlen(l->stream) + 1;
	struct kept *k = malloc(sizeof *k + stream + l->body.len);
	if (!k)
		return NULL;
	k->next = NULL;
	k->letter = *l;
	memcpy(k->bytes, l->stream, stream);
	if (l->body.len)
		memcpy(k->bytes + stream, l->body.at, l->body.len);
	k->letter.stream = k->bytes;
	k->letter.body.at = k->bytes + stream;
	return k;
}

enum err store_append(struct store *s, const struct letter *letter, int64_t *out_seq,
		      struct why *why)
{
	struct kept *k = copy_of(letter);
	if (!k)
		return why_set(why, ERR_FULL, "store: no memory");
	*out_seq = k->letter.seq = ++s->last_seq;
	*s->last = k;
	s->last = &k->next;
	struct store_total *t = &s->totals[letter->class];
	t->letters++;
	t->bytes += (int64_t)letter->body.len;
	return OK;
}

enum err store_next(struct store *s, enum letter_class class, int64_t after, int64_t until,
		    struct letter *out)
{
	for (const struct kept *k = s->first; k && k->letter.seq <= until; k = k->next) {
		if (k->letter.class != class || k->letter.seq <= after)
			continue;
		*out = k->letter;
		return OK;
	}
	return ERR_NOT_FOUND;
}

static void forget(struct store *s, struct kept **at)
{
	struct kept *k = *at;
	struct store_total *t = &s->totals[k->letter.class];
	t->letters--;
	t->bytes -= (int64_t)k->letter.body.len;
	*at = k->next;
	if (s->last == &k->next)
		s->last = at;
	free(k);
}

enum err store_drop(struct store *s, int64_t from, int64_t to, int64_t *out_dropped,
		    struct why *why)
{
	(void)why;
	*out_dropped = 0;
	for (struct kept **at = &s->first; *at && (*at)->letter.seq <= to;) {
		if ((*at)->letter.seq < from) {
			at = &(*at)->next;
			continue;
		}
		forget(s, at);
		++*out_dropped;
	}
	return OK;
}

enum err store_bury(struct store *s, int64_t seq, const char *reason, struct why *why)
{
	int64_t dropped;
	(void)reason;
	enum err e = store_drop(s, seq, seq, &dropped, why);
	s->buried += dropped;
	return e;
}

enum err store_sum(struct store *s, int64_t from, int64_t to, struct store_total *out,
		   struct why *why)
{
	(void)why;
	*out = (struct store_total){ 0 };
	for (const struct kept *k = s->first; k && k->letter.seq <= to; k = k->next) {
		if (k->letter.seq < from)
			continue;
		out->letters++;
		out->bytes += (int64_t)k->letter.body.len;
	}
	return OK;
}

void store_total(const struct store *s, enum letter_class class, struct store_total *out)
{
	*out = s->totals[class];
}

int64_t store_last_seq(const struct store *s)
{
	return s->last_seq;
}

int64_t store_buried(const struct store *s)
{
	return s->buried;
}

/* The setting of this name; "" finds a free one. */
static struct setting *find(struct store *s, const char *key)
{
	for (size_t i = 0; i < SETTINGS_MAX; i++)
		if (strcmp(s->settings[i].key, key) == 0)
			return &s->settings[i];
	return NULL;
}

enum err store_put(struct store *s, const char *key, struct bytes value, struct why *why)
{
	struct setting *at = find(s, key);
	if (!at)
		at = find(s, "");
	if (!at || value.len > sizeof at->value ||
	    !text_copy(at->key, sizeof at->key, bytes_of(key)))
		return why_set(why, ERR_FULL, "store: no room for %s", key);
	if (value.len)
		memcpy(at->value, value.at, value.len);
	at->len = value.len;
	return OK;
}

enum err store_get(struct store *s, const char *key, struct bytes *out)
{
	const struct setting *at = find(s, key);
	if (!at)
		return ERR_NOT_FOUND;
	*out = (struct bytes){ at->value, at->len };
	return OK;
}

enum err store_remove(struct store *s, const char *key, struct why *why)
{
	struct setting *at = find(s, key);
	(void)why;
	if (at)
		*at = (struct setting){ 0 };
	return OK;
}
