/*
 * fuzz_frames - the guard of MQTT's frames alone: it says the same however bytes are split.
 *
 * The first byte says who speaks, the second how they are split.
 */
#include "base/mqtt_guard.h"
#include "tests/fuzz/fuzz.h"

/* In steps of `step` bytes; how many passed, all of them if none was bad. */
static size_t walk(enum mqtt_speaker speaker, struct bytes b, size_t step, bool *out_good)
{
	struct mqtt_guard g;
	struct why why = { "" };
	size_t done = 0;
	*out_good = true;
	mqtt_guard_init(&g, speaker);
	while (done < b.len) {
		const size_t n = step < b.len - done ? step : b.len - done;
		if (mqtt_guard_walk(&g, (struct bytes){ b.at + done, n }, &why)) {
			assert(why.text[0]);
			*out_good = false;
			return done;
		}
		assert(g.at != MQTT_IN_BODY || (g.len <= MQTT_FRAME_MAX && g.seen <= g.len));
		done += n;
	}
	return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes b = { (const char *)at, len };
	const enum mqtt_speaker speaker = fuzz_byte(&b) & 1 ? MQTT_CLIENT : MQTT_BROKER;
	const size_t step = (size_t)fuzz_byte(&b) + 1;
	bool whole, split, bytewise;
	(void)walk(speaker, b, b.len ? b.len : 1, &whole);
	const size_t passed = walk(speaker, b, 1, &bytewise);
	const size_t in_steps = walk(speaker, b, step, &split);
	assert(whole == bytewise && whole == split);
	assert(in_steps <= passed && passed - in_steps < step);
	return 0;
}
