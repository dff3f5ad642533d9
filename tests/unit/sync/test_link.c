#include "sync/link.h"

#include "base/log.h"
#include "ports/json.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"
#include "tests/unit/sync/mqtt_fake.h"

#include <stdio.h>

#define TOPIC(rest) "skerry1/main/drone-07/" rest

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct store *store;
	struct link link;
	size_t ups, downs, letters;
	struct topic topic; /* of the last letter */
	char payload[64];
};

static void on_up(void *owner)
{
	struct fixture *f = owner;
	assert_true(f->link.is_up);
	f->ups++;
}

static void on_down(void *owner)
{
	struct fixture *f = owner;
	assert_false(f->link.is_up);
	f->downs++;
}

static void on_letter(void *owner, const struct topic *topic, struct bytes payload)
{
	struct fixture *f = owner;
	f->letters++;
	f->topic = *topic;
	snprintf(f->payload, sizeof f->payload, "%.*s", (int)payload.len, payload.at);
}

static void on_delivered(void *owner, int ticket)
{
	(void)owner;
	(void)ticket;
}

static void open_link(struct fixture *f)
{
	const struct url broker = { .host = "broker", .port = 1883 };
	const struct link_options options = { &broker, "main", "drone-07", f->scratch.folder };
	const struct link_hooks hooks = { f, on_up, on_down, on_letter, on_delivered };
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(link_open(&f->link, f->loop, f->store, &options, &hooks, NULL));
}

static void close_link(struct fixture *f)
{
	link_close(&f->link);
	store_close(f->store);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	log_set_level(LOG_ERR);
	fake_broker_reset();
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	open_link(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	close_link(f);
	loop_close(f->loop);
	fake_broker_reset();
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 5; i++)
		assert_ok(loop_turn(f->loop, 0, NULL));
}

static void pass(struct fixture *f, int64_t ms)
{
	clock_fake_pass(ms);
	turn(f);
}

static void start(struct fixture *f)
{
	link_start(&f->link);
	turn(f);
}

/* A member of a presence as text. */
static const char *member(const char *presence, const char *key)
{
	static char text[64];
	struct json *j;
	assert_ok(json_parse(bytes_of(presence), &j, NULL));
	const struct json *m = json_member(j, key);
	char *printed = m ? json_print(m) : NULL;
	snprintf(text, sizeof text, "%s", printed ? printed : "(missing)");
	free(printed);
	json_free(j);
	return text;
}

static const char *presence(void)
{
	return fake_broker_last(TOPIC("up/online"))->payload;
}

static void it_is_up_when_it_is_subscribed(void **state)
{
	struct fixture *f = *state;
	assert_false(f->link.is_up);
	assert_string_not_equal(f->link.why.text, "");
	start(f);
	assert_int_equal(f->ups, 1);
	assert_int_equal(f->downs, 0);
	assert_true(f->link.is_up);
	assert_string_equal(f->link.why.text, "");
	assert_string_equal(f->link.refused.text, "");
	assert_string_equal(fake_broker()->client_id, "drone-07");
}

static void nothing_is_up_before_the_broker_said_so(void **state)
{
	struct fixture *f = *state;
	fake_broker()->gives_no_suback = true;
	start(f);
	assert_int_equal(fake_broker()->filter_count, 5);
	assert_int_equal(f->ups, 0);
	assert_false(f->link.is_up);
	assert_int_equal(fake_broker()->sent_count, 0);
}

static void it_subscribes_to_its_own_letters_in_one_go(void **state)
{
	struct fixture *f = *state;
	start(f);
	assert_int_equal(fake_broker()->filter_count, 5);
	assert_string_equal(fake_broker()->filters[0], TOPIC("dn/desired"));
	assert_string_equal(fake_broker()->filters[1], TOPIC("dn/ack"));
	assert_string_equal(fake_broker()->filters[2], TOPIC("dn/cmd/+"));
	assert_string_equal(fake_broker()->filters[3], TOPIC("dn/blob/+/+"));
	assert_string_equal(fake_broker()->filters[4], TOPIC("dn/file/+"));
}

static void the_birth_says_who_is_there(void **state)
{
	struct fixture *f = *state;
	link_set_generation(&f->link, 42);
	start(f);
	const struct fake_message *m = fake_broker_last(TOPIC("up/online"));
	assert_int_equal(fake_broker_count(TOPIC("up/online")), 1);
	assert_int_equal(m->qos, 1);
	assert_true(m->retain);
	assert_string_equal(member(m->payload, "v"), "1");
	assert_string_equal(member(m->payload, "online"), "true");
	assert_string_equal(member(m->payload, "session"), "1");
	assert_string_equal(member(m->payload, "boot"), "\"9f2c\"");
	assert_string_equal(member(m->payload, "agent"), "\"" SKERRY_VERSION "\"");
	assert_string_equal(member(m->payload, "generation"), "42");
	assert_string_equal(member(m->payload, "why"), "(missing)");
}

