#include "ports/linux/packet.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_MAX = 1 << 20 };

/* A stream of packets, and what comes out of it. */
struct stream {
	unsigned char in[STREAM_MAX], out[STREAM_MAX];
	size_t in_len, out_len;
};

static size_t put_head(unsigned char *at, unsigned char type, size_t rest)
{
	size_t n = 0;
	at[n++] = type;
	do {
		at[n++] = (unsigned char)((rest & 127) | (rest > 127 ? 128 : 0));
		rest >>= 7;
	} while (rest);
	return n;
}

static void add(struct stream *s, unsigned char type, size_t rest)
{
	s->in_len += put_head(s->in + s->in_len, type, rest);
	for (size_t i = 0; i < rest; i++)
		s->in[s->in_len++] = (unsigned char)(type + i % 251);
}

/* As the tunnel does it: pieces of `piece` bytes, through a buffer. */
static void pass(struct stream *s, size_t piece)
{
	static char buffer[STREAM_MAX];
	struct packet_cut cut = { 0 };
	size_t kept = 0;
	s->out_len = 0;
	for (size_t at = 0; at < s->in_len;) {
		const size_t n = s->in_len - at < piece ? s->in_len - at : piece;
		memcpy(buffer + kept, s->in + at, n);
		at += n;
		size_t len = kept + n;
		const size_t good = packet_cut(&cut, buffer, &len);
		assert_in_range(good, 0, len);
		memcpy(s->out + s->out_len, buffer, good);
		s->out_len += good;
		kept = len - good;
		assert_in_range(kept, 0, PACKET_HEAD_MAX - 1);
		memmove(buffer, buffer + good, kept);
	}
	assert_int_equal(kept, 0);
}

static void what_is_within_bounds_passes_unchanged(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 4096, STREAM_MAX };
	static struct stream s;
	(void)state;
	s.in_len = 0;
	add(&s, 0x20, 2);
	add(&s, 0x30, 0);
	add(&s, 0x32, 127);
	add(&s, 0x32, 128);
	add(&s, 0x32, 16384);
	add(&s, 0x30, PACKET_MAX);
	add(&s, 0xd0, 0);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		pass(&s, pieces[i]);
		assert_int_equal(s.out_len, s.in_len);
		assert_memory_equal(s.out, s.in, s.in_len);
	}
}

static void what_is_beyond_is_cut_and_the_next_comes_whole(void **state)
{
	static const size_t pieces[] = { 1, 3, 5, 4096, STREAM_MAX };
	static struct stream s, expected;
	(void)state;
	s.in_len = expected.in_len = 0;
	add(&s, 0x32, PACKET_MAX + 1);
	add(&s, 0x32, 5);
	add(&s, 0x30, 500000);
	add(&s, 0xd0, 0);
	add(&expected, 0x32, PACKET_MAX);
	add(&expected, 0x32, 5);
	add(&expected, 0x30, PACKET_MAX);
	add(&expected, 0xd0, 0);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		pass(&s, pieces[i]);
		assert_int_equal(s.out_len, expected.in_len);
		assert_memory_equal(s.out, expected.in, expected.in_len);
	}
}

/* A length of four bytes keeps four. */
static void a_cut_header_keeps_its_length(void **state)
{
	char head[] = { 0x32, (char)0x80, (char)0x80, (char)0x80, 0x7f };
	struct packet_cut cut = { 0 };
	size_t len = sizeof head;
	(void)state;
	assert_int_equal(packet_cut(&cut, head, &len), 5);
	const size_t rest = (head[1] & 127u) | (head[2] & 127u) << 7 | (head[3] & 127u) << 14 |
			    (head[4] & 127u) << 21;
	assert_int_equal(rest, PACKET_MAX);
	assert_int_equal(head[4] & 128, 0);
	assert_int_equal(cut.pass, PACKET_MAX);
	assert_int_equal(cut.skip, (0x7fu << 21) - PACKET_MAX);
}

/* A length that does not end is for the library to refuse. */
static void what_is_no_packet_passes(void **state)
{
	char head[] = { 0x32, (char)0xff, (char)0xff, (char)0xff, (char)0xff };
	struct packet_cut cut = { 0 };
	size_t len = sizeof head;
	(void)state;
	assert_int_equal(packet_cut(&cut, head, &len), 5);
	assert_int_equal(len, 5);
}

static void any_bytes_have_an_answer(void **state)
{
	unsigned seed = 20261127;
	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct packet_cut cut = { 0 };
		char *bytes = malloc(64);
		size_t kept = 0;
		for (int i = 0; i < 50; i++) {
			size_t len = kept + (size_t)rand_r(&seed) % 60 % (64 - kept);
			for (size_t k = kept; k < len; k++)
				bytes[k] = (char)rand_r(&seed);
			const size_t good = packet_cut(&cut, bytes, &len);
			assert_in_range(good, 0, len);
			kept = len - good;
			assert_in_range(kept, 0, PACKET_HEAD_MAX - 1);
			memmove(bytes, bytes + good, kept);
		}
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_within_bounds_passes_unchanged),
		cmocka_unit_test(what_is_beyond_is_cut_and_the_next_comes_whole),
		cmocka_unit_test(a_cut_header_keeps_its_length),
		cmocka_unit_test(what_is_no_packet_passes),
		cmocka_unit_test(any_bytes_have_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
