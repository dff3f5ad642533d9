#include "base/json_guard.h"

#include "base/utf8.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Where the guard stands in the text. `open` holds one bracket per level. */
struct guard {
	const unsigned char *at;
	size_t len, i;
	size_t values;
	size_t depth;
	unsigned char open[JSON_DEPTH_MAX];
	enum err err;
	const char *reason;
	bool takes_any_number;
};

static bool fail(struct guard *g, enum err err, const char *reason)
{
	g->err = err;
	g->reason = reason;
	return false;
}

static bool bad(struct guard *g, const char *reason)
{
	return fail(g, ERR_INVALID, reason);
}

/* The byte `ahead` of here; 0 behind the end, which no rule accepts. */
static unsigned char peek(const struct guard *g, size_t ahead)
{
	return g->i + ahead < g->len ? g->at[g->i + ahead] : 0;
}

static void skip_space(struct guard *g)
{
	for (;; g->i++) {
		unsigned char c = peek(g, 0);
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
	}
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(unsigned char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits of the \u that starts at the current byte; -1: not one. */
static int32_t escaped_unit(const struct guard *g)
{
	int32_t unit = 0;
	if (peek(g, 0) != '\\' || peek(g, 1) != 'u')
		return -1;
	for (size_t k = 2; k < 6; k++) {
		int digit = hex_value(peek(g, k));
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

static bool check_unicode_escape(struct guard *g)
{
	int32_t unit = escaped_unit(g);
	if (unit < 0)
		return bad(g, "a \\u without four hex digits");
	if (unit == 0)
		return bad(g, "\\u0000 in a string");
	g->i += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;

	int32_t low = escaped_unit(g);
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return bad(g, "half of a surrogate pair");
	g->i += 6;
	return true;
}

static bool check_escape(struct guard *g)
{
	unsigned char c = peek(g, 1);
	if (c == 'u')
		return check_unicode_escape(g);
	if (c == 0 || !strchr("\"\\/bfnrt", c))
		return bad(g, "an unknown escape");
	g->i += 2;
	return true;
}

static bool check_string(struct guard *g)
{
	if (peek(g, 0) != '"')
		return bad(g, "a string was expected");
	g->i++;
	for (;;) {
		unsigned char c = peek(g, 0);
		if (c == '"') {
			g->i++;
			return true;
		}
		if (c < 0x20)
			return bad(g, "an unfinished string or a control character in it");
		if (c == '\\') {
			if (!check_escape(g))
				return false;
			continue;
		}
		size_t n = utf8_length((const char *)g->at + g->i, g->len - g->i);
		if (n == 0)
			return bad(g, "bytes that are not UTF-8");
		g->i += n;
	}
}

static size_t skip_digits(struct guard *g)
{
	size_t from = g->i;
	while (is_digit(peek(g, 0)))
		g->i++;
	return g->i - from;
}

/* False: a point without digits behind it. */
static bool skip_fraction(struct guard *g)
{
	if (peek(g, 0) != '.')
		return true;
	g->i++;
	return skip_digits(g) > 0;
}

static bool skip_exponent(struct guard *g)
{
	if (peek(g, 0) != 'e' && peek(g, 0) != 'E')
		return true;
	g->i += peek(g, 1) == '+' || peek(g, 1) == '-' ? 2 : 1;
	return skip_digits(g) > 0;
}

/* A double holds whole numbers up to 2^53 exactly; beyond it two different
 * generations would read the same. */
static bool is_exact(const unsigned char *digits, size_t n)
{
	static const char limit[] = "9007199254740992";
	return n < sizeof limit - 1 || (n == sizeof limit - 1 && memcmp(digits, limit, n) <= 0);
}

/* cJSON prints such a number without a point, and whole ones end at 2^53. */
static bool prints_as_whole(double n)
{
	static const double exact_max = 9007199254740992.0, exponent_min = 1e17;
	char text[JSON_NUMBER_MAX];
	if (!(fabs(n) > exact_max && fabs(n) < exponent_min))
		return false;
	snprintf(text, sizeof text, "%1.15g", n);
	return strtod(text, NULL) != n;
}

/* Does a number with a point or an exponent come back from a double? Infinity would
 * be printed as null. */
static bool check_double(struct guard *g, size_t from)
{
	char text[JSON_NUMBER_MAX + 1] = "";
	memcpy(text, g->at + from, g->i - from);
	const double n = strtod(text, NULL);
	if (!isfinite(n))
		return bad(g, "a number beyond what a double holds");
	return !prints_as_whole(n) || bad(g, "more than 15 digits beyond 2^53");
}

static bool check_number(struct guard *g)
{
	const size_t from = g->i;
	if (peek(g, 0) == '-')
		g->i++;
	const size_t first = g->i;
	size_t digits = skip_digits(g);
	if (digits == 0 || (digits > 1 && g->at[first] == '0'))
		return bad(g, "a malformed number");
	if (!skip_fraction(g) || !skip_exponent(g))
		return bad(g, "a malformed number");
	const bool whole = g->i == first + digits;
	if (g->i - from > JSON_NUMBER_MAX)
		return bad(g, "a number of too many digits");
	if (whole && !g->takes_any_number && !is_exact(g->at + first, digits))
		return bad(g, "a whole number beyond 2^53");
	return whole || g->takes_any_number || check_double(g, from);
}

static bool check_word(struct guard *g, const char *word)
{
	size_t n = strlen(word);
	if (g->len - g->i < n || memcmp(g->at + g->i, word, n) != 0)
		return bad(g, "an unknown word");
	g->i += n;
	return true;
}

static bool check_scalar(struct guard *g)
{
	switch (peek(g, 0)) {
	case '"':
		return check_string(g);
	case 't':
		return check_word(g, "true");
	case 'f':
		return check_word(g, "false");
	case 'n':
		return check_word(g, "null");
	default:
		if (peek(g, 0) == '-' || is_digit(peek(g, 0)))
			return check_number(g);
		return bad(g, "a value was expected");
	}
}

static bool check_key(struct guard *g)
{
	if (!check_string(g))
		return false;
	skip_space(g);
	if (peek(g, 0) != ':')
		return bad(g, "a ':' was expected");
	g->i++;
	skip_space(g);
	return true;
}

static bool is_inside_object(const struct guard *g)
{
	return g->depth && g->open[g->depth - 1] == '{';
}

static bool open_level(struct guard *g)
{
	if (g->depth == JSON_DEPTH_MAX)
		return fail(g, ERR_FULL, "nested deeper than 32");
	g->open[g->depth++] = peek(g, 0);
	g->i++;
	return true;
}

static bool closes_level(const struct guard *g)
{
	return g->depth && peek(g, 0) == (is_inside_object(g) ? '}' : ']');
}

/* One value, or the opening of one; `*opened` says that its inside follows. */
static bool check_value(struct guard *g, bool *opened)
{
	if (is_inside_object(g) && !check_key(g))
		return false;
	if (++g->values > JSON_VALUES_MAX)
		return fail(g, ERR_FULL, "more than 8192 values");
	*opened = peek(g, 0) == '{' || peek(g, 0) == '[';
	return *opened ? open_level(g) : check_scalar(g);
}

/* Closing brackets and the comma behind a finished value. */
static bool check_after(struct guard *g, bool *more)
{
	for (skip_space(g); closes_level(g); skip_space(g)) {
		g->depth--;
		g->i++;
	}
	*more = g->depth > 0;
	if (!*more)
		return g->i == g->len || bad(g, "text behind the end");
	if (peek(g, 0) != ',')
		return bad(g, "a ',' or a closing bracket was expected");
	g->i++;
	skip_space(g);
	return true;
}

static bool check_document(struct guard *g)
{
	bool more = true;
	skip_space(g);
	while (more) {
		bool opened = false;
		if (!check_value(g, &opened))
			return false;
		if (opened) {
			skip_space(g);
			if (!closes_level(g))
				continue;
		}
		if (!check_after(g, &more))
			return false;
	}
	return true;
}

enum err json_guard(struct bytes text, struct why *why)
{
	struct guard g = { .at = (const unsigned char *)text.at, .len = text.len };
	if (check_document(&g))
		return OK;
	return why_set(why, g.err, "not acceptable JSON at byte %zu: %s", g.i, g.reason);
}

bool json_is_well_formed(struct bytes text)
{
	struct guard g = { .at = (const unsigned char *)text.at,
			   .len = text.len,
			   .takes_any_number = true };
	return check_document(&g);
}
