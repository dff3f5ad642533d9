#include "agent/event.h"

#include "base/limits.h"
#include "base/log.h"
#include "ports/compress.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>

enum { SEQ_END = 1 << 30 };
static const int64_t WALL_MS = 1795514400000;

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct outbox outbox;
	struct events events;
};

static void open_outbox(struct fixture *f)
{
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(outbox_open(&f->outbox, f->store, 256 * 1024, NULL));
	events_init(&f->events, &f->outbox);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	log_set_level(LOG_ERR);
	clock_fake_set_wall(WALL_MS);
	scratch_make(&f->scratch);
	open_outbox(f);
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

/* The document of the newest letter, as the hub will parse it; the caller frees it. */
static struct json *document(struct fixture *f)
{
	static char text[MESSAGE_MAX];
	struct letter l;
	struct why why = { "" };
	struct json *j;
	size_t len;
	assert_ok(store_next(f->store, LETTER_EVENT, store_last_seq(f->store) - 1, SEQ_END, &l));
	assert_string_equal(l.stream, "event");
	assert_int_equal(l.items, 1);
	text[0] = '{';
	assert_ok(compress_unpack(l.body, text + 1, sizeof text - 2, &len));
	text[len + 1] = '}';
	if (json_parse((struct bytes){ text, len + 2 }, &j, &why))
		fail_msg("the hub will refuse it: %s", why.text);
	return j;
}

static const struct json *first_event(const struct json *document_of_events)
{
	const struct json *list = json_member(document_of_events, "events");
	assert_int_equal(json_count(list), 1);
	return json_first(list);
}

static void assert_member(const struct json *j, const char *key, const char *expected)
{
	const char *s = json_string(json_member(j, key));
	assert_non_null(s);
	assert_string_equal(s, expected);
}

static void an_event_is_on_flash_when_the_call_returns(void **state)
{
	struct fixture *f = *state;
	int64_t t;
	event_add(&f->events, true, "Failed", "cam/main", "exits with 3", NULL);
	store_close(f->store);
	open_outbox(f);
	struct json *j = document(f);
	const struct json *e = first_event(j);
	assert_member(e, "type", "Warning");
	assert_member(e, "reason", "Failed");
	assert_member(e, "object", "cam/main");
	assert_member(e, "message", "exits with 3");
	assert_true(json_integer(json_member(e, "t"), &t));
	assert_true(t == WALL_MS);
	assert_null(json_member(e, "more"));
	json_free(j);
}

static void more_goes_along(void **state)
{
	struct fixture *f = *state;
	struct json *more = json_new_object();
	json_set_integer(more, "code", 3);
	event_add(&f->events, false, "Started", "cam/main", "", more);
	struct json *j = document(f);
	int64_t code;
	assert_member(first_event(j), "type", "Normal");
	assert_true(json_integer(json_member(json_member(first_event(j), "more"), "code"), &code));
	assert_int_equal(code, 3);
	json_free(j);
}

static void a_long_message_is_cut(void **state)
{
	struct fixture *f = *state;
	char message[500];
	memset(message, 'm', sizeof message - 1);
	message[sizeof message - 1] = '\0';
	event_add(&f->events, true, "Failed", "cam/main", message, NULL);
	struct json *j = document(f);
	size_t len = strlen(json_string(json_member(first_event(j), "message")));
	assert_in_range(len, 100, sizeof f->events.recent[0].message - 1);
	json_free(j);
}

static void a_message_is_not_cut_inside_a_letter(void **state)
{
	struct fixture *f = *state;
	char message[500] = "x";
	for (size_t i = 1; i + 2 < sizeof message; i += 2)
		strcpy(message + i, "\xc3\xa9");
	event_add(&f->events, true, "Failed", "cam/main", message, NULL);
	json_free(document(f));
	event_add(&f->events, true, "Failed", "cam/main", message + 1, NULL);
	json_free(document(f));
}

static void a_message_that_is_no_text_does_not_spoil_the_event(void **state)
{
	struct fixture *f = *state;
	event_add(&f->events, true, "Unhealthy", "cam/main", "probe: \xff\x01\"\\ says", NULL);
	json_free(document(f));
}

static const char *recent_reason(const struct json *list, size_t index)
{
	const struct json *j = json_first(list);
	while (index--)
		j = json_next(j);
	return json_string(json_member(j, "reason"));
}

static void the_last_ones_are_newest_first(void **state)
{
	struct fixture *f = *state;
	char reason[16];
	for (int i = 0; i < EVENTS_RECENT + 4; i++) {
		snprintf(reason, sizeof reason, "R%d", i);
		event_add(&f->events, false, reason, "device", "", NULL);
	}
	struct json *list = events_recent(&f->events);
	assert_int_equal(json_count(list), EVENTS_RECENT);
	assert_string_equal(recent_reason(list, 0), "R19");
	assert_string_equal(recent_reason(list, 1), "R18");
	assert_string_equal(recent_reason(list, EVENTS_RECENT - 1), "R4");
	json_free(list);
}

static void at_the_start_there_are_none(void **state)
{
	struct fixture *f = *state;
	struct json *list = events_recent(&f->events);
	assert_int_equal(json_count(list), 0);
	event_add(&f->events, false, "One", "device", "", NULL);
	json_free(list);
	list = events_recent(&f->events);
	assert_int_equal(json_count(list), 1);
	json_free(list);
}

static void without_a_clock_the_time_is_since_boot(void **state)
{
	struct fixture *f = *state;
	int64_t t;
	clock_fake_set_wall(1000);
	event_add(&f->events, false, "Started", "device", "", NULL);
	struct json *j = document(f);
	assert_true(json_integer(json_member(first_event(j), "t"), &t));
	assert_true(t == clock_now_ms());
	assert_false(f->events.recent[0].wall);
	json_free(j);
}

int main(void)
{
#define EVENT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		EVENT_TEST(an_event_is_on_flash_when_the_call_returns),
		EVENT_TEST(more_goes_along),
		EVENT_TEST(a_long_message_is_cut),
		EVENT_TEST(a_message_is_not_cut_inside_a_letter),
		EVENT_TEST(a_message_that_is_no_text_does_not_spoil_the_event),
		EVENT_TEST(the_last_ones_are_newest_first),
		EVENT_TEST(at_the_start_there_are_none),
		EVENT_TEST(without_a_clock_the_time_is_since_boot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
