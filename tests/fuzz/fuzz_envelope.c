/*
 * fuzz_envelope - signed states, as a hostile broker gives them to a board.
 *
 * anchor.json is what the board trusts; its keys have signed the three payloads below, and
 * were thrown away. Nothing else may ever be accepted.
 */
#include "sync/anchor.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#define DEVICE "drone-07"

static const int64_t IN_2026_MS = 1795700000000, IN_2100_MS = 4102444800000;

/* What its keys have signed for this device: generations 5, 5 of trust 2, and 6. */
static const char *const genuine[] = {
	"sha256:db249c47974ecc389b2cc2758698204587e582828679f8293916b045fe5f311f",
	"sha256:76971ce5986df345ae44cd5ee1bfe31150284ea9ba8a497677d7db2afde69fcf",
	"sha256:8951a33bc70f6730ca7e5b6d931cfb583466b7aec06bbc6a4208001edae864ab",
};

/* A store that keeps nothing; the linker then takes no other. */
enum err store_get(struct store *s, const char *key, struct bytes *out)
{
	(void)s;
	(void)key;
	(void)out;
	return ERR_NOT_FOUND;
}

enum err store_put(struct store *s, const char *key, struct bytes value, struct why *why)
{
	(void)s;
	(void)value;
	(void)why;
	assert(strcmp(key, "trust/document") == 0);
	return OK;
}

static const struct anchor *board(void)
{
	static struct anchor a;
	struct why why;
	if (!a.trust.version && anchor_open(&a, ANCHOR, "main", NULL, &why)) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	return &a;
}

static bool is_genuine(const char *digest)
{
	for (size_t i = 0; i < sizeof genuine / sizeof *genuine; i++)
		if (strcmp(genuine[i], digest) == 0)
			return true;
	return false;
}

/* Accept it as deploy does; nothing of what comes again is newer. */
static void accept(struct anchor *a, struct bytes message, struct desired *d, int64_t wall_ms)
{
	char room[ANCHOR_MARK_MAX];
	struct desired again;
	struct json *artifacts;
	assert(is_genuine(d->id.digest) && d->id.trust >= 1 && d->id.trust <= a->trust.version);
	assert(desired_compare(&a->mark, &d->id) == DESIRED_NEWER);
	anchor_marked(a, anchor_mark(a, d, wall_ms, room));
	assert(a->floor_ms <= a->trust.expires_ms);
	if (anchor_read(a, message, DEVICE, wall_ms, &again, &artifacts, NULL))
		abort();
	assert(desired_compare(&a->mark, &again.id) == DESIRED_SAME);
	desired_free(&again);
	json_free(artifacts);
}

/* Whether it was accepted by a clock that says this. */
static bool give(struct bytes message, int64_t wall_ms)
{
	static struct anchor a;
	struct desired d;
	struct json *artifacts;
	struct why why = { "" };
	a = *board();
	enum err e = anchor_read(&a, message, DEVICE, wall_ms, &d, &artifacts, &why);
	assert(a.trust.version <= 2 && anchor_floor(&a, wall_ms) <= a.trust.expires_ms);
	if (e) {
		assert(why.text[0] && !artifacts && !d.document);
		return false;
	}
	accept(&a, message, &d, wall_ms);
	(void)!anchor_check_artifact(&a, artifacts, genuine[0], NULL);
	desired_free(&d);
	json_free(artifacts);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct bytes message = { (const char *)at, len };
	const bool is_taken = give(message, IN_2026_MS);
	assert(give(message, 0) == is_taken);
	assert(!give(message, IN_2100_MS)); /* all of them end in 2096 */
	return 0;
}
