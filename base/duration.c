#include "base/duration.h"

#include <stdio.h>

static const int64_t CENTURY_NS = (int64_t)100 * 366 * 86400 * 1000000000;

static struct bytes skip(struct bytes s, size_t n)
{
	return (struct bytes){ s.at + n, s.len - n };
}

static bool is_digit(struct bytes s)
{
	return s.len && s.at[0] >= '0' && s.at[0] <= '9';
}

/* Digits, a point, digits; the values of the parts are read once the unit is known. */
static bool split_number(struct bytes *s, struct bytes *whole, struct bytes *fraction)
{
	*whole = *fraction = (struct bytes){ s->at, 0 };
	for (; is_digit(*s); *s = skip(*s, 1))
		whole->len++;
	if (s->len && s->at[0] == '.') {
		*s = skip(*s, 1);
		fraction->at = s->at;
		for (; is_digit(*s); *s = skip(*s, 1))
			fraction->len++;
	}
	return whole->len + fraction->len > 0;
}

static bool read_unit(struct bytes *s, int64_t *out_ns)
{
	/* "ms" stands before "m": the longer name is tried first. */
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "\xc2\xb5s", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", 60000000000 },
		{ "h", 3600000000000 },
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t n = strlen(units[i].name);
		if (s->len < n || memcmp(s->at, units[i].name, n) != 0)
			continue;
		*s = skip(*s, n);
		*out_ns = units[i].ns;
		return true;
	}
	return false;
}

/* False: more than a century. */
static bool add(int64_t *total_ns, struct bytes whole, struct bytes fraction, int64_t unit_ns)
{
	int64_t count = 0;
	for (size_t i = 0; i < whole.len; i++) {
		count = count * 10 + (whole.at[i] - '0');
		if (count > (CENTURY_NS - *total_ns) / unit_ns)
			return false;
	}
	*total_ns += count * unit_ns;
	for (size_t i = 0; i < fraction.len; i++)
		*total_ns += (fraction.at[i] - '0') * (unit_ns /= 10);
	return *total_ns <= CENTURY_NS;
}

enum err duration_ms(struct bytes s, int64_t *out_ms, struct why *why)
{
	struct bytes rest = s;
	int64_t total_ns = 0;
	bool good = rest.len > 0;

	if (bytes_are(s, "0"))
		rest.len = 0;
	while (good && rest.len) {
		struct bytes whole, fraction;
		int64_t unit_ns;
		good = split_number(&rest, &whole, &fraction) && read_unit(&rest, &unit_ns) &&
		       add(&total_ns, whole, fraction, unit_ns);
	}
	if (!good)
		return why_set(why, ERR_INVALID,
			       "\"%.*s\" is not a duration such as 300ms, 5s or 1h30m",
			       (int)(s.len < 40 ? s.len : 40), s.at);

	*out_ms = total_ns / 1000000;
	return OK;
}

void duration_print(char out[24], int64_t ms)
{
	long long s = ms / 1000;
	if (ms < 1000)
		snprintf(out, 24, "%lldms", (long long)(ms < 0 ? 0 : ms));
	else if (s < 60)
		snprintf(out, 24, "%llds", s);
	else if (s < 3600)
		snprintf(out, 24, "%lldm %llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, 24, "%lldh %lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, 24, "%lldd %lldh", s / 86400, s / 3600 % 24);
}
