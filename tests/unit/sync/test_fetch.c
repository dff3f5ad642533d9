#include "sync/fetch.h"

#include "base/limits.h"
#include "ports/digest.h"
#include "ports/json.h"
#include "sync/serve.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>
#include <sys/stat.h>

enum { ANSWERS_MAX = 64, ROUNDS_MAX = 100 };

/* A block that is on its way. */
struct answer {
	char id[LABEL_SIZE], offset[24];
	char *at;
	size_t len;
};

/* The server, the way to it, and the one who fetches. */
struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct blobs theirs, ours;
	struct fetch fetch;
	char digest[DIGEST_SIZE];
	size_t size;

	bool is_offline;
	size_t asks;
	char request[256]; /* the last */
	struct answer answers[ANSWERS_MAX];
	size_t answer_count;

	size_t fetched, troubles;
	struct why trouble;
};

static enum err on_ask(void *owner, struct bytes payload)
{
	struct fixture *f = owner;
	f->asks++;
	snprintf(f->request, sizeof f->request, "%.*s", (int)payload.len, payload.at);
	return f->is_offline ? ERR_OFFLINE : OK;
}

static void on_fetched(void *owner)
{
	struct fixture *f = owner;
	f->fetched++;
}

static void on_trouble(void *owner, const struct why *why)
{
	struct fixture *f = owner;
	f->troubles++;
	f->trouble = *why;
	assert_string_not_equal(why->text, "");
}

static void init_fetch(struct fixture *f)
{
	const struct fetch_hooks hooks = { f, on_ask, on_fetched, on_trouble };
	fetch_init(&f->fetch, f->loop, &f->ours, &hooks);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	assert_ok(blobs_open(&f->theirs, scratch_at(&f->scratch, "theirs"), NULL));
	assert_ok(blobs_open(&f->ours, scratch_at(&f->scratch, "ours"), NULL));
	init_fetch(f);
	*state = f;
	return 0;
}

