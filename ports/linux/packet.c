#include "ports/linux/packet.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Length of the fixed header and of what it announces; 0: not whole yet. One whose
 * length does not end is passed on, for the library to refuse. */
static size_t read_head(const unsigned char *at, size_t len, size_t *out_rest)
{
	*out_rest = 0;
	for (size_t i = 1; i < PACKET_HEAD_MAX; i++) {
		if (i >= len)
			return 0;
		*out_rest |= (size_t)(at[i] & 127) << (7 * (i - 1));
		if (!(at[i] & 128))
			return i + 1;
	}
	*out_rest = 0;
	return PACKET_HEAD_MAX;
}

/* In as many bytes as the old length had: the header keeps its own. */
static void write_length(unsigned char *at, size_t head, size_t n)
{
	for (size_t i = 1; i < head; i++, n >>= 7)
		at[i] = (unsigned char)((n & 127) | (i + 1 < head ? 128 : 0));
}

static void begin(struct packet_cut *c, unsigned char *at, size_t head, size_t rest)
{
	c->pass = head + least(rest, PACKET_MAX);
	c->skip = rest - least(rest, PACKET_MAX);
	if (c->skip)
		write_length(at, head, PACKET_MAX);
}

size_t packet_cut(struct packet_cut *c, char *at, size_t *len)
{
	size_t i = 0;
	while (i < *len) {
		const size_t left = *len - i;
		if (c->pass) {
			const size_t n = least(c->pass, left);
			c->pass -= n;
			i += n;
		} else if (c->skip) {
			const size_t n = least(c->skip, left);
			memmove(at + i, at + i + n, left - n);
			c->skip -= n;
			*len -= n;
		} else {
			size_t rest;
			unsigned char *head = (unsigned char *)at + i;
			const size_t n = read_head(head, left, &rest);
			if (!n)
				break;
			begin(c, head, n, rest);
		}
	}
	return i;
}
