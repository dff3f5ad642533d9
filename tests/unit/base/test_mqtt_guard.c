#include "base/mqtt_guard.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define OPEN "\x20\2\0\0" /* CONNACK */
#define FRAME(s) BYTES_LIT(s)

struct vector {
	struct bytes bytes;
	const char *why; /* NULL: good */
};

static const struct vector from_broker[] = {
	{ FRAME(OPEN), NULL },
	{ FRAME("\x20\2\1\0"), NULL },
	{ FRAME("\x20\2\0\5"), NULL }, /* a refusal is a frame too */
	{ FRAME(OPEN "\x30\6\0\1xhii"), NULL },
	{ FRAME(OPEN "\x30\3\0\1x"), NULL },
	{ FRAME(OPEN "\x3b\7\0\1x\0\1hi\xd0\0"), NULL },
	{ FRAME(OPEN "\x40\2\0\1\x90\3\0\1\1\xd0\0"), NULL },
	{ FRAME(OPEN "\x90\x0a\0\1\0\1\2\x80\0\0\0\0"), NULL },
	{ FRAME(OPEN "\x30\x86\x80\0\0\1xhii"), NULL }, /* a long-winded length */

	{ FRAME(OPEN "\xb0\2\0\1"), NULL }, /* UNSUBACK */

	{ FRAME("\x30\6\0\1xhii"), "PUBLISH before the greeting" },
	{ FRAME("\xd0\0"), "PINGRESP before the greeting" },
	{ FRAME(OPEN OPEN), "CONNACK twice" },
	{ FRAME("\x20\3\0\0\0"), "CONNACK of 3 bytes" },
	{ FRAME("\x20\1\0"), "CONNACK of 1 bytes" },
	{ FRAME("\x20\0"), "CONNACK of 0 bytes" },
	{ FRAME("\x20\5\0\0\2\x6f\0"), "CONNACK of 5 bytes" }, /* MQTT 5 */
	{ FRAME("\x21\2\0\0"), "flags 0x1" },
	{ FRAME("\x20\2\2\0"), "says 2, 0" },
	{ FRAME("\x20\2\0\6"), "says 0, 6" },
	{ FRAME(OPEN "\x30\xff\xff\xff\x7f"), "PUBLISH of 268435455 bytes" },
	{ FRAME(OPEN "\x30\x81\x80\x10"), "PUBLISH of 262145 bytes" },
	{ FRAME(OPEN "\x30\xff\xff\xff\xff\1"), "length that does not end" },
	{ FRAME(OPEN "\x30\x80\x80\x80\x80"), "length that does not end" },
	{ FRAME(OPEN "\x30\2\0\0"), "PUBLISH of 2 bytes" },
	{ FRAME(OPEN "\x30\3\0\0x"), "whose topic has 0" },
	{ FRAME(OPEN "\x30\6\0\5xhii"), "whose topic has 5" },
	{ FRAME(OPEN "\x32\4\0\1x\0"), "whose topic has 1" },
	{ FRAME(OPEN "\x30\6\xff\xffxhii"), "whose topic has 65535" },
	{ FRAME(OPEN "\x34\6\0\1xhii"),
	  "PUBLISH with flags 0x4" }, /* QoS 2, which nobody asked for */
	{ FRAME(OPEN "\x36\6\0\1xhii"), "PUBLISH with flags 0x6" },
	{ FRAME(OPEN "\x40\1\0"), "PUBACK of 1 bytes" },
	{ FRAME(OPEN "\x40\3\0\1\0"), "PUBACK of 3 bytes" },
	{ FRAME(OPEN "\x90\2\0\1"), "SUBACK of 2 bytes" },
	{ FRAME(OPEN "\x90\x0b\0\1\0\0\0\0\0\0\0\0\0"), "SUBACK of 11 bytes" },
	{ FRAME(OPEN "\xd0\1\0"), "PINGRESP of 1 bytes" },
	{ FRAME(OPEN "\0\0"), "type 0" },
	{ FRAME(OPEN "\x50\2\0\1"), "type 5" },
	{ FRAME(OPEN "\x62\2\0\1"), "type 6" },
	{ FRAME(OPEN "\x70\2\0\1"), "type 7" },
	{ FRAME(OPEN "\x82\2\0\1"), "type 8" },
	{ FRAME(OPEN "\xa2\2\0\1"), "type 10" },
	{ FRAME(OPEN "\xb0\3\0\1\0"), "UNSUBACK of 3 bytes" }, /* MQTT 5 */
	{ FRAME(OPEN "\xc0\0"), "type 12" },
	{ FRAME(OPEN "\xe0\0"), "type 14" },
	{ FRAME(OPEN "\xf0\0"), "type 15" },
	{ FRAME("HTTP/1.1 400 Bad Request\r\n\r\n"), "PUBACK before the greeting" },
	{ FRAME("\x15\3\3\0\2\2\x28"), "type 1" }, /* a TLS alert */
};

