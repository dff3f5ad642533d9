#include "sync/uplink.h"

#include "base/limits.h"
#include "base/log.h"
#include "ports/compress.h"
#include "ports/json.h"
#include "sync/envelope.h"
#include "sync/segment.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"
#include "tests/unit/sync/mqtt_fake.h"

#include <stdio.h>

#define TOPIC(rest) "skerry1/main/drone-07/" rest

enum { QUOTA = 8 * 1024 * 1024, SEQ_END = 1 << 30 };
static const int64_t WALL_MS = 1795514400000;

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct store *store;
	struct outbox outbox;
	struct link link;
	struct uplink uplink;
};

static void on_up(void *owner)
{
	struct fixture *f = owner;
	uplink_on_up(&f->uplink);
}

static void on_down(void *owner)
{
	struct fixture *f = owner;
	uplink_on_down(&f->uplink);
}

static void on_letter(void *owner, const struct topic *topic, struct bytes payload)
{
	struct fixture *f = owner;
	assert_string_equal(topic->channel, "ack");
	uplink_on_ack(&f->uplink, payload);
}

static void on_delivered(void *owner, int ticket)
{
	(void)owner;
	(void)ticket;
}

static void on_added(void *owner)
{
	struct fixture *f = owner;
	uplink_wake(&f->uplink);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct url broker = { .host = "broker", .port = 1883 };
	assert_non_null(f);
	const struct link_hooks hooks = { f, on_up, on_down, on_letter, on_delivered };
	log_set_level(LOG_ERR);
	fake_broker_reset();
	clock_fake_set_wall(WALL_MS);
	scratch_make(&f->scratch);
	const struct link_options options = { &broker, "main", "drone-07", f->scratch.folder };
	assert_ok(loop_open(&f->loop, NULL));
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(outbox_open(&f->outbox, f->store, QUOTA, NULL));
	assert_ok(link_open(&f->link, f->loop, f->store, &options, &hooks, NULL));
	assert_ok(uplink_open(&f->uplink, f->loop, &f->link, &f->outbox, 0, 0, NULL));
	f->outbox.owner = f;
	f->outbox.on_added = on_added;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	uplink_close(&f->uplink);
	link_close(&f->link);
	store_close(f->store);
	loop_close(f->loop);
	fake_broker_reset();
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 6; i++)
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
	assert_true(f->link.is_up);
}

static void cut_and_come_back(struct fixture *f)
{
	fake_broker_cut("cut");
	fake_broker_forget();
	pass(f, PAUSE_LIMIT_MS);
	assert_true(f->link.is_up);
}

/* --- letters --- */

static void add_letter(struct fixture *f, struct letter l)
{
	struct why why = { "" };
	l.items = 1;
	l.stream = l.class == LETTER_EVENT ? "event" : "camera";
	if (outbox_add(&f->outbox, &l, &why))
		fail_msg("%s", why.text);
}

static void add_body(struct fixture *f, enum letter_class class, struct bytes body)
{
	add_letter(f, (struct letter){ .class = class,
				       .made_ms = clock_wall_ms(),
				       .flags = LETTER_WALL,
				       .body = body });
}

/* Telemetry is any bytes; a document is packed members. */
static void add(struct fixture *f, enum letter_class class)
{
	char packed[128];
	size_t len;
	const char *members = class == LETTER_EVENT ? "\"events\":[1]" : "\"lines\":[2]";
	if (class == LETTER_TELEMETRY) {
		add_body(f, class, BYTES_LIT("columns"));
		return;
	}
	assert_ok(compress_pack(bytes_of(members), packed, sizeof packed, &len));
	add_body(f, class, (struct bytes){ packed, len });
}

static void add_many(struct fixture *f, enum letter_class class, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(f, class);
}

static size_t letters(struct fixture *f)
{
	size_t n = 0;
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++) {
		struct store_total t;
		store_total(f->store, c, &t);
		n += (size_t)t.letters;
	}
	return n;
}

/* --- what has arrived --- */

static struct segment_head head_of(const struct fake_message *m)
{
	struct segment_head head;
	struct bytes body;
	assert_ok(segment_read((struct bytes){ m->payload, m->len }, &head, &body, NULL));
	return head;
}

