#include "sync/columns.h"

#include "tests/check.h"
#include "tests/unit/sync/points.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { OUT_MAX = 4 * 1024 * 1024 };

/* The rows of one table, and where a walk through them stands. */
struct table {
	struct point key;
	size_t rows, at;
	int64_t *times;
	struct value *values; /* row by row */
};

static struct table table_make(struct point key, size_t rows)
{
	struct table t = { .key = key, .rows = rows };
	t.times = calloc(rows + 1, sizeof *t.times);
	t.values = calloc(rows * key.field_count + 1, sizeof *t.values);
	assert_non_null(t.times);
	assert_non_null(t.values);
	return t;
}

static void table_free(struct table *t)
{
	free(t->times);
	free(t->values);
}

static void rewind_table(void *owner)
{
	struct table *t = owner;
	t->at = 0;
}

static void next_row(void *owner, int64_t *time, struct value *values)
{
	struct table *t = owner;
	assert_in_range(t->at, 0, t->rows - 1);
	*time = t->times[t->at];
	memcpy(values, t->values + t->at * t->key.field_count, t->key.field_count * sizeof *values);
	t->at++;
}

static void put_tables(struct columns_out *o, struct table *tables, size_t n)
{
	columns_put_count(o, n);
	for (size_t i = 0; i < n; i++) {
		unsigned char at[2 * POINT_KEY_MAX];
		struct columns_out key = { .at = at, .cap = sizeof at };
		const struct columns_source source = { &tables[i], tables[i].rows, rewind_table,
						       next_row };
		columns_put_key(&key, &tables[i].key);
		assert_false(key.cut);
		columns_put_table(o, (struct bytes){ (const char *)at, key.len }, &source);
	}
}

/* In memory of exactly its size; the caller frees it. */
static struct bytes encode(struct table *tables, size_t n)
{
	struct columns_out o = { .at = malloc(OUT_MAX), .cap = OUT_MAX };
	assert_non_null(o.at);
	put_tables(&o, tables, n);
	assert_false(o.cut);
	char *exact = malloc(o.len);
	assert_non_null(exact);
	memcpy(exact, o.at, o.len);
	free(o.at);
	return (struct bytes){ exact, o.len };
}

/* What reading must tell, table after table, row after row. */
struct expected {
	const struct table *tables;
	size_t count, table, row, told;
};

static void compare(void *owner, const struct point *p)
{
	struct expected *e = owner;
	assert_in_range(e->table, 0, e->count - 1);
	const struct table *t = &e->tables[e->table];
	struct point want = t->key;
	for (size_t i = 0; i < want.field_count; i++)
		want.fields[i].value = t->values[e->row * want.field_count + i];
	assert_true(p->has_time);
	assert_true(p->time_ms == t->times[e->row]);
	if (!point_is_same(p, &want))
		fail_msg("table %zu, row %zu differs", e->table, e->row);
	e->told++;
	if (++e->row == t->rows) {
		e->row = 0;
		e->table++;
	}
}

static void assert_round_trip(struct table *tables, size_t n)
{
	struct bytes columns = encode(tables, n);
	struct expected e = { .tables = tables, .count = n };
	struct why why = { "" };
	if (columns_read(columns, compare, &e, &why))
		fail_msg("%s", why.text);
	assert_int_equal(e.table, n);
	free((void *)(uintptr_t)columns.at);
}

/* One field; values given. The times go up by a second. */
static void assert_values(const struct value *values, size_t n)
{
	struct table t = table_make(point_of("m", "f", values[0]), n);
	memcpy(t.values, values, n * sizeof *values);
	for (size_t i = 0; i < n; i++)
		t.times[i] = 1795000000000 + (int64_t)i * 1000;
	assert_round_trip(&t, 1);
	table_free(&t);
}

