#include "cloud/hub/receipts.h"

#include <stdlib.h>
#include <string.h>

static bool is_same_outbox(const struct receipt *a, const struct receipt *b)
{
	return strcmp(a->device, b->device) == 0 && strcmp(a->fleet, b->fleet) == 0 &&
	       strcmp(a->buf, b->buf) == 0;
}

/* It has grown: another one may be its neighbour now. */
static void join(struct receipts *r, struct receipt *grown)
{
	for (size_t i = 0; i < r->count; i++) {
		struct receipt *other = &r->list[i];
		if (other == grown || other->bad[0] || !is_same_outbox(other, grown))
			continue;
		if (other->from == grown->to + 1)
			grown->to = other->to;
		else if (other->to + 1 == grown->from)
			grown->from = other->from;
		else
			continue;
		memmove(other, other + 1, (--r->count - i) * sizeof *other);
		return;
	}
}

/* Is `one` in `have`, or next to it? Then `have` covers both. */
static bool absorb(struct receipts *r, struct receipt *have, const struct receipt *one)
{
	if (one->from >= have->from && one->to <= have->to)
		return true; /* it came twice */
	if (one->from != have->to + 1 && one->to + 1 != have->from)
		return false;
	if (one->from < have->from)
		have->from = one->from;
	else
		have->to = one->to;
	join(r, have);
	return true;
}

bool receipts_add(struct receipts *r, const struct receipt *one)
{
	for (size_t i = r->count; i-- > 0 && !one->bad[0];) {
		struct receipt *have = &r->list[i];
		if (!have->bad[0] && is_same_outbox(have, one) && absorb(r, have, one))
			return true;
	}
	if (r->count == RECEIPTS_MAX)
		return false;
	r->list[r->count++] = *one;
	return true;
}

static struct json *print_range(const struct receipt *one)
{
	struct json *pair = json_new_array();
	json_push(pair, json_new_integer(one->from));
	json_push(pair, one->bad[0] ? json_new_string(one->bad) : json_new_integer(one->to));
	return pair;
}

/* All of one outbox, from the first one on. */
static char *print_ack(struct receipts *r, size_t first)
{
	struct json *j = json_new_object(), *ok = json_new_array(), *bad = json_new_array();
	for (size_t i = first; i < r->count; i++) {
		struct receipt *one = &r->list[i];
		if (one->told || !is_same_outbox(one, &r->list[first]))
			continue;
		json_push(one->bad[0] ? bad : ok, print_range(one));
		one->told = true;
	}
	json_set_string(j, "buf", r->list[first].buf);
	json_set(j, "ok", ok);
	json_set(j, "bad", bad);
	char *text = json_print(j);
	json_free(j);
	return text;
}

void receipts_tell(struct receipts *r,
		   void (*on_ack)(void *owner, const char *fleet, const char *device,
				  const char *text),
		   void *owner)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->list[i].told)
			continue;
		char *text = print_ack(r, i);
		on_ack(owner, r->list[i].fleet, r->list[i].device, text);
		free(text);
	}
	r->count = 0;
}

void receipts_forget(struct receipts *r)
{
	r->count = 0;
}
