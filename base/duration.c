#include "base/duration.h"

#include <math.h>
#include <stdio.h>

static const double CENTURY_MS = 100.0 * 366 * 86400 * 1000;

static struct bytes skip(struct bytes s, size_t n)
{
	return (struct bytes){ s.at + n, s.len - n };
}

static bool is_digit(struct bytes s)
{
	return s.len && s.at[0] >= '0' && s.at[0] <= '9';
}

static bool read_number(struct bytes *s, double *out)
{
	double n = 0, place = 1;
	bool any = false;
	for (; is_digit(*s); *s = skip(*s, 1), any = true)
		n = n * 10 + (s->at[0] - '0');
	if (s->len && s->at[0] == '.')
		for (*s = skip(*s, 1); is_digit(*s); *s = skip(*s, 1), any = true)
			n += (s->at[0] - '0') * (place /= 10);
	*out = n;
	return any;
}

static bool read_unit(struct bytes *s, double *out_ms)
{
	/* "ms" stands before "m": the longer name is tried first. */
	static const struct {
		const char *name;
		double ms;
	} units[] = {
		{ "ns", 1e-6 }, { "us", 1e-3 }, { "\xc2\xb5s", 1e-3 }, { "ms", 1 },
		{ "s", 1e3 },   { "m", 6e4 },   { "h", 3.6e6 },
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t n = strlen(units[i].name);
		if (s->len < n || memcmp(s->at, units[i].name, n) != 0)
			continue;
		*s = skip(*s, n);
		*out_ms = units[i].ms;
		return true;
	}
	return false;
}

enum err duration_ms(struct bytes s, int64_t *out_ms, struct why *why)
{
	struct bytes rest = s;
	double total = 0;
	bool good = rest.len > 0;

	if (bytes_are(s, "0"))
		rest.len = 0;
	while (good && rest.len) {
		double n, unit;
		good = read_number(&rest, &n) && read_unit(&rest, &unit);
		total += good ? n * unit : 0;
	}
	if (!good || total > CENTURY_MS)
		return why_set(why, ERR_INVALID,
			       "\"%.*s\" is not a duration such as 300ms, 5s or 1h30m",
			       (int)(s.len < 40 ? s.len : 40), s.at);

	*out_ms = (int64_t)floor(total + 1e-9);
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
