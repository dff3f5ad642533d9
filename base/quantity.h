/*
 * quantity - Kubernetes' resource quantities: 250m, 1.5, 64Mi, 128M, 1e3.
 *
 * Grammar and rounding as in Kubernetes' API documentation: decimal suffixes
 * n u m k M G T P E, binary Ki Mi Gi Ti Pi Ei, or e/E and a signed exponent;
 * what is finer than a thousandth is rounded up.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

/* In thousandths, so that cpu "0.1" is 100 and memory "1Ki" is 1024000.
 * ERR_INVALID: not a quantity, negative, or above 9.2e15 units. */
enum err quantity_milli(struct bytes s, int64_t *out_milli, struct why *why);

/* In whole units (bytes), rounded up. */
enum err quantity_units(struct bytes s, int64_t *out_units, struct why *why);

/* Write bytes for a person: "0", "512", "1.2Ki", "64Mi". `out` has 16 bytes. */
void quantity_print(char out[16], int64_t units);
