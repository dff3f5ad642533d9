#include "sync/segment.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

struct written {
	char at[SEGMENT_HEAD_MAX + 16];
	size_t head_len, len;
};

static struct written write(const struct segment_head *h, struct bytes body)
{
	struct written w;
	w.head_len = segment_write(h, w.at);
	assert_in_range(w.head_len, 1, SEGMENT_HEAD_MAX);
	memcpy(w.at + w.head_len, body.at, body.len);
	w.len = w.head_len + body.len;
	return w;
}

static struct bytes bytes_in(const struct written *w)
{
	return (struct bytes){ w->at, w->len };
}

static void assert_round_trip(const struct segment_head *h)
{
	struct written w = write(h, BYTES_LIT("body"));
	struct segment_head got;
	struct bytes body;
	assert_ok(segment_read(bytes_in(&w), &got, &body, NULL));
	assert_string_equal(got.buf, h->buf);
	assert_true(got.seq == h->seq);
	assert_int_equal(got.history, h->history);
	assert_int_equal(got.clock, h->clock);
	assert_true(got.clock_ms == h->clock_ms);
	assert_true(bytes_are(body, "body"));
}

static void assert_refused(struct bytes payload)
{
	struct segment_head got;
	struct bytes body;
	struct why why = { "" };
	char *copy = malloc(payload.len ? payload.len : 1);
	assert_non_null(copy);
	if (payload.len)
		memcpy(copy, payload.at, payload.len);
	assert_err(ERR_INVALID,
		   segment_read((struct bytes){ copy, payload.len }, &got, &body, &why));
	assert_string_not_equal(why.text, "");
	free(copy);
}

static void what_is_written_reads_back(void **state)
{
	const struct segment_head heads[] = {
		{ .buf = "k3f9x0ab", .seq = 1842 },
		{ .buf = "a", .seq = 1, .history = true },
		{ .buf = "a", .seq = 127, .clock = SEGMENT_OFFSET, .clock_ms = 1795000000123 },
		{ .buf = "a", .seq = 128, .clock = SEGMENT_ARRIVAL, .clock_ms = 5 },
		{ .buf = "a", .seq = 16384, .clock = SEGMENT_ARRIVAL, .history = true },
		{ .buf = "abcdefghijklmnopqrstuvwxyz01234",
		  .seq = INT64_MAX,
		  .clock = SEGMENT_OFFSET,
		  .clock_ms = INT64_MAX },
	};
	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		assert_round_trip(&heads[i]);
}

static void the_bytes_are_those_of_version_1(void **state)
{
	const struct segment_head h = {
		.buf = "k3", .seq = 300, .history = true, .clock = SEGMENT_OFFSET, .clock_ms = 1
	};
	struct written w = write(&h, BYTES_LIT(""));
	(void)state;
	assert_int_equal(w.len, 8);
	assert_memory_equal(w.at, "\x01\x03\x02k3\xac\x02\x01", 8);
}

static void an_empty_body_is_a_body(void **state)
{
	const struct segment_head h = { .buf = "a", .seq = 1 };
	struct written w = write(&h, BYTES_LIT(""));
	struct segment_head got;
	struct bytes body;
	(void)state;
	assert_ok(segment_read(bytes_in(&w), &got, &body, NULL));
	assert_int_equal(body.len, 0);
}

static void a_head_that_is_cut_anywhere_is_refused(void **state)
{
	const struct segment_head h = {
		.buf = "k3f9x0ab", .seq = 1842, .clock = SEGMENT_OFFSET, .clock_ms = 1795000000123
	};
	struct written w = write(&h, BYTES_LIT(""));
	(void)state;
	for (size_t n = 0; n < w.head_len; n++)
		assert_refused((struct bytes){ w.at, n });
}

static void another_version_is_refused(void **state)
{
	(void)state;
	assert_refused(BYTES_LIT("\x02\x00\x01"
				 "a\x01"));
	assert_refused(BYTES_LIT("\x00\x00\x01"
				 "a\x01"));
}

static void unknown_flags_are_refused(void **state)
{
	(void)state;
	assert_refused(BYTES_LIT("\x01\x08\x01"
				 "a\x01"));
	assert_refused(BYTES_LIT("\x01\x80\x01"
				 "a\x01"));
}

static void a_buf_that_is_empty_or_too_long_is_refused(void **state)
{
	char payload[64] = "\x01";
	(void)state;
	assert_refused(BYTES_LIT("\x01\x00\x00\x01"
				 "body"));
	memset(payload + 3, 'a', 40);
	payload[1] = 0;
	payload[2] = SEGMENT_BUF_MAX + 1;
	assert_refused((struct bytes){ payload, sizeof payload });
	payload[2] = (char)0xff;
	assert_refused((struct bytes){ payload, sizeof payload });
}

static void a_buf_with_a_nul_is_refused(void **state)
{
	(void)state;
	assert_refused(BYTES_LIT("\x01\x00\x02"
				 "\0a\x01"));
}

static void a_number_without_end_is_refused(void **state)
{
	(void)state;
	assert_refused(BYTES_LIT("\x01\x00\x01"
				 "a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
}

static void a_number_beyond_63_bits_is_refused(void **state)
{
	(void)state;
	assert_refused(BYTES_LIT("\x01\x00\x01"
				 "a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
	/* 2^64: its low 64 bits are zero. */
	assert_refused(BYTES_LIT("\x01\x00\x01"
				 "a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"));
}

static void any_bytes_have_an_answer(void **state)
{
	unsigned seed = 7;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand_r(&seed) % 48;
		char *payload = malloc(len + 1);
		struct segment_head got;
		struct bytes body;
		assert_non_null(payload);
		for (size_t i = 0; i < len; i++)
			payload[i] = (char)(i < 3 ? rand_r(&seed) % 9 : rand_r(&seed));
		if (segment_read((struct bytes){ payload, len }, &got, &body, NULL) == OK) {
			assert_true(got.seq >= 0 && got.clock_ms >= 0);
			assert_in_range(body.len, 0, len);
		}
		free(payload);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(the_bytes_are_those_of_version_1),
		cmocka_unit_test(an_empty_body_is_a_body),
		cmocka_unit_test(a_head_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(unknown_flags_are_refused),
		cmocka_unit_test(a_buf_that_is_empty_or_too_long_is_refused),
		cmocka_unit_test(a_buf_with_a_nul_is_refused),
		cmocka_unit_test(a_number_without_end_is_refused),
		cmocka_unit_test(a_number_beyond_63_bits_is_refused),
		cmocka_unit_test(any_bytes_have_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
