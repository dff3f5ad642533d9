#include "workloads/sequence.h"

/* True: they all have ended. */
static bool stop_all_but_sidecars(const struct sequence_entry *e, size_t count,
				  struct sequence *out)
{
	bool ended = true;
	for (size_t i = 0; i < count; i++) {
		if (e[i].role == CONTAINER_SIDECAR || e[i].idle)
			continue;
		ended = false;
		if (!e[i].leaving)
			out->turns[i] = TURN_STOP;
	}
	return ended;
}

/* The last one first. True: all have ended. */
static bool stop_sidecars(const struct sequence_entry *e, size_t count, struct sequence *out)
{
	for (size_t i = count; i-- > 0;) {
		if (e[i].role != CONTAINER_SIDECAR || e[i].idle)
			continue;
		if (!e[i].leaving)
			out->turns[i] = TURN_STOP;
		return false;
	}
	return true;
}

/* Every container that was to do something has done it, or one can never. */
static bool is_over(const struct sequence_entry *e, size_t count)
{
	bool all_done = true;
	for (size_t i = 0; i < count; i++) {
		if (e[i].role == CONTAINER_INIT && e[i].done && !e[i].well)
			return true;
		if (e[i].role == CONTAINER_MAIN && !e[i].done)
			all_done = false;
	}
	return all_done;
}

/* False: those behind it have to wait. */
static bool go_on(const struct sequence_entry *e, enum turn *turn)
{
	if (e->idle)
		*turn = TURN_START;
	switch (e->role) {
	case CONTAINER_INIT:
		return e->done && e->well;
	case CONTAINER_SIDECAR:
		return e->started;
	case CONTAINER_MAIN:
	default:
		return true;
	}
}

void sequence_next(const struct sequence_entry *entries, size_t count, bool ends,
		   struct sequence *out)
{
	*out = (struct sequence){ .ended = false };
	if (ends) {
		out->ended = stop_all_but_sidecars(entries, count, out) &&
			     stop_sidecars(entries, count, out);
		return;
	}
	if (is_over(entries, count)) {
		out->ended = stop_sidecars(entries, count, out);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (!go_on(&entries[i], &out->turns[i]))
			return;
}
