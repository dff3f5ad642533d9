#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Table 3-7 of the Unicode standard. */
size_t utf8_length(const char *at, size_t len)
{
	const unsigned char *p = (const unsigned char *)at;
	const unsigned char a = len > 0 ? p[0] : 0xff, b = len > 1 ? p[1] : 0;
	if (a < 0x80)
		return 1;
	if (a < 0xc2 || a > 0xf4 || !is_continuation(b))
		return 0;
	if (a < 0xe0)
		return 2;
	if (len < 3 || !is_continuation(p[2]))
		return 0;
	if (a < 0xf0)
		return (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ? 0 : 3;
	if (len < 4 || !is_continuation(p[3]))
		return 0;
	return (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f) ? 0 : 4;
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
