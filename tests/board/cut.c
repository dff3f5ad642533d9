/*
 * cut - what the outbox promised, seen from both sides of a power cut.
 *
 *   cut write STORE          add letters for ever; "ACK n" when letter n is promised
 *   cut verify STORE ACKED   numbers reach ACKED, and what must still be there is, and whole
 *
 * A letter's class, size and content follow from its number. The hub acknowledges
 * letter n - KEPT while letter n is added; what it acknowledged goes on the way.
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

/* The hub's word for a letter may reach flash before the addition that brought it:
 * beyond the KEPT youngest nothing is promised. */
static int verify(struct store *s, int64_t acked)
{
	const int64_t last = store_last_seq(s);
	const int64_t from = last + 1 > KEPT ? last + 1 - KEPT : 0;
	int64_t count;
	if (last < acked)
		return fail("numbers end at", last, NULL);
	if (!count_whole(s, from, last, &count))
		return fail("a letter is not what it was", 0, NULL);
	if (count < last - from)
		return fail("missing", last - from - count, NULL);
	printf("OK %lld\n", (long long)last);
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