static int64_t number_in(const struct fake_message *m, const char *key)
{
	struct json *j;
	int64_t n = -1;
	assert_ok(json_parse((struct bytes){ m->payload, m->len }, &j, NULL));
	(void)json_integer(json_member(j, key), &n);
	json_free(j);
	return n;
}

static int64_t seq_of(const struct fake_message *m)
{
	return strstr(m->topic, "/telec/") ? head_of(m).seq : number_in(m, "seq");
}

/* The numbers that were sent, in order: "1 2 5". */
static const char *sent(void)
{
	static char text[2048];
	size_t n = 0;
	text[0] = '\0';
	for (size_t i = 0; i < fake_broker()->sent_count; i++) {
		const struct fake_message *m = &fake_broker()->sent[i];
		if (strcmp(m->topic, TOPIC("up/online")) == 0)
			continue;
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", n ? " " : "",
				      (long long)seq_of(m));
	}
	return text;
}

static size_t count_sent(void)
{
	return fake_broker()->sent_count - fake_broker_count(TOPIC("up/online"));
}

static void acknowledge(struct fixture *f, const char *ok, const char *bad)
{
	char text[512];
	snprintf(text, sizeof text, "{\"buf\":\"%s\",\"ok\":[%s],\"bad\":[%s]}", f->outbox.buf, ok,
		 bad);
	fake_broker_publish(TOPIC("dn/ack"), bytes_of(text));
	turn(f);
}

/* --- form --- */

static void telemetry_travels_as_it_lies_on_flash(void **state)
{
	struct fixture *f = *state;
	struct segment_head head;
	struct bytes body;
	start(f);
	add(f, LETTER_TELEMETRY);
	turn(f);
	const struct fake_message *m = fake_broker_last(TOPIC("up/telec/camera"));
	assert_int_equal(m->qos, 1);
	assert_false(m->retain);
	assert_ok(segment_read((struct bytes){ m->payload, m->len }, &head, &body, NULL));
	assert_string_equal(head.buf, f->outbox.buf);
	assert_int_equal(head.seq, 1);
	assert_int_equal(head.clock, SEGMENT_WALL);
	assert_false(head.history);
	assert_true(bytes_are(body, "columns"));
}

static void events_travel_as_a_document(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_EVENT);
	turn(f);
	const struct fake_message *m = fake_broker_last(TOPIC("up/event"));
	char expected[256];
	snprintf(expected, sizeof expected,
		 "{\"v\":1,\"dev\":\"drone-07\",\"buf\":\"%s\",\"seq\":1,\"events\":[1]}",
		 f->outbox.buf);
	assert_string_equal(m->payload, expected);
	assert_int_equal(m->qos, 1);
}

static void logs_travel_below_the_workloads_name(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_LOG);
	turn(f);
	const struct fake_message *m = fake_broker_last(TOPIC("up/log/camera"));
	assert_int_equal(number_in(m, "seq"), 1);
	assert_non_null(strstr(m->payload, "\"lines\":[2]"));
}

static void what_is_a_minute_old_is_history(void **state)
{
	struct fixture *f = *state;
	add(f, LETTER_TELEMETRY);
	add(f, LETTER_EVENT);
	clock_fake_pass(HISTORY_AFTER_MS);
	start(f);
	assert_false(head_of(fake_broker_last(TOPIC("up/telec/camera"))).history);
	clock_fake_pass(1);
	cut_and_come_back(f);
	assert_true(head_of(fake_broker_last(TOPIC("up/telec/camera"))).history);
	assert_non_null(strstr(fake_broker_last(TOPIC("up/event"))->payload, "\"hist\":true"));
}

/* --- clocks --- */

static void add_of_boot(struct fixture *f, enum letter_class class, int64_t made_ms, uint32_t boot)
{
	char packed[128];
	size_t len;
	assert_ok(compress_pack(BYTES_LIT("\"events\":[1]"), packed, sizeof packed, &len));
	add_letter(f, (struct letter){ .class = class,
				       .made_ms = made_ms,
				       .flags = boot,
				       .body = { packed, len } });
}