static void assert_floats(const double *numbers, size_t n)
{
	struct value values[64];
	assert_in_range(n, 1, 64);
	for (size_t i = 0; i < n; i++)
		values[i] = value_float(numbers[i]);
	assert_values(values, n);
	for (size_t i = 0; i < n; i++)
		assert_values(&values[i], 1);
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void one_row_reads_back(void **state)
{
	const struct value v = value_float(1.93);
	(void)state;
	assert_values(&v, 1);
}

static void tags_and_all_types_read_back(void **state)
{
	struct point key = point_of("line", "sag", value_float(0));
	(void)state;
	assert_ok(point_set_tag(&key, bytes_of("span"), bytes_of("4")));
	assert_ok(point_set_tag(&key, bytes_of("a b"), bytes_of("=,\"")));
	point_add_field(&key, "n", value_integer(0));
	point_add_field(&key, "on", value_boolean(false));
	point_add_field(&key, "s", value_string(bytes_of("")));
	struct table t = table_make(key, 3);
	for (size_t i = 0; i < 3; i++) {
		t.times[i] = (int64_t)i * 7;
		t.values[4 * i] = value_float(0.5 * (double)i);
		t.values[4 * i + 1] = value_integer((int64_t)i);
		t.values[4 * i + 2] = value_boolean(i == 1);
		t.values[4 * i + 3] = value_string(bytes_of(i ? "x" : ""));
	}
	assert_round_trip(&t, 1);
	table_free(&t);
}

static void the_largest_key_reads_back(void **state)
{
	static char names[POINT_TAGS_MAX + POINT_FIELDS_MAX][8];
	struct point key = { .measurement = bytes_of("m") };
	(void)state;
	for (size_t i = 0; i < POINT_TAGS_MAX + POINT_FIELDS_MAX; i++) {
		memcpy(names[i], "name-00", 8);
		names[i][5] = (char)('0' + i / 10);
		names[i][6] = (char)('0' + i % 10);
		if (i < POINT_TAGS_MAX)
			assert_ok(point_set_tag(&key, bytes_of(names[i]), bytes_of(names[i])));
		else
			point_add_field(&key, names[i], value_integer(0));
	}
	struct table t = table_make(key, 2);
	for (size_t i = 0; i < 2 * POINT_FIELDS_MAX; i++)
		t.values[i] = value_integer((int64_t)i);
	assert_round_trip(&t, 1);
	table_free(&t);
}

static void tables_are_told_one_after_the_other(void **state)
{
	struct table tables[3];
	static const char *const names[] = { "a", "b", "c" };
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		tables[k] = table_make(point_of(names[k], "f", value_integer(0)), k + 1);
		for (size_t i = 0; i <= k; i++)
			tables[k].values[i] = value_integer((int64_t)(10 * k + i));
	}
	assert_round_trip(tables, 3);
	for (size_t k = 0; k < 3; k++)
		table_free(&tables[k]);
}

static void no_table_at_all_tells_nothing(void **state)
{
	(void)state;
	assert_round_trip(NULL, 0);
}

static void times_may_be_anything(void **state)
{
	const int64_t times[] = { 0,
				  0,
				  5,
				  5,
				  5,
				  4,
				  INT64_MAX,
				  INT64_MIN,
				  -1,
				  1,
				  INT64_MIN,
				  INT64_MIN,
				  INT64_MAX,
				  1795000000000,
				  1795000000001 };
	struct table t = table_make(point_of("m", "f", value_integer(0)), COUNT(times));
	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		t.times[i] = times[i];
		t.values[i] = value_integer(0);
	}
	assert_round_trip(&t, 1);
	for (size_t i = 0; i < COUNT(times); i++) {
		t.rows = 1;
		t.times[0] = times[i];
		assert_round_trip(&t, 1);
	}
	table_free(&t);
}

