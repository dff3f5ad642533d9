/*
 * selector - which boards are meant: Kubernetes' label selectors, and as `kubectl -l` writes them.
 *
 * All requirements must hold. Values compare as text, except with Gt and Lt: there numbers
 * compare, and versions part by part, so that 6.1 is greater than 5.15. Pure.
 *
 * A selector owns what it has read; selector_free() gives it back.
 */
#pragma once

#include "ports/json.h"

enum {
	SELECTOR_REQUIREMENTS_MAX = 32,
	SELECTOR_VALUES_MAX = 64, /* of one requirement */
	SELECTOR_KEY_MAX = 317,   /* 253 of a prefix, "/", 63 of a name */
	SELECTOR_VALUE_MAX = 63,
};

struct selector {
	struct json *requirements; /* a list of {key, operator, values}; NULL: everything matches */
};

/* {matchLabels, matchExpressions}; {} and NULL match everything. ERR_INVALID with the path
 * inside, such as "matchExpressions[0].operator: ...". */
enum err selector_read(const struct json *j, struct selector *out, struct why *why);

/* Are these labels, such as a selector can ask for all at once? NULL has none. ERR_INVALID,
 * ERR_FULL: which is not, or more than SELECTOR_REQUIREMENTS_MAX. */
enum err selector_check_labels(const struct json *labels, struct why *why);

/* "a=b,c!=d,e in (x,y),f notin (z),g,!h,kernel>5.12". "" matches everything. */
enum err selector_parse(const char *text, struct selector *out, struct why *why);
void selector_free(struct selector *s); /* none read: nothing happens */

/* `labels` is an object of strings. On false `missed` (NULL is fine) says which
 * requirement does not hold. */
bool selector_matches(const struct selector *s, const struct json *labels, struct why *missed);

/* -1, 0, 1, as numbers and versions compare; anything behind digits and dots is left out. */
int selector_compare(const char *a, const char *b);