static void lose_all(struct fixture *f)
{
	for (size_t i = 0; i < f->answer_count; i++)
		free(f->answers[i].at);
	f->answer_count = 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	fetch_stop(&f->fetch);
	lose_all(f);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* --- the server --- */

static void put(struct fixture *f, size_t size)
{
	char *content = malloc(size + 1);
	assert_non_null(content);
	for (size_t i = 0; i < size; i++)
		content[i] = (char)(i * 31 >> 7);
	f->size = size;
	assert_ok(blobs_put(&f->theirs, (struct bytes){ content, size }, f->digest, NULL));
	free(content);
}

/* A server that gives other bytes under the name. */
static void spoil(struct fixture *f)
{
	char path[512];
	blobs_path(&f->theirs, f->digest, path, sizeof path);
	char *content = calloc(1, f->size + 1);
	assert_non_null(content);
	assert_ok(file_replace(path, (struct bytes){ content, f->size }, false, NULL));
	free(content);
}

static void on_answer(void *owner, const char *rest, struct bytes payload)
{
	struct fixture *f = owner;
	assert_in_range(f->answer_count, 0, ANSWERS_MAX - 1);
	struct answer *a = &f->answers[f->answer_count++];
	assert_int_equal(sscanf(rest, "blob/%63[^/]/%23s", a->id, a->offset), 2);
	a->at = malloc(payload.len + 1);
	assert_non_null(a->at);
	memcpy(a->at, payload.at, payload.len);
	a->len = payload.len;
}

/* The server hears the last request. */
static void serve(struct fixture *f)
{
	const struct serve_hooks hooks = { f, on_answer };
	assert_ok(serve_blocks(&f->theirs, bytes_of(f->request), &hooks, NULL));
}

static void deliver(struct fixture *f, size_t i)
{
	const struct answer *a = &f->answers[i];
	fetch_on_block(&f->fetch, a->id, a->offset, (struct bytes){ a->at, a->len });
}

static void deliver_all(struct fixture *f)
{
	for (size_t i = 0; i < f->answer_count; i++)
		deliver(f, i);
	lose_all(f);
}

/* Time passes; what is due happens. */
static void pass(struct fixture *f, int64_t ms)
{
	clock_fake_pass(ms);
	assert_ok(loop_turn(f->loop, 0, NULL));
}

/* Until it is fetched; nothing is lost. */
static void run(struct fixture *f)
{
	for (int round = 0; !f->fetched; round++) {
		assert_in_range(round, 0, ROUNDS_MAX);
		serve(f);
		deliver_all(f);
	}
}

static void assert_whole(struct fixture *f)
{
	char path[512], found[DIGEST_SIZE], *content;
	size_t len;
	assert_int_equal(f->fetched, 1);
	assert_false(fetch_is_active(&f->fetch));
	assert_true(blobs_have(&f->ours, f->digest));
	blobs_path(&f->ours, f->digest, path, sizeof path);
	assert_ok(file_read(path, BLOB_MAX, &content, &len, NULL));
	digest_of((struct bytes){ content, len }, found);
	free(content);
	assert_string_equal(found, f->digest);
}

static int64_t asked(const struct fixture *f, const char *key)
{
	struct json *j;
	int64_t n;
	assert_ok(json_parse(bytes_of(f->request), &j, NULL));
	assert_true(json_integer(json_member(j, key), &n));
	json_free(j);
	return n;
}

/* --- tests --- */

static void a_small_blob_comes_at_once(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	assert_true(fetch_is_active(&f->fetch));
	serve(f);
	deliver_all(f);
	assert_whole(f);
	assert_int_equal(f->asks, 1);
	assert_int_equal(f->troubles, 0);
}

static void it_asks_for_a_bounded_row_of_blocks(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	assert_int_equal(asked(f, "off"), 0);
	assert_int_equal(asked(f, "len"), BLOB_BLOCK);
	assert_int_equal(asked(f, "n"), FETCH_BLOCKS);
	assert_non_null(strstr(f->request, f->digest));
}

static void a_large_blob_comes_row_by_row(void **state)
{
	struct fixture *f = *state;
	put(f, (2 * FETCH_BLOCKS + 3) * BLOB_BLOCK + 17);
	fetch_start(&f->fetch, f->digest);
	run(f);
	assert_whole(f);
	assert_int_equal(f->asks, 3);
}

static void a_whole_number_of_blocks_ends_too(void **state)
{
	struct fixture *f = *state;
	put(f, 3 * BLOB_BLOCK);
	fetch_start(&f->fetch, f->digest);
	run(f);
	assert_whole(f);
}

static void a_whole_number_of_rows_ends_too(void **state)
{
	struct fixture *f = *state;
	put(f, FETCH_BLOCKS * BLOB_BLOCK);
	fetch_start(&f->fetch, f->digest);
	run(f);
	assert_whole(f);
	assert_int_equal(f->asks, 2);
}

static void an_empty_blob_is_fetched_too(void **state)
{
	struct fixture *f = *state;
	put(f, 0);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	deliver_all(f);
	assert_int_equal(f->troubles, 0);
	assert_whole(f);
}

static void after_a_restart_it_goes_on_where_it_was(void **state)
{
	struct fixture *f = *state;
	put(f, 5 * BLOB_BLOCK + 5);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	for (size_t i = 0; i < 3; i++)
		deliver(f, i);
	lose_all(f);
	fetch_stop(&f->fetch);
	init_fetch(f); /* the agent was killed and started again */
	fetch_start(&f->fetch, f->digest);
	assert_int_equal(asked(f, "off"), 3 * BLOB_BLOCK);
	serve(f);
	assert_int_equal(f->answer_count, 3);
	deliver_all(f);
	assert_whole(f);
}

static void what_another_fetch_began_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	char first[DIGEST_SIZE];
	put(f, 3 * BLOB_BLOCK);
	memcpy(first, f->digest, sizeof first);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	deliver(f, 0);
	lose_all(f);
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	deliver_all(f);
	assert_whole(f);
	assert_int_equal(blobs_arrived(&f->ours, first), BLOB_BLOCK);
}

static void late_blocks_of_an_earlier_fetch_are_not_ours(void **state)
{
	struct fixture *f = *state;
	put(f, 3 * BLOB_BLOCK + 1);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	fetch_start(&f->fetch, f->digest);
	deliver_all(f);
	assert_int_equal(blobs_arrived(&f->ours, f->digest), 0);
	run(f);
	assert_whole(f);
}

static void a_lost_block_is_asked_for_again_once(void **state)
{
	struct fixture *f = *state;
	put(f, 6 * BLOB_BLOCK + 1);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	for (size_t i = 0; i < f->answer_count; i++)
		if (i != 2)
			deliver(f, i);
	lose_all(f);
	assert_int_equal(f->asks, 1);
	pass(f, FETCH_STALL_MS);
	assert_int_equal(f->asks, 2);
	assert_int_equal(asked(f, "off"), 2 * BLOB_BLOCK);
	serve(f);
	deliver_all(f);
	assert_whole(f);
}

