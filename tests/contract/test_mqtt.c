/* ports/mqtt.h against a real mosquitto on a free port. */
#include "ports/mqtt.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "ports/net.h"
#include "ports/process.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/contract/waiting.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static const char BROKER[] = "/usr/sbin/mosquitto";

enum { ROW = 300 };

/* One connection and what it was told. */
struct client {
	struct fixture *f;
	struct mqtt *mqtt;
	bool is_up, is_down, is_subscribed, has_message;
	size_t ups, downs, messages, delivered, granted;
	int last_ticket;
	struct why why;
	char topic[TOPIC_MAX + 1];
	char *payload;
	size_t len;
	bool retained, drops_on_message;
	int next;      /* of a row of numbers that must come in order */
	size_t wanted; /* messages, or deliveries, until `has_all` */
	bool has_all;
};

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct process broker;
	bool broker_ended;
	struct url url;
	struct client a, b;
};

/* --- hooks --- */

static void on_up(void *owner)
{
	struct client *c = owner;
	c->ups++;
	c->is_up = true;
	c->is_down = false;
}

static void on_down(void *owner, const struct why *why)
{
	struct client *c = owner;
	c->downs++;
	c->is_down = true;
	c->is_up = false;
	c->why = *why;
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct client *c = owner;
	c->messages++;
	c->has_message = true;
	c->retained = m->retained;
	snprintf(c->topic, sizeof c->topic, "%s", m->topic);
	free(c->payload);
	c->payload = calloc(1, m->payload.len + 1);
	assert_non_null(c->payload);
	if (m->payload.len)
		memcpy(c->payload, m->payload.at, m->payload.len);
	c->len = m->payload.len;
	if (strcmp(m->topic, "row") == 0)
		assert_int_equal(atoi(c->payload), c->next++);
	c->has_all = c->messages == c->wanted;
	if (c->drops_on_message)
		mqtt_drop(c->mqtt);
}

static void on_delivered(void *owner, int ticket)
{
	struct client *c = owner;
	c->delivered++;
	c->last_ticket = ticket;
	c->has_all = c->delivered == c->wanted;
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct client *c = owner;
	c->is_subscribed = true;
	c->granted = 0;
	for (size_t i = 0; i < n; i++)
		c->granted += granted[i];
}

static void on_broker_exit(void *owner, int code, int signo)
{
	struct fixture *f = owner;
	(void)code;
	(void)signo;
	f->broker_ended = true;
}

/* --- the broker --- */

static bool is_listening(const struct fixture *f)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(f->url.port) };
	SCOPED_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
}

static void start_broker(struct fixture *f)
{
	const char *config = scratch_at(&f->scratch, "mosquitto.conf");
	char text[256];
	snprintf(text, sizeof text,
		 "listener %d 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\n"
		 "log_dest none\nmax_queued_messages 10000\nmax_inflight_messages 100\n",
		 f->url.port);
	assert_ok(file_replace(config, bytes_of(text), false, NULL));
	const char *const argv[] = { BROKER, "-c", config, NULL };
	const struct process_options o = { .argv = argv, .out_fd = -1, .err_fd = -1 };
	f->broker.owner = f;
	f->broker.on_exit = on_broker_exit;
	f->broker_ended = false;
	assert_ok(process_start(f->loop, &o, &f->broker, NULL));
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	while (!is_listening(f) && !f->broker_ended && clock_now_ms() < until)
		assert_ok(loop_turn(f->loop, 10, NULL));
	assert_false(f->broker_ended);
}

