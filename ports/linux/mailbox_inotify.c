#include "ports/mailbox.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/below.h"
#include "ports/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum { FOLDERS = MAILBOX_CLASSES, EVENTS_AT_ONCE = 2048 };

/* One box and the descriptors by which inotify tells of its folders; "": free. */
struct box {
	char name[LABEL_SIZE];
	int watches[FOLDERS];
};

struct mailboxes {
	struct loop *loop;
	struct watch watch;
	struct mailbox_hooks hooks;
	char path[160];
	struct box boxes[PODS_MAX * 2]; /* those of pods that are gone, too, until they are empty */
};

static const char *const folders[FOLDERS] = { "", "urgent", "bulk" };

static struct box *find(struct mailboxes *m, const char *name)
{
	for (size_t i = 0; i < sizeof m->boxes / sizeof *m->boxes; i++)
		if (strcmp(m->boxes[i].name, name) == 0)
			return &m->boxes[i];
	return NULL;
}

bool mailboxes_have(const struct mailboxes *m, const char *name)
{
	for (size_t i = 0; i < sizeof m->boxes / sizeof *m->boxes; i++)
		if (strcmp(m->boxes[i].name, name) == 0)
			return true;
	return false;
}

static struct box *find_watch(struct mailboxes *m, int watch)
{
	for (size_t i = 0; i < sizeof m->boxes / sizeof *m->boxes; i++)
		for (size_t k = 0; m->boxes[i].name[0] && k < FOLDERS; k++)
			if (m->boxes[i].watches[k] == watch)
				return &m->boxes[i];
	return NULL;
}

static void tell_all(struct mailboxes *m)
{
	for (size_t i = 0; i < sizeof m->boxes / sizeof *m->boxes; i++)
		if (m->boxes[i].name[0])
			m->hooks.on_arrival(m->hooks.owner, m->boxes[i].name);
}

static void on_events(void *owner, unsigned events)
{
	struct mailboxes *m = owner;
	_Alignas(struct inotify_event) char buffer[EVENTS_AT_ONCE];
	(void)events;
	const ssize_t n = read(m->watch.fd, buffer, sizeof buffer);
	const struct box *told = NULL;
	const size_t end = n > 0 ? (size_t)n : 0;
	for (size_t at = 0; at < end;) {
		const struct inotify_event *e = (const struct inotify_event *)(buffer + at);
		at += sizeof *e + e->len;
		if (e->mask & IN_Q_OVERFLOW)
			tell_all(m);
		const struct box *b = find_watch(m, e->wd);
		if (!b || b == told || (e->len && e->name[0] == '.'))
			continue;
		told = b;
		m->hooks.on_arrival(m->hooks.owner, b->name);
	}
}

enum err mailboxes_open(struct loop *l, const char *path, const struct mailbox_hooks *hooks,
			struct mailboxes **out, struct why *why)
{
	enum err e = dir_make(path, 0700, why);
	if (e)
		return e;
	struct mailboxes *m = calloc(1, sizeof *m);
	if (!m)
		return why_set(why, ERR_SYSTEM, "mailboxes: no memory");
	m->loop = l;
	m->hooks = *hooks;
	text_copy(m->path, sizeof m->path, bytes_of(path));
	m->watch = (struct watch){ .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
				   .events = LOOP_READ,
				   .owner = m,
				   .on_ready = on_events };
	if (m->watch.fd < 0)
		e = why_set(why, ERR_SYSTEM, "inotify: %s", strerror(errno));
	if (!e)
		e = loop_watch(l, &m->watch, why);
	if (e) {
		close_quietly(m->watch.fd);
		free(m);
		return e;
	}
	*out = m;
	return OK;
}

void mailboxes_close(struct mailboxes *m)
{
	if (!m)
		return;
	loop_unwatch(m->loop, &m->watch);
	close(m->watch.fd);
	free(m);
}

/* Below the box, whatever its owner has put in the place of a folder. */
static enum err add_folder(struct mailboxes *m, struct box *b, size_t which, unsigned mode,
			   int64_t gid, struct why *why)
{
	char box[PATH_LIMIT], path[PATH_LIMIT];
	snprintf(box, sizeof box, "%s/%s", m->path, b->name);
	snprintf(path, sizeof path, "%s/%s", box, folders[which]);
	enum err e = which ? below_make_folder(box, folders[which], mode ? mode : 0700, why)
			   : dir_make(path, 0700, why);
	if (e)
		return e;
	SCOPED_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (gid && fchown(fd, 0, (gid_t)gid)) || (mode && fchmod(fd, mode)))
		return why_set(why, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	b->watches[which] = inotify_add_watch(m->watch.fd, path, IN_CLOSE_WRITE | IN_MOVED_TO);
	return b->watches[which] < 0 ? why_set(why, ERR_SYSTEM, "watch %s/%s: %s", box,
					       folders[which], strerror(errno))
				     : OK;
}

enum err mailboxes_add(struct mailboxes *m, const char *name, unsigned mode, int64_t gid,
		       struct why *why)
{
	struct box *b = find(m, name);
	if (!b)
		b = find(m, "");
	if (!b)
		return why_set(why, ERR_FULL, "more than %d boxes",
			       (int)(sizeof m->boxes / sizeof *m->boxes));
	enum err e = OK;
	text_copy(b->name, sizeof b->name, bytes_of(name));
	for (size_t i = 0; !e && i < FOLDERS; i++)
		e = add_folder(m, b, i, mode, gid, why);
	return e;
}

void mailboxes_remove(struct mailboxes *m, const char *name)
{
	struct box *b = find(m, name);
	char path[PATH_LIMIT];
	if (!b)
		return;
	/* Its watches go with the folders. */
	snprintf(path, sizeof path, "%s/%s", m->path, name);
	(void)!dir_remove(path, NULL);
	*b = (struct box){ 0 };
}