static void a_block_that_comes_twice_does_no_harm(void **state)
{
	struct fixture *f = *state;
	put(f, 3 * BLOB_BLOCK + 1);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	for (size_t i = 0; i < f->answer_count; i++) {
		deliver(f, i);
		deliver(f, i);
		deliver(f, 0);
	}
	assert_whole(f);
	assert_int_equal(f->asks, 1);
}

static void silence_is_asked_again(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	pass(f, FETCH_STALL_MS - 1);
	assert_int_equal(f->asks, 1);
	pass(f, 1);
	assert_int_equal(f->asks, 2);
	pass(f, FETCH_STALL_MS);
	assert_int_equal(f->asks, 3);
	serve(f);
	deliver_all(f);
	assert_whole(f);
}

static void a_server_that_has_not_got_it_is_asked_ever_more_rarely(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	char path[512];
	blobs_path(&f->theirs, f->digest, path, sizeof path);
	assert_ok(dir_remove(path, NULL));
	fetch_start(&f->fetch, f->digest);
	int64_t wait = FETCH_RETRY_MS;
	for (size_t asks = 1; asks < 9; asks++) {
		assert_int_equal(f->asks, asks);
		serve(f);
		deliver_all(f);
		pass(f, wait - 1);
		assert_int_equal(f->asks, asks);
		pass(f, 1);
		wait = wait * 2 < FETCH_RETRY_MAX_MS ? wait * 2 : FETCH_RETRY_MAX_MS;
	}
	assert_int_equal(f->troubles, 1);
	put(f, 1000);
	serve(f);
	deliver_all(f);
	assert_whole(f);
}

static void the_servers_words_are_in_the_trouble(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	fetch_on_block(&f->fetch, f->fetch.id, "err", BYTES_LIT("not here"));
	assert_non_null(strstr(f->trouble.text, "not here"));
	assert_non_null(strstr(f->trouble.text, f->digest));
}

static void wrong_content_is_fetched_a_second_time(void **state)
{
	struct fixture *f = *state;
	put(f, 2 * BLOB_BLOCK + 1);
	/* As a torn tail after a power cut. */
	assert_ok(blobs_append(&f->ours, f->digest, BYTES_LIT("garbage"), NULL));
	fetch_start(&f->fetch, f->digest);
	assert_int_equal(asked(f, "off"), 7);
	serve(f);
	deliver_all(f);
	assert_int_equal(f->troubles, 1);
	assert_false(blobs_have(&f->ours, f->digest));
	assert_int_equal(asked(f, "off"), 0);
	run(f);
	assert_whole(f);
}

static void a_server_that_gives_wrong_bytes_is_asked_rarely(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	spoil(f);
	fetch_start(&f->fetch, f->digest);
	for (int i = 0; i < 2; i++) {
		serve(f);
		deliver_all(f);
	}
	assert_int_equal(f->asks, 2);
	assert_int_equal(f->fetched, 0);
	pass(f, FETCH_RETRY_MAX_MS - 1);
	assert_int_equal(f->asks, 2);
	pass(f, 1);
	assert_int_equal(f->asks, 3);
	serve(f);
	deliver_all(f);
	assert_false(blobs_have(&f->ours, f->digest));
	assert_int_equal(f->asks, 3);
}

static void without_a_link_it_waits_for_one(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	f->is_offline = true;
	fetch_start(&f->fetch, f->digest);
	assert_int_equal(f->asks, 1);
	pass(f, 3600 * 1000);
	assert_int_equal(f->asks, 1);
	f->is_offline = false;
	fetch_on_up(&f->fetch);
	assert_int_equal(f->asks, 2);
	serve(f);
	deliver_all(f);
	assert_whole(f);
}

static void a_new_link_goes_on_at_the_same_offset(void **state)
{
	struct fixture *f = *state;
	put(f, 4 * BLOB_BLOCK);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	deliver(f, 0);
	lose_all(f);
	fetch_on_up(&f->fetch);
	assert_int_equal(asked(f, "off"), BLOB_BLOCK);
	run(f);
	assert_whole(f);
}

