/* fuzz_ack - the hub's word about letters: nothing is told of an ack that is not good. */
#include "sync/ack.h"
#include "tests/fuzz/fuzz.h"

static void on_ok(void *owner, int64_t from, int64_t to)
{
	size_t *told = owner;
	assert(from >= 0 && from <= to);
	(*told)++;
}

static void on_bad(void *owner, int64_t seq, const char *reason)
{
	size_t *told = owner;
	(void)seq;
	assert(reason);
	(*told)++;
}

static void on_hello(void *owner)
{
	size_t *told = owner;
	(*told)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	size_t told = 0;
	struct why why = { "" };
	const struct ack_hooks hooks = { &told, on_ok, on_bad, on_hello };
	enum err e = ack_read((struct bytes){ (const char *)at, len }, "k3f9", &hooks, &why);
	assert(e ? told == 0 && why.text[0] : told > 0);
	return 0;
}
