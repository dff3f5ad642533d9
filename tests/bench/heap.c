/*
 * heap - counts what a program has from malloc, and writes the most bytes that it had at
 * once to $HEAP_PEAK when it ends. Preloaded; or, with WRAP, linked into a static program
 * with --wrap.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef WRAP
#define OURS(name) __wrap_##name
#define REAL(name) __real_##name
#else
#define OURS(name) name
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);
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

void *OURS(calloc)(size_t n, size_t size)
{
	return count(REAL(calloc)(n, size));
}

void *OURS(realloc)(void *old, size_t size)
{
	const size_t before = old ? malloc_usable_size(old) : 0;
	void *at = REAL(realloc)(old, size);
	if (at || !size)
		now -= before;
	return count(at);
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