static void the_will_says_that_it_is_lost(void **state)
{
	struct fixture *f = *state;
	link_set_generation(&f->link, 42);
	start(f);
	const char *will = fake_broker()->will;
	assert_string_equal(fake_broker()->will_topic, TOPIC("up/online"));
	assert_string_equal(member(will, "online"), "false");
	assert_string_equal(member(will, "why"), "\"lost\"");
	assert_string_equal(member(will, "session"), "1");
	assert_string_equal(member(will, "boot"), "\"9f2c\"");
	assert_string_equal(member(will, "generation"), "42");
}

static void the_session_rises_with_each_connection(void **state)
{
	struct fixture *f = *state;
	start(f);
	for (int64_t session = 2; session < 5; session++) {
		fake_broker_cut("cut");
		pass(f, PAUSE_LIMIT_MS);
		assert_true(f->link.is_up);
		assert_int_equal(f->link.session, session);
		assert_int_equal(atoi(member(presence(), "session")), session);
		assert_int_equal(atoi(member(fake_broker()->will, "session")), session);
	}
}

static void the_session_rises_after_a_restart_too(void **state)
{
	struct fixture *f = *state;
	start(f);
	close_link(f);
	open_link(f);
	start(f);
	assert_string_equal(member(presence(), "session"), "2");
}

static void a_connection_that_was_never_up_has_a_session_of_its_own(void **state)
{
	struct fixture *f = *state;
	fake_broker()->is_mute = true;
	start(f);
	close_link(f); /* killed while it waited for CONNACK */
	open_link(f);
	fake_broker()->is_mute = false;
	start(f);
	assert_string_equal(member(presence(), "session"), "2");
}

static void a_refused_subscription_is_loud_and_the_rest_works(void **state)
{
	struct fixture *f = *state;
	fake_broker()->refuses = 1u << 2;
	start(f);
	assert_true(f->link.is_up);
	assert_int_equal(f->ups, 1);
	assert_non_null(strstr(f->link.refused.text, "dn/cmd/+"));
	assert_non_null(strstr(f->link.refused.text, "drone-07"));
}

static void a_refusal_is_forgotten_when_the_broker_changes_its_mind(void **state)
{
	struct fixture *f = *state;
	fake_broker()->refuses = 1u;
	start(f);
	fake_broker()->refuses = 0;
	fake_broker_cut("cut");
	pass(f, PAUSE_LIMIT_MS);
	assert_true(f->link.is_up);
	assert_string_equal(f->link.refused.text, "");
}

static void a_broker_that_is_away_is_tried_again_after_a_pause(void **state)
{
	struct fixture *f = *state;
	fake_broker()->is_away = true;
	start(f);
	while (fake_broker()->connects < 12) {
		const size_t tries = fake_broker()->connects;
		const int64_t limit = (int64_t)PAUSE_FIRST_MS << (tries - 1);
		assert_true(f->link.timer.armed);
		int64_t wait = f->link.timer.due_ms - clock_now_ms();
		assert_true(wait >= 0 && wait <= limit && wait <= PAUSE_LIMIT_MS);
		assert_int_equal(f->link.pause.failures, tries);
		pass(f, wait);
		assert_true(fake_broker()->connects > tries); /* more, after a pause of 0 */
	}
	assert_int_equal(f->ups, 0);
	assert_int_equal(f->downs, 0);
	assert_string_equal(f->link.why.text, "nobody listens");
}

static void equal_failures_are_counted_not_repeated(void **state)
{
	struct fixture *f = *state;
	fake_broker()->is_away = true;
	start(f);
	for (int i = 0; i < 9; i++)
		pass(f, PAUSE_LIMIT_MS);
	assert_int_equal(f->link.unlogged, 9);
	fake_broker()->is_away = false;
	pass(f, PAUSE_LIMIT_MS);
	assert_true(f->link.is_up);
	assert_int_equal(f->link.unlogged, 0);
}

static void being_up_for_a_while_forgives_the_failures(void **state)
{
	struct fixture *f = *state;
	fake_broker()->is_away = true;
	start(f);
	for (int i = 0; i < 5; i++)
		pass(f, PAUSE_LIMIT_MS);
	fake_broker()->is_away = false;
	pass(f, PAUSE_LIMIT_MS);
	assert_true(f->link.is_up);
	pass(f, PAUSE_CALM_MS);
	fake_broker_cut("cut");
	assert_int_equal(f->link.pause.failures, 1);
	assert_string_equal(f->link.why.text, "cut");
}

