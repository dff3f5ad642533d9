/*
 * ports/mqtt.h against a broker of a few bytes: one that says nothing, says no,
 * or says nonsense. The clock is the test's, so that nobody waits half a minute.
 */
#include "ports/mqtt.h"

#include "base/scoped.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum { TURNS_MAX = 2000 };

static const char CONNACK_OK[] = { 0x20, 2, 0, 0 };

/* Somebody to trust; no broker here gets so far that it would matter whom. */
static const char CA[] = "-----BEGIN CERTIFICATE-----\n"
			 "MIIBejCCASGgAwIBAgIURNWa4te8iTlVX4H9lmQAoxJOjt8wCgYIKoZIzj0EAwIw\n"
			 "EjEQMA4GA1UEAwwHc2lsZW5jZTAgFw0yNjExMjcwMzUzNTdaGA8yMTI2MTEwMzAz\n"
			 "NTM1N1owEjEQMA4GA1UEAwwHc2lsZW5jZTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
			 "A0IABAZYh3Fa1VPL9+PWr8swMmVfdLhMac84jhuTcZeSSCEGoW1L9mbs2vA5YY+9\n"
			 "g/Y6r2/bY7gAXZipawknOH1eFWOjUzBRMB0GA1UdDgQWBBRV4nz5NoYTW+emon8c\n"
			 "jiyiMpHnWjAfBgNVHSMEGDAWgBRV4nz5NoYTW+emon8cjiyiMpHnWjAPBgNVHRMB\n"
			 "Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIGn5wjav8qcs8XC0ZtVU6VSBHPWR\n"
			 "Oa+lJSSAtu1BWYwqAiB6nxpiQ62GUNQfppkmOCPsTP1ukX7tJSrGiJZPTkaFOA==\n"
			 "-----END CERTIFICATE-----\n";

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct mqtt *mqtt;
	struct url url;
	int listener, far; /* far: the broker's end of the connection */
	char heard[2048];
	size_t heard_len;

	bool is_up, is_down, is_subscribed;
	size_t downs, granted, answered;
	struct why why;
};

static void on_up(void *owner)
{
	struct fixture *f = owner;
	f->is_up = true;
}

static void on_down(void *owner, const struct why *why)
{
	struct fixture *f = owner;
	f->downs++;
	f->is_down = true;
	f->why = *why;
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct fixture *f = owner;
	f->is_subscribed = true;
	f->answered = n;
	for (size_t i = 0; i < n; i++)
		f->granted = f->granted << 1 | granted[i];
}

static int set_up_for(void **state, bool is_tls)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	f->far = -1;
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(f->listener, 4), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)&at, &len), 0);
	f->url = (struct url){ .host = "127.0.0.1", .port = ntohs(at.sin_port), .tls = is_tls };
	const char *ca = scratch_at(&f->scratch, "ca.pem");
	assert_ok(file_replace(ca, bytes_of(CA), false, NULL));
	const struct mqtt_hooks hooks = {
		.owner = f, .on_up = on_up, .on_down = on_down, .on_subscribed = on_subscribed
	};
	assert_ok(mqtt_open(f->loop, &hooks, &f->mqtt, NULL));
	const struct mqtt_options o = { .broker = &f->url,
					.client_id = "drone-07",
					.will_topic = "the/will",
					.will = BYTES_LIT("lost"),
					.join_dir = f->scratch.folder,
					.tls.ca = ca };
	assert_ok(mqtt_connect(f->mqtt, &o, NULL));
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_for(state, false);
}

