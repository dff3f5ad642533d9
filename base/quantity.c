#include "base/quantity.h"

#include "base/text.h"

#include <stdio.h>

enum { EXPONENT_MIN = -9, EXPONENT_MAX = 15 };

/* How many thousandths one unit of a suffix is: `times` / `parts`. */
struct scale {
	uint64_t times;
	uint64_t parts;
};

static uint64_t power_of_ten(int exponent)
{
	uint64_t p = 1;
	for (int i = 0; i < exponent; i++)
		p *= 10;
	return p;
}

static struct scale scale_of_ten(int exponent)
{
	exponent += 3;
	if (exponent >= 0)
		return (struct scale){ power_of_ten(exponent), 1 };
	return (struct scale){ 1, power_of_ten(-exponent) };
}

static enum err scale_of_suffix(struct bytes suffix, struct scale *out)
{
	static const struct {
		const char *name;
		int ten;
		int two;
	} suffixes[] = {
		{ "n", -9, 0 },  { "u", -6, 0 },  { "m", -3, 0 },  { "", 0, 0 },    { "k", 3, 0 },
		{ "M", 6, 0 },   { "G", 9, 0 },   { "T", 12, 0 },  { "P", 15, 0 },  { "Ki", 0, 10 },
		{ "Mi", 0, 20 }, { "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 },
	};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		if (!bytes_are(suffix, suffixes[i].name))
			continue;
		*out = scale_of_ten(suffixes[i].ten);
		out->times <<= suffixes[i].two;
		return OK;
	}

	long long exponent;
	if (suffix.len < 2 || (suffix.at[0] != 'e' && suffix.at[0] != 'E'))
		return ERR_INVALID;
	struct bytes digits = { suffix.at + 1, suffix.len - 1 };
	if (digits.at[0] == '+' && digits.len > 1)
		digits = (struct bytes){ digits.at + 1, digits.len - 1 };
	if (text_number(digits, EXPONENT_MIN, EXPONENT_MAX, &exponent))
		return ERR_INVALID;
	*out = scale_of_ten((int)exponent);
	return OK;
}

/* The digits after the point, from the last to the first: division by ten at
 * each step keeps the floor exact, `left_over` remembers what it dropped. */
static uint64_t scale_fraction(struct bytes digits, uint64_t times, bool *left_over)
{
	uint64_t sum = 0;
	for (size_t i = digits.len; i-- > 0;) {
		uint64_t x = (uint64_t)(digits.at[i] - '0') * times + sum;
		*left_over |= x % 10 != 0;
		sum = x / 10;
	}
	return sum;
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

static enum err combine(struct bytes whole, struct bytes fraction, struct scale scale, int64_t *out)
{
	long long units = 0;
	if (whole.len && text_number(whole, 0, INT64_MAX / 1000, &units))
		return ERR_INVALID;
	if (units && scale.times > (uint64_t)INT64_MAX / (uint64_t)units)
		return ERR_INVALID;

	bool left_over = false;
	uint64_t sum = (uint64_t)units * scale.times;
	uint64_t small = scale_fraction(fraction, scale.times, &left_over);
	if (sum + small >= (uint64_t)INT64_MAX)
		return ERR_INVALID;

	sum += small;
	left_over |= sum % scale.parts != 0;
	*out = (int64_t)(sum / scale.parts) + (left_over ? 1 : 0);
	return OK;
}

enum err quantity_milli(struct bytes s, int64_t *out_milli, struct why *why)
{
	struct bytes rest = s;
	if (rest.len && rest.at[0] == '+')
		rest = (struct bytes){ rest.at + 1, rest.len - 1 };

	struct bytes whole = split_digits(&rest), fraction = { 0 };
	if (rest.len && rest.at[0] == '.') {
		rest = (struct bytes){ rest.at + 1, rest.len - 1 };
		fraction = split_digits(&rest);
	}

	struct scale scale;
	if (whole.len + fraction.len == 0 || scale_of_suffix(rest, &scale) ||
	    combine(whole, fraction, scale, out_milli))
		return why_set(why, ERR_INVALID,
			       "\"%.*s\" is not a quantity such as 250m, 1.5 or 64Mi",
			       (int)(s.len < 40 ? s.len : 40), s.at);
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
