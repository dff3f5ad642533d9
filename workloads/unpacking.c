#include "workloads/unpacking.h"

#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>

void unpacking_init(struct unpacking *u, const struct images *i, void *owner,
		    void (*on_done)(void *owner, enum err e, const struct why *why))
{
	*u = (struct unpacking){ .images = i, .owner = owner, .on_done = on_done };
	u->output.fd = -1;
}

static void on_output(void *owner, unsigned events)
{
	struct unpacking *u = owner;
	size_t len = strlen(u->said.text);
	(void)events;
	ssize_t n = read(u->output.fd, u->said.text + len, sizeof u->said.text - 1 - len);
	if (n > 0)
		u->said.text[len + (size_t)n] = '\0';
}

static enum err class_of(int code)
{
	return code == UNPACK_BAD_IMAGE    ? ERR_INVALID
	       : code == UNPACK_BAD_MEDIUM ? ERR_CORRUPT
					   : ERR_SYSTEM;
}

static void on_ended(void *owner, int code, int signo)
{
	struct unpacking *u = owner;
	struct why why = { "" };
	enum err e = OK;
	on_output(u, 0);
	u->said.text[strcspn(u->said.text, "\n")] = '\0';
	unpacking_stop(u);
	if (signo > 0)
		e = why_set(&why, ERR_SYSTEM, "image: skerry-unpack was ended by signal %d", signo);
	else if (code != 0)
		e = why_set(&why, class_of(code), "image: %s", u->said.text);
	else if (!u->verifies)
		e = image_complete(u->images, u->digest, &why);
	u->on_done(u->owner, e, &why);
}

static enum err run(struct unpacking *u, struct loop *l, const char *const *argv, struct why *why)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return why_set(why, ERR_SYSTEM, "image: %s", strerror(errno));
	SCOPED_FD read_end = ends[0];
	SCOPED_FD write_end = ends[1];
	const struct process_options options = { .argv = argv, .out_fd = write_end, .err_fd = -1 };
	u->said.text[0] = '\0';
	u->process.owner = u;
	u->process.on_exit = on_ended;
	enum err e = process_start(l, &options, &u->process, why);
	if (e)
		return e;
	u->output = (struct watch){
		.fd = take_fd(&read_end), .events = LOOP_READ, .owner = u, .on_ready = on_output
	};
	return loop_watch(l, &u->output, why);
}

enum err unpacking_start(struct unpacking *u, struct loop *l, const char *digest, struct why *why)
{
	enum { FIXED_ARGS = 4, LAYER_ARGS = 3 };
	char name[IMAGE_NAME_SIZE];
	const char *argv[FIXED_ARGS + LAYER_ARGS * OCI_LAYERS_MAX + 1] = {
		u->images->unpack_program, "unpack", u->images->path, name
	};
	SCOPED_MEMORY struct image_layers *layers = malloc(sizeof *layers);
	enum err e = layers ? image_list_layers(u->images, digest, layers, why)
			    : why_set(why, ERR_SYSTEM, "image: no memory");
	if (!e)
		e = image_begin(u->images, digest, name, why);
	if (e)
		return e;
	for (size_t i = 0; i < layers->count; i++) {
		const char **at = argv + FIXED_ARGS + LAYER_ARGS * i;
		at[0] = layers->layers[i].path;
		at[1] = layers->layers[i].digest;
		at[2] = layers->layers[i].diff_id;
	}
	u->verifies = false;
	strcpy(u->digest, digest);
	return run(u, l, argv, why);
}

enum err unpacking_verify(struct unpacking *u, struct loop *l, const char *digest, struct why *why)
{
	char name[IMAGE_NAME_SIZE];
	const char *const argv[] = { u->images->unpack_program, "verify", u->images->path, name,
				     NULL };
	snprintf(name, sizeof name, "%.64s", digest + 7);
	u->verifies = true;
	strcpy(u->digest, digest);
	return run(u, l, argv, why);
}

void unpacking_stop(struct unpacking *u)
{
	process_end(&u->process);
	if (!u->process.loop)
		return;
	if (u->output.fd >= 0) {
		loop_unwatch(u->process.loop, &u->output);
		close(u->output.fd);
	}
	u->output.fd = -1;
	u->process.loop = NULL;
}
