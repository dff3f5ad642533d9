#include "workloads/field.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SECONDS_MAX = 24 * 3600, THRESHOLD_MAX = 1000, OBJECT_NAME_MAX = 253 };

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
	*out = arena_copy(r->arena, bytes_of(s));
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

/* RFC 1123 subdomains: labels with dots between them. */
static bool is_object_name(const char *s)
{
	if (strlen(s) > OBJECT_NAME_MAX)
		return false;
	for (;;) {
		size_t n = strcspn(s, ".");
		if (!label_is_valid((struct bytes){ s, n }))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

enum err field_object_name(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !is_object_name(s))
		return field_refuse(r, "\"%.60s\" is not a name: " LABEL_RULE ", and inner dots",
				    s ? s : "");
	return field_text(r, j, into);
}

enum err field_ignored(struct reader *r, const struct json *j, void *into)
{
	struct ignored *list = r->ignored;
	(void)j;
	(void)into;
	if (list->count == IGNORED_MAX)
		return OK;
	const char *path = arena_copy(r->arena, bytes_of(r->path));
	if (!path)
		return field_refuse(r, "the manifest is too large");
	list->paths[list->count++] = path;
	return OK;
}

enum err field_done(struct reader *r, const struct json *j, void *into)
{
	(void)r;
	(void)j;
	(void)into;
	return OK;
}

void *field_room(struct reader *r, size_t count, size_t size, enum err *e)
{
	void *room = arena_take_many(r->arena, count ? count : 1, size);
	if (!room)
		*e = field_refuse(r, "the manifest is too large");
	return room;
}

enum err field_choice(struct reader *r, const struct json *j, const char *const *names, size_t *out)
{
	char all[120];
	const char *s = json_string(j);
	struct text t = text_in(all, sizeof all);
	for (size_t i = 0; names[i]; i++) {
		if (s && strcmp(s, names[i]) == 0) {
			*out = i;
			return OK;
		}
		text_add(&t, "%s%s",
			 i == 0         ? ""
			 : names[i + 1] ? ", "
					: " or ",
			 *names[i] ? names[i] : "\"\"");
	}
	return field_refuse(r, "%s is expected", all);
}

enum err field_boolean(struct reader *r, const struct json *j, void *into)
{
	return json_bool(j, into) ? OK : field_refuse(r, "true or false is expected");
}

enum err field_integer(struct reader *r, const struct json *j, int64_t min, int64_t max,
		       int64_t *out)
{
	if (!json_integer(j, out) || *out < min || *out > max)
		return field_refuse(r, "a whole number within %lld-%lld is expected",
				    (long long)min, (long long)max);
	return OK;
}

enum err field_seconds(struct reader *r, const struct json *j, void *into)
{
	int64_t s = 0, *ms = into;
	enum err e = field_integer(r, j, 0, SECONDS_MAX, &s);
	*ms = s * 1000;
	return e;
}

enum err field_threshold(struct reader *r, const struct json *j, void *into)
{
	int64_t *n = into;
	enum err e = field_integer(r, j, 0, THRESHOLD_MAX, n);
	return e || *n > 0 ? e : field_refuse(r, "at least 1 is expected");
}

/* 0644 is octal to Kubernetes' YAML, and text to ours; 0o644 is YAML 1.2's. */
static bool is_octal(const char *s, int64_t *out)
{
	char *end;
	if (!s || s[0] != '0')
		return false;
	s += s[1] == 'o' ? 2 : 0;
	*out = strtol(s, &end, 8);
	return *s >= '0' && *s <= '7' && *end == '\0';
}

enum err field_mode(struct reader *r, const struct json *j, void *into)
{
	int64_t n, *mode = into;
	if (!is_octal(json_string(j), &n) && !json_integer(j, &n))
		n = -1;
	if (n < 0 || n > 0777)
		return field_refuse(r, "a mode such as 0644, or 420, is expected");
	*mode = n;
	return OK;
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

/* Names and '/', nothing empty, no . and no part that begins with .. */
static bool is_relative(const char *path)
{
	for (const char *part = path;; part++) {
		size_t n = strcspn(part, "/");
		if (n == 0 || (n == 1 && part[0] == '.') || strncmp(part, "..", 2) == 0)
			return false;
		part += n;
		if (!*part)
			return true;
	}
}

enum err field_relative(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !is_relative(s) || strlen(s) >= PATH_LIMIT / 4)
		return field_refuse(r, "\"%.80s\" is not a relative path without . and ..",
				    s ? s : "");
	return field_text(r, j, into);
}
