/*
 * mailbox - folders in which somebody else leaves finished files.
 *
 * A file is finished when its name does not begin with a dot: whoever writes
 * calls it `.name`, and renames it when it is done. Files in `urgent` go before
 * the others, those in `bulk` after them.
 *
 * A child process takes them, because flushing and hashing a large file would
 * hold up the loop: each is flushed, hashed and moved to a folder of ours, under
 * a name that says all there is to know of it. From then on a power cut does not
 * lose it, and who wrote it cannot exchange it.
 *
 * Implementations: ports/linux/mailbox_inotify.c, mailbox_collect.c and mailbox_name.c. A program
 * that collects must call mailbox_is_collector() first in main().
 */
#pragma once

#include "base/bytes.h"
#include "base/label.h"
#include "ports/loop.h"
#include "ports/process.h"

enum mailbox_class { MAILBOX_URGENT, MAILBOX_NORMAL, MAILBOX_BULK, MAILBOX_CLASSES };

enum {
	MAILBOX_TITLE_MAX = 120, /* bytes of the name that its author gave it */
	MAILBOX_NAME_MAX = 2 + 14 + 65 + MAILBOX_TITLE_MAX, /* of the name in our folder */
	MAILBOX_WHY_MAX = 240,
};

/* A file of our folder, read from its name. */
struct mailbox_file {
	char name[MAILBOX_NAME_MAX + 1]; /* the file's: CLASS-TIME-DIGEST-TITLE */
	enum mailbox_class class;
	int64_t time_ms;          /* when it was written last, by the board's clock */
	char digest[DIGEST_SIZE]; /* when it was taken */
};

/* False: that is not the name of a file that was taken. */
bool mailbox_read_name(const char *name, struct mailbox_file *out);

/* What its author called it: the end of the name. */
const char *mailbox_title(const struct mailbox_file *f);

/* The name of a file with this title; `f->name` is not looked at. */
void mailbox_print_name(const struct mailbox_file *f, const char *title,
			char out[MAILBOX_NAME_MAX + 1]);

/* --- being told --- */

struct mailboxes;

struct mailbox_hooks {
	void *owner;
	/* Something may be there to be taken from the box called `name`. */
	void (*on_arrival)(void *owner, const char *name);
};

/* Watch the boxes below the folder `path`, which is made. */
enum err mailboxes_open(struct loop *l, const char *path, const struct mailbox_hooks *hooks,
			struct mailboxes **out, struct why *why);
void mailboxes_close(struct mailboxes *m); /* NULL is fine */

/* Make the box `name` if it is not there, open to `mode` (0: as it is), and watch it. */
enum err mailboxes_add(struct mailboxes *m, const char *name, unsigned mode, int64_t gid,
		       struct why *why);

bool mailboxes_have(const struct mailboxes *m, const char *name);

/* Remove it and what was never finished in it. */
void mailboxes_remove(struct mailboxes *m, const char *name);

/* --- taking --- */

struct collector {
	struct process process;
	int said_fd;
	void *owner;
	/* `more`: there are further files. `refused`: why the first of those that cannot
	 * be taken is not, and its name; "" when all were. */
	void (*on_done)(void *owner, bool more, const char *refused);
};

/* Take the finished files of the folder `from` into `into`, which is there. Owner and
 * hook are set by the caller. */
enum err collector_start(struct collector *c, struct loop *l, const char *from, const char *into,
			 struct why *why);

/* End it; what it was at is taken next time. Not running: nothing happens. */
void collector_end(struct collector *c);
bool collector_is_busy(const struct collector *c);

/* When the program was started to collect, do so and answer true; *out_code is the
 * exit code to leave with. */
bool mailbox_is_collector(int argc, char **argv, int *out_code);
