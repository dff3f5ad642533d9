#include "tests/sim/fate.h"

#include <stdio.h>

enum { NAME_AND_SEED_MAX = 128 };

uint32_t fate_hash(uint32_t seed, const char *device, const char *salt)
{
	char text[NAME_AND_SEED_MAX];
	uint32_t hash = 2166136261u;
	snprintf(text, sizeof text, "%u/%s/%s", (unsigned)seed, device, salt);
	for (const char *c = text; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash;
}

bool fate_is_bad(uint32_t seed, const char *device, unsigned percent)
{
	return fate_hash(seed, device, "bad") % 100 < percent;
}

int64_t fate_arrival_ms(uint32_t seed, const char *device, int64_t spread_ms)
{
	return spread_ms > 0 ? (int64_t)fate_hash(seed, device, "arrival") % spread_ms : 0;
}
