/*
 * fuzz - what every target has: the entry that libFuzzer and replay.c call, and a way to
 * cut one input into pieces.
 *
 * A target answers 0, keeps nothing from one input to the next, and says with assert()
 * what must hold whatever came.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* A copy of exactly this size, so that a byte read behind it is seen. The caller frees it. */
static inline char *fuzz_copy(struct bytes b)
{
	char *copy = malloc(b.len ? b.len : 1);
	assert(copy);
	if (b.len)
		memcpy(copy, b.at, b.len);
	return copy;
}

/* The next byte of an input; 0 at its end. */
static inline unsigned char fuzz_byte(struct bytes *rest)
{
	if (!rest->len)
		return 0;
	rest->len--;
	return (unsigned char)*rest->at++;
}

/* The next piece: two bytes say how long it is; what is left, if that is less. */
static inline struct bytes fuzz_piece(struct bytes *rest)
{
	size_t len = fuzz_byte(rest);
	len = len << 8 | fuzz_byte(rest);
	const struct bytes piece = { rest->at, len < rest->len ? len : rest->len };
	rest->at += piece.len;
	rest->len -= piece.len;
	return piece;
}
