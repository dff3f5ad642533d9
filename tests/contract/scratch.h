/*
 * scratch - a folder for one test, gone afterwards.
 *
 * The names it gives out are borrowed until the eighth next one.
 */
#pragma once

#include "base/text.h"
#include "ports/file.h"

#include <stdlib.h>
#include <string.h>

enum { SCRATCH_PATH_MAX = 512, SCRATCH_PATHS = 8 };

struct scratch {
	char folder[64];
	char paths[SCRATCH_PATHS][SCRATCH_PATH_MAX];
	size_t given;
};

static inline void scratch_make(struct scratch *s)
{
	*s = (struct scratch){ .folder = "/tmp/skerry-test-XXXXXX" };
	if (!mkdtemp(s->folder))
		abort();
}

static inline void scratch_remove(struct scratch *s)
{
	if (dir_remove(s->folder, NULL))
		abort();
}

/* The path of a name in the folder. */
static inline const char *scratch_at(struct scratch *s, const char *name)
{
	char *path = s->paths[s->given++ % SCRATCH_PATHS];
	struct text t = text_in(path, SCRATCH_PATH_MAX);
	text_add(&t, "%s/%s", s->folder, name);
	if (text_is_cut(&t))
		abort();
	return path;
}