static void open_client(struct fixture *f, struct client *c)
{
	const struct mqtt_hooks hooks = {
		c, on_up, on_down, on_message, on_delivered, on_subscribed
	};
	c->f = f;
	assert_ok(mqtt_open(f->loop, &hooks, &c->mqtt, NULL));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	f->url = (struct url){ .host = "127.0.0.1", .port = (uint16_t)net_free_port() };
	start_broker(f);
	open_client(f, &f->a);
	open_client(f, &f->b);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mqtt_close(f->a.mqtt);
	mqtt_close(f->b.mqtt);
	free(f->a.payload);
	free(f->b.payload);
	process_end(&f->broker);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* --- what a client does --- */

static void begin(struct client *c, const char *id, const char *will_topic, const char *will)
{
	const struct mqtt_options o = { .broker = &c->f->url,
					.client_id = id,
					.will_topic = will_topic,
					.will = will ? bytes_of(will) : (struct bytes){ 0 },
					.join_dir = c->f->scratch.folder };
	assert_ok(mqtt_connect(c->mqtt, &o, &c->why));
}

static void connect_as(struct client *c, const char *id)
{
	begin(c, id, NULL, NULL);
	turn_until(c->f->loop, &c->is_up);
}

static void subscribe(struct client *c, const char *filter)
{
	c->is_subscribed = false;
	assert_ok(mqtt_subscribe(c->mqtt, &filter, 1, NULL));
	turn_until(c->f->loop, &c->is_subscribed);
	assert_int_equal(c->granted, 1);
}

static enum err publish(struct client *c, const char *topic, struct bytes payload, int qos,
			bool retain, int *ticket)
{
	const struct mqtt_letter l = { topic, payload, qos, retain };
	return mqtt_publish(c->mqtt, &l, ticket, &c->why);
}

static void await_message(struct client *c, const char *topic, struct bytes payload)
{
	turn_until(c->f->loop, &c->has_message);
	assert_string_equal(c->topic, topic);
	assert_int_equal(c->len, payload.len);
	if (payload.len)
		assert_memory_equal(c->payload, payload.at, payload.len);
	c->has_message = false;
}

static void both_are_up_and_b_listens(struct fixture *f, const char *filter)
{
	connect_as(&f->a, "a");
	connect_as(&f->b, "b");
	subscribe(&f->b, filter);
}

/* --- tests --- */

static void it_is_up_when_the_broker_said_so(void **state)
{
	struct fixture *f = *state;
	begin(&f->a, "a", NULL, NULL);
	assert_false(mqtt_is_up(f->a.mqtt));
	assert_int_equal(f->a.ups, 0); /* never from within the call */
	turn_until(f->loop, &f->a.is_up);
	assert_true(mqtt_is_up(f->a.mqtt));
	assert_int_equal(f->a.ups, 1);
	assert_int_equal(f->a.downs, 0);
}

static void nothing_is_left_of_the_private_socket(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->a, "a");
	assert_false(file_exists(scratch_at(&f->scratch, "mqtt.sock")));
}

static void messages_arrive(void **state)
{
	struct fixture *f = *state;
	both_are_up_and_b_listens(f, "t/+");
	assert_ok(publish(&f->a, "t/one", BYTES_LIT("hello"), 1, false, NULL));
	await_message(&f->b, "t/one", BYTES_LIT("hello"));
	assert_false(f->b.retained);
	assert_ok(publish(&f->a, "t/two", BYTES_LIT("a\0b"), 0, false, NULL));
	await_message(&f->b, "t/two", BYTES_LIT("a\0b"));
	assert_ok(publish(&f->a, "t/three", BYTES_LIT(""), 1, false, NULL));
	await_message(&f->b, "t/three", BYTES_LIT(""));
	assert_int_equal(f->b.messages, 3);
}

static void the_largest_message_arrives_and_a_larger_one_is_refused(void **state)
{
	struct fixture *f = *state;
	char *payload = malloc(MESSAGE_MAX + 1);
	assert_non_null(payload);
	for (size_t i = 0; i <= MESSAGE_MAX; i++)
		payload[i] = (char)(i * 7);
	both_are_up_and_b_listens(f, "t");
	assert_err(ERR_FULL,
		   publish(&f->a, "t", (struct bytes){ payload, MESSAGE_MAX + 1 }, 1, false, NULL));
	assert_string_not_equal(f->a.why.text, "");
	assert_ok(publish(&f->a, "t", (struct bytes){ payload, MESSAGE_MAX }, 1, false, NULL));
	await_message(&f->b, "t", (struct bytes){ payload, MESSAGE_MAX });
	free(payload);
}

static void delivery_is_told_by_its_ticket(void **state)
{
	struct fixture *f = *state;
	int one = 0, two = 0;
	connect_as(&f->a, "a");
	f->a.wanted = 1;
	assert_ok(publish(&f->a, "t", BYTES_LIT("x"), 1, false, &one));
	turn_until(f->loop, &f->a.has_all);
	assert_int_equal(f->a.last_ticket, one);
	f->a.wanted = 2;
	f->a.has_all = false;
	assert_ok(publish(&f->a, "t", BYTES_LIT("x"), 0, false, &two));
	turn_until(f->loop, &f->a.has_all);
	assert_int_equal(f->a.last_ticket, two);
	assert_int_not_equal(one, two);
}

static void a_retained_message_waits_for_who_comes_later(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->a, "a");
	f->a.wanted = 1;
	assert_ok(publish(&f->a, "kept", BYTES_LIT("state"), 1, true, NULL));
	turn_until(f->loop, &f->a.has_all);
	connect_as(&f->b, "b");
	subscribe(&f->b, "kept");
	await_message(&f->b, "kept", BYTES_LIT("state"));
	assert_true(f->b.retained);
}

