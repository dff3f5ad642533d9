#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct text text_in(char *buffer, size_t cap)
{
	buffer[0] = '\0';
	return (struct text){ .at = buffer, .cap = cap };
}

void text_add(struct text *t, const char *fmt, ...)
{
	size_t room = t->cap - t->len;
	va_list args;
	va_start(args, fmt);
	int wanted = vsnprintf(t->at + t->len, room, fmt, args);
	va_end(args);

	if (wanted < 0 || (size_t)wanted >= room) {
		t->cut = true;
		t->len = t->cap - 1;
		return;
	}
	t->len += (size_t)wanted;
}

void text_add_bytes(struct text *t, struct bytes b)
{
	size_t room = t->cap - t->len - 1;
	size_t n = b.len < room ? b.len : room;
	if (n)
		memcpy(t->at + t->len, b.at, n);
	t->len += n;
	t->at[t->len] = '\0';
	t->cut |= n < b.len;
}

bool text_copy(char *buffer, size_t cap, struct bytes s)
{
	struct text t = text_in(buffer, cap);
	text_add_bytes(&t, s);
	return !t.cut;
}

void text_hex(char *out, const unsigned char *at, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[at[i] >> 4];
		out[2 * i + 1] = digits[at[i] & 15];
	}
	out[2 * len] = '\0';
}

bool text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_list_has(const char *list, const char *word)
{
	const size_t len = strlen(word);
	if (!len)
		return false;
	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

enum err text_number(struct bytes s, long long min, long long max, long long *out)
{
	char digits[24];
	if (s.len == 0 || s.len >= sizeof digits)
		return ERR_INVALID;
	if (s.at[0] != '-' && (s.at[0] < '0' || s.at[0] > '9'))
		return ERR_INVALID; /* strtoll skips white space and takes '+' */

	memcpy(digits, s.at, s.len);
	digits[s.len] = '\0';

	char *end;
	errno = 0;
	long long n = strtoll(digits, &end, 10);
	if (errno || end != digits + s.len || n < min || n > max)
		return ERR_INVALID;

	*out = n;
	return OK;
}
