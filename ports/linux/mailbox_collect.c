#include "ports/mailbox.h"

#include "base/scoped.h"
#include "base/utf8.h"
#include "ports/digest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FILES_AT_ONCE = 64, /* then others have their turn */
	READ_BLOCK = 64 * 1024,
	EXIT_DONE = 0,
	EXIT_MORE = 3,
	OURS = 0600,
};

static const char COLLECT[] = "--collect";

/* One GiB: a flight's video is cut into files that a link can hope to carry. */
#define MAILBOX_FILE_MAX (1024LL * 1024 * 1024)

static const char *const class_folders[] = {
	[MAILBOX_URGENT] = "urgent", [MAILBOX_NORMAL] = ".", [MAILBOX_BULK] = "bulk"
};

/* --- the child --- */

struct collecting {
	int into;
	int left; /* how many more this time */
	bool more;
	char refused[MAILBOX_WHY_MAX];
	char block[READ_BLOCK];
};

static void refuse(struct collecting *c, const char *title, const char *reason)
{
	if (!c->refused[0])
		snprintf(c->refused, sizeof c->refused, "%.*s: %s", MAILBOX_TITLE_MAX, title,
			 reason);
}

static bool title_is_valid(const char *title)
{
	size_t n = 0, len = strlen(title);
	for (size_t at = 0; at < len; at += n) {
		n = utf8_length(title + at, len - at);
		if (!n || (unsigned char)title[at] < ' ' || title[at] == 0x7f)
			return false;
	}
	return true;
}

/* NULL: it can be taken. */
static const char *check(const char *title, int fd, const struct stat *st)
{
	if (fd < 0)
		return strerror(errno);
	if (!S_ISREG(st->st_mode))
		return "it is no plain file";
	if (!title_is_valid(title))
		return "its name is not UTF-8 without control characters";
	if (strlen(title) > MAILBOX_TITLE_MAX)
		return "its name is longer than 120 bytes";
	return st->st_size > MAILBOX_FILE_MAX ? "it is larger than 1 GiB" : NULL;
}

static bool hash(struct collecting *c, int fd, char out[DIGEST_SIZE])
{
	struct digest *d = digest_begin();
	ssize_t n;
	while ((n = read(fd, c->block, sizeof c->block)) > 0)
		digest_add(d, (struct bytes){ c->block, (size_t)n });
	digest_end(d, out);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* it is read again, block by block, later */
	return n == 0;
}

/* What was moved must be what was looked at, and belongs to us from here on. */
static bool move(struct collecting *c, int from, const char *title, int fd, const char *name)
{
	struct stat was, is;
	if (renameat(from, title, c->into, name))
		return false;
	if (fstat(fd, &was) || fstatat(c->into, name, &is, AT_SYMLINK_NOFOLLOW) ||
	    was.st_ino != is.st_ino || was.st_dev != is.st_dev) {
		unlinkat(c->into, name, 0);
		return false;
	}
	return fchown(fd, 0, 0) == 0 && fchmod(fd, OURS) == 0;
}

static void take(struct collecting *c, int from, const char *title, enum mailbox_class class)
{
	char name[MAILBOX_NAME_MAX + 1];
	struct mailbox_file f = { .class = class };
	struct stat st = { 0 };
	SCOPED_FD fd =
		openat(from, title, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st))
		return;
	const char *reason = check(title, fd, &st);
	if (reason) {
		refuse(c, title, reason);
		return;
	}
	if (fsync(fd) || !hash(c, fd, f.digest)) {
		refuse(c, title, strerror(errno));
		return;
	}
	f.time_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	mailbox_print_name(&f, title, name);
	if (!move(c, from, title, fd, name))
		refuse(c, title, "it was exchanged while it was taken");
	c->left--;
}

static void take_all(struct collecting *c, int box, enum mailbox_class class)
{
	const int at =
		openat(box, class_folders[class], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = at < 0 ? NULL : fdopendir(at);
	if (!d) {
		close_quietly(at);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		const bool is_class = class == MAILBOX_NORMAL &&
				      (strcmp(e->d_name, class_folders[MAILBOX_URGENT]) == 0 ||
				       strcmp(e->d_name, class_folders[MAILBOX_BULK]) == 0);
		if (e->d_name[0] == '.' || is_class)
			continue;
		c->more = c->left == 0;
		if (c->more)
			break;
		take(c, dirfd(d), e->d_name, class);
	}
	closedir(d);
}

bool mailbox_is_collector(int argc, char **argv, int *out_code)
{
	static struct collecting c;
	if (argc != 4 || strcmp(argv[1], COLLECT) != 0)
		return false;
	c.left = FILES_AT_ONCE;
	SCOPED_FD box = open(argv[2], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	SCOPED_FD into = open(argv[3], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	c.into = into;
	for (int class = 0; box >= 0 && into >= 0 && class < MAILBOX_CLASSES; class ++)
		take_all(&c, box, (enum mailbox_class) class);
	if (into >= 0 && fsync(into))
		refuse(&c, argv[3], strerror(errno));
	fputs(c.refused, stdout);
	*out_code = c.more ? EXIT_MORE : EXIT_DONE;
	return true;
}

/* --- the parent --- */

static void on_exit_of(void *owner, int code, int signo)
{
	struct collector *c = owner;
	char said[MAILBOX_WHY_MAX] = "";
	const ssize_t n = read(c->said_fd, said, sizeof said - 1);
	(void)signo;
	said[n > 0 ? n : 0] = '\0';
	close(c->said_fd);
	c->said_fd = -1;
	c->on_done(c->owner, code == EXIT_MORE, said);
}

enum err collector_start(struct collector *c, struct loop *l, const char *from, const char *into,
			 struct why *why)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	SCOPED_FD write_end = ends[1];
	const char *const argv[] = { "/proc/self/exe", COLLECT, from, into, NULL };
	const struct process_options options = { .argv = argv, .out_fd = write_end, .err_fd = -1 };
	c->said_fd = ends[0];
	c->process.owner = c;
	c->process.on_exit = on_exit_of;
	enum err e = process_start(l, &options, &c->process, why);
	if (e) {
		close(c->said_fd);
		c->said_fd = -1;
	}
	return e;
}

bool collector_is_busy(const struct collector *c)
{
	return c->process.pid != 0;
}

void collector_end(struct collector *c)
{
	if (!collector_is_busy(c))
		return;
	process_end(&c->process);
	close_quietly(c->said_fd);
	c->said_fd = -1;
}
