#include "base/cron.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { YEARS_AHEAD = 8, WORD_MAX = 64, MINUTE_MS = 60 * 1000 };

static const int64_t YEAR_MS = INT64_C(366) * 24 * 3600 * 1000;

/* --- reading --- */

struct range {
	const char *name;
	unsigned min, max;
	const char *const *words; /* for min, min + 1, ...; NULL: numbers only */
};

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
					   "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct range ranges[] = {
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day of the month", 1, 31, NULL },
	{ "month", 1, 12, month_names },
	{ "day of the week", 0, 6, day_names },
};

enum { FIELDS = sizeof ranges / sizeof *ranges };

static bool read_value(const char **at, const struct range *r, unsigned *out)
{
	for (unsigned i = 0; r->words && r->words[i]; i++) {
		if (strncasecmp(*at, r->words[i], 3) != 0)
			continue;
		*at += 3;
		*out = r->min + i;
		return true;
	}
	if (**at < '0' || **at > '9')
		return false;
	char *end;
	unsigned long n = strtoul(*at, &end, 10);
	*at = end;
	*out = (unsigned)(n > r->max ? r->max + 1 : n);
	return *out >= r->min && *out <= r->max;
}

/* "*", "5", "1-5"; 5 before a step is from 5 on. */
static bool read_span(const char **at, const struct range *r, unsigned *from, unsigned *to)
{
	if (**at == '*' || **at == '?') {
		++*at;
		return true;
	}
	if (!read_value(at, r, from))
		return false;
	if (**at == '-') {
		++*at;
		return read_value(at, r, to) && *to >= *from;
	}
	*to = **at == '/' ? r->max : *from;
	return true;
}

/* A span, with or without "/2". False: it is none. */
static bool read_part(const char *at, const struct range *r, uint64_t *bits, bool *any)
{
	static const struct range steps = { "step", 1, 59, NULL };
	const bool is_star = *at == '*' || *at == '?';
	unsigned from = r->min, to = r->max, step = 1;
	if (!read_span(&at, r, &from, &to))
		return false;
	if (*at == '/') {
		at++;
		if (!read_value(&at, &steps, &step))
			return false;
	}
	for (unsigned i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	*any = *any || (is_star && step == 1);
	return *at == '\0';
}

static bool read_list(struct bytes field, const struct range *r, uint64_t *bits, bool *any)
{
	char words[WORD_MAX];
	if (field.len == 0 || field.len >= sizeof words)
		return false;
	memcpy(words, field.at, field.len);
	words[field.len] = '\0';
	for (char *rest = words, *part; (part = strsep(&rest, ","));)
		if (!read_part(part, r, bits, any))
			return false;
	return true;
}

static struct bytes take_field(struct bytes *s)
{
	while (s->len && (*s->at == ' ' || *s->at == '\t'))
		*s = (struct bytes){ s->at + 1, s->len - 1 };
	struct bytes field = { s->at, 0 };
	while (field.len < s->len && s->at[field.len] != ' ' && s->at[field.len] != '\t')
		field.len++;
	*s = (struct bytes){ s->at + field.len, s->len - field.len };
	return field;
}

static struct bytes expand_name(struct bytes s)
{
	static const struct {
		const char *name, *fields;
	} known[] = {
		{ "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },
		{ "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
		{ "@monthly", "0 0 1 * *" },  { "@yearly", "0 0 1 1 *" },
		{ "@annually", "0 0 1 1 *" },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (bytes_are(s, known[i].name))
			return bytes_of(known[i].fields);
	return s;
}

enum err cron_read(struct bytes text, struct cron *out, struct why *why)
{
	uint64_t bits[FIELDS] = { 0 };
	bool any[FIELDS] = { false };
	struct bytes s = expand_name(text);
	for (size_t i = 0; i < FIELDS; i++) {
		struct bytes field = take_field(&s);
		if (field.len == 0)
			return why_set(why, ERR_INVALID,
				       "five fields are expected, or @daily and "
				       "the like");
		if (!read_list(field, &ranges[i], &bits[i], &any[i]))
			return why_set(why, ERR_INVALID, "\"%.*s\" is no %s within %u-%u",
				       (int)(field.len < 40 ? field.len : 40), field.at,
				       ranges[i].name, ranges[i].min, ranges[i].max);
	}
	if (take_field(&s).len)
		return why_set(why, ERR_INVALID, "there is something behind the five fields");
	*out = (struct cron){
		.minutes = bits[0],
		.hours = (uint32_t)bits[1],
		.days = (uint32_t)bits[2],
		.months = (uint32_t)bits[3],
		.weekdays = (uint32_t)bits[4],
		.any_day = any[2],
		.any_weekday = any[4],
	};
	return OK;
}

/* --- time --- */

static bool has(uint64_t bits, int value)
{
	return bits >> value & 1;
}

static bool is_day(const struct cron *c, const struct tm *t)
{
	bool day = has(c->days, t->tm_mday), weekday = has(c->weekdays, t->tm_wday);
	/* Kubernetes' and cron's oldest rule: two restrictions widen each other. */
	return c->any_day || c->any_weekday ? day && weekday : day || weekday;
}

/* The next candidate behind a time that does not fit. False: it fits. */
static bool advance(const struct cron *c, struct tm *t)
{
	if (!has(c->months, t->tm_mon + 1)) {
		*t = (struct tm){ .tm_year = t->tm_year, .tm_mon = t->tm_mon + 1, .tm_mday = 1 };
		return true;
	}
	if (!is_day(c, t)) {
		*t = (struct tm){ .tm_year = t->tm_year,
				  .tm_mon = t->tm_mon,
				  .tm_mday = t->tm_mday + 1 };
		return true;
	}
	if (!has(c->hours, t->tm_hour)) {
		t->tm_hour++;
		t->tm_min = 0;
		return true;
	}
	if (!has(c->minutes, t->tm_min)) {
		t->tm_min++;
		return true;
	}
	return false;
}

int64_t cron_next(const struct cron *c, int64_t after_ms)
{
	struct tm t;
	int64_t minute = after_ms / MINUTE_MS - (after_ms % MINUTE_MS < 0) + 1;
	time_t s = (time_t)(minute * 60);
	gmtime_r(&s, &t);
	const int last_year = t.tm_year + YEARS_AHEAD;
	while (t.tm_year <= last_year) {
		if (!advance(c, &t))
			return (int64_t)timegm(&t) * 1000;
		s = timegm(&t); /* carries a 13th month and a 32nd day over */
		gmtime_r(&s, &t);
	}
	return INT64_MAX;
}

int64_t cron_last(const struct cron *c, int64_t after_ms, int64_t until_ms)
{
	int64_t last = INT64_MIN;
	int64_t t = after_ms > until_ms - YEAR_MS ? after_ms : until_ms - YEAR_MS;
	for (;;) {
		t = cron_next(c, t);
		if (t > until_ms)
			return last;
		last = t;
	}
}