/* Each of two puts the other out as soon as it is up. */
static void two_of_one_name_come_ever_more_rarely_and_say_so(void **state)
{
	struct fixture *f = *state;
	start(f);
	for (unsigned n = 1; n <= 12; n++) {
		const int64_t limit = (int64_t)PAUSE_FIRST_MS << n;
		fake_broker_cut("the broker closed the connection");
		assert_int_equal(f->link.pause.failures, n);
		const bool is_suspected = strstr(f->link.why.text, "another device drone-07");
		assert_true(is_suspected == (n >= LINK_SHORT_LIVED));
		int64_t wait = f->link.timer.due_ms - clock_now_ms();
		assert_true(wait >= 0 && wait <= limit && wait <= PAUSE_LIMIT_MS);
		pass(f, PAUSE_LIMIT_MS); /* the other one waits at most as long */
		assert_true(f->link.is_up);
	}
	assert_int_equal(f->ups, 13);
}

static void a_broker_that_never_confirms_is_left(void **state)
{
	struct fixture *f = *state;
	fake_broker()->gives_no_suback = true;
	start(f);
	pass(f, LINK_SUBSCRIBE_WAIT_MS - 1);
	assert_int_equal(fake_broker()->drops, 0);
	pass(f, 1);
	assert_int_equal(fake_broker()->drops, 1);
	assert_non_null(strstr(f->link.why.text, "SUBACK"));
	fake_broker()->gives_no_suback = false;
	pass(f, PAUSE_LIMIT_MS);
	assert_int_equal(f->ups, 1);
}

static void an_ended_connection_is_told_and_begun_again(void **state)
{
	struct fixture *f = *state;
	start(f);
	fake_broker_cut("the cable is out");
	assert_int_equal(f->downs, 1);
	assert_false(f->link.is_up);
	assert_string_equal(f->link.why.text, "the cable is out");
	pass(f, PAUSE_LIMIT_MS);
	assert_int_equal(f->ups, 2);
	assert_int_equal(fake_broker_count(TOPIC("up/online")), 2);
}

static void it_knows_since_when(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->link.changed_ms, 0);
	start(f);
	assert_true(f->link.changed_ms == clock_now_ms());
	clock_fake_pass(5000);
	fake_broker_cut("cut");
	int64_t since = clock_now_ms();
	assert_true(f->link.changed_ms == since);
	fake_broker()->is_away = true;
	pass(f, PAUSE_LIMIT_MS);
	assert_true(f->link.changed_ms == since);
}

static void leaving_says_goodbye_first(void **state)
{
	struct fixture *f = *state;
	start(f);
	link_leave(&f->link, "reboot");
	assert_string_equal(member(presence(), "online"), "false");
	assert_string_equal(member(presence(), "why"), "\"reboot\"");
	assert_string_equal(member(presence(), "session"), "1");
	assert_int_equal(fake_broker()->leaves, 1);
	turn(f);
	assert_int_equal(f->downs, 1);
}

static void one_that_left_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	start(f);
	link_leave(&f->link, "stop");
	for (int i = 0; i < 10; i++)
		pass(f, PAUSE_LIMIT_MS);
	assert_int_equal(fake_broker()->connects, 1);
	assert_int_equal(f->downs, 1);
}

static void leaving_without_a_connection_is_told_at_once(void **state)
{
	struct fixture *f = *state;
	fake_broker()->is_away = true;
	start(f);
	link_leave(&f->link, "stop");
	assert_int_equal(f->downs, 1);
	fake_broker()->is_away = false;
	for (int i = 0; i < 10; i++)
		pass(f, PAUSE_LIMIT_MS);
	assert_int_equal(fake_broker()->connects, 1);
	assert_int_equal(f->ups, 0);
}

static void leaving_while_it_connects_is_told_once(void **state)
{
	struct fixture *f = *state;
	fake_broker()->is_mute = true;
	start(f);
	link_leave(&f->link, "stop");
	turn(f);
	assert_int_equal(f->downs, 1);
	assert_int_equal(f->ups, 0);
}

static void a_new_generation_is_published_once(void **state)
{
	struct fixture *f = *state;
	start(f);
	fake_broker_forget();
	link_set_generation(&f->link, 43);
	link_set_generation(&f->link, 43);
	assert_int_equal(fake_broker_count(TOPIC("up/online")), 1);
	assert_string_equal(member(presence(), "generation"), "43");
	assert_string_equal(member(presence(), "online"), "true");
}

static void a_generation_without_a_link_waits_for_the_birth(void **state)
{
	struct fixture *f = *state;
	link_set_generation(&f->link, 44);
	assert_int_equal(fake_broker()->sent_count, 0);
	start(f);
	assert_string_equal(member(presence(), "generation"), "44");
}

