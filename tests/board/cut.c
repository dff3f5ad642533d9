/*
 * cut - what the outbox promised, seen from both sides of a power cut.
 *
 *   cut write STORE          add letters for ever; "ACK n" when letter n is promised
 *   cut verify STORE ACKED   everything promised up to ACKED is there and whole
 *
 * A letter's class, size and content follow from its number. The last KEPT letters
 * stay; older ones are acknowledged as the hub would, and dropped on the way.
 */
#include "sync/outbox.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEPT = 50, BODY_MAX = 3000 };

static const int64_t QUOTA = 16 << 20;

static struct letter make_letter(int64_t number, char body[BODY_MAX])
{
	uint64_t state = (uint64_t)number * 0x9e3779b97f4a7c15u;
	const size_t len = 1 + (size_t)(state >> 32) % BODY_MAX;
	for (size_t i = 0; i < len; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
		body[i] = (char)(state >> 56);
	}
	return (struct letter){ .class = (enum letter_class)(number % LETTER_CLASSES),
				.made_ms = number,
				.items = 1,
				.stream = "cut",
				.body = { body, len } };
}

static int fail(const char *what, int64_t number, const struct why *why)
{
	printf("FAILED %s %lld %s\n", what, (long long)number, why ? why->text : "");
	return 1;
}

static int write_letters(struct store *s, struct outbox *o)
{
	char body[BODY_MAX];
	for (;;) {
		struct why why = { "" };
		const int64_t number = store_last_seq(s) + 1;
		const struct letter l = make_letter(number, body);
		if (number > KEPT)
			outbox_acknowledge(o, 1, number - KEPT);
		if (outbox_add(o, &l, &why))
			return fail("add", number, &why);
		printf("ACK %lld\n", (long long)number);
		fflush(stdout);
	}
}

/* Is every letter that lies there what it was? How many of (from, to] do? */
static bool count_whole(struct store *s, int64_t from, int64_t to, int64_t *out_count)
{
	char body[BODY_MAX];
	*out_count = 0;
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++) {
		struct letter found;
		for (int64_t at = 0; store_next(s, c, at, STORE_SEQ_MAX, &found) == OK;
		     at = found.seq) {
			const struct letter made = make_letter(found.seq, body);
			if (made.class != c || made.made_ms != found.made_ms ||
			    made.body.len != found.body.len ||
			    memcmp(made.body.at, found.body.at, found.body.len) != 0)
				return false;
			*out_count += found.seq > from && found.seq <= to;
		}
	}
	return true;
}

static int verify(struct store *s, int64_t acked)
{
	const int64_t from = acked > KEPT ? acked - KEPT : 0;
	int64_t count;
	if (store_last_seq(s) < acked)
		return fail("numbers end at", store_last_seq(s), NULL);
	if (!count_whole(s, from, acked, &count))
		return fail("a letter is not what it was", 0, NULL);
	/* One more than KEPT may be gone: the letter that followed was not told any more. */
	const int64_t more = store_last_seq(s) - acked;
	if (count < acked - from - more)
		return fail("missing", acked - from - count, NULL);
	printf("OK %lld\n", (long long)store_last_seq(s));
	return 0;
}

int main(int argc, char **argv)
{
	struct store *s;
	struct outbox o;
	struct why why = { "" };
	if (argc < 3 || (argc < 4 && strcmp(argv[1], "verify") == 0))
		return 2;
	enum err e = store_open(argv[2], &s, &why);
	if (!e)
		e = outbox_open(&o, s, QUOTA, &why);
	if (e)
		return fail("open", 0, &why);
	return strcmp(argv[1], "verify") == 0 ? verify(s, atoll(argv[3])) : write_letters(s, &o);
}
