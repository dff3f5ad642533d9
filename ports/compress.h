/*
 * compress - zlib streams (RFC 1950).
 *
 * Implementation: ports/linux/compress_zlib.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

/* ERR_FULL: the result does not fit into `cap` bytes. */
enum err compress_pack(struct bytes in, char *out, size_t cap, size_t *out_len);

/* ERR_FULL: it unpacks to more than `cap` bytes; ERR_CORRUPT: it is not zlib's. */
enum err compress_unpack(struct bytes in, char *out, size_t cap, size_t *out_len);
