#include "sync/columns.h"

#include <math.h>

/* Kinds of float columns: 0-9 is the number of decimals. */
enum { DECIMALS_MAX = 9, KIND_FLOAT32 = 10, KIND_FLOAT64 = 11 };

static const double EXACT_MAX = 9007199254740992.0; /* 2^53 */

static void put_byte(struct columns_out *o, unsigned char b)
{
	if (o->len < o->cap)
		o->at[o->len++] = b;
	else
		o->cut = true;
}

static void put_bytes(struct columns_out *o, const void *at, size_t len)
{
	if (len > o->cap - o->len) {
		o->cut = true;
		return;
	}
	if (len)
		memcpy(o->at + o->len, at, len);
	o->len += len;
}

/* Seven bits a byte, lowest first; the top bit says that more follow. */
static void put_unsigned(struct columns_out *o, uint64_t n)
{
	for (; n >= 128; n >>= 7)
		put_byte(o, (unsigned char)(n | 128));
	put_byte(o, (unsigned char)n);
}

static void put_string(struct columns_out *o, struct bytes s)
{
	put_unsigned(o, s.len);
	put_bytes(o, s.at, s.len);
}

void columns_put_count(struct columns_out *o, uint64_t n)
{
	put_unsigned(o, n);
}

void columns_put_key(struct columns_out *o, const struct point *p)
{
	put_string(o, p->measurement);
	put_unsigned(o, p->tag_count);
	for (size_t i = 0; i < p->tag_count; i++) {
		put_string(o, p->tags[i].key);
		put_string(o, p->tags[i].value);
	}
	put_unsigned(o, p->field_count);
	for (size_t i = 0; i < p->field_count; i++) {
		put_string(o, p->fields[i].name);
		put_byte(o, (unsigned char)p->fields[i].value.type);
	}
}

/* --- columns of whole numbers --- */

/* Differences, small ones near zero whatever their sign; a row of zeroes is one
 * zero and how many. Arithmetic wraps, so that every int64 has a difference. */
struct differ {
	struct columns_out *out;
	uint64_t last, zeroes;
};

static void end_zeroes(struct differ *d)
{
	if (!d->zeroes)
		return;
	put_byte(d->out, 0);
	put_unsigned(d->out, d->zeroes);
	d->zeroes = 0;
}

static void put_difference(struct differ *d, uint64_t difference)
{
	if (difference == 0) {
		d->zeroes++;
		return;
	}
	end_zeroes(d);
	put_unsigned(d->out, difference << 1 ^ -(difference >> 63));
}

static void put_next(struct differ *d, int64_t n)
{
	put_difference(d, (uint64_t)n - d->last);
	d->last = (uint64_t)n;
}

/* Samples come at even distances: the difference of differences is mostly zero. */
static void put_times(struct columns_out *o, const struct columns_source *s)
{
	struct value values[POINT_FIELDS_MAX];
	struct differ d = { .out = o };
	uint64_t last = 0;
	s->rewind(s->owner);
	for (size_t i = 0; i < s->rows; i++) {
		int64_t t;
		s->next(s->owner, &t, values);
		put_next(&d, (int64_t)((uint64_t)t - last));
		if (i == 0)
			d.last = 0; /* the first time is no distance */
		last = (uint64_t)t;
	}
	end_zeroes(&d);
}

static void put_integers(struct columns_out *o, const struct columns_source *s, size_t field)
{
	struct value values[POINT_FIELDS_MAX];
	struct differ d = { .out = o };
	int64_t t;
	s->rewind(s->owner);
	for (size_t i = 0; i < s->rows; i++) {
		s->next(s->owner, &t, values);
		put_next(&d, values[field].integer);
	}
	end_zeroes(&d);
}

/* --- columns of floats --- */

static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

/* Does the number come back exactly from `decimals` decimals? */
static bool is_decimal(double v, int decimals)
{
	double scaled = v * powers[decimals];
	if (!(fabs(scaled) < EXACT_MAX))
		return false;
	double whole = nearbyint(scaled);
	return whole / powers[decimals] == v && !(whole == 0 && signbit(v));
}

