#include "sync/letter.h"

#include "base/limits.h"
#include "ports/compress.h"
#include "sync/envelope.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

enum { SEQ_END = 1 << 30 };
static const int64_t WALL_MS = 1795514400000;

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct outbox outbox;
	char text[MESSAGE_MAX]; /* of the last letter */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(outbox_open(&f->outbox, f->store, 1024 * 1024, NULL));
	clock_fake_set_wall(WALL_MS);
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

/* A list of one string. */
static struct json *list_of(const char *s)
{
	struct json *list = json_new_array();
	json_push(list, json_new_string(s));
	return list;
}

static struct letter take(struct fixture *f, enum letter_class class)
{
	struct letter l;
	size_t len;
	assert_ok(store_next(f->store, class, 0, SEQ_END, &l));
	assert_ok(compress_unpack(l.body, f->text, sizeof f->text - 1, &len));
	f->text[len] = '\0';
	return l;
}

static void events_are_kept_as_members_without_a_head(void **state)
{
	struct fixture *f = *state;
	assert_ok(letter_add_document(&f->outbox, LETTER_EVENT, "event", list_of("x"), 1, NULL));
	struct letter l = take(f, LETTER_EVENT);
	assert_string_equal(f->text, "\"events\":[\"x\"]");
	assert_string_equal(l.stream, "event");
	assert_int_equal(l.items, 1);
}

static void logs_are_lines(void **state)
{
	struct fixture *f = *state;
	assert_ok(letter_add_document(&f->outbox, LETTER_LOG, "camera", list_of("x"), 7, NULL));
	struct letter l = take(f, LETTER_LOG);
	assert_string_equal(f->text, "\"lines\":[\"x\"]");
	assert_string_equal(l.stream, "camera");
	assert_int_equal(l.items, 7);
}

static void a_letter_carries_the_time_of_the_wall(void **state)
{
	struct fixture *f = *state;
	assert_ok(letter_add_document(&f->outbox, LETTER_EVENT, "event", list_of("x"), 1, NULL));
	struct letter l = take(f, LETTER_EVENT);
	assert_true(l.made_ms == WALL_MS);
	assert_int_equal(l.flags, LETTER_WALL);
}

static void without_a_clock_it_carries_the_time_since_boot_and_which_boot(void **state)
{
	struct fixture *f = *state;
	clock_fake_set_wall(1000);
	assert_ok(letter_add_document(&f->outbox, LETTER_EVENT, "event", list_of("x"), 1, NULL));
	struct letter l = take(f, LETTER_EVENT);
	assert_true(l.made_ms == clock_now_ms());
	assert_int_equal(l.flags & LETTER_WALL, 0);
	assert_int_equal(l.flags, envelope_boot_flags());
}

static void now_says_which_clock_it_is(void **state)
{
	(void)state;
	clock_fake_set_wall(1000);
	assert_false(letter_clock_now().wall);
	assert_true(letter_clock_now().now_ms == clock_now_ms());
	clock_fake_set_wall(WALL_MS);
	assert_true(letter_clock_now().wall);
	assert_true(letter_clock_now().now_ms == WALL_MS);
}

static struct json *large_list(size_t len)
{
	char *text = malloc(len + 1);
	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	struct json *list = list_of(text);
	free(text);
	return list;
}

static void a_document_that_would_pass_a_message_is_refused(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };
	assert_err(ERR_FULL, letter_add_document(&f->outbox, LETTER_LOG, "camera",
						 large_list(MESSAGE_MAX), 5, &why));
	assert_string_not_equal(why.text, "");
	assert_int_equal(store_last_seq(f->store), 0);
}

static void one_that_is_refused_is_counted(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_FULL, letter_add_document(&f->outbox, LETTER_LOG, "camera",
						 large_list(MESSAGE_MAX), 5, NULL));
	assert_int_equal(f->outbox.dropped[LETTER_LOG], 5);
}

static void a_document_of_nearly_a_message_is_kept(void **state)
{
	struct fixture *f = *state;
	assert_ok(letter_add_document(&f->outbox, LETTER_LOG, "camera",
				      large_list(MESSAGE_MAX - 600), 5, NULL));
	take(f, LETTER_LOG);
	assert_int_equal(strlen(f->text), MESSAGE_MAX - 600 + strlen("\"lines\":[\"\"]"));
}

int main(void)
{
#define LETTER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LETTER_TEST(events_are_kept_as_members_without_a_head),
		LETTER_TEST(logs_are_lines),
		LETTER_TEST(a_letter_carries_the_time_of_the_wall),
		LETTER_TEST(without_a_clock_it_carries_the_time_since_boot_and_which_boot),
		LETTER_TEST(now_says_which_clock_it_is),
		LETTER_TEST(a_document_that_would_pass_a_message_is_refused),
		LETTER_TEST(one_that_is_refused_is_counted),
		LETTER_TEST(a_document_of_nearly_a_message_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