#define HELLO "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a"

static const struct vector from_us[] = {
	{ FRAME(HELLO), NULL },
	{ FRAME(HELLO "\x82\6\0\1\0\1a\1\x32\7\0\1x\0\2hi\x40\2\0\1\xc0\0\xe0\0"), NULL },
	{ FRAME(HELLO "\xa2\5\0\1\0\1a"), NULL }, /* UNSUBSCRIBE */

	{ FRAME("\xc0\0"), "PINGREQ before the greeting" },
	{ FRAME(HELLO HELLO), "CONNECT twice" },
	{ FRAME(HELLO "\x80\6\0\1\0\1a\1"), "SUBSCRIBE with flags 0x0" },
	{ FRAME(HELLO OPEN), "type 2" },
	{ FRAME(HELLO "\x30\xff\xff\xff\x7f"), "PUBLISH of 268435455 bytes" },
	{ FRAME(HELLO "\xe0\1\0"), "DISCONNECT of 1 bytes" },
};

static void expect(const struct vector *v, enum err e, const struct why *why)
{
	assert_err(v->why ? ERR_INVALID : OK, e);
	if (v->why && !strstr(why->text, v->why))
		fail_msg("want: %s, got: %s", v->why, why->text);
}

/* Every split in two, and in single bytes, has the same end as the whole. */
static void walk_every_split(const struct vector *v, enum mqtt_speaker speaker)
{
	for (size_t at = 0; at <= v->bytes.len; at++) {
		struct mqtt_guard g;
		struct why why = { "" };
		mqtt_guard_init(&g, speaker);
		enum err e = mqtt_guard_walk(&g, (struct bytes){ v->bytes.at, at }, &why);
		if (!e)
			e = mqtt_guard_walk(
				&g, (struct bytes){ v->bytes.at + at, v->bytes.len - at }, &why);
		expect(v, e, &why);
	}
	struct mqtt_guard g;
	struct why why = { "" };
	enum err e = OK;
	mqtt_guard_init(&g, speaker);
	for (size_t i = 0; i < v->bytes.len && !e; i++)
		e = mqtt_guard_walk(&g, (struct bytes){ v->bytes.at + i, 1 }, &why);
	expect(v, e, &why);
}

static void a_brokers_frames_are_judged_wherever_they_are_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof from_broker / sizeof *from_broker; i++)
		walk_every_split(&from_broker[i], MQTT_BROKER);
}

static void our_own_frames_are_judged_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof from_us / sizeof *from_us; i++)
		walk_every_split(&from_us[i], MQTT_CLIENT);
}

static void a_length_is_judged_before_the_body_comes(void **state)
{
	struct mqtt_guard g;
	struct why why;
	(void)state;
	mqtt_guard_init(&g, MQTT_BROKER);
	assert_ok(mqtt_guard_walk(&g, BYTES_LIT(OPEN "\x30\xff\xff\xff"), &why));
	assert_err(ERR_INVALID, mqtt_guard_walk(&g, BYTES_LIT("\x7f"), &why));
}

static void the_longest_frame_passes_in_pieces(void **state)
{
	enum { PIECE = 1000 };
	static const char piece[PIECE] = { 0, 1, 'x' };
	struct mqtt_guard g;
	size_t left = MQTT_FRAME_MAX;
	(void)state;
	mqtt_guard_init(&g, MQTT_BROKER);
	assert_ok(mqtt_guard_walk(&g, BYTES_LIT(OPEN "\x30\x80\x80\x10"), NULL));
	while (left) {
		const size_t n = left < PIECE ? left : PIECE;
		assert_ok(mqtt_guard_walk(&g, (struct bytes){ piece, n }, NULL));
		left -= n;
	}
	assert_ok(mqtt_guard_walk(&g, BYTES_LIT("\xd0\0"), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_brokers_frames_are_judged_wherever_they_are_split),
		cmocka_unit_test(our_own_frames_are_judged_too),
		cmocka_unit_test(a_length_is_judged_before_the_body_comes),
		cmocka_unit_test(the_longest_frame_passes_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
