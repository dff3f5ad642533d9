#include "cloud/skerry/scratch.h"

#include "ports/file.h"

#include <stdlib.h>

enum err scratch_open(struct scratch *s, struct why *why)
{
	strcpy(s->path, "/tmp/skerry-pack-XXXXXX");
	if (!mkdtemp(s->path)) {
		s->path[0] = '\0';
		return why_set(why, ERR_SYSTEM, "no folder for packing below /tmp");
	}
	return blobs_open(&s->blobs, s->path, why);
}

void scratch_close(struct scratch *s)
{
	if (s->path[0])
		(void)!dir_remove(s->path, NULL);
	s->path[0] = '\0';
}
