#include "workloads/field.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { SECONDS_MAX = 24 * 3600, THRESHOLD_MAX = 1000 };

enum err field_refuse(const struct reader *r, const char *fmt, ...)
{
	char reason[160];
	va_list args;
	va_start(args, fmt);
	vsnprintf(reason, sizeof reason, fmt, args);
	va_end(args);
	return why_set(r->why, ERR_INVALID, "%s: %s", r->path, reason);
}

size_t field_enter(struct reader *r, const char *key)
{
	size_t was = strlen(r->path);
	snprintf(r->path + was, sizeof r->path - was, "%s%.60s", was ? "." : "", key);
	return was;
}

static size_t enter_element(struct reader *r, size_t index)
{
	size_t was = strlen(r->path);
	snprintf(r->path + was, sizeof r->path - was, "[%zu]", index);
	return was;
}

void field_leave(struct reader *r, size_t was)
{
	r->path[was] = '\0';
}

static enum err read_member(struct reader *r, const struct json *member, const struct field *fields,
			    void *into)
{
	size_t was = field_enter(r, json_key(member));
	for (const struct field *f = fields; f->key; f++) {
		if (strcmp(f->key, json_key(member)) != 0)
			continue;
		enum err e = f->read(r, member, (char *)into + f->offset);
		if (!e)
			field_leave(r, was);
		return e;
	}
	return field_refuse(r, "this field is not supported; see docs/manifest.md");
}

enum err field_object(struct reader *r, const struct json *j, const struct field *fields,
		      void *into)
{
	enum err e = OK;
	if (json_type_of(j) != JSON_OBJECT)
		return field_refuse(r, "an object is expected");
	for (const struct json *m = json_first(j); m && !e; m = json_next(m))
		e = read_member(r, m, fields, into);
	return e;
}

/* Call `read` for each element, with its index in the path. */
enum err field_list(struct reader *r, const struct json *j, size_t max,
		    enum err (*read)(struct reader *r, const struct json *j, void *into),
		    void *into)
{
	size_t i = 0;
	if (json_type_of(j) != JSON_ARRAY)
		return field_refuse(r, "a list is expected");
	if (json_count(j) > max)
		return field_refuse(r, "more than %zu entries", max);
	for (const struct json *x = json_first(j); x; x = json_next(x)) {
		size_t was = enter_element(r, i++);
		enum err e = read(r, x, into);
		if (e)
			return e;
		field_leave(r, was);
	}
	return OK;
}

enum err field_text(struct reader *r, const struct json *j, const char **out)
{
	const char *s = json_string(j);
	if (!s)
		return field_refuse(r, "a string is expected");
	*out = arena_copy(&r->pod->arena, bytes_of(s));
	return *out ? OK : field_refuse(r, "the manifest is too large");
}

enum err field_string(struct reader *r, const struct json *j, void *into)
{
	return field_text(r, j, into);
}

enum err field_name(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !label_is_valid(bytes_of(s)))
		return field_refuse(r, "\"%.80s\" is not a name: " LABEL_RULE, s ? s : "");
	return field_text(r, j, into);
}

enum err field_ignored(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = r->pod;
	(void)j;
	(void)into;
	if (p->ignored_count == IGNORED_MAX)
		return OK;
	const char *path = arena_copy(&p->arena, bytes_of(r->path));
	if (!path)
		return field_refuse(r, "the manifest is too large");
	p->ignored[p->ignored_count++] = path;
	return OK;
}

enum err field_boolean(struct reader *r, const struct json *j, void *into)
{
	return json_bool(j, into) ? OK : field_refuse(r, "true or false is expected");
}

static enum err read_number(struct reader *r, const struct json *j, int64_t max, int64_t *out)
{
	if (!json_integer(j, out) || *out < 0 || *out > max)
		return field_refuse(r, "a whole number within 0-%lld is expected", (long long)max);
	return OK;
}

enum err field_seconds(struct reader *r, const struct json *j, void *into)
{
	int64_t s = 0, *ms = into;
	enum err e = read_number(r, j, SECONDS_MAX, &s);
	*ms = s * 1000;
	return e;
}

enum err field_threshold(struct reader *r, const struct json *j, void *into)
{
	int64_t *n = into;
	enum err e = read_number(r, j, THRESHOLD_MAX, n);
	return e || *n > 0 ? e : field_refuse(r, "at least 1 is expected");
}

static enum err push_word(struct reader *r, const struct json *j, void *into)
{
	const char **words = into;
	while (*words)
		words++;
	return field_text(r, j, words);
}

enum err field_words(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, ARGS_MAX, push_word, into);
}

/* Absolute, without empty, . and .. parts: what a mount may name. */
static bool is_clean_path(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const char *part = path; *part;) {
		part += *part == '/';
		size_t n = strcspn(part, "/");
		if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
			return n == 0 && part[0] == '\0' && part == path + 1;
		part += n;
	}
	return true;
}

enum err field_path(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !is_clean_path(s) || strlen(s) >= PATH_LIMIT / 2)
		return field_refuse(r, "\"%.80s\" is not an absolute path without . and ..",
				    s ? s : "");
	return field_text(r, j, into);
}
