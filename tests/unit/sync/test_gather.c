#include "sync/gather.h"

#include "base/label.h"
#include "ports/compress.h"
#include "sync/columns.h"
#include "sync/segment.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"
#include "tests/unit/sync/points.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 8, UNPACKED_MAX = 256 * 1024 };

/* One segment as it was told, its points counted and summed up. */
struct segment_told {
	char stream[LABEL_SIZE];
	bool wall;
	int64_t newest_ms;
	uint32_t points, decoded;
	size_t bytes;
	double sum; /* of all floats and integers */
	int64_t time_sum;
};

struct fixture {
	struct scratch scratch;
	struct gather gather;
	struct segment_told told[SEGMENTS_MAX];
	size_t told_count;
	struct point expected; /* of every point that is decoded; measurement empty: do not ask */
};

static void open_gather(struct fixture *f)
{
	struct why why = { "" };
	if (gather_open(&f->gather, scratch_at(&f->scratch, "gather"), GATHER_BYTES, &why))
		fail_msg("%s", why.text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	open_gather(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	gather_close(&f->gather);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* As a killed agent's successor does. */
static void reopen(struct fixture *f)
{
	gather_close(&f->gather);
	open_gather(f);
}

static void on_point(void *owner, const struct point *p)
{
	struct fixture *f = owner;
	struct segment_told *s = &f->told[f->told_count];
	s->decoded++;
	s->time_sum += p->time_ms;
	for (size_t i = 0; i < p->field_count; i++) {
		if (p->fields[i].value.type == VALUE_FLOAT)
			s->sum += p->fields[i].value.number;
		else if (p->fields[i].value.type != VALUE_STRING)
			s->sum += (double)p->fields[i].value.integer;
	}
	if (f->expected.measurement.len)
		assert_true(point_is_same(p, &f->expected));
}

static enum err on_segment(void *owner, const struct gather_segment *s, struct why *why)
{
	struct fixture *f = owner;
	static char columns[UNPACKED_MAX];
	size_t len;
	(void)why;
	assert_in_range(f->told_count, 0, SEGMENTS_MAX - 1);
	struct segment_told *t = &f->told[f->told_count];
	*t = (struct segment_told){ .wall = s->wall,
				    .newest_ms = s->newest_ms,
				    .points = s->points,
				    .bytes = s->body.len };
	snprintf(t->stream, sizeof t->stream, "%s", s->stream);
	assert_ok(compress_unpack(s->body, columns, sizeof columns, &len));
	assert_ok(columns_read((struct bytes){ columns, len }, on_point, f, NULL));
	assert_int_equal(t->decoded, t->points);
	assert_true(s->body.len + SEGMENT_HEAD_MAX <= MESSAGE_MAX);
	f->told_count++;
	return OK;
}

static void encode(struct fixture *f)
{
	struct why why = { "" };
	f->told_count = 0;
	if (gather_encode(&f->gather, on_segment, f, &why))
		fail_msg("%s", why.text);
}

static const struct segment_told *find(const struct fixture *f, const char *stream, bool wall)
{
	for (size_t i = 0; i < f->told_count; i++)
		if (strcmp(f->told[i].stream, stream) == 0 && f->told[i].wall == wall)
			return &f->told[i];
	fail_msg("no segment of %s", stream);
	return NULL;
}

static enum err add(struct fixture *f, const char *stream, double n, int64_t time_ms)
{
	const struct point p = point_of("m", "f", value_float(n));
	return gather_add(&f->gather, stream, &p, time_ms, true);
}

static uint32_t fill(struct fixture *f)
{
	uint32_t n = 0;
	while (add(f, "s", 1, 1000) == OK)
		n++;
	return n;
}

static void a_new_one_is_empty(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->gather.points, 0);
	encode(f);
	assert_int_equal(f->told_count, 0);
}

static void what_was_added_is_encoded(void **state)
{
	struct fixture *f = *state;
	for (int i = 1; i <= 100; i++)
		assert_ok(add(f, "camera", i, 1000 + i));
	assert_int_equal(f->gather.points, 100);
	encode(f);
	assert_int_equal(f->told_count, 1);
	const struct segment_told *s = find(f, "camera", true);
	assert_int_equal(s->points, 100);
	assert_true(s->sum == 5050);
	assert_int_equal(s->time_sum, 105050);
	assert_int_equal(s->newest_ms, 1100);
}

static void every_type_and_tag_comes_back(void **state)
{
	struct fixture *f = *state;
	struct point p = point_of("line", "sag", value_float(-0.0));
	assert_ok(point_set_tag(&p, bytes_of("span"), bytes_of("4")));
	assert_ok(point_set_tag(&p, bytes_of("side"), bytes_of("left")));
	point_add_field(&p, "n", value_integer(INT64_MIN));
	point_add_field(&p, "on", value_boolean(true));
	point_add_field(&p, "s", value_string(BYTES_LIT("a\0b")));
	point_add_field(&p, "none", value_string(bytes_of("")));
	f->expected = p;
	assert_ok(gather_add(&f->gather, "s", &p, 1, true));
	assert_ok(gather_add(&f->gather, "s", &p, 2, true));
	encode(f);
	assert_int_equal(find(f, "s", true)->points, 2);
}

static void encoding_takes_nothing_away(void **state)
{
	struct fixture *f = *state;
	assert_ok(add(f, "s", 1, 1));
	encode(f);
	encode(f);
	assert_int_equal(find(f, "s", true)->points, 1);
}

static void streams_and_clocks_are_kept_apart(void **state)
{
	struct fixture *f = *state;
	const struct point p = point_of("m", "f", value_float(1));
	assert_ok(gather_add(&f->gather, "a", &p, 100, true));
	assert_ok(gather_add(&f->gather, "b", &p, 200, true));
	assert_ok(gather_add(&f->gather, "a", &p, 5, false));
	assert_ok(gather_add(&f->gather, "b", &p, 6, false));
	assert_ok(gather_add(&f->gather, "a", &p, 101, true));
	encode(f);
	assert_int_equal(f->told_count, 4);
	assert_int_equal(find(f, "a", true)->points, 2);
	assert_int_equal(find(f, "a", true)->newest_ms, 101);
	assert_int_equal(find(f, "a", false)->newest_ms, 5);
	assert_int_equal(find(f, "b", true)->newest_ms, 200);
	assert_int_equal(find(f, "b", false)->points, 1);
}

static void the_newest_time_is_not_that_of_the_last_point(void **state)
{
	struct fixture *f = *state;
	assert_ok(add(f, "s", 1, 5000));
	assert_ok(add(f, "s", 2, 3000));
	encode(f);
	assert_int_equal(find(f, "s", true)->newest_ms, 5000);
}

static void points_of_other_types_are_other_series(void **state)
{
	struct fixture *f = *state;
	const struct point a = point_of("m", "f", value_float(1)),
			   b = point_of("m", "f", value_integer(1)),
			   c = point_of("m", "g", value_float(1));
	assert_ok(gather_add(&f->gather, "s", &a, 1, true));
	assert_ok(gather_add(&f->gather, "s", &b, 1, true));
	assert_ok(gather_add(&f->gather, "s", &c, 1, true));
	assert_ok(gather_add(&f->gather, "s", &a, 2, true));
	assert_int_equal(f->gather.series_count, 3);
	encode(f);
	assert_int_equal(find(f, "s", true)->points, 4);
}

static void clearing_forgets_and_counts(void **state)
{
	struct fixture *f = *state;
	int64_t number = gather_number(&f->gather);
	assert_ok(add(f, "s", 1, 1));
	assert_true(gather_number(&f->gather) == number);
	gather_clear(&f->gather);
	assert_true(gather_number(&f->gather) == number + 1);
	assert_int_equal(f->gather.points, 0);
	encode(f);
	assert_int_equal(f->told_count, 0);
	assert_ok(add(f, "s", 7, 1));
	encode(f);
	assert_true(find(f, "s", true)->sum == 7);
}

static void what_an_agent_left_is_taken_over(void **state)
{
	struct fixture *f = *state;
	int64_t number = gather_number(&f->gather);
	const struct point p = point_of("other", "s", value_string(bytes_of("text")));
	assert_ok(add(f, "a", 1, 1000));
	assert_ok(gather_add(&f->gather, "b", &p, 5, false));
	assert_ok(add(f, "a", 2, 2000));
	reopen(f);
	assert_int_equal(f->gather.points, 3);
	assert_true(gather_number(&f->gather) == number);
	assert_ok(add(f, "a", 4, 3000));
	encode(f);
	assert_int_equal(f->told_count, 2);
	assert_int_equal(find(f, "a", true)->points, 3);
	assert_true(find(f, "a", true)->sum == 7);
	assert_int_equal(find(f, "b", false)->points, 1);
}

static void a_full_one_is_taken_over_whole(void **state)
{
	struct fixture *f = *state;
	uint32_t n = fill(f);
	reopen(f);
	assert_int_equal(f->gather.points, n);
	assert_err(ERR_FULL, add(f, "s", 1, 1));
	encode(f);
	assert_int_equal(find(f, "s", true)->points, n);
}

static void a_cleared_one_stays_cleared(void **state)
{
	struct fixture *f = *state;
	assert_ok(add(f, "s", 1, 1));
	gather_clear(&f->gather);
	int64_t number = gather_number(&f->gather);
	reopen(f);
	assert_int_equal(f->gather.points, 0);
	assert_true(gather_number(&f->gather) == number);
}

static void a_killed_process_leaves_its_points(void **state)
{
	struct fixture *f = *state;
	gather_close(&f->gather);
	pid_t pid = fork();
	if (pid == 0) {
		struct gather g;
		const struct point p = point_of("m", "f", value_float(3));
		if (gather_open(&g, scratch_at(&f->scratch, "gather"), GATHER_BYTES, NULL) ||
		    gather_add(&g, "s", &p, 1, true) || gather_add(&g, "s", &p, 2, true))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	int status;
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFSIGNALED(status));
	open_gather(f);
	encode(f);
	assert_int_equal(find(f, "s", true)->points, 2);
	assert_true(find(f, "s", true)->sum == 6);
}

static void another_boots_points_are_not_trusted(void **state)
{
	struct fixture *f = *state;
	int64_t number = gather_number(&f->gather);
	assert_ok(add(f, "s", 1, 1));
	clock_fake_set_boot("9f2c0000-0000-4000-8000-000000000002");
	reopen(f);
	clock_fake_set_boot("9f2c0000-0000-4000-8000-000000000001");
	assert_int_equal(f->gather.points, 0);
	assert_true(gather_number(&f->gather) != number);
	encode(f);
	assert_int_equal(f->told_count, 0);
}

static void a_full_one_says_so_and_keeps_what_it_has(void **state)
{
	struct fixture *f = *state;
	uint32_t n = fill(f);
	assert_true(n > 1000);
	assert_err(ERR_FULL, add(f, "s", 1, 1));
	encode(f);
	assert_int_equal(find(f, "s", true)->points, n);
	gather_clear(&f->gather);
	assert_ok(add(f, "s", 1, 1));
}

static void one_series_more_than_fits_is_full(void **state)
{
	struct fixture *f = *state;
	char name[16];
	for (int i = 0; i < GATHER_SERIES_MAX; i++) {
		snprintf(name, sizeof name, "m%d", i);
		const struct point p = point_of(name, "f", value_integer(i));
		assert_ok(gather_add(&f->gather, "s", &p, i, true));
	}
	const struct point more = point_of("more", "f", value_integer(0)),
			   old = point_of("m7", "f", value_integer(0));
	assert_err(ERR_FULL, gather_add(&f->gather, "s", &more, 1, true));
	assert_ok(gather_add(&f->gather, "s", &old, 1, true));
	reopen(f);
	assert_int_equal(f->gather.points, GATHER_SERIES_MAX + 1);
}

static const char *letters(size_t n)
{
	static char text[POINT_STRING_MAX + 1];
	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

static void a_key_that_is_too_long_would_never_fit(void **state)
{
	struct fixture *f = *state;
	const struct point fits = point_of(letters(POINT_KEY_MAX - 7), "f", value_integer(0));
	assert_ok(gather_add(&f->gather, "s", &fits, 1, true));
	gather_clear(&f->gather);
	const struct point p = point_of(letters(POINT_KEY_MAX - 6), "f", value_integer(0));
	assert_err(ERR_INVALID, gather_add(&f->gather, "s", &p, 1, true));
	assert_ok(add(f, "s", 1, 1));
	assert_err(ERR_INVALID, gather_add(&f->gather, "s", &p, 1, true));
	assert_int_equal(f->gather.points, 1);
}

static void a_point_larger_than_all_would_never_fit(void **state)
{
	struct fixture *f = *state;
	static char names[POINT_FIELDS_MAX][4];
	struct point p = { .measurement = bytes_of("m") };
	const struct value v = value_string(bytes_of(letters(POINT_STRING_MAX)));
	for (size_t i = 0; i < 15; i++) {
		snprintf(names[i], sizeof names[i], "f%zu", i);
		point_add_field(&p, names[i], v);
	}
	assert_err(ERR_INVALID, gather_add(&f->gather, "s", &p, 1, true));
	p.field_count = 14;
	assert_ok(gather_add(&f->gather, "s", &p, 1, true));
	encode(f);
	assert_int_equal(find(f, "s", true)->points, 1);
}

/* Leave about `room` bytes; exactness does not matter. */
static void fill_but(struct fixture *f, size_t room)
{
	enum { STEP = 3000, OVERHEAD = 24, DEFINITION = 109 };
	gather_clear(&f->gather);
	for (size_t left = GATHER_BYTES - DEFINITION - room, n; left > OVERHEAD;
	     left -= n + OVERHEAD) {
		n = left >= STEP + 2 * OVERHEAD ? STEP : left - OVERHEAD;
		struct point p = point_of("m", "f", value_string(bytes_of(letters(n))));
		assert_ok(gather_add(&f->gather, "s", &p, 1, true));
	}
}

/* What does not fit now is not what would never fit. */
static void full_is_told_apart_from_too_large(void **state)
{
	struct fixture *f = *state;
	size_t full = 0, taken = 0;
	for (size_t room = 800; room < 1300; room += 7) {
		fill_but(f, room);
		const struct point p =
			point_of(letters(950), "a-field-with-a-name-of-forty-eight-letters-xxxxx",
				 value_integer(0));
		enum err e = gather_add(&f->gather, "s", &p, 1, true);
		if (e != OK && e != ERR_FULL)
			fail_msg("with %zu bytes left: %s", room, err_name(e));
		full += e == ERR_FULL;
		taken += e == OK;
	}
	assert_true(full > 0 && taken > 0);
}

static void what_cannot_be_compressed_still_fits_a_message(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 11;
	char text[512];
	struct point p = point_of("m", "s", value_string((struct bytes){ text, sizeof text }));
	do
		for (size_t i = 0; i < sizeof text; i++)
			text[i] = (char)rand_r(&seed);
	while (gather_add(&f->gather, "s", &p, rand_r(&seed), true) == OK);
	encode(f);
	assert_in_range(find(f, "s", true)->bytes, 50 * 1024, MESSAGE_MAX - SEGMENT_HEAD_MAX);
}

static void random_floats_still_fit_a_message(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 12;
	struct point p = point_of("m", "f0", value_float(0));
	static char names[POINT_FIELDS_MAX][4];
	for (size_t i = 1; i < POINT_FIELDS_MAX; i++) {
		snprintf(names[i], sizeof names[i], "f%zu", i);
		point_add_field(&p, names[i], value_float(0));
	}
	do
		for (size_t i = 0; i < POINT_FIELDS_MAX; i++)
			p.fields[i].value =
				value_float((double)rand_r(&seed) / (1 + rand_r(&seed)));
	while (gather_add(&f->gather, "s", &p, rand_r(&seed), true) == OK);
	encode(f);
	assert_true(find(f, "s", true)->points > 100);
}

static enum err refuse(void *owner, const struct gather_segment *s, struct why *why)
{
	size_t *calls = owner;
	(void)s;
	(*calls)++;
	return why_set(why, ERR_SYSTEM, "no");
}

static void the_first_error_ends_the_encoding_and_is_answered(void **state)
{
	struct fixture *f = *state;
	struct why why;
	size_t calls = 0;
	assert_ok(add(f, "a", 1, 1));
	assert_ok(add(f, "b", 1, 1));
	assert_err(ERR_SYSTEM, gather_encode(&f->gather, refuse, &calls, &why));
	assert_int_equal(calls, 1);
	assert_string_equal(why.text, "no");
	assert_int_equal(f->gather.points, 2);
}

int main(void)
{
#define GATHER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		GATHER_TEST(a_new_one_is_empty),
		GATHER_TEST(what_was_added_is_encoded),
		GATHER_TEST(every_type_and_tag_comes_back),
		GATHER_TEST(encoding_takes_nothing_away),
		GATHER_TEST(streams_and_clocks_are_kept_apart),
		GATHER_TEST(the_newest_time_is_not_that_of_the_last_point),
		GATHER_TEST(points_of_other_types_are_other_series),
		GATHER_TEST(clearing_forgets_and_counts),
		GATHER_TEST(what_an_agent_left_is_taken_over),
		GATHER_TEST(a_full_one_is_taken_over_whole),
		GATHER_TEST(a_cleared_one_stays_cleared),
		GATHER_TEST(a_killed_process_leaves_its_points),
		GATHER_TEST(another_boots_points_are_not_trusted),
		GATHER_TEST(a_full_one_says_so_and_keeps_what_it_has),
		GATHER_TEST(one_series_more_than_fits_is_full),
		GATHER_TEST(a_key_that_is_too_long_would_never_fit),
		GATHER_TEST(a_point_larger_than_all_would_never_fit),
		GATHER_TEST(full_is_told_apart_from_too_large),
		GATHER_TEST(what_cannot_be_compressed_still_fits_a_message),
		GATHER_TEST(random_floats_still_fit_a_message),
		GATHER_TEST(the_first_error_ends_the_encoding_and_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