/* The least kind that gives every number back bit by bit. */
static int find_kind(const struct columns_source *s, size_t field)
{
	struct value values[POINT_FIELDS_MAX];
	int64_t t;
	int decimals = 0;
	bool fits_float = true;
	s->rewind(s->owner);
	for (size_t i = 0; i < s->rows; i++) {
		s->next(s->owner, &t, values);
		double v = values[field].number;
		fits_float &= (double)(float)v == v;
		while (decimals <= DECIMALS_MAX && !is_decimal(v, decimals))
			decimals++;
	}
	/* More decimals for a later number must not have spoilt an earlier one. */
	s->rewind(s->owner);
	for (size_t i = 0; i < s->rows && decimals <= DECIMALS_MAX; i++) {
		s->next(s->owner, &t, values);
		if (!is_decimal(values[field].number, decimals))
			decimals = DECIMALS_MAX + 1;
	}
	if (decimals <= DECIMALS_MAX)
		return decimals;
	return fits_float ? KIND_FLOAT32 : KIND_FLOAT64;
}

static void put_decimals(struct columns_out *o, const struct columns_source *s, size_t field,
			 int decimals)
{
	struct value values[POINT_FIELDS_MAX];
	struct differ d = { .out = o };
	int64_t t;
	s->rewind(s->owner);
	for (size_t i = 0; i < s->rows; i++) {
		s->next(s->owner, &t, values);
		put_next(&d, (int64_t)nearbyint(values[field].number * powers[decimals]));
	}
	end_zeroes(&d);
}

/* All first bytes, then all second ones: exponents lie together and compress. */
static void put_planes(struct columns_out *o, const struct columns_source *s, size_t field,
		       size_t width)
{
	struct value values[POINT_FIELDS_MAX];
	int64_t t;
	const size_t start = o->len;
	if (s->rows * width > o->cap - o->len) {
		o->cut = true;
		return;
	}
	s->rewind(s->owner);
	for (size_t i = 0; i < s->rows; i++) {
		s->next(s->owner, &t, values);
		float narrow = (float)values[field].number;
		uint32_t narrow_bits;
		uint64_t bits;
		memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
		memcpy(&bits, &values[field].number, sizeof bits);
		if (width == sizeof narrow_bits)
			bits = narrow_bits;
		for (size_t b = 0; b < width; b++)
			o->at[start + b * s->rows + i] = (unsigned char)(bits >> (8 * b));
	}
	o->len += s->rows * width;
}

static void put_floats(struct columns_out *o, const struct columns_source *s, size_t field)
{
	int kind = find_kind(s, field);
	put_byte(o, (unsigned char)kind);
	if (kind <= DECIMALS_MAX)
		put_decimals(o, s, field, kind);
	else
		put_planes(o, s, field, kind == KIND_FLOAT32 ? 4 : 8);
}

static void put_strings(struct columns_out *o, const struct columns_source *s, size_t field)
{
	struct value values[POINT_FIELDS_MAX];
	int64_t t;
	s->rewind(s->owner);
	for (size_t i = 0; i < s->rows; i++) {
		s->next(s->owner, &t, values);
		put_string(o, values[field].string);
	}
}

/* Behind the string at `i`; strings of a key are shorter than 2^14. */
static size_t skip_string(const unsigned char *p, size_t i)
{
	size_t len = p[i] & 127;
	if (p[i] & 128)
		len |= (size_t)p[++i] << 7;
	return i + 1 + len;
}

/* The types of the fields, which a key names behind its tags. */
static size_t find_types(struct bytes key, enum value_type types[POINT_FIELDS_MAX])
{
	const unsigned char *p = (const unsigned char *)key.at;
	size_t i = skip_string(p, 0);
	const size_t tags = p[i++];
	for (size_t k = 0; k < 2 * tags; k++)
		i = skip_string(p, i);
	const size_t fields = p[i++];
	for (size_t k = 0; k < fields; k++) {
		i = skip_string(p, i);
		types[k] = (enum value_type)p[i++];
	}
	return fields;
}

void columns_put_table(struct columns_out *o, struct bytes key, const struct columns_source *rows)
{
	enum value_type types[POINT_FIELDS_MAX];
	size_t fields = find_types(key, types);
	put_bytes(o, key.at, key.len);
	put_unsigned(o, rows->rows);
	put_times(o, rows);
	for (size_t i = 0; i < fields && !o->cut; i++) {
		if (types[i] == VALUE_FLOAT)
			put_floats(o, rows, i);
		else if (types[i] == VALUE_STRING)
			put_strings(o, rows, i);
		else
			put_integers(o, rows, i);
	}
}
