/*
 * skerry-unpack ROOT (LAYER DIGEST DIFF_ID)... - put the layers of an image on
 * top of each other.
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
#include "workloads/oci.h"
#include "workloads/unpack/layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { LAYER_ARGS = 3 };

static enum err open_layers(char *const *args, size_t count, struct layer *layers, struct why *why)
{
	for (size_t i = 0; i < count; i++, args += LAYER_ARGS) {
		layers[i] = (struct layer){ open(args[0], O_RDONLY | O_CLOEXEC), args[1], args[2] };
		if (layers[i].fd < 0)
			return why_set(why, ERR_SYSTEM, "open a layer: %s", strerror(errno));
	}
	return OK;
}

static enum err unpack(const char *root, char *const *args, size_t count, struct why *why)
{
	struct layer layers[OCI_LAYERS_MAX];
	struct layer_budget budget = { .bytes = IMAGE_MAX, .entries = LAYER_ENTRIES_MAX };
	if (mkdir(root, 0755) && errno != EEXIST)
		return why_set(why, ERR_SYSTEM, "make %s: %s", root, strerror(errno));
	enum err e = open_layers(args, count, layers, why);
	if (!e)
		e = confine_to_folder(root, why);
	for (size_t i = 0; i < count && !e; i++) {
		/* Whiteouts delete what lower layers brought, not this one's own. */
		if (i > 0)
			e = layer_delete(&layers[i], &budget, why);
		if (!e)
			e = layer_extract(&layers[i], &budget, why);
	}
	return e ? e : layer_complete(why);
}

int main(int argc, char **argv)
{
	struct why why = { "" };
	const size_t count = (size_t)(argc > 2 ? argc - 2 : 0) / LAYER_ARGS;
	if (count < 1 || count > OCI_LAYERS_MAX || (argc - 2) % LAYER_ARGS) {
		fputs("usage: skerry-unpack ROOT (LAYER DIGEST DIFF_ID)...\n", stderr);
		return UNPACK_FAILED;
	}
	umask(022);
	enum err e = unpack(argv[1], argv + 2, count, &why);
	if (!e)
		return 0;
	puts(why.text);
	return e == ERR_SYSTEM || e == ERR_FULL ? UNPACK_FAILED : UNPACK_BAD_IMAGE;
}