static void times_since_boot_get_an_offset_when_the_clock_is_set(void **state)
{
	struct fixture *f = *state;
	add_of_boot(f, LETTER_TELEMETRY, clock_now_ms() - 1000, envelope_boot_flags());
	add_of_boot(f, LETTER_EVENT, clock_now_ms() - 1000, envelope_boot_flags());
	start(f);
	struct segment_head head = head_of(fake_broker_last(TOPIC("up/telec/camera")));
	assert_int_equal(head.clock, SEGMENT_OFFSET);
	assert_true(head.clock_ms == clock_wall_ms() - clock_now_ms());
	assert_false(head.history);
	const struct fake_message *m = fake_broker_last(TOPIC("up/event"));
	assert_non_null(strstr(m->payload, "\"clock\":\"mono\""));
	assert_true(number_in(m, "offset") == clock_wall_ms() - clock_now_ms());
}

static void times_since_boot_say_now_when_the_clock_was_never_set(void **state)
{
	struct fixture *f = *state;
	clock_fake_set_wall(5000);
	add_of_boot(f, LETTER_TELEMETRY, clock_now_ms(), envelope_boot_flags());
	add_of_boot(f, LETTER_EVENT, clock_now_ms(), envelope_boot_flags());
	start(f);
	struct segment_head head = head_of(fake_broker_last(TOPIC("up/telec/camera")));
	assert_int_equal(head.clock, SEGMENT_ARRIVAL);
	assert_true(head.clock_ms == clock_now_ms());
	const struct fake_message *m = fake_broker_last(TOPIC("up/event"));
	assert_non_null(strstr(m->payload, "\"clock\":\"mono\""));
	assert_true(number_in(m, "now") == clock_now_ms());
}

static void times_of_an_earlier_boot_end_when_this_one_began(void **state)
{
	struct fixture *f = *state;
	const uint32_t other = envelope_boot_flags() ^ 0xff00;
	const int64_t made = 7200 * 1000;
	add_of_boot(f, LETTER_TELEMETRY, made, other);
	start(f);
	struct segment_head head = head_of(fake_broker_last(TOPIC("up/telec/camera")));
	assert_int_equal(head.clock, SEGMENT_OFFSET);
	assert_true(head.history);
	/* The letter's own time becomes the time at which this boot began. */
	assert_true(made + head.clock_ms == clock_wall_ms() - clock_now_ms());
}

/* --- order and window --- */

static void nothing_leaves_before_the_link_is_up(void **state)
{
	struct fixture *f = *state;
	add(f, LETTER_EVENT);
	turn(f);
	assert_int_equal(fake_broker()->sent_count, 0);
	start(f);
	assert_string_equal(sent(), "1");
}

static void events_leave_before_logs_before_telemetry(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 2); /* 1 2 */
	add_many(f, LETTER_LOG, 2);       /* 3 4 */
	add_many(f, LETTER_EVENT, 2);     /* 5 6 */
	start(f);
	assert_string_equal(sent(), "5 6 3 4 1 2");
}

static void what_is_new_leaves_before_the_backlog(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 40);
	start(f);
	assert_int_equal(count_sent(), UPLINK_WINDOW);
	fake_broker_forget();
	add_many(f, LETTER_TELEMETRY, 2); /* 41 42 */
	acknowledge(f, "[1,4]", "");
	assert_string_equal(sent(), "41 42 33 34");
}

static void a_window_bounds_what_is_under_way(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 50);
	start(f);
	assert_int_equal(count_sent(), UPLINK_WINDOW);
	turn(f);
	assert_int_equal(count_sent(), UPLINK_WINDOW);
	acknowledge(f, "[1,3]", "");
	assert_int_equal(count_sent(), UPLINK_WINDOW + 3);
}

static void some_places_are_for_events_only(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 50);
	start(f);
	fake_broker_forget();
	add_many(f, LETTER_EVENT, UPLINK_WINDOW_EVENTS + 4);
	add(f, LETTER_LOG);
	turn(f);
	assert_int_equal(fake_broker_count(TOPIC("up/event")), UPLINK_WINDOW_EVENTS);
	assert_int_equal(count_sent(), UPLINK_WINDOW_EVENTS);
}

static void bytes_under_way_are_bounded_too(void **state)
{
	struct fixture *f = *state;
	static char body[60 * 1024];
	for (int i = 0; i < 10; i++)
		add_body(f, LETTER_TELEMETRY, (struct bytes){ body, sizeof body });
	start(f);
	size_t under_way = count_sent() * sizeof body;
	assert_in_range(under_way, UPLINK_WINDOW_BYTES - sizeof body,
			UPLINK_WINDOW_BYTES + sizeof body);
	fake_broker_forget();
	add(f, LETTER_EVENT);
	turn(f);
	assert_int_equal(fake_broker_count(TOPIC("up/event")), 1);
}

