#include "sync/shelf.h"

#include "base/text.h"
#include "sync/anchor.h"

#include <stdlib.h>

static const char *const slot_keys[] = {
	[SHELF_GOOD] = "desired/good",
	[SHELF_NEXT] = "desired/next",
};

/* The step's letter, and the reason behind it. */
static const char STEP_KEY[] = "desired/step";
static const char step_letters[] = {
	[SHELF_NONE] = '-',   [SHELF_FETCHING] = 'f', [SHELF_TRYING] = 't',
	[SHELF_FAILED] = 'x', [SHELF_REFUSED] = 'r',
};

enum err shelf_open(struct shelf *s, struct store *store, struct why *why)
{
	struct bytes kept;
	*s = (struct shelf){ .store = store };
	enum err e = store_get(store, STEP_KEY, &kept);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e || kept.len == 0)
		return why_set(why, ERR_CORRUPT, "the desired state does not read back");
	for (enum shelf_step step = SHELF_NONE; step <= SHELF_REFUSED; step++)
		if (kept.at[0] == step_letters[step])
			s->step = step;
	text_copy(s->reason.text, sizeof s->reason.text,
		  (struct bytes){ kept.at + 1, kept.len - 1 });
	return OK;
}

enum err shelf_get(struct shelf *s, enum shelf_slot slot, struct bytes *out)
{
	if (slot == SHELF_NEXT && s->step == SHELF_NONE)
		return ERR_NOT_FOUND;
	return store_get(s->store, slot_keys[slot], out);
}

static enum err put_step(struct shelf *s, enum shelf_step step, const char *reason, struct why *why)
{
	char value[sizeof s->reason.text + 1];
	struct text t = text_in(value, sizeof value);
	text_add(&t, "%c%s", step_letters[step], reason);
	return store_put(s->store, STEP_KEY, text_bytes(&t), why);
}

/* End the transaction; what was done in memory follows what is on flash. */
static enum err finish(struct shelf *s, enum err e, enum shelf_step step, const char *reason,
		       struct why *why)
{
	if (!e)
		e = put_step(s, step, reason, why);
	if (e) {
		store_rollback(s->store);
		return e;
	}
	e = store_commit(s->store, why);
	if (e)
		return e;
	s->step = step;
	text_copy(s->reason.text, sizeof s->reason.text, bytes_of(reason));
	return OK;
}

enum err shelf_accept(struct shelf *s, struct bytes document, struct bytes mark, struct why *why)
{
	enum err e = store_begin(s->store, why);
	if (e)
		return e;
	e = store_put(s->store, slot_keys[SHELF_NEXT], document, why);
	if (!e && mark.len)
		e = store_put(s->store, ANCHOR_MARK_KEY, mark, why);
	return finish(s, e, SHELF_FETCHING, "", why);
}

enum err shelf_try(struct shelf *s, struct why *why)
{
	enum err e = store_begin(s->store, why);
	return e ? e : finish(s, OK, SHELF_TRYING, "", why);
}

enum err shelf_promote(struct shelf *s, struct why *why)
{
	struct bytes next;
	enum err e = shelf_get(s, SHELF_NEXT, &next);
	if (e)
		return why_set(why, e, "there is no next state to promote");
	/* The row must not be borrowed while another is written. */
	char *copy = malloc(next.len ? next.len : 1);
	if (!copy)
		return why_set(why, ERR_SYSTEM, "shelf: no memory");
	struct bytes document = { memcpy(copy, next.at, next.len), next.len };
	e = store_begin(s->store, why);
	if (!e) {
		e = store_put(s->store, slot_keys[SHELF_GOOD], document, why);
		if (!e)
			e = store_remove(s->store, slot_keys[SHELF_NEXT], why);
		e = finish(s, e, SHELF_NONE, "", why);
	}
	free(copy);
	return e;
}

enum err shelf_fail(struct shelf *s, const char *reason, struct why *why)
{
	enum err e = store_begin(s->store, why);
	return e ? e : finish(s, OK, SHELF_FAILED, reason, why);
}

enum err shelf_refuse(struct shelf *s, const char *reason, struct why *why)
{
	enum err e = store_begin(s->store, why);
	return e ? e : finish(s, OK, SHELF_REFUSED, reason, why);
}
