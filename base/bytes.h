/* bytes - a borrowed run of bytes. It owns nothing and is passed by value. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
	const char *at;
	size_t len;
};

#define BYTES_LIT(s) ((struct bytes){ "" s "", sizeof(s) - 1 })

static inline struct bytes bytes_of(const char *s)
{
	return (struct bytes){ s, strlen(s) };
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool bytes_are(struct bytes a, const char *s)
{
	return bytes_equal(a, bytes_of(s));
}
