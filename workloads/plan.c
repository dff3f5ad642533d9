#include "workloads/plan.h"

#include <string.h>

static size_t find(const struct plan_pod *pods, size_t count, const char *name)
{
	size_t i = 0;
	while (i < count && strcmp(pods[i].name, name) != 0)
		i++;
	return i;
}

static void add(struct plan *p, enum step_kind kind, size_t want, size_t have)
{
	p->steps[p->count++] = (struct step){ kind, want, have };
}

void plan_make(const struct plan_pod *want, size_t want_count, const struct plan_pod *have,
	       size_t have_count, struct plan *out)
{
	out->count = 0;
	/* What goes gives its memory back before something new comes. */
	for (size_t i = 0; i < have_count; i++)
		if (find(want, want_count, have[i].name) == want_count)
			add(out, STEP_STOP, 0, i);

	for (size_t i = 0; i < want_count; i++) {
		size_t at = find(have, have_count, want[i].name);
		if (at == have_count)
			add(out, STEP_START, i, 0);
		else if (strcmp(have[at].digest, want[i].digest) == 0)
			add(out, STEP_KEEP, i, at);
		else
			add(out, STEP_REPLACE, i, at);
	}
}
