#include "cloud/skerry/device_label.h"

#include "cloud/fleet/object.h"
#include "workloads/selector.h"

#include <stdlib.h>
#include <string.h>

enum { CHANGE_SIZE = 400 }; /* a key with its prefix, =, and a value */

/* One change in two parts; `value` NULL: it goes. */
static enum err split(const char *change, char copy[CHANGE_SIZE], const char **value,
		      struct why *why)
{
	const size_t len = strlen(change);
	*value = NULL;
	if (len >= CHANGE_SIZE)
		return why_set(why, ERR_INVALID, "%.60s...: longer than a label", change);
	memcpy(copy, change, len + 1);
	char *equals = strchr(copy, '=');
	if (equals) {
		*equals = '\0';
		*value = equals + 1;
	} else if (len && copy[len - 1] == '-') {
		copy[len - 1] = '\0';
	} else {
		return why_set(why, ERR_INVALID,
			       "%.60s: KEY=VALUE, or KEY- to take it away, is expected", change);
	}
	return OK;
}

static enum err check_one(const char *change, struct why *why)
{
	char key[CHANGE_SIZE];
	const char *value;
	enum err e = split(change, key, &value, why);
	if (e)
		return e;
	if (value && !*value) /* a board drops such a label */
		return why_set(why, ERR_INVALID, "%.60s: a value is expected; %.60s- takes it away",
			       change, key);
	struct json *j = json_new_object();
	json_set_string(j, key, value ? value : "");
	e = selector_check_labels(j, why);
	json_free(j);
	return e ? why_in(why, e, change) : OK;
}

/* Of two words on one label neither counts more. */
static enum err check_once(const struct option_list *changes, size_t i, struct why *why)
{
	char key[CHANGE_SIZE], before[CHANGE_SIZE];
	const char *value;
	enum err e = split(changes->items[i], key, &value, why);
	for (size_t k = 0; k < i && !e; k++) {
		e = split(changes->items[k], before, &value, why);
		if (!e && strcmp(before, key) == 0)
			e = why_set(why, ERR_INVALID, "%.60s: this label is changed twice",
				    changes->items[i]);
	}
	return e;
}

enum err device_label_check(const struct option_list *changes, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; i < changes->count && !e; i++)
		if (!(e = check_one(changes->items[i], why)))
			e = check_once(changes, i, why);
	return e;
}

static void change_one(struct json *labels, const char *change)
{
	char key[CHANGE_SIZE];
	const char *value;
	if (split(change, key, &value, NULL))
		return; /* it was checked */
	json_remove(labels, key);
	if (value)
		json_set_string(labels, key, value);
}

/* A board's own word on itself counts: what is given beside it would select nothing. */
static enum err refuse_facts(const struct device_view *d, const struct json *given, struct why *why)
{
	enum err e = OK;
	const struct device_object object = { .labels = given };
	struct json *labels = object_labels(d->name, d->state, &object);
	for (const struct json *g = json_first(given); g && !e; g = json_next(g)) {
		const char *counts = json_string(json_member(labels, json_key(g)));
		const char *want = json_string(g);
		if (!counts || !want || strcmp(counts, want) != 0)
			e = why_set(why, ERR_INVALID,
				    "%s: %.80s is a fact that the board tells (%.63s); nobody can "
				    "give it",
				    d->name, json_key(g), counts ? counts : "none");
	}
	json_free(labels);
	return e;
}

enum err device_label_make(const struct device_view *d, const struct option_list *changes,
			   struct json **out, struct why *why)
{
	const struct json *before = json_member(d->desired, "labels");
	struct json *labels = before ? json_copy(before) : json_new_object();
	for (size_t i = 0; i < changes->count; i++)
		change_one(labels, changes->items[i]);
	enum err e = refuse_facts(d, labels, why);
	*out = e ? NULL : labels;
	if (e)
		json_free(labels);
	return e;
}