static int set_up_tls(void **state)
{
	return set_up_for(state, true);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mqtt_close(f->mqtt);
	close_quietly(f->far);
	close_quietly(f->listener);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* The sockets are real and take their time; the clock stands still meanwhile. */
static void turn(struct fixture *f)
{
	struct pollfd p = { .fd = f->far >= 0 ? f->far : f->listener, .events = POLLIN };
	assert_ok(loop_turn(f->loop, 1, NULL));
	if (poll(&p, 1, 0) != 1)
		return;
	if (f->far < 0) {
		f->far = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		return;
	}
	ssize_t n = read(f->far, f->heard + f->heard_len, sizeof f->heard - f->heard_len);
	if (n > 0)
		f->heard_len += (size_t)n;
}

static void turn_until_true(struct fixture *f, const bool *done)
{
	for (int i = 0; i < TURNS_MAX && !*done; i++)
		turn(f);
	assert_true(*done);
}

/* Until the broker has heard something new. */
static void listen_for(struct fixture *f)
{
	const size_t before = f->heard_len;
	for (int i = 0; i < TURNS_MAX && f->heard_len == before; i++)
		turn(f);
	assert_true(f->heard_len > before);
}

static void say(struct fixture *f, const char *at, size_t len)
{
	assert_int_equal(write(f->far, at, len), len);
}

static bool has_heard(const struct fixture *f, const char *text)
{
	return memmem(f->heard, f->heard_len, text, strlen(text)) != NULL;
}

static void pass(struct fixture *f, int64_t ms)
{
	clock_fake_pass(ms);
	turn(f);
}

static void the_greeting_names_us_and_the_will(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	assert_int_equal(f->heard[0], 0x10);
	assert_memory_equal(f->heard + 2, "\0\4MQTT\4", 7); /* 3.1.1 */
	const unsigned flags = (unsigned char)f->heard[9];
	assert_int_equal(flags & 0x02, 0x02); /* clean session */
	assert_int_equal(flags & 0x3c, 0x2c); /* will, QoS 1, retained */
	assert_int_equal(flags & 0x80, 0x80); /* a user, which is the client id */
	assert_int_equal(flags & 0x40, 0);
	assert_int_equal((unsigned char)f->heard[11], MQTT_KEEPALIVE_S);
	assert_true(has_heard(f, "drone-07"));
	assert_true(has_heard(f, "the/will"));
	assert_true(has_heard(f, "lost"));
}

static void a_broker_that_says_nothing_is_given_up(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	pass(f, MQTT_CONNACK_WAIT_MS - 1);
	assert_false(f->is_down);
	pass(f, 1);
	turn_until_true(f, &f->is_down);
	assert_int_equal(f->downs, 1);
	assert_non_null(strstr(f->why.text, "CONNACK"));
	assert_false(f->is_up);
	assert_false(mqtt_is_up(f->mqtt));
}

static void half_a_greeting_is_none(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, 3);
	for (int i = 0; i < 20; i++)
		turn(f);
	assert_false(f->is_up);
	pass(f, MQTT_CONNACK_WAIT_MS);
	turn_until_true(f, &f->is_down);
}

static void a_broker_that_says_no_is_told_with_its_reason(void **state)
{
	static const char refused[] = { 0x20, 2, 0, 5 };
	struct fixture *f = *state;
	listen_for(f);
	say(f, refused, sizeof refused);
	turn_until_true(f, &f->is_down);
	assert_false(f->is_up);
	assert_int_equal(f->downs, 1);
	assert_non_null(strstr(f->why.text, "refused"));
}

static void a_broker_that_hangs_up_is_told(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	close(f->far);
	f->far = open("/dev/null", O_RDONLY | O_CLOEXEC);
	turn_until_true(f, &f->is_down);
	assert_int_equal(f->downs, 1);
	assert_string_not_equal(f->why.text, "");
}

static void a_broker_that_speaks_something_else_is_left(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	say(f, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	turn_until_true(f, &f->is_down);
	assert_false(f->is_up);
	assert_string_equal(f->why.text, "the broker sent an MQTT PUBACK before the greeting");
}

static void a_length_that_would_fill_the_memory_ends_it(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, sizeof CONNACK_OK);
	turn_until_true(f, &f->is_up);
	say(f, "\x30\xff\xff\xff\x7f", 5);
	turn_until_true(f, &f->is_down);
	assert_int_equal(f->downs, 1);
	assert_non_null(strstr(f->why.text, "the broker sent an MQTT PUBLISH of 268435455 bytes"));
}

