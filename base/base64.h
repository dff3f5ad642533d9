/* base64 - RFC 4648's, as Kubernetes writes Secrets. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

/* Bytes that the decoded form of `s` takes at most. */
static inline size_t base64_room(struct bytes s)
{
	return s.len / 4 * 3 + 3;
}

/* Decode into `out`, which has base64_room(). Line breaks are skipped. ERR_INVALID:
 * another character, or padding that is missing or too much. */
enum err base64_decode(struct bytes s, char *out, size_t *out_len);

/* Bytes that the encoded form of `len` bytes takes, with a NUL. */
static inline size_t base64_size(size_t len)
{
	return (len + 2) / 3 * 4 + 1;
}

/* Encode into `out`, which has base64_size(), without line breaks. */
void base64_encode(struct bytes s, char *out);

/* The form for addresses and command lines: '-' and '_' in place of '+' and '/', nothing at
 * the end. `out` has base64_size(). */
void base64url_encode(struct bytes s, char *out);

/* Decode that form alone into `out`, which has base64_room(). ERR_INVALID: anything else. */
enum err base64url_decode(struct bytes s, char *out, size_t *out_len);
