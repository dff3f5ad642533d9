/*
 * skerry-unpack unpack IMAGES NAME (LAYER DIGEST DIFF_ID)...
 *	put the layers of an image on top of each other in IMAGES/NAME/rootfs, list
 *	what is there in IMAGES/NAME/files, and share its files with other images
 * skerry-unpack verify IMAGES NAME
 *	is what is there what was listed?
 *
 * Started by the agent for one image, so that hostile bytes meet neither the
 * agent's memory nor its loop. A child opens the layers, moves into the new root
 * with chroot, gives up every capability but those to write there, and only then
 * reads the first byte. Its parent, which lists and shares, sees none of those
 * bytes as anything but content, and has moved into IMAGES by then.
 *
 * On failure one line on stdout says why. Exit codes: 0, 1 the board could not
 * (full, broken), 2 the image is bad, 3 the medium has changed what was there.
 */
#include "base/limits.h"
#include "base/scoped.h"
#include "ports/confine.h"
#include "workloads/image.h"
#include "workloads/oci.h"
#include "workloads/unpack/inventory.h"
#include "workloads/unpack/layer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { LAYER_ARGS = 3, MEMORY_MAX = 48 * 1024 * 1024 };

static int tell(enum err e, const struct why *why)
{
	if (e) {
		puts(why->text);
		fflush(stdout);
	}
	switch (e) {
	case OK:
		return 0;
	case ERR_CORRUPT:
		return UNPACK_BAD_MEDIUM;
	case ERR_SYSTEM:
	case ERR_FULL:
		return UNPACK_FAILED;
	default:
		return UNPACK_BAD_IMAGE;
	}
}

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
		e = confine_memory(MEMORY_MAX, why);
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

/* In a child that dies with us; its exit code, after it has said why. */
static int unpack_apart(const char *root, char *const *args, size_t count)
{
	struct why why = { "" };
	int status;
	const pid_t parent = getpid(), child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(getppid() == parent ? tell(unpack(root, args, count, &why), &why)
					  : UNPACK_FAILED);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return tell(why_set(&why, ERR_SYSTEM, "fork: %s", strerror(errno)), &why);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return tell(why_set(&why, ERR_SYSTEM, "ended by signal %d", WTERMSIG(status)), &why);
}

static enum err list(const char *images, const char *name, struct why *why)
{
	enum err e = confine_to_folder(images, why);
	if (!e)
		e = inventory_write(name, IMAGES_SHARED, why);
	return e ? e : confine_sync(why);
}

static int verify(const char *images, const char *name)
{
	struct why why = { "" };
	enum err e = confine_to_folder(images, &why);
	if (!e)
		e = inventory_verify(name, &why);
	return tell(e == ERR_NOT_FOUND ? OK : e, &why);
}

static int usage(void)
{
	fputs("usage: skerry-unpack unpack IMAGES NAME (LAYER DIGEST DIFF_ID)...\n"
	      "       skerry-unpack verify IMAGES NAME\n",
	      stderr);
	return UNPACK_FAILED;
}

int main(int argc, char **argv)
{
	enum { FIXED_ARGS = 4 };
	char root[PATH_LIMIT];
	struct why why = { "" };
	umask(022);
	if (argc == FIXED_ARGS && strcmp(argv[1], "verify") == 0)
		return verify(argv[2], argv[3]);
	const size_t count = (size_t)(argc > FIXED_ARGS ? argc - FIXED_ARGS : 0) / LAYER_ARGS;
	if (argc <= FIXED_ARGS || strcmp(argv[1], "unpack") != 0 || count > OCI_LAYERS_MAX ||
	    (argc - FIXED_ARGS) % LAYER_ARGS)
		return usage();
	snprintf(root, sizeof root, "%s/%s/rootfs", argv[2], argv[3]);
	const int code = unpack_apart(root, argv + FIXED_ARGS, count);
	return code ? code : tell(list(argv[2], argv[3], &why), &why);
}
