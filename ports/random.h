/* random - unpredictable bytes from the system; they cannot run out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: the kernel has not gathered enough yet since boot, and random_bytes() waits. */
bool random_is_ready(void);

void random_bytes(void *out, size_t len);

/* A number in [0, below); 0 when `below` is 0 or 1. */
int64_t random_below(int64_t below);

/* `len` characters of [a-z0-9] and a NUL. */
void random_name(char *out, size_t len);