static void integers_may_be_anything(void **state)
{
	const struct value values[] = {
		value_integer(0),         value_integer(INT64_MAX), value_integer(INT64_MIN),
		value_integer(INT64_MAX), value_integer(-1),        value_integer(1),
		value_integer(1),         value_integer(1),         value_integer(INT64_MIN),
		value_integer(INT64_MIN), value_integer(0),         value_integer(63),
		value_integer(64),        value_integer(-64),       value_integer(-65),
	};
	(void)state;
	assert_values(values, COUNT(values));
	for (size_t i = 0; i < COUNT(values); i++)
		assert_values(&values[i], 1);
}

static void a_negative_zero_stays_negative(void **state)
{
	const double numbers[] = { -0.0, 0.0, 1.5, -0.0 };
	(void)state;
	assert_floats(numbers, COUNT(numbers));
}

static void the_smallest_numbers_stay_exact(void **state)
{
	const double numbers[] = { 5e-324, -5e-324, DBL_MIN, DBL_MIN / 3, FLT_MIN, FLT_MIN / 4,
				   1e-9,   1e-10,   0 };
	(void)state;
	assert_floats(numbers, COUNT(numbers));
}

static void the_largest_numbers_stay_exact(void **state)
{
	const double numbers[] = { DBL_MAX, -DBL_MAX, FLT_MAX, -FLT_MAX, 1e300, 1e22, 1e16 };
	(void)state;
	assert_floats(numbers, COUNT(numbers));
}

static void numbers_around_2_53_stay_exact(void **state)
{
	const double limit = 9007199254740992.0;
	const double numbers[] = { limit,      limit - 1,  limit + 2,   -limit,
				   -limit + 1, limit / 10, limit / 1e9, 900719925474.0993 };
	(void)state;
	assert_floats(numbers, COUNT(numbers));
}

static void numbers_that_a_float_holds_stay_exact(void **state)
{
	const double numbers[] = { (double)0.1f,  (double)3.14159274f,
				   (double)1e30f, (double)1e-30f,
				   0.5,           -0.0 };
	(void)state;
	assert_floats(numbers, COUNT(numbers));
}

static void decimals_stay_exact_also_beside_each_other(void **state)
{
	const double numbers[] = { 0.1,         0.12,         0.123, 15.72,
				   1.1,         2.675,        1e-9,  1234567.89,
				   0.123456789, 0.1234567891, 100,   9007199.254740993 };
	(void)state;
	assert_floats(numbers, COUNT(numbers));
}

static void infinities_and_nan_stay_what_they_are(void **state)
{
	const double numbers[] = { (double)INFINITY, -(double)INFINITY, (double)NAN, 1 };
	(void)state;
	assert_floats(numbers, COUNT(numbers));
}

static void strings_may_be_empty_long_or_any_bytes(void **state)
{
	static char longest[POINT_STRING_MAX];
	memset(longest, 'x', sizeof longest);
	const struct value values[] = {
		value_string(bytes_of("")),
		value_string((struct bytes){ longest, sizeof longest }),
		value_string(BYTES_LIT("\0\xff\n")),
		value_string((struct bytes){ longest, 127 }),
		value_string((struct bytes){ longest, 128 }),
	};
	(void)state;
	assert_values(values, COUNT(values));
}

static struct table table_of_rows(size_t rows)
{
	struct table t = table_make(point_of("m", "f", value_integer(0)), rows);
	for (size_t i = 0; i < rows; i++)
		t.values[i] = value_integer(7);
	return t;
}

static void as_many_rows_as_a_segment_may_have_read_back(void **state)
{
	struct table t = table_of_rows(COLUMNS_ROWS_MAX);
	(void)state;
	assert_round_trip(&t, 1);
	table_free(&t);
}

static void ignore(void *owner, const struct point *p)
{
	(void)owner;
	(void)p;
}

static void assert_corrupt(struct bytes columns)
{
	struct why why = { "" };
	char *exact = malloc(columns.len ? columns.len : 1);
	assert_non_null(exact);
	if (columns.len)
		memcpy(exact, columns.at, columns.len);
	assert_err(ERR_CORRUPT,
		   columns_read((struct bytes){ exact, columns.len }, ignore, NULL, &why));
	assert_string_not_equal(why.text, "");
	free(exact);
}

