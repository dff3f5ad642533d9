#include "sync/serve.h"

#include "base/limits.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

enum { ANSWERS_MAX = 64 };

struct answer {
	char rest[128];
	size_t len;
	char first; /* byte, when there is one */
};

struct fixture {
	struct scratch scratch;
	struct blobs blobs;
	char digest[DIGEST_SIZE];
	char *content;
	struct answer answers[ANSWERS_MAX];
	size_t count;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(blobs_open(&f->blobs, scratch_at(&f->scratch, "blobs"), NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	scratch_remove(&f->scratch);
	free(f->content);
	free(f);
	return 0;
}

/* Byte i is i / 1000. */
static void put(struct fixture *f, size_t len)
{
	f->content = malloc(len + 1);
	assert_non_null(f->content);
	for (size_t i = 0; i < len; i++)
		f->content[i] = (char)(i / 1000);
	assert_ok(blobs_put(&f->blobs, (struct bytes){ f->content, len }, f->digest, NULL));
}

static void on_answer(void *owner, const char *rest, struct bytes payload)
{
	struct fixture *f = owner;
	assert_in_range(f->count, 0, ANSWERS_MAX - 1);
	struct answer *a = &f->answers[f->count++];
	snprintf(a->rest, sizeof a->rest, "%s", rest);
	a->len = payload.len;
	a->first = payload.len ? payload.at[0] : 0;
}

static enum err ask_text(struct fixture *f, const char *text)
{
	const struct serve_hooks hooks = { f, on_answer };
	struct why why = { "" };
	f->count = 0;
	enum err e = serve_blocks(&f->blobs, bytes_of(text), &hooks, &why);
	if (e)
		assert_string_not_equal(why.text, "");
	return e;
}

static void ask(struct fixture *f, long long offset, long long len, long long n)
{
	char text[256];
	snprintf(text, sizeof text,
		 "{\"id\":\"k3\",\"d\":\"%s\",\"off\":%lld,\"len\":%lld,\"n\":%lld}", f->digest,
		 offset, len, n);
	assert_ok(ask_text(f, text));
}

static void assert_block(const struct fixture *f, size_t i, const char *rest, size_t len,
			 size_t offset)
{
	assert_in_range(i, 0, f->count - 1);
	assert_string_equal(f->answers[i].rest, rest);
	assert_int_equal(f->answers[i].len, len);
	if (len)
		assert_int_equal(f->answers[i].first, f->content[offset]);
}

static void blocks_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	put(f, 50000);
	ask(f, 0, 10000, 3);
	assert_int_equal(f->count, 3);
	assert_block(f, 0, "blob/k3/0", 10000, 0);
	assert_block(f, 1, "blob/k3/10000", 10000, 10000);
	assert_block(f, 2, "blob/k3/20000", 10000, 20000);
}

static void asking_may_begin_anywhere(void **state)
{
	struct fixture *f = *state;
	put(f, 50000);
	ask(f, 12345, 1000, 1);
	assert_int_equal(f->count, 1);
	assert_block(f, 0, "blob/k3/12345", 1000, 12345);
}

static void the_last_block_is_short_and_nothing_follows_it(void **state)
{
	struct fixture *f = *state;
	put(f, 25000);
	ask(f, 0, 10000, 8);
	assert_int_equal(f->count, 3);
	assert_block(f, 2, "blob/k3/20000", 5000, 20000);
}

static void a_whole_number_of_blocks_ends_with_an_empty_one(void **state)
{
	struct fixture *f = *state;
	put(f, 20000);
	ask(f, 0, 10000, 8);
	assert_int_equal(f->count, 3);
	assert_block(f, 2, "blob/k3/20000", 0, 0);
}

static void behind_the_end_there_is_one_empty_block(void **state)
{
	struct fixture *f = *state;
	put(f, 20000);
	ask(f, 20000, 10000, 8);
	assert_int_equal(f->count, 1);
	assert_block(f, 0, "blob/k3/20000", 0, 0);
}

static void an_empty_blob_is_one_empty_block(void **state)
{
	struct fixture *f = *state;
	put(f, 0);
	ask(f, 0, BLOB_BLOCK, 8);
	assert_int_equal(f->count, 1);
	assert_block(f, 0, "blob/k3/0", 0, 0);
}

static void nobody_gets_more_than_32_blocks_at_a_time(void **state)
{
	struct fixture *f = *state;
	put(f, 50000);
	ask(f, 0, 100, 1000000);
	assert_int_equal(f->count, 32);
}

static void what_is_not_there_is_answered_once_with_a_sentence(void **state)
{
	struct fixture *f = *state;
	put(f, 10);
	f->digest[10] = f->digest[10] == 'a' ? 'b' : 'a';
	ask(f, 0, 100, 8);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->answers[0].rest, "blob/k3/err");
	assert_true(f->answers[0].len > 0);
}

