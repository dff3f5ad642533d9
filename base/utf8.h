/* utf8 - is this text valid UTF-8 (RFC 3629)? */
#pragma once

#include <stddef.h>

/* Length of the sequence at `at`, of which `len` bytes may be read; 0: it is not one. */
size_t utf8_length(const char *at, size_t len);

/* Replace every byte of a string that belongs to no valid sequence by '?'. */
void utf8_fix(char *s);