static void an_answer_without_codes_ends_it(void **state)
{
	static const char *const filters[] = { "a" };
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, sizeof CONNACK_OK);
	turn_until_true(f, &f->is_up);
	assert_ok(mqtt_subscribe(f->mqtt, filters, 1, NULL));
	listen_for(f);
	say(f, "\x90\2\0\1", 4);
	turn_until_true(f, &f->is_down);
	assert_false(f->is_subscribed);
	assert_non_null(strstr(f->why.text, "SUBACK of 2 bytes"));
}

static void each_filters_answer_is_told(void **state)
{
	static const char *const filters[] = { "a", "b", "c" };
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, sizeof CONNACK_OK);
	turn_until_true(f, &f->is_up);
	const size_t before = f->heard_len;
	assert_ok(mqtt_subscribe(f->mqtt, filters, 3, NULL));
	listen_for(f);
	assert_int_equal((unsigned char)f->heard[before], 0x82);
	/* Granted with QoS 1, refused, granted with QoS 0. */
	const char suback[] = { (char)0x90, 5, f->heard[before + 2], f->heard[before + 3], 1,
				(char)0x80, 0 };
	say(f, suback, sizeof suback);
	turn_until_true(f, &f->is_subscribed);
	assert_int_equal(f->answered, 3);
	assert_int_equal(f->granted, 5); /* yes, no, yes */
}

static void the_deadline_ends_with_the_greeting(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, sizeof CONNACK_OK);
	turn_until_true(f, &f->is_up);
	pass(f, MQTT_CONNACK_WAIT_MS);
	turn(f);
	assert_false(f->is_down);
}

/* A half-open connection: the other end is gone, and nobody has told us. */
static void a_broker_that_falls_silent_is_left(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, sizeof CONNACK_OK);
	turn_until_true(f, &f->is_up);
	pass(f, MQTT_SILENCE_MS - 1);
	assert_false(f->is_down);
	pass(f, 10 * 1000); /* it looks as often */
	turn_until_true(f, &f->is_down);
	assert_int_equal(f->downs, 1);
	assert_non_null(strstr(f->why.text, "the broker does not answer: silent for 129 s"));
}

static void whatever_it_says_it_is_there(void **state)
{
	static const char PINGRESP[] = { (char)0xd0, 0 };
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, sizeof CONNACK_OK);
	turn_until_true(f, &f->is_up);
	for (int i = 0; i < 5; i++) {
		pass(f, MQTT_SILENCE_MS / 2);
		say(f, PINGRESP, sizeof PINGRESP);
		for (int k = 0; k < 20; k++)
			turn(f);
	}
	assert_false(f->is_down);
	assert_true(mqtt_is_up(f->mqtt));
}

static void dropping_it_meanwhile_tells_nobody(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	mqtt_drop(f->mqtt);
	pass(f, MQTT_CONNACK_WAIT_MS);
	turn(f);
	assert_false(f->is_down);
}

/* --- mqtts:// --- */

static void a_broker_that_is_silent_about_tls_is_given_up(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	assert_int_equal(f->heard[0], 22); /* a ClientHello, and not a word of MQTT */
	assert_false(has_heard(f, "drone-07"));
	pass(f, TLS_HANDSHAKE_WAIT_MS - 1);
	assert_false(f->is_down);
	pass(f, 1);
	turn_until_true(f, &f->is_down);
	assert_int_equal(f->downs, 1);
	assert_non_null(strstr(f->why.text, "no TLS handshake in 30 s"));
}

