/*
 * fuzz_blob - blocks that somebody sends to a board which fetches a blob, and the
 * requests that a hub answers.
 *
 * Pieces in turn: a request; then an offset and a block, again and again.
 */
#include "base/limits.h"
#include "ports/digest.h"
#include "sync/fetch.h"
#include "sync/serve.h"
#include "tests/fuzz/folder.h"

#define CONTENT "hello"

enum { STEPS_MAX = 64 };

struct fixture {
	struct blobs blobs;
	char digest[DIGEST_SIZE];
	size_t asks, fetched;
};

static enum err on_ask(void *owner, struct bytes payload)
{
	struct fixture *f = owner;
	assert(payload.len);
	f->asks++;
	return OK;
}

static void on_fetched(void *owner)
{
	struct fixture *f = owner;
	char content[16];
	size_t len;
	int64_t total;
	f->fetched++;
	assert(blobs_have(&f->blobs, f->digest));
	if (blobs_read(&f->blobs, f->digest, 0, content, sizeof content, &len, &total, NULL))
		abort();
	assert(bytes_are((struct bytes){ content, len }, CONTENT) && total == (int64_t)len);
}

static void on_trouble(void *owner, const struct why *why)
{
	(void)owner;
	assert(why->text[0]);
}

static void on_answer(void *owner, const char *rest, struct bytes payload)
{
	size_t *answers = owner;
	assert(strncmp(rest, "blob/", 5) == 0 && payload.len <= BLOB_BLOCK);
	assert(++*answers <= 32);
}

static void serve(const struct blobs *b, struct bytes request)
{
	size_t answers = 0;
	struct why why = { "" };
	const struct serve_hooks hooks = { &answers, on_answer };
	if (serve_blocks(b, request, &hooks, &why))
		assert(why.text[0] && !answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = { (const char *)at, len };
	struct fixture f = { .asks = 0 };
	struct loop *loop;
	struct fetch fetch;
	size_t steps = 0;
	const struct fetch_hooks hooks = { &f, on_ask, on_fetched, on_trouble };
	if (loop_open(&loop, NULL) || blobs_open(&f.blobs, fuzz_folder(), NULL))
		abort();
	serve(&f.blobs, fuzz_piece(&rest));
	digest_of(BYTES_LIT(CONTENT), f.digest);
	fetch_init(&fetch, loop, &f.blobs, &hooks);
	fetch_start(&fetch, f.digest);
	for (; rest.len && steps < STEPS_MAX; steps++) {
		char offset[LABEL_SIZE] = "";
		const struct bytes where = fuzz_piece(&rest);
		if (where.len < sizeof offset)
			memcpy(offset, where.at, where.len);
		fetch_on_block(&fetch, steps % 8 == 7 ? "another" : fetch.id, offset,
			       fuzz_piece(&rest));
		assert(fetch.arrived >= 0 && fetch.arrived <= BLOB_MAX);
	}
	assert(f.asks <= steps + 1 && f.fetched <= 1);
	fetch_stop(&fetch);
	loop_close(loop);
	fuzz_folder_remove();
	return 0;
}
