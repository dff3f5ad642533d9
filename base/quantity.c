#include "base/quantity.h"

#include <stdio.h>

/* An exponent beyond it makes every number too large, or less than a thousandth. */
enum { EXPONENT_MAX = 1000000 };

/* Digits before and behind the point as written, and what stands behind them. */
struct number {
	struct bytes whole, fraction;
	int ten; /* times 10^ten */
	int two; /* times 2^two */
};

static bool take_exponent(struct bytes suffix, int *out)
{
	if (suffix.len < 2 || (suffix.at[0] != 'e' && suffix.at[0] != 'E'))
		return false;

	size_t i = 1;
	bool minus = suffix.at[i] == '-';
	if (minus || suffix.at[i] == '+')
		i++;
	if (i == suffix.len)
		return false;

	int exponent = 0;
	for (; i < suffix.len; i++) {
		if (suffix.at[i] < '0' || suffix.at[i] > '9')
			return false;
		if (exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (suffix.at[i] - '0');
	}
	*out = minus ? -exponent : exponent;
	return true;
}

static bool take_suffix(struct bytes suffix, struct number *out)
{
	static const struct {
		const char *name;
		int ten;
		int two;
	} suffixes[] = {
		{ "", 0, 0 },    { "n", -9, 0 },  { "u", -6, 0 },  { "m", -3, 0 },
		{ "k", 3, 0 },   { "M", 6, 0 },   { "G", 9, 0 },   { "T", 12, 0 },
		{ "P", 15, 0 },  { "E", 18, 0 },  { "Ki", 0, 10 }, { "Mi", 0, 20 },
		{ "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 }, { "Ei", 0, 60 },
	};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		if (!bytes_are(suffix, suffixes[i].name))
			continue;
		out->ten = suffixes[i].ten;
		out->two = suffixes[i].two;
		return true;
	}
	return take_exponent(suffix, &out->ten);
}

static struct bytes split_digits(struct bytes *rest)
{
	size_t n = 0;
	while (n < rest->len && rest->at[n] >= '0' && rest->at[n] <= '9')
		n++;
	struct bytes digits = { rest->at, n };
	*rest = (struct bytes){ rest->at + n, rest->len - n };
	return digits;
}

static bool read_number(struct bytes s, struct number *out)
{
	*out = (struct number){ 0 };
	if (s.len && s.at[0] == '+')
		s = (struct bytes){ s.at + 1, s.len - 1 };
	out->whole = split_digits(&s);
	if (s.len && s.at[0] == '.') {
		s = (struct bytes){ s.at + 1, s.len - 1 };
		out->fraction = split_digits(&s);
	}
	return out->whole.len + out->fraction.len > 0 && take_suffix(s, out);
}

static uint64_t digit(const struct number *n, int64_t i)
{
	const int64_t whole = (int64_t)n->whole.len;
	const char *at = i < whole ? n->whole.at + i : n->fraction.at + (i - whole);
	return (uint64_t)(*at - '0');
}

/* The first `point` digits, with zeroes behind the last where it lies further. */
static bool sum_before(const struct number *n, int64_t point, uint64_t *out)
{
	const int64_t digits = (int64_t)(n->whole.len + n->fraction.len);
	uint64_t sum = 0;
	for (int64_t i = 0; i < point && (i < digits || sum); i++) {
		if (sum > (uint64_t)INT64_MAX / 10)
			return false;
		sum = sum * 10 + (i < digits ? digit(n, i) : 0);
	}
	*out = sum;
	return true;
}

/* The other digits times 2^two, from the last to the first: division by ten at
 * each step keeps the floor exact, `left_over` remembers what it dropped. */
static uint64_t sum_behind(const struct number *n, int64_t point, bool *left_over)
{
	uint64_t sum = 0;
	int64_t i = (int64_t)(n->whole.len + n->fraction.len);
	while (i-- > point && (i >= 0 || sum)) {
		uint64_t x = (i >= 0 ? digit(n, i) << n->two : 0) + sum;
		*left_over |= x % 10 != 0;
		sum = x / 10;
	}
	return sum;
}

enum err quantity_milli(struct bytes s, int64_t *out_milli, struct why *why)
{
	struct number n;
	uint64_t sum = 0;
	bool good = read_number(s, &n);
	const int64_t point = (int64_t)n.whole.len + n.ten + 3; /* in thousandths */
	good = good && sum_before(&n, point, &sum) && sum <= (uint64_t)INT64_MAX >> n.two;
	if (good) {
		bool left_over = false;
		sum = (sum << n.two) + sum_behind(&n, point, &left_over);
		sum += left_over;
	}
	if (!good || sum > (uint64_t)INT64_MAX)
		return why_set(why, ERR_INVALID,
			       "\"%.*s\" is not a quantity such as 250m, 1.5 or 64Mi",
			       (int)(s.len < 40 ? s.len : 40), s.at);

	*out_milli = (int64_t)sum;
	return OK;
}

enum err quantity_units(struct bytes s, int64_t *out_units, struct why *why)
{
	int64_t milli;
	enum err e = quantity_milli(s, &milli, why);
	if (e)
		return e;
	*out_units = milli / 1000 + (milli % 1000 != 0);
	return OK;
}

void quantity_print(char out[16], int64_t units)
{
	static const char *const suffixes[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi" };
	double shown = (double)units;
	size_t i = 0;
	while (shown >= 1024 && i < sizeof suffixes / sizeof *suffixes - 1) {
		shown /= 1024;
		i++;
	}
	bool whole = i == 0 || shown == (double)(int64_t)shown || shown >= 100;
	snprintf(out, 16, whole ? "%.0f%s" : "%.1f%s", shown, suffixes[i]);
}
