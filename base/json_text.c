#include "base/json_text.h"

#include <stdio.h>
#include <stdlib.h>

static void put_escaped(struct text *t, char c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *at = strchr(plain, c);
	if (c && at)
		text_add(t, "\\%c", letters[at - plain]);
	else
		text_add(t, "\\u%04x", (unsigned char)c);
}

static bool needs_escape(char c)
{
	return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

void json_text_string(struct text *t, struct bytes s)
{
	text_add(t, "\"");
	for (size_t from = 0, i = 0; i <= s.len; i++) {
		if (i < s.len && !needs_escape(s.at[i]))
			continue;
		text_add_bytes(t, (struct bytes){ s.at + from, i - from });
		if (i < s.len)
			put_escaped(t, s.at[i]);
		from = i + 1;
	}
	text_add(t, "\"");
}

void json_text_number(struct text *t, double n)
{
	char digits[32];
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof digits, "%.*g", precision, n);
		if (strtod(digits, NULL) == n)
			break;
	}
	text_add(t, "%s", digits);
}

void json_text_integer(struct text *t, int64_t n)
{
	text_add(t, "%lld", (long long)n);
}
