#include "cloud/fleet/parse.h"

#include "base/duration.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const int64_t COUNT_MAX = INT64_C(1000) * 1000;

static int64_t at_least_one(int64_t n)
{
	return n < 1 ? 1 : n;
}

int64_t amount_down(const struct amount *a, int64_t total)
{
	return at_least_one(a->is_percent ? a->n * total / 100 : a->n);
}

int64_t amount_up(const struct amount *a, int64_t total)
{
	return at_least_one(a->is_percent ? (a->n * total + 99) / 100 : a->n);
}

enum err parse_known(const struct json *object, const char *path, const char *const *known,
		     struct why *why)
{
	const char *dot = *path ? "." : "";
	if (json_type_of(object) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "%s: an object is expected", path);
	for (const struct json *m = json_first(object); m; m = json_next(m)) {
		const char *const *k = known;
		while (*k && strcmp(*k, json_key(m)) != 0)
			k++;
		if (!*k)
			return why_set(why, ERR_INVALID, "%s%s%.60s: is not known", path, dot,
				       json_key(m));
	}
	return OK;
}

/* "10%" within 1-100%. */
static bool read_percent(const char *s, int64_t *out)
{
	long long n;
	const size_t len = s ? strlen(s) : 0;
	if (!len || s[len - 1] != '%' || text_number((struct bytes){ s, len - 1 }, 1, 100, &n))
		return false;
	*out = n;
	return true;
}

enum err parse_amount(const struct json *object, const char *path, const char *key,
		      struct amount *out, struct why *why)
{
	const struct json *j = json_member(object, key);
	struct amount a = { 0 };
	if (!j)
		return OK;
	a.is_percent = read_percent(json_string(j), &a.n);
	if (!a.is_percent && (!json_integer(j, &a.n) || a.n < 1 || a.n > COUNT_MAX))
		return why_set(why, ERR_INVALID,
			       "%s.%s: a number of devices from 1, or \"1%%\" to \"100%%\", is "
			       "expected",
			       path, key);
	*out = a;
	return OK;
}

enum err parse_percent(const struct json *object, const char *path, const char *key, int64_t *out,
		       struct why *why)
{
	const struct json *j = json_member(object, key);
	if (!j || read_percent(json_string(j), out))
		return OK;
	return why_set(why, ERR_INVALID, "%s.%s: \"1%%\" to \"100%%\" is expected", path, key);
}

enum err parse_count(const struct json *object, const char *path, const char *key, int64_t max,
		     int64_t *out, struct why *why)
{
	const struct json *j = json_member(object, key);
	if (!j || (json_integer(j, out) && *out >= 1 && *out <= max))
		return OK;
	return why_set(why, ERR_INVALID, "%s.%s: a whole number within 1-%lld is expected", path,
		       key, (long long)max);
}

enum err parse_span(const struct json *object, const char *path, const char *key, int64_t *out_ms,
		    struct why *why)
{
	const struct json *j = json_member(object, key);
	const char *s = json_string(j);
	struct why inner;
	if (!j)
		return OK;
	if (s && !duration_ms(bytes_of(s), out_ms, &inner))
		return OK;
	return why_set(why, ERR_INVALID, "%s.%s: %s", path, key,
		       s ? inner.text : "a duration such as \"30s\" is expected");
}

enum err parse_choice(const struct json *object, const char *path, const char *key,
		      const char *const *names, int *out, struct why *why)
{
	const struct json *j = json_member(object, key);
	const char *s = json_string(j);
	char known[120];
	struct text t = text_in(known, sizeof known);
	if (!j)
		return OK;
	for (int i = 0; names[i]; i++) {
		if (s && strcmp(names[i], s) == 0) {
			*out = i;
			return OK;
		}
		text_add(&t, "%s%s", i ? ", " : "", names[i]);
	}
	return why_set(why, ERR_INVALID, "%s.%s: one of %s is expected", path, key, known);
}
