#include "base/url.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

static struct url parsed(const char *s)
{
	struct url u;
	struct why why = { "" };
	if (url_parse(bytes_of(s), &u, &why))
		fail_msg("\"%s\": %s", s, why.text);
	return u;
}

static void assert_refused(const char *s)
{
	struct url u;
	struct why why = { "" };
	if (url_parse(bytes_of(s), &u, &why) != ERR_INVALID)
		fail_msg("\"%s\" was taken: host \"%s\", port %u", s, u.host, u.port);
	assert_string_not_equal(why.text, "");
}

static void a_host_alone_has_the_usual_port(void **state)
{
	(void)state;
	struct url u = parsed("mqtt://broker.example");
	assert_string_equal(u.host, "broker.example");
	assert_int_equal(u.port, 1883);
	assert_false(u.tls);
	assert_string_equal(u.user, "");
	assert_string_equal(u.password, "");
}

static void mqtts_asks_for_tls(void **state)
{
	(void)state;
	struct url u = parsed("mqtts://broker.example");
	assert_true(u.tls);
	assert_int_equal(u.port, 8883);
	u = parsed("mqtts://broker.example:1883");
	assert_true(u.tls);
	assert_int_equal(u.port, 1883);
}

static void a_port_may_be_given(void **state)
{
	(void)state;
	assert_int_equal(parsed("mqtt://h:1").port, 1);
	assert_int_equal(parsed("mqtt://h:8883").port, 8883);
	assert_int_equal(parsed("mqtt://h:65535").port, 65535);
	assert_false(parsed("mqtt://h:8883").tls);
}

static void user_and_password_are_taken_apart(void **state)
{
	(void)state;
	struct url u = parsed("mqtt://board7:s3cret:x/y@h:1884");
	assert_string_equal(u.user, "board7");
	assert_string_equal(u.password, "s3cret:x/y");
	assert_string_equal(u.host, "h");
	assert_int_equal(u.port, 1884);
	u = parsed("mqtt://board7@h");
	assert_string_equal(u.user, "board7");
	assert_string_equal(u.password, "");
	u = parsed("mqtt://board7:@h");
	assert_string_equal(u.user, "board7");
	assert_string_equal(u.password, "");
}

static void addresses_of_both_kinds_are_taken(void **state)
{
	(void)state;
	assert_string_equal(parsed("mqtt://192.0.2.7:1884").host, "192.0.2.7");
	struct url u = parsed("mqtt://[2001:db8::7]");
	assert_string_equal(u.host, "2001:db8::7");
	assert_int_equal(u.port, 1883);
	u = parsed("mqtts://a:b@[::1]:1884");
	assert_string_equal(u.host, "::1");
	assert_string_equal(u.password, "b");
	assert_int_equal(u.port, 1884);
}

static void one_slash_at_the_end_says_nothing(void **state)
{
	(void)state;
	assert_string_equal(parsed("mqtt://h/").host, "h");
	assert_int_equal(parsed("mqtt://h:1884/").port, 1884);
	assert_string_equal(parsed("mqtt://[::1]/").host, "::1");
}

static void other_schemes_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",         "mqtt",       "mqtt:",     "mqtt:/",    "mqtt://",
		"mqtts://", "host",       "host:1883", "tcp://h",   "http://h",
		"MQTT://h", "mqttss://h", "//h",       " mqtt://h", "mqtt:h",
		"ws://h",   "mqtt:///",   "mqtts:///", "mqtts:/h",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bad[i]);
}

static void a_host_is_needed(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"mqtt://:1883", "mqtt://user@", "mqtt://user:pw@", "mqtt://user@:1883",
		"mqtt://[]",    "mqtt://[]:1",  "mqtt://[::1",     "mqtt://user@/",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bad[i]);
}

static void a_bad_port_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"mqtt://h:",
		"mqtt://h:0",
		"mqtt://h:65536",
		"mqtt://h:-1",
		"mqtt://h:+1",
		"mqtt://h:1.5",
		"mqtt://h:x",
		"mqtt://h:18 83",
		"mqtt://h:1883x",
		"mqtt://h:0x10",
		"mqtt://h: 1883",
		"mqtt://h:\t1883",
		"mqtt://[::1]:",
		"mqtt://[::1]x",
		"mqtt://[::1]1883",
		"mqtt://h:1:2",
		"mqtt://h:99999999999999999999",
		"mqtt://::1",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bad[i]);
}

