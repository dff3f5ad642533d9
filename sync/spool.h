/*
 * spool - finished files wait here, on flash, until the hub has them.
 *
 * PATH/POD/NAME, where NAME is mailbox.h's: class, time, digest and title. There
 * is no other index, so that a file is either there with all that is known of it,
 * or not. Which goes next: urgent before normal before bulk, and of each the
 * newest; which is given up when a pod has more than it may: the other way round.
 */
#pragma once

#include "base/label.h"
#include "ports/mailbox.h"

enum {
	SPOOL_FILES_MAX = 4096, /* of one pod; beyond it the oldest bulk is given up */
};

struct spool_total {
	int64_t files, bytes;
};

struct spool {
	char path[160];
	struct spool_total total; /* of all pods */
};

struct spool_file {
	char pod[LABEL_SIZE];
	struct mailbox_file file;
	int64_t bytes;
};

/* Make the folder, and count what is in it. */
enum err spool_open(struct spool *s, const char *path, struct why *why);

/* Where the files of a pod lie; the folder is made. */
enum err spool_folder(const struct spool *s, const char *pod, char *out, size_t cap,
		      struct why *why);

/* Something was put into the folder of a pod, or into any (NULL): count again. */
void spool_count(struct spool *s, const char *pod, struct spool_total *out);

/* Every file, in no order. */
void spool_each(const struct spool *s, void (*on_file)(void *owner, const struct spool_file *f),
		void *owner);

/* The file of an id. ERR_NOT_FOUND. */
enum err spool_find(const struct spool *s, const char *id, struct spool_file *out);

/* The one that should go next. ERR_NOT_FOUND: there is none. */
enum err spool_next(const struct spool *s, struct spool_file *out);

/* The one of a pod that is given up first. ERR_NOT_FOUND. */
enum err spool_last(const struct spool *s, const char *pod, struct spool_file *out);

/* At most `cap` bytes from `offset` on. */
enum err spool_read(const struct spool *s, const struct spool_file *f, int64_t offset, char *out,
		    size_t cap, size_t *out_len, struct why *why);

/* The hub has it, or it is given up. */
enum err spool_remove(struct spool *s, const struct spool_file *f, struct why *why);

/* Names a file for ever, also after a power cut: 32 hex digits. */
enum { SPOOL_ID_SIZE = 33 };
void spool_id(const struct spool_file *f, char out[SPOOL_ID_SIZE]);
