#include "sync/statsd.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_MAX = 64 };

static const struct {
	const char *word, *name;
} types[] = {
	[STATSD_COUNTER] = { "c", "counter" },
	[STATSD_GAUGE] = { "g", "gauge" },
	[STATSD_TIMING] = { "ms", "timing" },
	[STATSD_HISTOGRAM] = { "h", "histogram" },
	[STATSD_DISTRIBUTION] = { "d", "distribution" },
	[STATSD_SET] = { "s", "set" },
};

const char *statsd_type_name(enum statsd_type type)
{
	return types[type].name;
}

/* The part up to `at`; *rest is behind it. Without one it is all there is. */
static struct bytes take_part(struct bytes *rest, char at)
{
	const char *found = rest->len ? memchr(rest->at, at, rest->len) : NULL;
	const size_t len = found ? (size_t)(found - rest->at) : rest->len;
	const struct bytes part = { rest->at, len };
	*rest = (struct bytes){ rest->at + len + (found != NULL),
				rest->len - len - (found != NULL) };
	return part;
}

static bool is_printable(struct bytes s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == '\x7f')
			return false;
	return s.len > 0;
}

static enum err add_tag(struct point *key, struct bytes name, struct bytes value, struct why *why)
{
	if (!is_printable(name) || !is_printable(value))
		return why_set(why, ERR_INVALID, "a tag that is empty, or not printable");
	if (key->tag_count == STATSD_TAGS_MAX || point_set_tag(key, name, value))
		return why_set(why, ERR_FULL, "more than %d tags", STATSD_TAGS_MAX);
	return OK;
}

/* "a:1,b,c:2": a word alone is true, as Telegraf has it. */
static enum err read_tags(struct bytes rest, char separator, struct point *key, struct why *why)
{
	enum err e = OK;
	while (!e && rest.len) {
		struct bytes value = take_part(&rest, ',');
		if (!value.len)
			continue;
		const bool alone = !memchr(value.at, separator, value.len);
		const struct bytes name = take_part(&value, separator);
		e = add_tag(key, name, alone ? BYTES_LIT("true") : value, why);
	}
	return e;
}

static enum err read_name(struct bytes name, struct point *key, struct why *why)
{
	key->measurement = take_part(&name, ',');
	if (!is_printable(key->measurement))
		return why_set(why, ERR_INVALID, "a name that is empty, or not printable");
	return read_tags(name, '=', key, why);
}

static enum err read_type(struct bytes word, enum statsd_type *out, struct why *why)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		*out = (enum statsd_type)i;
		if (bytes_are(word, types[i].word))
			return OK;
	}
	return why_set(why, ERR_INVALID, "\"%.*s\" is no type: c, g, ms, h, d and s are",
		       (int)(word.len < 20 ? word.len : 20), word.at);
}

static enum err read_rate(struct bytes word, double *out, struct why *why)
{
	bool is_relative;
	if (statsd_number(word, out, &is_relative) && !is_relative && *out > 0 && *out <= 1)
		return OK;
	return why_set(why, ERR_INVALID, "a rate is above 0, and at most 1");
}

static enum err read_part(struct bytes part, struct statsd_line *out, struct why *why)
{
	const struct bytes rest = { part.at + 1, part.len - !!part.len };
	if (part.len && *part.at == '@')
		return read_rate(rest, &out->rate, why);
	if (part.len && *part.at == '#')
		return read_tags(rest, ':', &out->key, why);
	if (part.len && (*part.at == 'T' || *part.at == 'c' || *part.at == 'e'))
		return OK; /* DogStatsD 1.2-1.4: container, time, external data */
	return why_set(why, ERR_INVALID, "\"%.*s\" is neither a rate nor tags",
		       (int)(part.len < 20 ? part.len : 20), part.at);
}

static enum err check_values(const struct statsd_line *l, struct why *why)
{
	struct statsd_line copy = { .values = l->values };
	struct bytes value;
	bool is_relative, good = l->values.len && l->values.at[l->values.len - 1] != ':';
	double n;
	while (good && statsd_next(&copy, &value))
		good = l->type == STATSD_SET ? value.len > 0
					     : statsd_number(value, &n, &is_relative);
	return good ? OK : why_set(why, ERR_INVALID, "a value is no number, or empty");
}

enum err statsd_read(struct bytes line, struct statsd_line *out, struct why *why)
{
	if (line.len >= 3 && (memcmp(line.at, "_e{", 3) == 0 || memcmp(line.at, "_sc", 3) == 0))
		return why_set(why, ERR_INVALID, "events and service checks are not telemetry");
	point_begin(&out->key, "");
	out->rate = 1;
	const struct bytes name = take_part(&line, ':');
	out->values = take_part(&line, '|');
	enum err e = read_name(name, &out->key, why);
	if (!e)
		e = read_type(take_part(&line, '|'), &out->type, why);
	while (!e && line.len)
		e = read_part(take_part(&line, '|'), out, why);
	return e ? e : check_values(out, why);
}

bool statsd_next(struct statsd_line *l, struct bytes *out)
{
	if (!l->values.len)
		return false;
	*out = take_part(&l->values, ':');
	return true;
}

bool statsd_number(struct bytes value, double *out, bool *out_relative)
{
	char word[NUMBER_MAX], *end;
	if (!value.len || memchr(value.at, '\0', value.len) ||
	    !text_copy(word, sizeof word, value) || word[strspn(word, "+-.0123456789eE")])
		return false;
	*out_relative = word[0] == '+' || word[0] == '-';
	errno = 0;
	*out = strtod(word, &end);
	return end != word && *end == '\0' && isfinite(*out);
}