static void a_letter_of_an_open_transaction_waits_for_the_commit(void **state)
{
	struct fixture *f = *state;
	start(f);
	fake_broker_forget();
	assert_ok(store_begin(f->store, NULL));
	add(f, LETTER_EVENT);
	assert_int_equal(fake_broker()->sent_count, 0);
	assert_ok(store_commit(f->store, NULL));
	turn(f);
	assert_string_equal(sent(), "1");
}

/* --- acknowledgements --- */

static void an_acknowledged_letter_leaves_the_store_by_and_by(void **state)
{
	struct fixture *f = *state;
	start(f);
	add_many(f, LETTER_TELEMETRY, 3);
	turn(f);
	acknowledge(f, "[1,2]", "");
	pass(f, UPLINK_SETTLE_MS - 1);
	assert_int_equal(letters(f), 3);
	pass(f, 1);
	assert_int_equal(letters(f), 1);
}

static void an_acknowledgement_joins_the_next_write(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_TELEMETRY);
	turn(f);
	acknowledge(f, "[1,1]", "");
	add(f, LETTER_TELEMETRY);
	assert_int_equal(letters(f), 1);
}

static void puback_alone_frees_nothing(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_EVENT);
	pass(f, 3600 * 1000);
	assert_int_equal(letters(f), 1);
}

static void what_is_not_acknowledged_goes_again_ever_more_rarely(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_EVENT);
	turn(f);
	int64_t wait = UPLINK_AGAIN_FIRST_MS;
	for (size_t times = 1; times < 9; times++) {
		assert_int_equal(count_sent(), times);
		pass(f, wait - 1);
		assert_int_equal(count_sent(), times);
		pass(f, 1);
		wait = wait * 2 < UPLINK_AGAIN_MAX_MS ? wait * 2 : UPLINK_AGAIN_MAX_MS;
	}
	assert_string_equal(sent(), "1 1 1 1 1 1 1 1 1");
}

static void an_acknowledged_letter_does_not_go_again(void **state)
{
	struct fixture *f = *state;
	start(f);
	add_many(f, LETTER_EVENT, 2);
	turn(f);
	acknowledge(f, "[1,1]", "");
	fake_broker_forget();
	pass(f, UPLINK_AGAIN_FIRST_MS);
	assert_string_equal(sent(), "2");
}

static void a_hub_that_says_hello_gets_what_it_may_have_missed(void **state)
{
	struct fixture *f = *state;
	start(f);
	add_many(f, LETTER_EVENT, 3);
	turn(f);
	acknowledge(f, "[2,2]", "");
	fake_broker_forget();
	acknowledge(f, "", "");
	assert_int_equal(count_sent(), 2);
	assert_int_equal(seq_of(&fake_broker()->sent[0]) + seq_of(&fake_broker()->sent[1]), 1 + 3);
	pass(f, UPLINK_AGAIN_FIRST_MS - 1);
	assert_int_equal(count_sent(), 2);
}

static void a_refused_letter_is_set_aside_and_not_sent_again(void **state)
{
	struct fixture *f = *state;
	start(f);
	add_many(f, LETTER_TELEMETRY, 2);
	turn(f);
	acknowledge(f, "", "[1,\"pts[3].f is empty\"]");
	assert_int_equal(letters(f), 1);
	assert_int_equal(store_buried(f->store), 1);
	fake_broker_forget();
	pass(f, UPLINK_AGAIN_FIRST_MS);
	assert_string_equal(sent(), "2");
}

static void an_ack_for_another_outbox_changes_nothing(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_EVENT);
	turn(f);
	fake_broker_publish(TOPIC("dn/ack"),
			    BYTES_LIT("{\"buf\":\"zzzzzzzz\",\"ok\":[[1,100]],\"bad\":[]}"));
	pass(f, UPLINK_SETTLE_MS);
	assert_int_equal(letters(f), 1);
}

static void an_ack_that_is_broken_changes_nothing(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_EVENT);
	turn(f);
	fake_broker_forget();
	fake_broker_publish(TOPIC("dn/ack"), BYTES_LIT("{\"ok\":[[1,100]"));
	acknowledge(f, "[1,1],[3,2]", "");
	pass(f, UPLINK_SETTLE_MS);
	assert_int_equal(letters(f), 1);
	assert_string_equal(sent(), "");
}

