#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Second bytes that would make a sequence overlong, a surrogate, or beyond U+10FFFF. */
static bool is_out_of_range(unsigned char a, unsigned char b)
{
	switch (a) {
	case 0xe0:
		return b < 0xa0;
	case 0xed:
		return b > 0x9f;
	case 0xf0:
		return b < 0x90;
	case 0xf4:
		return b > 0x8f;
	default:
		return false;
	}
}

/* Table 3-7 of the Unicode standard. */
size_t utf8_length(const char *at, size_t len)
{
	const unsigned char *p = (const unsigned char *)at;
	const unsigned char a = len > 0 ? p[0] : 0xff, b = len > 1 ? p[1] : 0;
	if (a < 0x80)
		return 1;
	if (a < 0xc2 || a > 0xf4 || !is_continuation(b) || is_out_of_range(a, b))
		return 0;
	if (a < 0xe0)
		return 2;
	if (len < 3 || !is_continuation(p[2]))
		return 0;
	if (a < 0xf0)
		return 3;
	return len > 3 && is_continuation(p[3]) ? 4 : 0;
}

void utf8_fix(char *s)
{
	for (size_t left = strlen(s), n; left; s += n, left -= n) {
		n = utf8_length(s, left);
		if (n)
			continue;
		*s = '?';
		n = 1;
	}
}

/* C0 and DEL; C1, which is U+0080 to U+009F. */
static bool is_control(const char *at, size_t len)
{
	const unsigned char *p = (const unsigned char *)at;
	if (len == 1)
		return (p[0] < 0x20 && p[0] != '\t') || p[0] == 0x7f;
	return len == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

void utf8_make_plain(char *s)
{
	char *to = s;
	for (size_t left = strlen(s), n; left; s += n, left -= n) {
		n = utf8_length(s, left);
		if (n && !is_control(s, n)) {
			memmove(to, s, n);
			to += n;
			continue;
		}
		*to++ = '?';
		n = n ? n : 1;
	}
	*to = '\0';
}