/* The list of curves in a ClientHello, which nobody has to decrypt. */
static bool offers_first(const struct fixture *f, char curve)
{
	for (size_t i = 0; i + 8 <= f->heard_len; i++)
		if (memcmp(f->heard + i, "\0\x0a\0", 3) == 0 && f->heard[i + 4] == 0 &&
		    f->heard[i + 5] == f->heard[i + 3] - 2)
			return f->heard[i + 6] == 0 && f->heard[i + 7] == curve;
	return false;
}

static void the_cheapest_strong_curve_is_offered_first(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	assert_true(offers_first(f, 23)); /* P-256 */
}

static void a_trickle_does_not_move_the_deadline(void **state)
{
	static const char hello[] = { 22, 3, 3, 0, 100, 2, 0, 0, 96, 3, 3 };
	struct fixture *f = *state;
	listen_for(f);
	for (size_t i = 0; i < sizeof hello; i++) {
		say(f, hello + i, 1);
		pass(f, TLS_HANDSHAKE_WAIT_MS / (int)sizeof hello);
	}
	assert_false(f->is_down);
	pass(f, TLS_HANDSHAKE_WAIT_MS);
	turn_until_true(f, &f->is_down);
}

static void a_broker_without_tls_is_told_at_once(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	say(f, CONNACK_OK, sizeof CONNACK_OK);
	say(f, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	turn_until_true(f, &f->is_down);
	assert_non_null(strstr(f->why.text, "is this its TLS port?"));
}

static void a_broker_that_hangs_up_on_tls_is_told(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	close(f->far);
	f->far = open("/dev/null", O_RDONLY | O_CLOEXEC);
	turn_until_true(f, &f->is_down);
	assert_int_equal(f->downs, 1);
	assert_non_null(strstr(f->why.text, "closed the connection in the TLS handshake"));
}

static void an_alert_is_told_in_words(void **state)
{
	static const char alert[] = { 21, 3, 3, 0, 2, 2, 70 };
	struct fixture *f = *state;
	listen_for(f);
	say(f, alert, sizeof alert);
	turn_until_true(f, &f->is_down);
	assert_non_null(strstr(f->why.text, "TLS 1.2 or newer"));
}

static void dropping_it_in_the_handshake_tells_nobody(void **state)
{
	struct fixture *f = *state;
	listen_for(f);
	mqtt_drop(f->mqtt);
	pass(f, TLS_HANDSHAKE_WAIT_MS);
	turn(f);
	assert_false(f->is_down);
}

int main(void)
{
#define MQTT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_tls, tear_down)
	const struct CMUnitTest tests[] = {
		MQTT_TEST(the_greeting_names_us_and_the_will),
		MQTT_TEST(a_broker_that_says_nothing_is_given_up),
		MQTT_TEST(half_a_greeting_is_none),
		MQTT_TEST(a_broker_that_says_no_is_told_with_its_reason),
		MQTT_TEST(a_broker_that_hangs_up_is_told),
		MQTT_TEST(a_broker_that_speaks_something_else_is_left),
		MQTT_TEST(a_length_that_would_fill_the_memory_ends_it),
		MQTT_TEST(an_answer_without_codes_ends_it),
		MQTT_TEST(each_filters_answer_is_told),
		MQTT_TEST(the_deadline_ends_with_the_greeting),
		MQTT_TEST(a_broker_that_falls_silent_is_left),
		MQTT_TEST(whatever_it_says_it_is_there),
		MQTT_TEST(dropping_it_meanwhile_tells_nobody),
		TLS_TEST(a_broker_that_is_silent_about_tls_is_given_up),
		TLS_TEST(the_cheapest_strong_curve_is_offered_first),
		TLS_TEST(a_trickle_does_not_move_the_deadline),
		TLS_TEST(a_broker_without_tls_is_told_at_once),
		TLS_TEST(a_broker_that_hangs_up_on_tls_is_told),
		TLS_TEST(an_alert_is_told_in_words),
		TLS_TEST(dropping_it_in_the_handshake_tells_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