static void what_is_kept_can_be_recalled_once(void **state)
{
	static const char *const topics[] = { "kept", "nothing" };
	struct fixture *f = *state;
	connect_as(&f->a, "a");
	f->a.wanted = 1;
	assert_ok(publish(&f->a, "kept", BYTES_LIT("state"), 1, true, NULL));
	turn_until(f->loop, &f->a.has_all);
	connect_as(&f->b, "b");
	assert_ok(mqtt_recall(f->b.mqtt, topics, 2, NULL));
	await_message(&f->b, "kept", BYTES_LIT("state"));
	assert_true(f->b.retained);
	assert_false(f->b.is_subscribed);
	/* What is said there later is not heard; what follows it is. */
	assert_ok(publish(&f->a, "kept", BYTES_LIT("newer"), 1, true, NULL));
	subscribe(&f->b, "other");
	assert_ok(publish(&f->a, "other", BYTES_LIT("x"), 1, false, NULL));
	await_message(&f->b, "other", BYTES_LIT("x"));
	assert_int_equal(f->b.messages, 2);
}

static void many_filters_fit_into_one_subscription(void **state)
{
	static const char *const filters[MQTT_FILTERS_MAX] = { "a", "b/+", "c/#", "d",
							       "e", "f",   "g",   "h" };
	struct fixture *f = *state;
	connect_as(&f->a, "a");
	assert_ok(mqtt_subscribe(f->a.mqtt, filters, MQTT_FILTERS_MAX, NULL));
	turn_until(f->loop, &f->a.is_subscribed);
	assert_int_equal(f->a.granted, MQTT_FILTERS_MAX);
}

static void without_a_connection_nothing_can_be_said(void **state)
{
	struct fixture *f = *state;
	const char *filter = "t";
	assert_err(ERR_OFFLINE, publish(&f->a, "t", BYTES_LIT("x"), 1, false, NULL));
	assert_err(ERR_OFFLINE, mqtt_subscribe(f->a.mqtt, &filter, 1, &f->a.why));
	begin(&f->a, "a", NULL, NULL);
	assert_err(ERR_OFFLINE, publish(&f->a, "t", BYTES_LIT("x"), 1, false, NULL));
}

static void a_topic_that_is_none_is_refused(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->a, "a");
	assert_err(ERR_INVALID, publish(&f->a, "t/+", BYTES_LIT("x"), 1, false, NULL));
	assert_true(mqtt_is_up(f->a.mqtt));
	f->a.wanted = 1;
	assert_ok(publish(&f->a, "t", BYTES_LIT("x"), 1, false, NULL));
	turn_until(f->loop, &f->a.has_all);
}

static void a_long_row_arrives_whole_and_in_order(void **state)
{
	struct fixture *f = *state;
	static char payload[4000];
	both_are_up_and_b_listens(f, "row");
	f->b.wanted = ROW;
	for (int i = 0; i < ROW; i++) {
		snprintf(payload, sizeof payload, "%d", i);
		assert_ok(publish(&f->a, "row", (struct bytes){ payload, sizeof payload }, 1, false,
				  NULL));
	}
	turn_until(f->loop, &f->b.has_all);
	assert_int_equal(f->b.next, ROW);
}

/* --- ends --- */

static void nobody_listening_is_told(void **state)
{
	struct fixture *f = *state;
	f->url.port = (uint16_t)net_free_port();
	begin(&f->a, "a", NULL, NULL);
	turn_until(f->loop, &f->a.is_down);
	assert_int_equal(f->a.ups, 0);
	assert_non_null(strstr(f->a.why.text, "refused"));
}

static void dropping_lets_the_broker_publish_the_will(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->b, "b");
	subscribe(&f->b, "will");
	begin(&f->a, "a", "will", "lost");
	turn_until(f->loop, &f->a.is_up);
	mqtt_drop(f->a.mqtt);
	assert_false(mqtt_is_up(f->a.mqtt));
	await_message(&f->b, "will", BYTES_LIT("lost"));
	assert_int_equal(f->a.downs, 0); /* who drops it knows */
}

static void the_will_is_retained(void **state)
{
	struct fixture *f = *state;
	begin(&f->a, "a", "will", "lost");
	turn_until(f->loop, &f->a.is_up);
	mqtt_drop(f->a.mqtt);
	connect_as(&f->b, "b");
	subscribe(&f->b, "will");
	await_message(&f->b, "will", BYTES_LIT("lost"));
}