static void more_rows_than_a_segment_may_have_are_refused(void **state)
{
	struct table tables[] = { table_of_rows(COLUMNS_ROWS_MAX), table_of_rows(1) };
	struct bytes both = encode(tables, 2);
	(void)state;
	assert_corrupt(both);
	free((void *)(uintptr_t)both.at);
	table_free(&tables[0]);
	table_free(&tables[1]);
}

static void equal_values_take_no_room(void **state)
{
	struct table t = table_of_rows(10000);
	(void)state;
	for (size_t i = 0; i < t.rows; i++)
		t.times[i] = 1795000000000 + (int64_t)i * 1000;
	struct bytes columns = encode(&t, 1);
	assert_in_range(columns.len, 1, 40);
	free((void *)(uintptr_t)columns.at);
	table_free(&t);
}

/* --- random tables --- */

static uint64_t random_bits(unsigned *seed)
{
	uint64_t n = 0;
	for (int i = 0; i < 5; i++)
		n = n << 15 ^ (uint64_t)rand_r(seed);
	return n;
}

static double random_float(unsigned *seed)
{
	double n;
	uint64_t bits = random_bits(seed);
	switch (rand_r(seed) % 4) {
	case 0:
		return (double)(int64_t)(bits % 2000000) / 1000 - 1000;
	case 1:
		return (double)(float)((double)(bits % 100000) / 7);
	case 2:
		return (double)(int64_t)bits;
	default:
		memcpy(&n, &bits, sizeof n);
		return isnan(n) ? 0 : n;
	}
}

static struct value random_value(enum value_type type, unsigned *seed)
{
	static const char letters[] = "the quick brown fox jumps over the lazy dog";
	switch (type) {
	case VALUE_FLOAT:
		return value_float(random_float(seed));
	case VALUE_INTEGER:
		return value_integer((int64_t)random_bits(seed) >> rand_r(seed) % 64);
	case VALUE_BOOLEAN:
		return value_boolean(rand_r(seed) % 2);
	case VALUE_STRING:
	default:
		return value_string((struct bytes){ letters, (size_t)rand_r(seed) % 40 });
	}
}

static struct table random_table(unsigned *seed)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	struct point key = { .measurement = bytes_of("m") };
	size_t fields = 1 + (size_t)rand_r(seed) % COUNT(names);
	for (size_t i = 0; i < fields; i++)
		point_add_field(&key, names[i],
				random_value((enum value_type)(rand_r(seed) % 4), seed));
	struct table t = table_make(key, 1 + (size_t)rand_r(seed) % 200);
	int64_t time = 1795000000000;
	for (size_t i = 0; i < t.rows; i++) {
		time += rand_r(seed) % 5 ? 1000 : rand_r(seed) % 3000 - 1000;
		t.times[i] = time;
		for (size_t f = 0; f < fields; f++) {
			bool again = i && rand_r(seed) % 2;
			t.values[i * fields + f] =
				again ? t.values[(i - 1) * fields + f]
				      : random_value(key.fields[f].value.type, seed);
		}
	}
	return t;
}

static void random_tables_read_back(void **state)
{
	unsigned seed = 20261124;
	(void)state;
	for (int round = 0; round < 400; round++) {
		struct table tables[] = { random_table(&seed), random_table(&seed) };
		assert_round_trip(tables, 2);
		table_free(&tables[0]);
		table_free(&tables[1]);
	}
}

/* --- what is not ours --- */

