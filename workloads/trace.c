#include "workloads/trace.h"

#include "base/scoped.h"
#include "ports/file.h"
#include "workloads/history.h"

#include <signal.h>
#include <stdio.h>

void trace_keep(const struct workload *w)
{
	char folder[PATH_LIMIT];
	const struct history h = {
		.restarts = w->restarts,
		.instance = w->instance,
		.quick_exits = w->backoff.quick_exits,
		.last = w->last,
	};
	workload_folder(w, folder, sizeof folder);
	/* On a folder in memory: what cannot be written there is lost with it. */
	if (history_write(folder, &h))
		return;
}

/* What the workload in its folder was started from; in `arena`, which the caller
 * gives back in any case. NULL: nothing readable. */
static const struct launch *read_launch(const struct workload *w, struct arena *arena)
{
	char folder[PATH_LIMIT], path[PATH_LIMIT + 16];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	arena_init(arena, (size_t)2 * LAUNCH_MAX);
	workload_folder(w, folder, sizeof folder);
	snprintf(path, sizeof path, "%s/launch", folder);
	if (file_read(path, LAUNCH_MAX, &text, &len, NULL))
		return NULL;
	struct launch *l = arena_take(arena, sizeof *l);
	return l && launch_read((struct bytes){ text, len }, arena, l, NULL) == OK ? l : NULL;
}

/* An older agent's file does not say: SIGTERM then, as that agent would have sent. */
static void recall_stop_signal(struct workload *w)
{
	struct arena arena;
	const struct launch *l = read_launch(w, &arena);
	if (l && l->stop_signal > 0 && l->stop_signal < NSIG)
		w->stop_signal = (int)l->stop_signal;
	arena_deinit(&arena);
}

void trace_recall(struct workload *w)
{
	char folder[PATH_LIMIT];
	struct history h;
	recall_stop_signal(w);
	workload_folder(w, folder, sizeof folder);
	if (history_read(folder, &h))
		return;
	w->restarts = h.restarts;
	w->instance = h.instance;
	w->backoff.quick_exits = h.quick_exits;
	w->last = h.last;
}

bool trace_is_of_pod(const struct workload *w)
{
	struct arena arena;
	const struct launch *l = read_launch(w, &arena);
	const bool same = l && l->spec && strcmp(l->spec, w->pod->digest) == 0;
	arena_deinit(&arena);
	return same;
}

bool trace_user(const struct workload *w, int64_t out[2])
{
	struct arena arena;
	const struct launch *l = read_launch(w, &arena);
	const bool found = l != NULL;
	out[0] = found ? l->uid : 0;
	out[1] = found ? l->gid : 0;
	arena_deinit(&arena);
	return found;
}

void trace_add_last_words(const struct workload *w, char *message, size_t cap)
{
	char path[PATH_LIMIT + 16];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	workload_folder(w, path, PATH_LIMIT);
	strcat(path, "/termination");
	if (file_read(path, KEEPER_PACKET_MAX, &text, &len, NULL))
		return;
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	const size_t had = strlen(message);
	snprintf(message + had, cap - had, ": %.*s", LAST_WORDS_MAX - 4, text);
}
