#include "ports/compress.h"

#include <zlib.h>

/* A window of 8 KiB and memory level 7 take 96 KiB while packing instead of
 * 264, and cost 2 % on segments of a few KiB. */
enum { WINDOW_BITS = 13, MEMORY_LEVEL = 7, LEVEL = 6 };

enum err compress_pack(struct bytes in, char *out, size_t cap, size_t *out_len)
{
	z_stream z = { .next_in = (z_const Bytef *)(z_const char *)in.at,
		       .avail_in = (uInt)in.len,
		       .next_out = (Bytef *)out,
		       .avail_out = (uInt)cap };
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY))
		return ERR_SYSTEM;
	int rc = deflate(&z, Z_FINISH);
	*out_len = z.total_out;
	deflateEnd(&z);
	return rc == Z_STREAM_END ? OK : ERR_FULL;
}

enum err compress_unpack(struct bytes in, char *out, size_t cap, size_t *out_len)
{
	z_stream z = { .next_in = (z_const Bytef *)(z_const char *)in.at,
		       .avail_in = (uInt)in.len,
		       .next_out = (Bytef *)out,
		       .avail_out = (uInt)cap };
	if (inflateInit(&z))
		return ERR_SYSTEM;
	int rc = inflate(&z, Z_FINISH);
	bool all_read = z.avail_in == 0, all_used = z.avail_out == 0;
	*out_len = z.total_out;
	inflateEnd(&z);
	if (rc == Z_STREAM_END)
		return all_read ? OK : ERR_CORRUPT;
	return (rc == Z_BUF_ERROR || rc == Z_OK) && all_used ? ERR_FULL : ERR_CORRUPT;
}