/* The grammar ends behind the port. */
static void what_is_no_host_is_refused(void **state)
{
	(void)state;
	assert_refused("mqtt://h/topic");
	assert_refused("mqtt://h/topic:1883");
	assert_refused("mqtt://h//");
	assert_refused("mqtt://a b");
	assert_refused("mqtt://h\n");
	assert_refused("mqtt://h?clean=1");
}

static void a_host_has_255_bytes_at_most(void **state)
{
	char text[300] = "mqtt://";
	(void)state;
	memset(text + 7, 'h', 255);
	assert_int_equal(strlen(parsed(text).host), 255);
	text[7 + 255] = 'h';
	assert_refused(text);
	snprintf(text, sizeof text, "mqtt://[%0256d]", 1);
	assert_refused(text);
}

static void who_is_too_long_is_refused_not_cut(void **state)
{
	char text[400];
	(void)state;
	snprintf(text, sizeof text, "mqtt://%063d:%0127d@h", 1, 2);
	struct url u = parsed(text);
	assert_int_equal(strlen(u.user), 63);
	assert_int_equal(strlen(u.password), 127);
	snprintf(text, sizeof text, "mqtt://%064d@h", 1);
	assert_refused(text);
	snprintf(text, sizeof text, "mqtt://u:%0128d@h", 1);
	assert_refused(text);
}

static void a_reason_never_holds_the_password(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"mqtt://u:s3cret@",     "mqtt://u:s3cret@h:0",      "tcp://u:s3cret@h",
		"mqtt://u:s3cret@[::1", "mqtt://u:s3cret@h:s3cret", "u:s3cret@h",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct url u;
		struct why why = { "" };
		assert_err(ERR_INVALID, url_parse(bytes_of(bad[i]), &u, &why));
		assert_null(strstr(why.text, "s3cret"));
	}
}

static void assert_printed(const char *s, const char *expected)
{
	char out[400];
	struct url u = parsed(s);
	url_print(&u, out, sizeof out);
	assert_string_equal(out, expected);
}

static void printing_leaves_the_password_out(void **state)
{
	(void)state;
	assert_printed("mqtt://u:s3cret@h", "mqtt://h:1883");
	assert_printed("mqtts://h:1", "mqtts://h:1");
	assert_printed("mqtt://u@[::1]:7", "mqtt://[::1]:7");
}

static void printing_is_cut_not_overrun(void **state)
{
	char out[16];
	(void)state;
	struct url u = parsed("mqtt://broker.example");
	memset(out, 'x', sizeof out);
	url_print(&u, out, 12);
	assert_string_equal(out, "mqtt://brok");
	assert_int_equal(out[12], 'x');
}

static void what_is_printed_reads_back(void **state)
{
	static const char *const urls[] = {
		"mqtt://h", "mqtts://h", "mqtt://h:7", "mqtts://[fe80::1]:9", "mqtt://10.0.0.1",
	};
	char out[400];
	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct url u = parsed(urls[i]), v;
		url_print(&u, out, sizeof out);
		v = parsed(out);
		assert_string_equal(u.host, v.host);
		assert_int_equal(u.port, v.port);
		assert_int_equal(u.tls, v.tls);
	}
}

static void junk_never_does_harm(void **state)
{
	static const char letters[] = "ab:@[]/.19 ";
	unsigned seed = 11;
	char junk[24] = "mqtt://";
	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct url u;
		size_t n = 7 + (size_t)rand_r(&seed) % (sizeof junk - 7);
		for (size_t k = 7; k < n; k++)
			junk[k] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
		if (url_parse((struct bytes){ junk, n }, &u, NULL) == OK)
			assert_true(u.host[0] && u.port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_alone_has_the_usual_port),
		cmocka_unit_test(mqtts_asks_for_tls),
		cmocka_unit_test(a_port_may_be_given),
		cmocka_unit_test(user_and_password_are_taken_apart),
		cmocka_unit_test(addresses_of_both_kinds_are_taken),
		cmocka_unit_test(one_slash_at_the_end_says_nothing),
		cmocka_unit_test(other_schemes_are_refused),
		cmocka_unit_test(a_host_is_needed),
		cmocka_unit_test(a_bad_port_is_refused),
		cmocka_unit_test(what_is_no_host_is_refused),
		cmocka_unit_test(a_host_has_255_bytes_at_most),
		cmocka_unit_test(who_is_too_long_is_refused_not_cut),
		cmocka_unit_test(a_reason_never_holds_the_password),
		cmocka_unit_test(printing_leaves_the_password_out),
		cmocka_unit_test(printing_is_cut_not_overrun),
		cmocka_unit_test(what_is_printed_reads_back),
		cmocka_unit_test(junk_never_does_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