static void letters_that_never_were_may_be_acknowledged(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_EVENT);
	turn(f);
	acknowledge(f, "[0,0],[7,9007199254740991]", "[50,\"x\"]");
	pass(f, UPLINK_SETTLE_MS);
	assert_int_equal(letters(f), 1);
}

/* --- trouble --- */

static void a_new_connection_sends_all_that_is_not_acknowledged(void **state)
{
	struct fixture *f = *state;
	start(f);
	add_many(f, LETTER_TELEMETRY, 3);
	turn(f);
	acknowledge(f, "[2,2]", "");
	cut_and_come_back(f);
	assert_string_equal(sent(), "1 3");
}

static void without_a_link_nothing_goes_again(void **state)
{
	struct fixture *f = *state;
	start(f);
	add(f, LETTER_EVENT);
	turn(f);
	fake_broker()->is_away = true;
	fake_broker_cut("cut");
	fake_broker_forget();
	pass(f, UPLINK_AGAIN_FIRST_MS);
	pass(f, UPLINK_AGAIN_MAX_MS);
	assert_int_equal(fake_broker()->sent_count, 0);
}

static void a_connection_that_ends_in_the_middle_loses_nothing(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 10);
	fake_broker()->takes = 5; /* the birth and four letters */
	link_start(&f->link);
	turn(f);
	assert_string_equal(sent(), "1 2 3 4");
	fake_broker()->takes = 0;
	fake_broker_forget();
	pass(f, PAUSE_LIMIT_MS);
	assert_string_equal(sent(), "1 2 3 4 5 6 7 8 9 10");
}

static void a_letter_that_does_not_read_back_stops_no_other(void **state)
{
	struct fixture *f = *state;
	add_body(f, LETTER_EVENT, BYTES_LIT("this is not packed"));
	add(f, LETTER_EVENT);
	start(f);
	assert_string_equal(sent(), "2");
	assert_int_equal(store_buried(f->store), 1);
	assert_int_equal(letters(f), 1);
}

static void a_letter_that_passes_a_message_stops_no_other(void **state)
{
	struct fixture *f = *state;
	static char body[MESSAGE_MAX];
	add_body(f, LETTER_TELEMETRY, (struct bytes){ body, sizeof body });
	add(f, LETTER_TELEMETRY);
	start(f);
	assert_string_equal(sent(), "2");
	assert_int_equal(store_buried(f->store), 1);
}

static void a_letter_given_up_under_way_frees_its_place(void **state)
{
	struct fixture *f = *state;
	int64_t dropped;
	add_many(f, LETTER_TELEMETRY, UPLINK_WINDOW + 1);
	start(f);
	assert_ok(store_drop(f->store, 1, 1, &dropped, NULL));
	fake_broker_forget();
	pass(f, UPLINK_AGAIN_FIRST_MS);
	/* All others of the window again, and the one that waited. */
	assert_int_equal(count_sent(), UPLINK_WINDOW);
	assert_int_equal(seq_of(&fake_broker()->sent[fake_broker()->sent_count - 1]),
			 UPLINK_WINDOW + 1);
}

/* --- the budget --- */

static void reopen_with_budget(struct fixture *f, int64_t rate, int64_t daily)
{
	uplink_close(&f->uplink);
	assert_ok(uplink_open(&f->uplink, f->loop, &f->link, &f->outbox, rate, daily, NULL));
}

static void telemetry_waits_for_its_rate_and_events_do_not(void **state)
{
	struct fixture *f = *state;
	reopen_with_budget(f, 80, 0);
	start(f);
	add_many(f, LETTER_TELEMETRY, 10); /* each about 95 bytes with its topic and headers */
	turn(f);
	assert_string_equal(sent(), "1");
	add(f, LETTER_EVENT);
	turn(f);
	assert_string_equal(sent(), "1 11");
	for (int i = 0; i < 120; i++) {
		pass(f, 100);
		acknowledge(f, "[1,1]", "");
	}
	assert_in_range(count_sent(), 7, 11);
	pass(f, 10 * 1000);
	assert_int_equal(count_sent(), 11);
}

static void a_letter_that_is_due_again_waits_too(void **state)
{
	struct fixture *f = *state;
	reopen_with_budget(f, 0, 150);
	start(f);
	add_many(f, LETTER_TELEMETRY, 2);
	turn(f);
	assert_string_equal(sent(), "1 2");
	pass(f, UPLINK_AGAIN_FIRST_MS * 3);
	assert_string_equal(sent(), "1 2");
}

