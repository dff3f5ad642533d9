/*
 * err - what went wrong, once for the code and once for the person.
 *
 * `enum err` is the class of a failure; a class exists only where some caller
 * acts on it differently. `struct why` is the reason: one sentence, written
 * where it is known and shown unchanged in the log, on the terminal and in
 * the cloud. It lives on the caller's stack.
 */
#pragma once

#include <stddef.h>

#if defined(__has_c_attribute)
#if __has_c_attribute(nodiscard)
#define NODISCARD [[nodiscard]]
#endif
#endif
#ifndef NODISCARD
#define NODISCARD
#endif

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum NODISCARD err {
	OK = 0,
	ERR_INVALID,   /* the input is wrong; asking again will not help */
	ERR_NOT_FOUND, /* the thing named is not there */
	ERR_CONFLICT,  /* somebody else was first */
	ERR_FULL,      /* a named limit is reached, or the medium is full */
	ERR_AGAIN,     /* not now; try later */
	ERR_OFFLINE,   /* no link to the cloud */
	ERR_DENIED,    /* the system, the broker or the configuration said no */
	ERR_CORRUPT,   /* what was kept does not read back */
	ERR_SYSTEM,    /* the operating system failed us */
};

struct why {
	char text[256]; /* cut, never overrun */
};

/* Write the reason. `why` may be NULL when nobody will read it. */
void why_write(struct why *why, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put "prefix: " before a reason that is already there. */
void why_prefix(struct why *why, const char *prefix);

/* Write the reason and be `code`, so that a failure is one line. A macro, and an
 * inline below, so that compilers and analysers see which code comes back. */
#define why_set(why, code, ...) (why_write((why), __VA_ARGS__), (enum err)(code))

static inline enum err why_in(struct why *why, enum err code, const char *prefix)
{
	why_prefix(why, prefix);
	return code;
}

/* The class as one lower-case word, for logs and tests. */
const char *err_name(enum err code);
