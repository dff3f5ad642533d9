/*
 * skerry-unpack ROOT LAYER... - put the layers of an image on top of each other.
 *
 * Started by the agent for one image, so that hostile bytes meet neither the
 * agent's memory nor its loop. It opens the layers, moves into ROOT with
 * chroot, gives up every capability but those to write there, and only then
 * reads the first byte.
 *
 * On failure one line on stdout says why. Exit codes: 0, 1 the board could not
 * (full, broken), 2 the image is bad.
 */
#include "base/scoped.h"
#include "ports/confine.h"
#include "workloads/image.h"
#include "workloads/unpack/layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static enum err open_layers(char *const *paths, size_t count, int *fds, struct why *why)
{
	for (size_t i = 0; i < count; i++) {
		fds[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			return why_set(why, ERR_SYSTEM, "open a layer: %s", strerror(errno));
	}
	return OK;
}

static enum err unpack(const char *root, char *const *paths, size_t count, struct why *why)
{
	int fds[IMAGE_LAYERS_MAX];
	struct layer_budget budget = { .bytes = IMAGE_MAX, .entries = LAYER_ENTRIES_MAX };
	if (mkdir(root, 0755) && errno != EEXIST)
		return why_set(why, ERR_SYSTEM, "make %s: %s", root, strerror(errno));
	enum err e = open_layers(paths, count, fds, why);
	if (!e)
		e = confine_to_folder(root, why);
	for (size_t i = 0; i < count && !e; i++) {
		/* Whiteouts delete what lower layers brought, not this one's own. */
		if (i > 0)
			e = layer_delete(fds[i], &budget, why);
		if (!e)
			e = layer_extract(fds[i], &budget, why);
	}
	return e ? e : layer_complete(why);
}

int main(int argc, char **argv)
{
	struct why why = { "" };
	if (argc < 3 || argc - 2 > IMAGE_LAYERS_MAX) {
		fputs("usage: skerry-unpack ROOT LAYER...\n", stderr);
		return UNPACK_FAILED;
	}
	umask(022);
	enum err e = unpack(argv[1], argv + 2, (size_t)argc - 2, &why);
	if (!e)
		return 0;
	puts(why.text);
	return e == ERR_SYSTEM || e == ERR_FULL ? UNPACK_FAILED : UNPACK_BAD_IMAGE;
}
