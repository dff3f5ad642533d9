#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 4096 - 32 };

struct arena_block {
	struct arena_block *older;
	size_t cap, used;
	alignas(max_align_t) char at[];
};

void arena_init(struct arena *a, size_t limit_bytes)
{
	*a = (struct arena){ .limit = limit_bytes };
}

void arena_deinit(struct arena *a)
{
	while (a->newest) {
		struct arena_block *older = a->newest->older;
		free(a->newest);
		a->newest = older;
	}
	a->used = 0;
}

static struct arena_block *add_block(struct arena *a, size_t least)
{
	const size_t room = a->limit - a->used;
	if (least > room)
		return NULL;
	size_t cap = least > BLOCK_BYTES ? least : BLOCK_BYTES;
	if (cap > room)
		cap = room;
	if (cap > SIZE_MAX - sizeof(struct arena_block))
		return NULL;

	struct arena_block *b = calloc(1, sizeof *b + cap);
	if (!b)
		return NULL;

	b->cap = cap;
	b->older = a->newest;
	a->newest = b;
	a->used += cap;
	return b;
}

void *arena_take(struct arena *a, size_t size)
{
	const size_t unit = alignof(max_align_t);
	if (size > a->limit || size > SIZE_MAX - unit)
		return NULL;
	size = (size + unit - 1) / unit * unit;

	struct arena_block *b = a->newest;
	if (!b || b->cap - b->used < size)
		b = add_block(a, size);
	if (!b)
		return NULL;

	void *taken = b->at + b->used;
	b->used += size;
	return taken;
}

void *arena_take_many(struct arena *a, size_t count, size_t size)
{
	if (count && size > SIZE_MAX / count)
		return NULL;
	return arena_take(a, count * size);
}

char *arena_copy(struct arena *a, struct bytes s)
{
	char *copy = arena_take(a, s.len + 1);
	if (copy && s.len)
		memcpy(copy, s.at, s.len);
	return copy;
}