static void a_day_that_is_spent_stays_spent_over_a_restart(void **state)
{
	struct fixture *f = *state;
	reopen_with_budget(f, 0, 150);
	start(f);
	add_many(f, LETTER_TELEMETRY, 3);
	turn(f);
	assert_string_equal(sent(), "1 2");

	reopen_with_budget(f, 0, 150);
	cut_and_come_back(f);
	assert_string_equal(sent(), "");
	add(f, LETTER_EVENT);
	turn(f);
	assert_string_equal(sent(), "4");
	clock_fake_set_wall(WALL_MS + 24LL * 3600 * 1000);
	pass(f, 24LL * 3600 * 1000);
	assert_string_equal(sent(), "4 4 1"); /* the event goes again, and counts */
}

static void one_that_was_never_opened_may_be_closed(void **state)
{
	struct uplink never = { 0 };
	(void)state;
	uplink_close(&never);
}

static void boots_have_different_flags(void **state)
{
	(void)state;
	uint32_t one = envelope_boot_flags();
	assert_int_equal(one & LETTER_WALL, 0);
	assert_int_equal(one & 0xff, 0);
	clock_fake_set_boot("12340000-0000-4000-8000-000000000002");
	assert_int_not_equal(envelope_boot_flags(), one);
	clock_fake_set_boot("9f2c0000-0000-4000-8000-000000000001");
}

int main(void)
{
#define UPLINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		UPLINK_TEST(telemetry_travels_as_it_lies_on_flash),
		UPLINK_TEST(events_travel_as_a_document),
		UPLINK_TEST(logs_travel_below_the_workloads_name),
		UPLINK_TEST(what_is_a_minute_old_is_history),
		UPLINK_TEST(times_since_boot_get_an_offset_when_the_clock_is_set),
		UPLINK_TEST(times_since_boot_say_now_when_the_clock_was_never_set),
		UPLINK_TEST(times_of_an_earlier_boot_end_when_this_one_began),
		UPLINK_TEST(nothing_leaves_before_the_link_is_up),
		UPLINK_TEST(events_leave_before_logs_before_telemetry),
		UPLINK_TEST(what_is_new_leaves_before_the_backlog),
		UPLINK_TEST(a_window_bounds_what_is_under_way),
		UPLINK_TEST(some_places_are_for_events_only),
		UPLINK_TEST(bytes_under_way_are_bounded_too),
		UPLINK_TEST(a_letter_of_an_open_transaction_waits_for_the_commit),
		UPLINK_TEST(an_acknowledged_letter_leaves_the_store_by_and_by),
		UPLINK_TEST(an_acknowledgement_joins_the_next_write),
		UPLINK_TEST(puback_alone_frees_nothing),
		UPLINK_TEST(what_is_not_acknowledged_goes_again_ever_more_rarely),
		UPLINK_TEST(an_acknowledged_letter_does_not_go_again),
		UPLINK_TEST(a_hub_that_says_hello_gets_what_it_may_have_missed),
		UPLINK_TEST(a_refused_letter_is_set_aside_and_not_sent_again),
		UPLINK_TEST(an_ack_for_another_outbox_changes_nothing),
		UPLINK_TEST(an_ack_that_is_broken_changes_nothing),
		UPLINK_TEST(letters_that_never_were_may_be_acknowledged),
		UPLINK_TEST(a_new_connection_sends_all_that_is_not_acknowledged),
		UPLINK_TEST(without_a_link_nothing_goes_again),
		UPLINK_TEST(a_connection_that_ends_in_the_middle_loses_nothing),
		UPLINK_TEST(a_letter_that_does_not_read_back_stops_no_other),
		UPLINK_TEST(a_letter_that_passes_a_message_stops_no_other),
		UPLINK_TEST(a_letter_given_up_under_way_frees_its_place),
		UPLINK_TEST(telemetry_waits_for_its_rate_and_events_do_not),
		UPLINK_TEST(a_letter_that_is_due_again_waits_too),
		UPLINK_TEST(a_day_that_is_spent_stays_spent_over_a_restart),
		UPLINK_TEST(one_that_was_never_opened_may_be_closed),
		UPLINK_TEST(boots_have_different_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