static void leaving_comes_behind_what_was_published_and_without_a_will(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->b, "b");
	subscribe(&f->b, "#");
	begin(&f->a, "a", "will", "lost");
	turn_until(f->loop, &f->a.is_up);
	f->b.wanted = 20;
	for (int i = 0; i < 20; i++)
		assert_ok(publish(&f->a, "t", BYTES_LIT("x"), 1, false, NULL));
	mqtt_leave(f->a.mqtt);
	turn_until(f->loop, &f->a.is_down);
	turn_until(f->loop, &f->b.has_all);
	connect_as(&f->a, "a"); /* by now a will would have come */
	assert_ok(publish(&f->a, "t", BYTES_LIT("last"), 1, false, NULL));
	f->b.has_message = false;
	await_message(&f->b, "t", BYTES_LIT("last"));
	assert_int_equal(f->b.messages, 21);
}

static void leaving_without_a_connection_is_told_too(void **state)
{
	struct fixture *f = *state;
	begin(&f->a, "a", NULL, NULL);
	mqtt_leave(f->a.mqtt);
	turn_until(f->loop, &f->a.is_down);
	assert_int_equal(f->a.ups, 0);
}

static void a_broker_that_dies_is_told(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->a, "a");
	process_end(&f->broker);
	turn_until(f->loop, &f->a.is_down);
	assert_int_equal(f->a.downs, 1);
	assert_string_not_equal(f->a.why.text, "");
	assert_err(ERR_OFFLINE, publish(&f->a, "t", BYTES_LIT("x"), 1, false, NULL));
}

static void it_can_be_connected_again(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->a, "a");
	process_end(&f->broker);
	turn_until(f->loop, &f->a.is_down);
	start_broker(f);
	both_are_up_and_b_listens(f, "t");
	assert_ok(publish(&f->a, "t", BYTES_LIT("again"), 1, false, NULL));
	await_message(&f->b, "t", BYTES_LIT("again"));
}

static void another_with_the_same_name_takes_our_place(void **state)
{
	struct fixture *f = *state;
	connect_as(&f->a, "same");
	connect_as(&f->b, "same");
	turn_until(f->loop, &f->a.is_down);
	assert_true(mqtt_is_up(f->b.mqtt));
}

static void it_may_be_dropped_from_within_a_hook(void **state)
{
	struct fixture *f = *state;
	both_are_up_and_b_listens(f, "t");
	f->b.drops_on_message = true;
	assert_ok(publish(&f->a, "t", BYTES_LIT("x"), 1, false, NULL));
	await_message(&f->b, "t", BYTES_LIT("x"));
	assert_ok(loop_turn(f->loop, 20, NULL));
	assert_false(mqtt_is_up(f->b.mqtt));
	assert_int_equal(f->b.downs, 0);
}

static void it_may_be_closed_while_it_connects(void **state)
{
	struct fixture *f = *state;
	begin(&f->a, "a", NULL, NULL);
	mqtt_close(f->a.mqtt);
	f->a.mqtt = NULL;
	assert_ok(loop_turn(f->loop, 20, NULL));
	assert_int_equal(f->a.ups + f->a.downs, 0);
	mqtt_close(NULL);
}

int main(int argc, char **argv)
{
	if (net_is_resolver(argc, argv))
		return 0;
	if (!file_exists(BROKER)) {
		printf("skipped: %s is not installed\n", BROKER);
		return SKIPPED;
	}
#define MQTT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		MQTT_TEST(it_is_up_when_the_broker_said_so),
		MQTT_TEST(nothing_is_left_of_the_private_socket),
		MQTT_TEST(messages_arrive),
		MQTT_TEST(the_largest_message_arrives_and_a_larger_one_is_refused),
		MQTT_TEST(delivery_is_told_by_its_ticket),
		MQTT_TEST(a_retained_message_waits_for_who_comes_later),
		MQTT_TEST(what_is_kept_can_be_recalled_once),
		MQTT_TEST(many_filters_fit_into_one_subscription),
		MQTT_TEST(without_a_connection_nothing_can_be_said),
		MQTT_TEST(a_topic_that_is_none_is_refused),
		MQTT_TEST(a_long_row_arrives_whole_and_in_order),
		MQTT_TEST(nobody_listening_is_told),
		MQTT_TEST(dropping_lets_the_broker_publish_the_will),
		MQTT_TEST(the_will_is_retained),
		MQTT_TEST(leaving_comes_behind_what_was_published_and_without_a_will),
		MQTT_TEST(leaving_without_a_connection_is_told_too),
		MQTT_TEST(a_broker_that_dies_is_told),
		MQTT_TEST(it_can_be_connected_again),
		MQTT_TEST(another_with_the_same_name_takes_our_place),
		MQTT_TEST(it_may_be_dropped_from_within_a_hook),
		MQTT_TEST(it_may_be_closed_while_it_connects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
