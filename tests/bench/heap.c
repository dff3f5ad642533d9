/*
 * heap - counts what a program has from malloc, and writes the most bytes that it had at
 * once to $HEAP_PEAK when it ends. Preloaded; or, with WRAP, linked into a static program
 * with --wrap.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WRAP
#define OURS(name) __wrap_##name
#define REAL(name) __real_##name
#else
#define OURS(name) name
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void REAL(free)(void *at);

void *OURS(malloc)(size_t size);
void *OURS(calloc)(size_t count, size_t size);
void *OURS(realloc)(void *old, size_t size);
void OURS(free)(void *at);

static size_t now, peak;

static void *count(void *at)
{
	if (at)
		now += malloc_usable_size(at);
	if (now > peak)
		peak = now;
	return at;
}

void *OURS(malloc)(size_t size)
{
	return count(REAL(malloc)(size));
}

/* Of malloc and free alone: what a C library's own calloc and realloc are made of would be
 * counted twice. Both blocks of a realloc are there at once. */
void *OURS(calloc)(size_t n, size_t size)
{
	size_t all;
	if (__builtin_mul_overflow(n, size, &all))
		return NULL;
	void *at = OURS(malloc)(all);
	return at ? memset(at, 0, all) : NULL;
}

void *OURS(realloc)(void *old, size_t size)
{
	void *at = OURS(malloc)(size);
	const size_t had = old ? malloc_usable_size(old) : 0;
	if (!at)
		return NULL;
	if (old)
		memcpy(at, old, had < size ? had : size);
	OURS(free)(old);
	return at;
}

void OURS(free)(void *at)
{
	if (at)
		now -= malloc_usable_size(at);
	REAL(free)(at);
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("HEAP_PEAK");
	FILE *f = path ? fopen(path, "w") : NULL;
	if (!f)
		return;
	fprintf(f, "%zu\n", peak);
	fclose(f);
}