static void what_has_only_begun_to_arrive_is_not_there(void **state)
{
	struct fixture *f = *state;
	put(f, 10);
	f->digest[10] = f->digest[10] == 'a' ? 'b' : 'a';
	assert_ok(blobs_append(&f->blobs, f->digest, BYTES_LIT("begin"), NULL));
	ask(f, 0, 100, 8);
	assert_string_equal(f->answers[0].rest, "blob/k3/err");
}

static void what_is_no_request_is_refused(void **state)
{
#define DIGEST "\"d\":\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
	static const char *const requests[] = {
		"",
		"[]",
		"{}",
		"{" DIGEST ",\"off\":0,\"len\":1,\"n\":1}",
		"{\"id\":\"k3\",\"off\":0,\"len\":1,\"n\":1}",
		"{\"id\":\"k3\"," DIGEST ",\"len\":1,\"n\":1}",
		"{\"id\":\"k3\"," DIGEST ",\"off\":0,\"n\":1}",
		"{\"id\":\"k3\"," DIGEST ",\"off\":0,\"len\":1}",
		"{\"id\":\"k3\"," DIGEST ",\"off\":-1,\"len\":1,\"n\":1}",
		"{\"id\":\"k3\"," DIGEST ",\"off\":0,\"len\":0,\"n\":1}",
		"{\"id\":\"k3\"," DIGEST ",\"off\":0,\"len\":65537,\"n\":1}",
		"{\"id\":\"k3\"," DIGEST ",\"off\":0,\"len\":1,\"n\":0}",
		"{\"id\":\"k3\"," DIGEST ",\"off\":0.5,\"len\":1,\"n\":1}",
		"{\"id\":\"a/b\"," DIGEST ",\"off\":0,\"len\":1,\"n\":1}",
		"{\"id\":\"+\"," DIGEST ",\"off\":0,\"len\":1,\"n\":1}",
		"{\"id\":\"k3\",\"d\":\"sha256:../../etc/passwd\",\"off\":0,\"len\":1,\"n\":1}",
		"{\"id\":\"k3\",\"d\":\"md5:00\",\"off\":0,\"len\":1,\"n\":1}",
	};
#undef DIGEST
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		if (ask_text(f, requests[i]) != ERR_INVALID)
			fail_msg("taken for a request: %s", requests[i]);
		assert_int_equal(f->count, 0);
	}
}

int main(void)
{
#define SERVE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SERVE_TEST(blocks_are_answered_in_order),
		SERVE_TEST(asking_may_begin_anywhere),
		SERVE_TEST(the_last_block_is_short_and_nothing_follows_it),
		SERVE_TEST(a_whole_number_of_blocks_ends_with_an_empty_one),
		SERVE_TEST(behind_the_end_there_is_one_empty_block),
		SERVE_TEST(an_empty_blob_is_one_empty_block),
		SERVE_TEST(nobody_gets_more_than_32_blocks_at_a_time),
		SERVE_TEST(what_is_not_there_is_answered_once_with_a_sentence),
		SERVE_TEST(what_has_only_begun_to_arrive_is_not_there),
		SERVE_TEST(what_is_no_request_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