static void publishing_goes_below_the_own_topic(void **state)
{
	struct fixture *f = *state;
	int ticket = 0;
	start(f);
	assert_ok(link_publish(&f->link, "up/state", BYTES_LIT("{}"), 1, true, &ticket));
	const struct fake_message *m = fake_broker_last(TOPIC("up/state"));
	assert_string_equal(m->payload, "{}");
	assert_true(m->retain);
	assert_int_not_equal(ticket, 0);
}

static void publishing_without_a_connection_says_so(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_OFFLINE, link_publish(&f->link, "up/state", BYTES_LIT("{}"), 1, true, NULL));
	start(f);
	fake_broker_cut("cut");
	assert_err(ERR_OFFLINE, link_publish(&f->link, "up/state", BYTES_LIT("{}"), 1, true, NULL));
}

static void letters_for_us_are_told(void **state)
{
	struct fixture *f = *state;
	start(f);
	fake_broker_publish(TOPIC("dn/cmd/logs"), BYTES_LIT("payload"));
	assert_int_equal(f->letters, 1);
	assert_string_equal(f->topic.channel, "cmd");
	assert_string_equal(f->topic.a, "logs");
	assert_string_equal(f->payload, "payload");
}

static void letters_for_others_are_not(void **state)
{
	struct fixture *f = *state;
	start(f);
	fake_broker_publish("skerry1/main/drone-08/dn/cmd/logs", BYTES_LIT("x"));
	fake_broker_publish(TOPIC("up/state"), BYTES_LIT("x"));
	fake_broker_publish("skerry2/main/drone-07/dn/ack", BYTES_LIT("x"));
	fake_broker_publish("", BYTES_LIT("x"));
	assert_int_equal(f->letters, 0);
}

static void letters_for_our_name_in_another_fleet_are_not(void **state)
{
	struct fixture *f = *state;
	start(f);
	fake_broker_publish("skerry1/other/drone-07/dn/desired", BYTES_LIT("x"));
	assert_int_equal(f->letters, 0);
}

static void a_join_dir_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	struct link link;
	struct why why;
	char folder[300];
	const struct url broker = { .host = "broker", .port = 1883 };
	const struct link_options options = { &broker, "main", "drone-07", folder };
	memset(folder, 'x', sizeof folder - 1);
	folder[sizeof folder - 1] = '\0';
	assert_err(ERR_INVALID,
		   link_open(&link, f->loop, f->store, &options, &f->link.hooks, &why));
}

static void one_that_was_never_opened_may_be_closed(void **state)
{
	struct link never = { 0 };
	(void)state;
	link_close(&never);
}

int main(void)
{
#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LINK_TEST(it_is_up_when_it_is_subscribed),
		LINK_TEST(nothing_is_up_before_the_broker_said_so),
		LINK_TEST(it_subscribes_to_its_own_letters_in_one_go),
		LINK_TEST(the_birth_says_who_is_there),
		LINK_TEST(the_will_says_that_it_is_lost),
		LINK_TEST(the_session_rises_with_each_connection),
		LINK_TEST(the_session_rises_after_a_restart_too),
		LINK_TEST(a_connection_that_was_never_up_has_a_session_of_its_own),
		LINK_TEST(a_refused_subscription_is_loud_and_the_rest_works),
		LINK_TEST(a_refusal_is_forgotten_when_the_broker_changes_its_mind),
		LINK_TEST(a_broker_that_is_away_is_tried_again_after_a_pause),
		LINK_TEST(equal_failures_are_counted_not_repeated),
		LINK_TEST(being_up_for_a_while_forgives_the_failures),
		LINK_TEST(two_of_one_name_come_ever_more_rarely_and_say_so),
		LINK_TEST(a_broker_that_never_confirms_is_left),
		LINK_TEST(an_ended_connection_is_told_and_begun_again),
		LINK_TEST(it_knows_since_when),
		LINK_TEST(leaving_says_goodbye_first),
		LINK_TEST(one_that_left_does_not_come_back),
		LINK_TEST(leaving_without_a_connection_is_told_at_once),
		LINK_TEST(leaving_while_it_connects_is_told_once),
		LINK_TEST(a_new_generation_is_published_once),
		LINK_TEST(a_generation_without_a_link_waits_for_the_birth),
		LINK_TEST(publishing_goes_below_the_own_topic),
		LINK_TEST(publishing_without_a_connection_says_so),
		LINK_TEST(letters_for_us_are_told),
		LINK_TEST(letters_for_others_are_not),
		LINK_TEST(letters_for_our_name_in_another_fleet_are_not),
		LINK_TEST(a_join_dir_that_is_too_long_is_refused),
		LINK_TEST(one_that_was_never_opened_may_be_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
