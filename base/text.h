/*
 * text - build a string in the caller's buffer, never past its end.
 *
 * What does not fit is cut and remembered: check text_is_cut() once, after the
 * last addition. The result always ends in NUL.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

struct text {
	char *at;
	size_t cap; /* bytes, with room for the NUL */
	size_t len;
	bool cut;
};

/* Start an empty text in `buffer` of `cap` >= 1 bytes. */
struct text text_in(char *buffer, size_t cap);

void text_add(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_add_bytes(struct text *t, struct bytes b);

/* Forget what follows the first `len` bytes, and that something was cut behind them. */
static inline void text_cut_to(struct text *t, size_t len)
{
	t->len = len;
	t->at[len] = '\0';
	t->cut = false;
}

static inline bool text_is_cut(const struct text *t)
{
	return t->cut;
}

static inline struct bytes text_bytes(const struct text *t)
{
	return (struct bytes){ t->at, t->len };
}

/* Copy `s` into `buffer`, always ending in NUL. False when it had to be cut. */
bool text_copy(char *buffer, size_t cap, struct bytes s);

/* Lower-case hex of `len` bytes into `out`, which has room for 2 * len + 1. */
void text_hex(char *out, const unsigned char *at, size_t len);

/* Does `s` begin with `prefix`? */
bool text_starts(const char *s, const char *prefix);

/* Is it one of the words of a list with single spaces between them? */
bool text_list_has(const char *list, const char *word);

/* A whole string as a decimal number within [min, max]. */
enum err text_number(struct bytes s, long long min, long long max, long long *out);