/* A small table of every kind of column. */
static struct table table_of_all_kinds(void)
{
	struct point key = point_of("m", "decimal", value_float(0));
	assert_ok(point_set_tag(&key, bytes_of("t"), bytes_of("v")));
	point_add_field(&key, "float32", value_float(0));
	point_add_field(&key, "float64", value_float(0));
	point_add_field(&key, "integer", value_integer(0));
	point_add_field(&key, "string", value_string(bytes_of("")));
	struct table t = table_make(key, 5);
	for (size_t i = 0; i < t.rows; i++) {
		t.times[i] = 1795000000000 + (int64_t)i * 1000;
		t.values[5 * i] = value_float(0.25 * (double)i);
		t.values[5 * i + 1] = value_float((double)(1.1f * (float)i));
		t.values[5 * i + 2] = value_float(sqrt((double)i));
		t.values[5 * i + 3] = value_integer(i < 3 ? 7 : 8);
		t.values[5 * i + 4] = value_string(bytes_of("text"));
	}
	return t;
}

static struct bytes sample_of_all_kinds(void)
{
	struct table t = table_of_all_kinds();
	struct bytes columns = encode(&t, 1);
	table_free(&t);
	return columns;
}

static void a_cut_at_any_byte_is_seen(void **state)
{
	struct bytes all = sample_of_all_kinds();
	(void)state;
	for (size_t n = 0; n < all.len; n++)
		assert_corrupt((struct bytes){ all.at, n });
	free((void *)(uintptr_t)all.at);
}

static void a_byte_too_many_is_seen(void **state)
{
	struct bytes all = sample_of_all_kinds();
	char *longer = malloc(all.len + 1);
	(void)state;
	assert_non_null(longer);
	memcpy(longer, all.at, all.len);
	longer[all.len] = 0;
	assert_corrupt((struct bytes){ longer, all.len + 1 });
	free(longer);
	free((void *)(uintptr_t)all.at);
}

static void a_flipped_bit_never_does_harm(void **state)
{
	struct bytes all = sample_of_all_kinds();
	char *flipped = malloc(all.len);
	size_t refused = 0;
	(void)state;
	assert_non_null(flipped);
	for (size_t bit = 0; bit < all.len * 8; bit++) {
		memcpy(flipped, all.at, all.len);
		flipped[bit / 8] ^= (char)(1 << bit % 8);
		enum err e = columns_read((struct bytes){ flipped, all.len }, ignore, NULL, NULL);
		assert_true(e == OK || e == ERR_CORRUPT);
		refused += e == ERR_CORRUPT;
	}
	assert_true(refused > 0);
	free(flipped);
	free((void *)(uintptr_t)all.at);
}

static void random_bytes_never_do_harm(void **state)
{
	unsigned seed = 3;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand_r(&seed) % 64;
		char *text = malloc(len + 1);
		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			text[i] = (char)(rand_r(&seed) % 3 ? rand_r(&seed) % 4 : rand_r(&seed));
		enum err e = columns_read((struct bytes){ text, len }, ignore, NULL, NULL);
		assert_true(e == OK || e == ERR_CORRUPT);
		free(text);
	}
}

/* Bytes by hand: one table "m" with an integer field "f" and one row of 0 at 0. */
#define GOOD                                                                                       \
	"\x01\x01m\x00\x01\x01"                                                                    \
	"f\x01\x01"                                                                                \
	"\x00\x01"                                                                                 \
	"\x00\x01"

static void the_table_written_by_hand_is_good(void **state)
{
	(void)state;
	assert_ok(columns_read(BYTES_LIT(GOOD), ignore, NULL, NULL));
}

static void counts_that_lie_are_refused(void **state)
{
	(void)state;
	/* tables */
	assert_corrupt(BYTES_LIT("\x02\x01m\x00\x01\x01"
				 "f\x01\x01"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x00\x01m\x00\x01\x01"
				 "f\x01\x01"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
	/* tags, fields, rows */
	assert_corrupt(BYTES_LIT("\x01\x01m\x11\x01\x01"
				 "f\x01\x01"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x21\x01"
				 "f\x01\x01"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x01\x00"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x01\x02"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x01\x81\x80\x01"
				 "\x00\x01"));
	/* a row of zeroes that is longer than the column, or empty */
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x01\x01"
				 "\x00\x02"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x01\x01"
				 "\x00\x00"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x01\x01"
				 "\x00\x01"
				 "\x00\x09"));
}

