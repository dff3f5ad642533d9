#include "base/base64.h"

#include <stdint.h>

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits are three bytes; `pads` of them were '='. */
static size_t put_group(uint32_t group, unsigned pads, char *out)
{
	out[0] = (char)(group >> 16);
	if (pads < 2)
		out[1] = (char)(group >> 8);
	if (pads < 1)
		out[2] = (char)group;
	return 3 - pads;
}

enum err base64_decode(struct bytes s, char *out, size_t *out_len)
{
	uint32_t group = 0;
	unsigned digits = 0, pads = 0;
	bool ended = false;
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\n' || s.at[i] == '\r')
			continue;
		int d = s.at[i] == '=' ? 0 : digit_of(s.at[i]);
		bool is_pad = s.at[i] == '=';
		if (d < 0 || ended || (pads && !is_pad) || (is_pad && digits < 2))
			return ERR_INVALID;
		pads += is_pad;
		group = group << 6 | (uint32_t)d;
		if (++digits < 4)
			continue;
		len += put_group(group, pads, out + len);
		ended = pads > 0;
		digits = 0;
		group = 0;
	}
	*out_len = len;
	return digits ? ERR_INVALID : OK;
}

void base64_encode(struct bytes s, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t at = 0;
	for (; at < s.len; at += 3, out += 4) {
		uint32_t group = 0;
		for (size_t i = 0; i < 3; i++)
			group = group << 8 | (at + i < s.len ? (unsigned char)s.at[at + i] : 0);
		for (size_t i = 0; i < 4; i++)
			out[i] = digits[group >> (18 - 6 * i) & 63];
		for (size_t i = s.len - at; i < 3; i++)
			out[i + 1] = '=';
	}
	*out = '\0';
}

void base64url_encode(struct bytes s, char *out)
{
	base64_encode(s, out);
	for (; *out && *out != '='; out++) {
		if (*out == '+')
			*out = '-';
		else if (*out == '/')
			*out = '_';
	}
	*out = '\0';
}

static int url_digit_of(char c)
{
	switch (c) {
	case '-':
		return 62;
	case '_':
		return 63;
	case '+':
	case '/':
		return -1;
	default:
		return digit_of(c);
	}
}

enum err base64url_decode(struct bytes s, char *out, size_t *out_len)
{
	uint32_t group = 0;
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		const int d = url_digit_of(s.at[i]);
		if (d < 0)
			return ERR_INVALID;
		group = group << 6 | (uint32_t)d;
		if (i % 4)
			out[len++] = (char)(group >> (6 - 2 * (i % 4)));
	}
	/* A last digit that stands alone is no byte. */
	*out_len = len;
	return s.len % 4 == 1 ? ERR_INVALID : OK;
}