static void a_stopped_fetch_asks_nobody(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	serve(f);
	fetch_stop(&f->fetch);
	assert_false(fetch_is_active(&f->fetch));
	deliver_all(f);
	fetch_on_up(&f->fetch);
	pass(f, FETCH_RETRY_MAX_MS);
	assert_int_equal(f->asks, 1);
	assert_int_equal(f->fetched, 0);
}

static void one_that_was_never_begun_may_be_stopped(void **state)
{
	struct fetch never = { 0 };
	(void)state;
	fetch_stop(&never);
	assert_false(fetch_is_active(&never));
}

static void blocks_that_are_none_are_passed_over(void **state)
{
	struct fixture *f = *state;
	static char large[BLOB_BLOCK + 1];
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	fetch_on_block(&f->fetch, f->fetch.id, "-1", BYTES_LIT("x"));
	fetch_on_block(&f->fetch, f->fetch.id, "0x0", BYTES_LIT("x"));
	fetch_on_block(&f->fetch, f->fetch.id, "", BYTES_LIT("x"));
	fetch_on_block(&f->fetch, f->fetch.id, "99999999999999999999", BYTES_LIT("x"));
	fetch_on_block(&f->fetch, f->fetch.id, "0", (struct bytes){ large, sizeof large });
	fetch_on_block(&f->fetch, "other", "0", BYTES_LIT("x"));
	assert_int_equal(blobs_arrived(&f->ours, f->digest), 0);
	assert_int_equal(f->troubles, 0);
	serve(f);
	deliver_all(f);
	assert_whole(f);
}

/* A folder stands where the beginning should be: nothing can be written. */
static void block_the_medium(struct fixture *f)
{
	char path[600];
	blobs_path(&f->ours, f->digest, path, 512);
	strcat(path, ".part");
	assert_int_equal(mkdir(path, 0700), 0);
}

static void a_medium_that_takes_nothing_is_told_once(void **state)
{
	struct fixture *f = *state;
	put(f, 1000);
	fetch_start(&f->fetch, f->digest);
	block_the_medium(f);
	for (int i = 0; i < 5; i++) {
		serve(f);
		deliver_all(f);
		pass(f, FETCH_RETRY_MAX_MS);
	}
	assert_true(f->asks > 1);
	assert_int_equal(f->troubles, 1);
}

static void a_medium_that_takes_nothing_is_not_tried_every_second(void **state)
{
	struct fixture *f = *state;
	put(f, 6 * BLOB_BLOCK);
	fetch_start(&f->fetch, f->digest);
	block_the_medium(f);
	serve(f);
	deliver_all(f);
	pass(f, FETCH_RETRY_MS - 1);
	assert_int_equal(f->asks, 1);
	pass(f, 1);
	assert_int_equal(f->asks, 2);
}

int main(void)
{
#define FETCH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		FETCH_TEST(a_small_blob_comes_at_once),
		FETCH_TEST(it_asks_for_a_bounded_row_of_blocks),
		FETCH_TEST(a_large_blob_comes_row_by_row),
		FETCH_TEST(a_whole_number_of_blocks_ends_too),
		FETCH_TEST(a_whole_number_of_rows_ends_too),
		FETCH_TEST(an_empty_blob_is_fetched_too),
		FETCH_TEST(after_a_restart_it_goes_on_where_it_was),
		FETCH_TEST(what_another_fetch_began_is_left_as_it_is),
		FETCH_TEST(late_blocks_of_an_earlier_fetch_are_not_ours),
		FETCH_TEST(a_lost_block_is_asked_for_again_once),
		FETCH_TEST(a_block_that_comes_twice_does_no_harm),
		FETCH_TEST(silence_is_asked_again),
		FETCH_TEST(a_server_that_has_not_got_it_is_asked_ever_more_rarely),
		FETCH_TEST(the_servers_words_are_in_the_trouble),
		FETCH_TEST(wrong_content_is_fetched_a_second_time),
		FETCH_TEST(a_server_that_gives_wrong_bytes_is_asked_rarely),
		FETCH_TEST(without_a_link_it_waits_for_one),
		FETCH_TEST(a_new_link_goes_on_at_the_same_offset),
		FETCH_TEST(a_stopped_fetch_asks_nobody),
		FETCH_TEST(one_that_was_never_begun_may_be_stopped),
		FETCH_TEST(blocks_that_are_none_are_passed_over),
		FETCH_TEST(a_medium_that_takes_nothing_is_told_once),
		FETCH_TEST(a_medium_that_takes_nothing_is_not_tried_every_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
