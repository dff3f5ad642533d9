#include "sync/columns.h"

#include "base/scoped.h"

enum { DECIMALS_MAX = 9, KIND_FLOAT32 = 10, KIND_FLOAT64 = 11 };

static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

/* Where reading stands. Once `bad` is set every read answers nothing. */
struct in {
	const unsigned char *at, *end;
	bool bad;
};

static unsigned char take_byte(struct in *in)
{
	if (in->at == in->end) {
		in->bad = true;
		return 0;
	}
	return *in->at++;
}

static uint64_t take_unsigned(struct in *in)
{
	uint64_t n = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char b = take_byte(in);
		n |= (uint64_t)(b & 127) << shift;
		if (!(b & 128))
			return n;
	}
	in->bad = true;
	return 0;
}

static size_t take_count(struct in *in, size_t max)
{
	uint64_t n = take_unsigned(in);
	if (n > max) {
		in->bad = true;
		return 0;
	}
	return (size_t)n;
}

static struct bytes take_string(struct in *in, size_t max)
{
	size_t len = take_count(in, max);
	if (in->bad || len > (size_t)(in->end - in->at)) {
		in->bad = true;
		return (struct bytes){ "", 0 };
	}
	struct bytes s = { (const char *)in->at, len };
	in->at += len;
	return s;
}

static void take_key(struct in *in, struct point *p)
{
	*p = (struct point){ .measurement = take_string(in, POINT_KEY_MAX), .has_time = true };
	p->tag_count = take_count(in, POINT_TAGS_MAX);
	for (size_t i = 0; i < p->tag_count; i++) {
		p->tags[i].key = take_string(in, POINT_KEY_MAX);
		p->tags[i].value = take_string(in, POINT_KEY_MAX);
	}
	p->field_count = take_count(in, POINT_FIELDS_MAX);
	for (size_t i = 0; i < p->field_count; i++) {
		p->fields[i].name = take_string(in, POINT_KEY_MAX);
		unsigned char type = take_byte(in);
		in->bad |= type > VALUE_STRING;
		p->fields[i].value.type = (enum value_type)type;
	}
	in->bad |= !p->measurement.len || !p->field_count;
}

/* The next of a row of differences. */
struct differ {
	struct in *in;
	uint64_t last, zeroes;
};

static uint64_t take_difference(struct differ *d)
{
	if (d->zeroes) {
		d->zeroes--;
		return 0;
	}
	uint64_t n = take_unsigned(d->in);
	if (n)
		return n >> 1 ^ -(n & 1);
	d->zeroes = take_unsigned(d->in);
	if (!d->zeroes)
		d->in->bad = true;
	else
		d->zeroes--;
	return 0;
}

static int64_t take_next(struct differ *d)
{
	d->last += take_difference(d);
	return (int64_t)d->last;
}

static void take_times(struct in *in, int64_t *times, size_t rows)
{
	struct differ d = { .in = in };
	uint64_t last = 0;
	for (size_t i = 0; i < rows && !in->bad; i++) {
		last += (uint64_t)take_next(&d);
		times[i] = (int64_t)last;
		if (i == 0)
			d.last = 0;
	}
	in->bad |= d.zeroes != 0;
}

static void take_integers(struct in *in, struct value *values, size_t rows, size_t step)
{
	struct differ d = { .in = in };
	for (size_t i = 0; i < rows && !in->bad; i++)
		values[i * step].integer = take_next(&d);
	in->bad |= d.zeroes != 0;
}

static void take_decimals(struct in *in, struct value *values, size_t rows, size_t step,
			  int decimals)
{
	struct differ d = { .in = in };
	for (size_t i = 0; i < rows && !in->bad; i++)
		values[i * step].number = (double)take_next(&d) / powers[decimals];
	in->bad |= d.zeroes != 0;
}

