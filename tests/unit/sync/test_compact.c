#include "sync/compact.h"

#include "ports/compress.h"
#include "sync/columns.h"
#include "sync/letter.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

enum { QUOTA = 1024 * 1024, POINTS = 500, SEQ_END = 1 << 30, TIMES_MAX = 40000 };
static const int64_t BEGAN_MS = 1795514400000;

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct outbox outbox;
	struct compact compact;
	uint32_t noise;
	int64_t made; /* points of the series "a" so far, one a second */
	/* what read_back() found */
	size_t letters, points;
	int64_t bytes;
	unsigned char seen[TIMES_MAX]; /* points of each second */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(outbox_open(&f->outbox, f->store, QUOTA, NULL));
	compact_init(&f->compact, &f->outbox, f->scratch.folder, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static enum err keep(void *owner, const struct gather_segment *s, struct why *why)
{
	struct fixture *f = owner;
	const struct letter l = { .class = LETTER_TELEMETRY,
				  .made_ms = s->newest_ms,
				  .items = s->points,
				  .flags = LETTER_WALL,
				  .stream = s->stream,
				  .body = s->body };
	return outbox_add(&f->outbox, &l, why);
}

/* Values that do not compress to nothing; the same in every run. */
static uint32_t chance(struct fixture *f)
{
	f->noise = f->noise * 1664525 + 1013904223;
	return f->noise >> 8;
}

/* A segment of as many points, as a flush makes it. */
static void add(struct fixture *f, const char *stream, size_t points)
{
	struct gather g;
	assert_ok(gather_open(&g, scratch_at(&f->scratch, "gather"), GATHER_BYTES, NULL));
	for (size_t i = 0; i < points; i++) {
		struct point p = { .measurement = bytes_of("m"), .field_count = 1 };
		p.fields[0] = (struct point_field){ bytes_of("v"), { VALUE_INTEGER } };
		p.fields[0].value.integer = chance(f) % 1009;
		assert_ok(gather_add(&g, stream, &p, BEGAN_MS + f->made++ * 1000, true));
	}
	assert_ok(gather_encode(&g, keep, f, NULL));
	gather_clear(&g);
	gather_close(&g);
}

static void see(void *owner, const struct point *p)
{
	struct fixture *f = owner;
	const int64_t second = (p->time_ms - BEGAN_MS) / 1000;
	assert_in_range(second, 0, TIMES_MAX - 1);
	f->seen[second]++;
	f->points++;
}

static void read_back(struct fixture *f)
{
	static char columns[1024 * 1024];
	struct letter l;
	size_t len;
	f->letters = f->points = 0;
	f->bytes = 0;
	memset(f->seen, 0, sizeof f->seen);
	for (int64_t at = 0; store_next(f->store, LETTER_TELEMETRY, at, SEQ_END, &l) == OK;
	     at = l.seq) {
		f->letters++;
		f->bytes += (int64_t)l.body.len;
		const size_t before = f->points;
		assert_ok(compress_unpack(l.body, columns, sizeof columns, &len));
		assert_ok(columns_read((struct bytes){ columns, len }, see, f, NULL));
		assert_int_equal(f->points - before, l.items);
	}
}

static void expect_each_once(struct fixture *f)
{
	assert_int_equal(f->points, f->made);
	for (int64_t i = 0; i < f->made; i++)
		assert_int_equal(f->seen[i], 1);
}

static void letters_that_wait_become_few_and_every_point_stays(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 64; i++) {
		add(f, "pod", POINTS);
		assert_ok(compact_look(&f->compact, NULL));
	}
	read_back(f);
	expect_each_once(f);
	assert_in_range(f->letters, 4, 64 / COMPACT_LETTERS_LEAST + COMPACT_LETTERS_LEAST);
}

static void what_may_have_been_sent_keeps_its_number(void **state)
{
	struct fixture *f = *state;
	compact_on_up(&f->compact);
	for (int i = 0; i < 20; i++)
		add(f, "pod", POINTS);
	for (int i = 0; i < 20; i++)
		assert_ok(compact_look(&f->compact, NULL));
	read_back(f);
	assert_int_equal(f->letters, 20);
	compact_on_down(&f->compact);
	for (int i = 0; i < 20; i++)
		assert_ok(compact_look(&f->compact, NULL));
	read_back(f);
	assert_int_equal(f->letters, 20);
	for (int i = 0; i < 8; i++) {
		add(f, "pod", POINTS);
		assert_ok(compact_look(&f->compact, NULL));
	}
	read_back(f);
	assert_int_equal(f->letters, 21);
	expect_each_once(f);
	for (int64_t seq = 1; seq <= 20; seq++) {
		struct letter l;
		assert_ok(store_next(f->store, LETTER_TELEMETRY, seq - 1, seq, &l));
	}
}

static void what_an_earlier_agent_left_and_what_was_exported_too(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 10; i++)
		add(f, "pod", POINTS);
	compact_init(&f->compact, &f->outbox, f->scratch.folder, 0);
	for (int i = 0; i < 10; i++)
		assert_ok(compact_look(&f->compact, NULL));
	add(f, "pod", POINTS);
	compact_on_export(&f->compact);
	for (int i = 0; i < 10; i++)
		assert_ok(compact_look(&f->compact, NULL));
	read_back(f);
	assert_int_equal(f->letters, 11);
}

static void streams_are_not_mixed(void **state)
{
	struct fixture *f = *state;
	struct letter l;
	for (int i = 0; i < 16; i++)
		add(f, i % 2 ? "odd" : "even", POINTS);
	for (int i = 0; i < 16; i++)
		assert_ok(compact_look(&f->compact, NULL));
	read_back(f);
	expect_each_once(f);
	assert_int_equal(f->letters, 2);
	assert_ok(store_next(f->store, LETTER_TELEMETRY, 0, SEQ_END, &l));
	assert_string_equal(l.stream, "even");
}

static void points_are_thinned_when_it_is_nearly_full(void **state)
{
	struct fixture *f = *state;
	compact_init(&f->compact, &f->outbox, f->scratch.folder, 10 * 1000);
	f->outbox.quota = 3000;
	for (int i = 0; i < 12; i++) {
		add(f, "pod", POINTS);
		assert_ok(compact_look(&f->compact, NULL));
	}
	read_back(f);
	assert_true(f->compact.thinned > 0);
	assert_int_equal(f->outbox.dropped[LETTER_TELEMETRY], 0);
	assert_int_equal(f->points + (size_t)f->compact.thinned, f->made);
	/* Of ten seconds there is always one. */
	for (int64_t i = 0; i < f->made / 10; i++) {
		size_t n = 0;
		for (int k = 0; k < 10; k++)
			n += f->seen[i * 10 + k];
		assert_in_range(n, 1, 10);
	}
}

static void nothing_is_thinned_unless_it_is_asked_for(void **state)
{
	struct fixture *f = *state;
	f->outbox.quota = 6000;
	for (int i = 0; i < 12; i++) {
		add(f, "pod", POINTS);
		assert_ok(compact_look(&f->compact, NULL));
	}
	read_back(f);
	assert_int_equal(f->compact.thinned, 0);
	assert_int_equal(f->points + (size_t)f->outbox.dropped[LETTER_TELEMETRY], f->made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(letters_that_wait_become_few_and_every_point_stays),
		TEST(what_may_have_been_sent_keeps_its_number),
		TEST(what_an_earlier_agent_left_and_what_was_exported_too),
		TEST(streams_are_not_mixed),
		TEST(points_are_thinned_when_it_is_nearly_full),
		TEST(nothing_is_thinned_unless_it_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