static void a_key_without_a_measurement_is_refused(void **state)
{
	(void)state;
	assert_corrupt(BYTES_LIT("\x01\x00\x00\x01\x01"
				 "f\x01\x01"
				 "\x00\x01"
				 "\x00\x01"));
}

static void lengths_that_lie_are_refused(void **state)
{
	(void)state;
	assert_corrupt(BYTES_LIT("\x01\x7fm\x00\x01\x01"
				 "f\x01\x01"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01m"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x03\x01"
				 "\x00\x01"
				 "\x05"
				 "abc"));
}

static void unknown_types_and_kinds_are_refused(void **state)
{
	(void)state;
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x04\x01"
				 "\x00\x01"
				 "\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x00\x01"
				 "\x00\x01"
				 "\x0c\x00\x01"));
	assert_corrupt(BYTES_LIT("\x01\x01m\x00\x01\x01"
				 "f\x00\x01"
				 "\x00\x01"
				 "\xff\x00\x01"));
}

static void what_does_not_fit_is_cut_and_said(void **state)
{
	struct table t = table_of_all_kinds();
	struct bytes whole = encode(&t, 1);
	(void)state;
	for (size_t cap = 0; cap <= whole.len; cap++) {
		struct columns_out o = { .at = malloc(cap + 1), .cap = cap };
		assert_non_null(o.at);
		o.at[cap] = 0x5a;
		put_tables(&o, &t, 1);
		assert_int_equal(o.at[cap], 0x5a);
		assert_int_equal(o.cut, cap < whole.len);
		free(o.at);
	}
	free((void *)(uintptr_t)whole.at);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_row_reads_back),
		cmocka_unit_test(tags_and_all_types_read_back),
		cmocka_unit_test(the_largest_key_reads_back),
		cmocka_unit_test(tables_are_told_one_after_the_other),
		cmocka_unit_test(no_table_at_all_tells_nothing),
		cmocka_unit_test(times_may_be_anything),
		cmocka_unit_test(integers_may_be_anything),
		cmocka_unit_test(a_negative_zero_stays_negative),
		cmocka_unit_test(the_smallest_numbers_stay_exact),
		cmocka_unit_test(the_largest_numbers_stay_exact),
		cmocka_unit_test(numbers_around_2_53_stay_exact),
		cmocka_unit_test(numbers_that_a_float_holds_stay_exact),
		cmocka_unit_test(decimals_stay_exact_also_beside_each_other),
		cmocka_unit_test(infinities_and_nan_stay_what_they_are),
		cmocka_unit_test(strings_may_be_empty_long_or_any_bytes),
		cmocka_unit_test(as_many_rows_as_a_segment_may_have_read_back),
		cmocka_unit_test(more_rows_than_a_segment_may_have_are_refused),
		cmocka_unit_test(equal_values_take_no_room),
		cmocka_unit_test(random_tables_read_back),
		cmocka_unit_test(a_cut_at_any_byte_is_seen),
		cmocka_unit_test(a_byte_too_many_is_seen),
		cmocka_unit_test(a_flipped_bit_never_does_harm),
		cmocka_unit_test(random_bytes_never_do_harm),
		cmocka_unit_test(the_table_written_by_hand_is_good),
		cmocka_unit_test(counts_that_lie_are_refused),
		cmocka_unit_test(a_key_without_a_measurement_is_refused),
		cmocka_unit_test(lengths_that_lie_are_refused),
		cmocka_unit_test(unknown_types_and_kinds_are_refused),
		cmocka_unit_test(what_does_not_fit_is_cut_and_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