static void take_planes(struct in *in, struct value *values, size_t rows, size_t step, size_t width)
{
	if (rows * width > (size_t)(in->end - in->at)) {
		in->bad = true;
		return;
	}
	for (size_t i = 0; i < rows; i++) {
		uint64_t bits = 0;
		for (size_t b = 0; b < width; b++)
			bits |= (uint64_t)in->at[b * rows + i] << (8 * b);
		uint32_t narrow_bits = (uint32_t)bits;
		float narrow;
		memcpy(&narrow, &narrow_bits, sizeof narrow);
		if (width == sizeof narrow)
			values[i * step].number = narrow;
		else
			memcpy(&values[i * step].number, &bits, sizeof bits);
	}
	in->at += rows * width;
}

static void take_floats(struct in *in, struct value *values, size_t rows, size_t step)
{
	int kind = take_byte(in);
	if (kind <= DECIMALS_MAX)
		take_decimals(in, values, rows, step, kind);
	else if (kind == KIND_FLOAT32 || kind == KIND_FLOAT64)
		take_planes(in, values, rows, step, kind == KIND_FLOAT32 ? 4 : 8);
	else
		in->bad = true;
}

static void take_strings(struct in *in, struct value *values, size_t rows, size_t step)
{
	for (size_t i = 0; i < rows && !in->bad; i++)
		values[i * step].string = take_string(in, POINT_STRING_MAX);
}

/* All columns of a table, row after row: values[row * fields + field]. */
static void take_columns(struct in *in, const struct point *key, struct value *values, size_t rows)
{
	const size_t step = key->field_count;
	for (size_t f = 0; f < step && !in->bad; f++) {
		if (key->fields[f].value.type == VALUE_FLOAT)
			take_floats(in, values + f, rows, step);
		else if (key->fields[f].value.type == VALUE_STRING)
			take_strings(in, values + f, rows, step);
		else
			take_integers(in, values + f, rows, step);
	}
}

struct reading {
	struct in in;
	size_t rows_left; /* of the whole segment */
	struct point point;
	void (*on_point)(void *owner, const struct point *p);
	void *owner;
};

static void tell_rows(struct reading *r, const int64_t *times, const struct value *values,
		      size_t rows)
{
	struct point *p = &r->point;
	for (size_t i = 0; i < rows; i++) {
		p->time_ms = times[i];
		for (size_t f = 0; f < p->field_count; f++) {
			enum value_type type = p->fields[f].value.type;
			p->fields[f].value = values[i * p->field_count + f];
			p->fields[f].value.type = type;
		}
		r->on_point(r->owner, p);
	}
}

static void read_table(struct reading *r)
{
	take_key(&r->in, &r->point);
	size_t rows = take_count(&r->in, r->rows_left);
	if (r->in.bad || !rows) {
		r->in.bad = true;
		return;
	}
	r->rows_left -= rows;
	SCOPED_MEMORY int64_t *times = calloc(rows, sizeof *times);
	SCOPED_MEMORY struct value *values = calloc(rows * r->point.field_count, sizeof *values);
	if (!times || !values) {
		r->in.bad = true;
		return;
	}
	take_times(&r->in, times, rows);
	take_columns(&r->in, &r->point, values, rows);
	if (!r->in.bad)
		tell_rows(r, times, values, rows);
}

enum err columns_read(struct bytes columns, void (*on_point)(void *owner, const struct point *p),
		      void *owner, struct why *why)
{
	const unsigned char *at = (const unsigned char *)columns.at;
	struct reading *r = calloc(1, sizeof *r);
	if (!r)
		return why_set(why, ERR_SYSTEM, "columns: no memory");
	r->in = (struct in){ at, at + columns.len, false };
	r->rows_left = COLUMNS_ROWS_MAX;
	r->on_point = on_point;
	r->owner = owner;

	size_t tables = take_count(&r->in, COLUMNS_TABLES_MAX);
	size_t done = 0;
	for (; done < tables && !r->in.bad; done++)
		read_table(r);
	bool bad = r->in.bad || r->in.at != r->in.end;
	long offset = (long)(r->in.at - at);
	free(r);
	return bad ? why_set(why, ERR_CORRUPT, "columns: table %zu is broken near byte %ld", done,
			     offset)
		   : OK;
}
