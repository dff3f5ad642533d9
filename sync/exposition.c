#include "sync/exposition.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum { NUMBER_MAX = 64 };

static const double TIME_MAX_MS = 1e15;

/* A line while it is read; `at` moves, `end` stays behind its last byte. */
struct cursor {
	char *at, *end;
};

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c) != NULL;
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && is_one_of(*c->at, " \t"))
		c->at++;
}

static bool skip(struct cursor *c, char expected)
{
	if (c->at == c->end || *c->at != expected)
		return false;
	c->at++;
	return true;
}

static bool is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
	       (!first && c >= '0' && c <= '9');
}

static struct bytes take_name(struct cursor *c)
{
	char *from = c->at;
	while (c->at < c->end && is_name_char(*c->at, c->at == from))
		c->at++;
	return (struct bytes){ from, (size_t)(c->at - from) };
}

/* Behind its opening quote; \\, \" and \n are moved down to what they mean. */
static bool take_quoted(struct cursor *c, struct bytes *out)
{
	char *from = c->at, *to = from;
	while (c->at < c->end && *c->at != '"') {
		const bool escaped = *c->at == '\\';
		if (escaped && (++c->at == c->end || !is_one_of(*c->at, "\\\"n")))
			return false;
		*to = *c->at++;
		if (escaped && *to == 'n')
			*to = '\n';
		to++;
	}
	*out = (struct bytes){ from, (size_t)(to - from) };
	return skip(c, '"');
}

static enum err read_label(struct cursor *c, struct point *out, struct why *why)
{
	struct bytes name = take_name(c), value;
	skip_blanks(c);
	bool good = name.len && skip(c, '=');
	skip_blanks(c);
	if (!good || !skip(c, '"') || !take_quoted(c, &value))
		return why_set(why, ERR_INVALID, "a label is not name=\"value\"");
	/* An empty label is none. */
	if (value.len && point_set_tag(out, name, value))
		return why_set(why, ERR_FULL, "more than %d labels", POINT_TAGS_MAX);
	return OK;
}

static enum err read_labels(struct cursor *c, struct point *out, struct why *why)
{
	skip_blanks(c);
	while (!skip(c, '}')) {
		enum err e = read_label(c, out, why);
		if (e)
			return e;
		skip_blanks(c);
		if (skip(c, ','))
			skip_blanks(c);
		else if (c->at == c->end || *c->at != '}')
			return why_set(why, ERR_INVALID, "labels do not end");
	}
	return OK;
}

/* The next word as a number; what is not finite is told apart from what is none. */
static bool take_number(struct cursor *c, double *out)
{
	char word[NUMBER_MAX], *end;
	size_t n = 0;
	skip_blanks(c);
	while (c->at < c->end && !is_one_of(*c->at, " \t") && n < sizeof word - 1)
		word[n++] = *c->at++;
	word[n] = '\0';
	if (strlen(word) != n || (c->at < c->end && !is_one_of(*c->at, " \t")))
		return false;
	const char *bare = word + (word[0] == '+' || word[0] == '-');
	*out = NAN;
	if (strcasecmp(bare, "nan") == 0 || strcasecmp(bare, "inf") == 0)
		return true;
	/* strtod takes hexadecimal as well. */
	if (word[strspn(word, "+-.0123456789eE")])
		return false;
	errno = 0;
	*out = strtod(word, &end);
	return end != word && *end == '\0';
}

static enum err read_time(struct cursor *c, bool is_openmetrics, struct point *out, struct why *why)
{
	double time;
	skip_blanks(c);
	if (c->at == c->end || (is_openmetrics && *c->at == '#'))
		return OK;
	if (!take_number(c, &time))
		return why_set(why, ERR_INVALID, "the time is no number");
	if (is_openmetrics)
		time *= 1000;
	if (!(fabs(time) < TIME_MAX_MS))
		return why_set(why, ERR_INVALID, "a time beyond all clocks");
	out->has_time = true;
	out->time_ms = (int64_t)time;
	skip_blanks(c);
	/* Behind it only an exemplar. */
	if (c->at < c->end && !(is_openmetrics && *c->at == '#'))
		return why_set(why, ERR_INVALID, "a sample does not end");
	return OK;
}

static enum err read_sample(struct cursor *c, bool is_openmetrics, struct point *out,
			    struct why *why)
{
	double value;
	out->measurement = take_name(c);
	if (!out->measurement.len)
		return why_set(why, ERR_INVALID, "a sample without a name");
	skip_blanks(c);
	enum err e = skip(c, '{') ? read_labels(c, out, why) : OK;
	if (e)
		return e;
	if (!take_number(c, &value))
		return why_set(why, ERR_INVALID, "%.*s: its value is no number",
			       (int)(out->measurement.len < 60 ? out->measurement.len : 60),
			       out->measurement.at);
	e = read_time(c, is_openmetrics, out, why);
	if (e || !isfinite(value))
		return e ? e : ERR_NOT_FOUND;
	point_add_number(out, "value", value);
	return OK;
}

enum err exposition_read(char *line, size_t len, bool is_openmetrics, struct point *out,
			 struct why *why)
{
	struct cursor c = { line, line + len };
	if (c.end > c.at && c.end[-1] == '\r')
		c.end--;
	skip_blanks(&c);
	if (c.at == c.end || *c.at == '#')
		return ERR_NOT_FOUND;
	point_begin(out, "");
	return read_sample(&c, is_openmetrics, out, why);
}
