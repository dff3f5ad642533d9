#include "sync/line.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_MAX = 48, NS_IN_MS = 1000000 };

/* A line while it is read; `at` moves, `end` stays behind its last byte. */
struct cursor {
	char *at, *end;
};

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c) != NULL;
}

/* A name up to one of `stops`. Escapes are resolved by moving bytes down. */
static struct bytes take_name(struct cursor *c, const char *stops)
{
	char *from = c->at, *to = c->at;
	while (c->at < c->end && !is_one_of(*c->at, stops)) {
		if (*c->at == '\\' && c->at + 1 < c->end && is_one_of(c->at[1], ", =\\"))
			c->at++;
		*to++ = *c->at++;
	}
	return (struct bytes){ from, (size_t)(to - from) };
}

static bool skip(struct cursor *c, char expected)
{
	if (c->at == c->end || *c->at != expected)
		return false;
	c->at++;
	return true;
}

static enum err read_tags(struct cursor *c, struct point *out, struct why *why)
{
	while (skip(c, ',')) {
		struct bytes key = take_name(c, ",= ");
		if (!skip(c, '='))
			return why_set(why, ERR_INVALID, "tag \"%.*s\" has no value",
				       (int)(key.len < 40 ? key.len : 40), key.at);
		struct bytes value = take_name(c, ", ");
		if (!key.len || !value.len)
			return why_set(why, ERR_INVALID, "an empty tag");
		if (point_set_tag(out, key, value))
			return why_set(why, ERR_FULL, "more than %d tags", POINT_TAGS_MAX);
	}
	return OK;
}

static enum err read_string(struct cursor *c, struct value *out, struct why *why)
{
	char *from = ++c->at, *to = from;
	while (c->at < c->end && *c->at != '"') {
		if (*c->at == '\\' && c->at + 1 < c->end && is_one_of(c->at[1], "\"\\"))
			c->at++;
		*to++ = *c->at++;
	}
	if (!skip(c, '"'))
		return why_set(why, ERR_INVALID, "a string without its closing quote");
	out->type = VALUE_STRING;
	out->string = (struct bytes){ from, (size_t)(to - from) };
	if (out->string.len > POINT_STRING_MAX)
		return why_set(why, ERR_FULL, "a string of more than %d bytes", POINT_STRING_MAX);
	return OK;
}

static bool read_boolean(const char *word, struct value *out)
{
	static const char *const yes[] = { "t", "T", "true", "True", "TRUE" };
	static const char *const no[] = { "f", "F", "false", "False", "FALSE" };
	out->type = VALUE_BOOLEAN;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		out->integer = strcmp(word, yes[i]) == 0;
		if (out->integer || strcmp(word, no[i]) == 0)
			return true;
	}
	return false;
}

static bool read_integer(char *word, size_t len, struct value *out)
{
	long long n;
	struct bytes digits = { word, len - 1 };
	out->type = VALUE_INTEGER;
	if (text_number(digits, INT64_MIN, INT64_MAX, &n))
		return false;
	out->integer = n;
	return true;
}

static bool read_float(const char *word, struct value *out)
{
	char *end;
	/* strtod takes hexadecimal, "inf" and "nan" as well. */
	if (word[strspn(word, "+-.0123456789eE")])
		return false;
	out->type = VALUE_FLOAT;
	errno = 0;
	out->number = strtod(word, &end);
	return end != word && *end == '\0' && isfinite(out->number);
}

static enum err read_value(struct cursor *c, struct value *out, struct why *why)
{
	char word[NUMBER_MAX];
	size_t n = 0;
	if (c->at < c->end && *c->at == '"')
		return read_string(c, out, why);
	while (c->at < c->end && *c->at && !is_one_of(*c->at, ", ") && n < sizeof word - 1)
		word[n++] = *c->at++;
	word[n] = '\0';
	bool good = false;
	if (n > 1 && is_one_of(word[n - 1], "iu"))
		good = read_integer(word, n, out) && (word[n - 1] == 'i' || word[0] != '-');
	else if (n)
		good = read_boolean(word, out) || read_float(word, out);
	return good ? OK : why_set(why, ERR_INVALID, "\"%s\" is not a value", word);
}

static enum err read_fields(struct cursor *c, struct point *out, struct why *why)
{
	do {
		if (out->field_count == POINT_FIELDS_MAX)
			return why_set(why, ERR_FULL, "more than %d fields", POINT_FIELDS_MAX);
		struct point_field *f = &out->fields[out->field_count];
		f->name = take_name(c, ",= ");
		if (!f->name.len || !skip(c, '='))
			return why_set(why, ERR_INVALID, "a field without name or value");
		enum err e = read_value(c, &f->value, why);
		if (e)
			return e;
		out->field_count++;
		if (c->at < c->end && !is_one_of(*c->at, ", "))
			return why_set(why, ERR_INVALID, "a value does not end");
	} while (skip(c, ','));
	return OK;
}

static enum err read_time(struct cursor *c, struct point *out, struct why *why)
{
	long long ns;
	while (skip(c, ' '))
		;
	struct bytes digits = { c->at, (size_t)(c->end - c->at) };
	while (digits.len && digits.at[digits.len - 1] == ' ')
		digits.len--;
	if (!digits.len)
		return OK;
	if (text_number(digits, INT64_MIN, INT64_MAX, &ns))
		return why_set(why, ERR_INVALID, "the time is not a whole number of nanoseconds");
	out->has_time = true;
	out->time_ms = ns / NS_IN_MS;
	return OK;
}

static enum err read_line(struct cursor *c, struct point *out, struct why *why)
{
	*out = (struct point){ .measurement = take_name(c, ", ") };
	if (!out->measurement.len)
		return why_set(why, ERR_INVALID, "a line without a measurement");
	enum err e = read_tags(c, out, why);
	if (!e && !skip(c, ' '))
		e = why_set(why, ERR_INVALID, "a line without fields");
	if (!e)
		e = read_fields(c, out, why);
	return e ? e : read_time(c, out, why);
}

enum err line_read(char **rest, char *end, struct point *out, struct why *why)
{
	while (*rest < end) {
		char *newline = memchr(*rest, '\n', (size_t)(end - *rest));
		struct cursor c = { *rest, newline ? newline : end };
		*rest = newline ? newline + 1 : end;
		if (c.end > c.at && c.end[-1] == '\r')
			c.end--;
		while (skip(&c, ' '))
			;
		if (c.at < c.end && *c.at != '#')
			return read_line(&c, out, why);
	}
	return ERR_NOT_FOUND;
}
