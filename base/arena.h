/*
 * arena - many small allocations that live and die together.
 *
 * A parsed document lives in one arena: it grows block by block up to a stated
 * limit and is given back as a whole. Memory comes zeroed.
 */
#pragma once

#include "base/bytes.h"

struct arena_block;

struct arena {
	struct arena_block *newest;
	size_t used;  /* bytes taken from the system */
	size_t limit; /* bytes; beyond it arena_take() answers NULL */
};

void arena_init(struct arena *a, size_t limit_bytes);

/* Give everything back; the arena can be used again. */
void arena_deinit(struct arena *a);

/* Zeroed memory for any type. NULL: the limit or the system is exhausted. */
void *arena_take(struct arena *a, size_t size);

/* `count` zeroed elements of `size` bytes. */
void *arena_take_many(struct arena *a, size_t count, size_t size);

/* A NUL-terminated copy of `s`. */
char *arena_copy(struct arena *a, struct bytes s);
