#include "sync/segment.h"

enum { FLAG_HISTORY = 1, FLAG_OFFSET = 2, FLAG_ARRIVAL = 4 };

static size_t put_unsigned(char *out, uint64_t n)
{
	size_t len = 0;
	for (; n >= 128; n >>= 7)
		out[len++] = (char)(n | 128);
	out[len++] = (char)n;
	return len;
}

size_t segment_write(const struct segment_head *h, char out[SEGMENT_HEAD_MAX])
{
	static const char flags[] = {
		[SEGMENT_WALL] = 0, [SEGMENT_OFFSET] = FLAG_OFFSET, [SEGMENT_ARRIVAL] = FLAG_ARRIVAL
	};
	size_t buf_len = strlen(h->buf), len = 0;
	out[len++] = SEGMENT_VERSION;
	out[len++] = (char)(flags[h->clock] | (h->history ? FLAG_HISTORY : 0));
	out[len++] = (char)buf_len;
	memcpy(out + len, h->buf, buf_len);
	len += buf_len;
	len += put_unsigned(out + len, (uint64_t)h->seq);
	if (h->clock != SEGMENT_WALL)
		len += put_unsigned(out + len, (uint64_t)h->clock_ms);
	return len;
}

/* False: it does not end within the payload, or within 64 bits. */
static bool take_unsigned(struct bytes *rest, int64_t *out)
{
	uint64_t n = 0;
	for (unsigned shift = 0; shift < 64 && rest->len; shift += 7) {
		unsigned char b = (unsigned char)rest->at[0];
		*rest = (struct bytes){ rest->at + 1, rest->len - 1 };
		if (shift == 63 && (b & 127) > 1)
			return false;
		n |= (uint64_t)(b & 127) << shift;
		if (b & 128)
			continue;
		*out = (int64_t)n;
		return *out >= 0;
	}
	return false;
}

static enum segment_clock clock_of(int flags)
{
	if (flags & FLAG_ARRIVAL)
		return SEGMENT_ARRIVAL;
	return flags & FLAG_OFFSET ? SEGMENT_OFFSET : SEGMENT_WALL;
}

enum err segment_read(struct bytes payload, struct segment_head *out, struct bytes *out_body,
		      struct why *why)
{
	*out = (struct segment_head){ 0 };
	if (payload.len < 3 || payload.at[0] != SEGMENT_VERSION)
		return why_set(why, ERR_INVALID, "a segment of an unknown version");
	int flags = (unsigned char)payload.at[1];
	size_t buf_len = (unsigned char)payload.at[2];
	if (flags & ~(FLAG_HISTORY | FLAG_OFFSET | FLAG_ARRIVAL))
		return why_set(why, ERR_INVALID, "a segment with unknown flags");
	if (buf_len == 0 || buf_len > SEGMENT_BUF_MAX || payload.len < 3 + buf_len)
		return why_set(why, ERR_INVALID, "a segment without buf");
	if (memchr(payload.at + 3, 0, buf_len))
		return why_set(why, ERR_INVALID, "a segment without buf");
	memcpy(out->buf, payload.at + 3, buf_len);

	struct bytes rest = { payload.at + 3 + buf_len, payload.len - 3 - buf_len };
	out->history = flags & FLAG_HISTORY;
	out->clock = clock_of(flags);
	if (!take_unsigned(&rest, &out->seq) ||
	    (out->clock != SEGMENT_WALL && !take_unsigned(&rest, &out->clock_ms)))
		return why_set(why, ERR_INVALID, "a segment whose head is cut");
	*out_body = rest;
	return OK;
}
