/*
 * fate - what becomes of a simulated device's update, decided by the seed alone.
 *
 * Pure, and the same in tests/e2e/test_sim.py: a test knows beforehand who fails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 32-bit FNV-1a of "seed/device/salt". */
uint32_t fate_hash(uint32_t seed, const char *device, const char *salt);

/* One of the `percent` of all devices that do not get on with a bad build? */
bool fate_is_bad(uint32_t seed, const char *device, unsigned percent);

/* In [0, spread_ms): when the device comes. */
int64_t fate_arrival_ms(uint32_t seed, const char *device, int64_t spread_ms);
