/*
 * parse - small values inside Fleet, Device and Rollout objects.
 *
 * A reason begins with the path of what is wrong, so that the command line can find its line.
 */
#pragma once

#include "ports/json.h"

/* A count of devices, or a share of them. */
struct amount {
	int64_t n; /* devices, or percent */
	bool is_percent;
};

/* What it is of `total`, rounded down for a bound and up for a wish; never below 1. */
int64_t amount_down(const struct amount *a, int64_t total);
int64_t amount_up(const struct amount *a, int64_t total);

/* Members of an object that nobody knows are refused by name; `known` ends with NULL. */
enum err parse_known(const struct json *object, const char *path, const char *const *known,
		     struct why *why);

/* The member of an object at `path`.key; what is not there leaves *out alone. */
enum err parse_amount(const struct json *object, const char *path, const char *key,
		      struct amount *out, struct why *why);
enum err parse_percent(const struct json *object, const char *path, const char *key, int64_t *out,
		       struct why *why);
enum err parse_count(const struct json *object, const char *path, const char *key, int64_t max,
		     int64_t *out, struct why *why);
enum err parse_span(const struct json *object, const char *path, const char *key, int64_t *out_ms,
		    struct why *why);
/* One of `names`, which ends with NULL: its place. */
enum err parse_choice(const struct json *object, const char *path, const char *key,
		      const char *const *names, int *out, struct why *why);
