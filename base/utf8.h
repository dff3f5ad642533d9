/* utf8 - is this text valid UTF-8 (RFC 3629), and nothing but text? */
#pragma once

#include <stddef.h>

/* Length of the sequence at `at`, of which `len` bytes may be read; 0: it is not one. */
size_t utf8_length(const char *at, size_t len);

/* Replace every byte of a string that belongs to no valid sequence by '?'. */
void utf8_fix(char *s);

/* The same, and for every control character but the tab, C1 among them: what others have written
 * moves no cursor, and begins no line, of the terminal that it is shown on. It may get shorter. */
void utf8_make_plain(char *s);
