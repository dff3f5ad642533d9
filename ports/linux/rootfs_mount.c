#include "ports/rootfs.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/linux/kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	SAFE = MS_NOSUID | MS_NODEV,
	RUN_BYTES = 1024 * 1024,
	DEV_BYTES = 64 * 1024,
};

/* The root while it is put together: a mount at `folder`, named by descriptor. */
struct root {
	int fd;
	int nothing; /* the folder itself, which covers others */
	const char *folder;
	bool of_host;
};

static enum err fail(struct why *why, const char *verb, const char *what)
{
	return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s %s: %s", verb, what,
		       strerror(errno));
}

/* mount(2) takes paths: an open descriptor has one that cannot be redirected. */
static void path_of(int fd, char out[32])
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
}

/* Something in the new root; a link on the way is refused, not followed. */
static int open_inside(const struct root *r, const char *path)
{
	return kernel_open(r->fd, path, O_PATH | O_CLOEXEC,
			   KERNEL_IN_ROOT | KERNEL_NO_SYMLINKS | KERNEL_NO_MAGICLINKS);
}

/* mkdir -p by descriptors: each step is opened before the next is made. */
static int make_folders(const struct root *r, const char *path)
{
	char part[PATH_LIMIT];
	if (!text_copy(part, sizeof part, bytes_of(path))) {
		errno = ENAMETOOLONG;
		return -1;
	}

	int at = dup(r->fd);
	for (char *word = part, *end; at >= 0; word = end) {
		word += strspn(word, "/");
		end = word + strcspn(word, "/");
		if (word == end)
			break;
		if (*end)
			*end++ = '\0';
		mkdirat(at, word, 0755); /* its absence shows when it is opened */
		int next = kernel_open(at, word, O_PATH | O_CLOEXEC,
				       KERNEL_BENEATH | KERNEL_NO_SYMLINKS | KERNEL_NO_MAGICLINKS);
		close_quietly(at);
		at = next;
	}
	return at;
}

/* An empty file to bind a file on. */
static int make_file(const struct root *r, const char *path)
{
	char folder[PATH_LIMIT];
	const char *slash = strrchr(path, '/');
	if (!slash ||
	    !text_copy(folder, sizeof folder, (struct bytes){ path, (size_t)(slash - path) })) {
		errno = EINVAL;
		return -1;
	}
	SCOPED_FD at = make_folders(r, folder);
	if (at < 0)
		return -1;
	int made =
		openat(at, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	close_quietly(made);
	return kernel_open(at, slash + 1, O_PATH | O_CLOEXEC, KERNEL_BENEATH | KERNEL_NO_SYMLINKS);
}

/* What is there, else what can be made: an image's root still takes folders,
 * a host's only below the private /tmp and /run. */
static int target_of(const struct root *r, const char *path, bool is_folder)
{
	int fd = open_inside(r, path);
	if (fd < 0 && errno == ENOENT)
		fd = is_folder ? make_folders(r, path) : make_file(r, path);
	return fd;
}

static enum err mount_new(const struct root *r, const char *type, const char *target,
			  unsigned long flags, const char *options, struct why *why)
{
	SCOPED_FD fd = target_of(r, target, true);
	if (fd < 0)
		return fail(why, "find a folder for", target);
	/* As the working folder it needs no path through /proc. */
	if (fchdir(fd) || mount(type, ".", type, flags, options))
		return fail(why, "mount", target);
	return OK;
}

static enum err mount_tmpfs(const struct root *r, const char *target, int64_t bytes,
			    const char *mode, struct why *why)
{
	char options[64];
	snprintf(options, sizeof options, "size=%lld,mode=%s", (long long)bytes, mode);
	return mount_new(r, "tmpfs", target, SAFE, options, why);
}

/* The mount point in a line of mountinfo: its fifth word. */
static const char *mount_point(char *line)
{
	char *rest = line, *word = NULL;
	for (int i = 0; i < 5; i++)
		word = strsep(&rest, " ");
	return word ? word : "";
}

/* Kernels before 5.12: every mount below the root, one by one. */
static enum err protect_one_by_one(const struct root *r, struct why *why)
{
	SCOPED_MEMORY char *line = NULL;
	size_t cap = 0, n = strlen(r->folder);
	FILE *f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return fail(why, "open", "/proc/self/mountinfo");
	enum err e = OK;
	while (!e && getline(&line, &cap, f) > 0) {
		const char *at = mount_point(line);
		if (strncmp(at, r->folder, n) != 0 || (at[n] != '/' && at[n] != '\0'))
			continue;
		if (mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | SAFE, NULL))
			e = fail(why, "protect", at);
	}
	fclose(f);
	return e;
}

static enum err protect(const struct root *r, struct why *why)
{
	if (kernel_mount_setattr(r->fd,
				 KERNEL_ATTR_RDONLY | KERNEL_ATTR_NOSUID | KERNEL_ATTR_NODEV) == 0)
		return OK;
	return protect_one_by_one(r, why);
}

static int open_nothing(const char *folder)
{
	struct stat st;
	SCOPED_FD fd = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 0077)
		       ? take_fd(&fd)
		       : -1;
}

static enum err open_root(struct root *r, const struct launch *l, const char *folder,
			  struct why *why)
{
	r->folder = folder;
	r->of_host = strcmp(l->root, "/") == 0;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail(why, "make private", "/");
	r->nothing = open_nothing(folder);
	if (r->nothing < 0)
		return why_set(why, ERR_DENIED, "%s is open to others than root", folder);
	if (mount(l->root, folder, NULL, MS_BIND | (r->of_host ? MS_REC : 0), NULL))
		return fail(why, "bind the root", l->root);
	r->fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return r->fd < 0 ? fail(why, "open", folder) : OK;
}

static int open_source(const struct launch_mount *m)
{
	SCOPED_FD trusted = open(m->root, O_PATH | O_CLOEXEC);
	if (trusted < 0)
		return -1;
	if (!*m->source)
		return take_fd(&trusted);
	return kernel_open(trusted, m->source, O_PATH | O_CLOEXEC,
			   KERNEL_BENEATH | KERNEL_NO_SYMLINKS | KERNEL_NO_MAGICLINKS);
}

/* What is not there yet is found out when it is mounted. */
static bool is_folder(const struct launch_mount *m)
{
	struct stat st;
	if (m->kind == MOUNT_TMPFS)
		return true;
	SCOPED_FD source = open_source(m);
	return source < 0 || fstat(source, &st) || S_ISDIR(st.st_mode);
}

/* While an image's root can still be written: the folders and files that mounts need. */
static enum err prepare_image(const struct root *r, const struct launch *l, struct why *why)
{
	static const char *const own[] = { "/proc", "/dev", "/tmp", "/run" };
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		SCOPED_FD fd = target_of(r, own[i], true);
		if (fd < 0)
			return fail(why, "the image has no usable folder", own[i]);
	}
	for (size_t i = 0; i < l->mount_count; i++) {
		const char *target = l->mounts[i].target;
		if (text_starts(target, "/tmp/") || text_starts(target, "/run/") ||
		    text_starts(target, "/dev/"))
			continue;
		SCOPED_FD fd = target_of(r, target, is_folder(&l->mounts[i]));
		if (fd < 0 && errno != ENOTDIR)
			return fail(why, "find a place for", target);
	}
	return OK;
}

static enum err fill_dev(const struct root *r, struct why *why)
{
	static const struct {
		const char *name;
		unsigned minor;
	} nodes[] = {
		{ "null", 3 }, { "zero", 5 }, { "full", 7 }, { "random", 8 }, { "urandom", 9 }
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" },
		{ "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" },
	};
	SCOPED_FD dev = open_inside(r, "/dev");
	mode_t mask = umask(0);
	int failed = dev < 0;
	for (size_t i = 0; !failed && i < sizeof nodes / sizeof *nodes; i++)
		failed = mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(1, nodes[i].minor));
	for (size_t i = 0; !failed && i < sizeof links / sizeof *links; i++)
		failed = symlinkat(links[i][0], dev, links[i][1]);
	/* Kubernetes' default for the last words of a container. */
	failed = failed || mknodat(dev, "termination-log", S_IFREG | 0666, 0);
	failed = failed || mkdirat(dev, "shm", 0755);
	umask(mask);
	return failed ? fail(why, "fill", "/dev") : OK;
}

static enum err mount_dev(const struct root *r, const struct launch *l, struct why *why)
{
	char options[64];
	snprintf(options, sizeof options, "size=%d,mode=755", DEV_BYTES);
	/* Device nodes live here: the one mount without nodev. */
	enum err e = mount_new(r, "tmpfs", "/dev", MS_NOSUID | MS_NOEXEC, options, why);
	if (!e)
		e = fill_dev(r, why);
	return e ? e : mount_tmpfs(r, "/dev/shm", l->tmp_bytes, "1777", why);
}

/* It has its flags before it is anywhere, and no path is walked. */
static bool place_copy(int source, int target, unsigned long flags)
{
	SCOPED_FD copy = kernel_copy_mount(source);
	return copy >= 0 && kernel_mount_setattr(copy, flags) == 0 &&
	       kernel_place_mount(copy, target) == 0;
}

/* source -1: the target itself, to give it other flags. Not there is fine. */
static enum err bind_over(const struct root *r, int source, const char *target, unsigned long flags,
			  struct why *why)
{
	char from[32], path[32];
	SCOPED_FD fd = open_inside(r, target);
	if (fd < 0)
		return errno == ENOENT ? OK : fail(why, "open", target);
	if (place_copy(source < 0 ? fd : source, fd, flags))
		return OK;
	/* Kernels before 5.12 */
	path_of(fd, path);
	path_of(source < 0 ? fd : source, from);
	if (mount(from, path, NULL, MS_BIND, NULL))
		return fail(why, "cover", target);

	/* The descriptor still names what is below the new mount: open again. */
	SCOPED_FD covered = open_inside(r, target);
	if (covered < 0)
		return fail(why, "open", target);
	path_of(covered, path);
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL))
		return fail(why, "protect", target);
	return OK;
}

/* The real /dev/null, whatever lies at that path on this board (CVE-2025-31133). */
static int open_null(struct why *why)
{
	struct stat st;
	SCOPED_FD fd = open("/dev/null", O_PATH | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return take_fd(&fd);
	why_write(why, "/dev/null of this board is not the null device");
	return -1;
}

/* The folder below our own root: nobody but root may look into it, and it is empty. */
static enum err cover_folder(const struct root *r, const char *folder, struct why *why)
{
	return bind_over(r, r->nothing, folder, MS_RDONLY | SAFE | MS_NOEXEC, why);
}

/* In /proc, which is the working folder. Its copy has the flags of what is copied, at a
 * fifth of the calls that a mount from elsewhere takes. Not there is fine. */
static enum err copy_over(const char *source, const char *target, struct why *why)
{
	if (mount(source, target, NULL, MS_BIND, NULL) && errno != ENOENT)
		return fail(why, "cover /proc's", target);
	return OK;
}

static enum err set_proc_flags(unsigned long flags, struct why *why)
{
	if (mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | SAFE | MS_NOEXEC | flags, NULL))
		return fail(why, "protect", "/proc");
	return OK;
}

/* Mounts on themselves, made while all of /proc cannot be written. */
static enum err protect_proc(struct why *why)
{
	static const char *const protected[] = { "sysrq-trigger", "bus", "fs", "irq", "sys" };
	enum err e = set_proc_flags(MS_RDONLY, why);
	for (size_t i = 0; !e && i < sizeof protected / sizeof *protected; i++)
		e = copy_over(protected[i], protected[i], why);
	return e ? e : set_proc_flags(0, why);
}

/* The keeper is seen in there, and the board's mounts by way of it. */
static enum err cover_proc(const struct root *r, struct why *why)
{
	static const char *const covered[] = { "acpi", "asound", "scsi" };
	enum err e = cover_folder(r, "/proc/1", why);
	for (size_t i = 0; !e && i < sizeof covered / sizeof *covered; i++)
		e = copy_over("1", covered[i], why);
	return e;
}

static enum err mask_proc(const struct root *r, struct why *why)
{
	static const char *const masked[] = { "kcore",      "keys",        "latency_stats",
					      "timer_list", "timer_stats", "sched_debug",
					      "interrupts", "kallsyms" };
	SCOPED_FD null = open_null(why);
	enum err e = null < 0 ? ERR_SYSTEM
			      : bind_over(r, null, "/proc/cmdline",
					  MS_RDONLY | MS_NOSUID | MS_NOEXEC, why);
	for (size_t i = 0; !e && i < sizeof masked / sizeof *masked; i++)
		e = copy_over("cmdline", masked[i], why);
	return e;
}

/* What /proc tells or takes that is the host's business (the lists of containerd and of
 * kubelet, and what tells of the board's hardware). */
static enum err guard_proc(const struct root *r, struct why *why)
{
	SCOPED_FD proc = open_inside(r, "/proc");
	enum err e = proc < 0 || fchdir(proc) ? fail(why, "enter", "/proc") : OK;
	if (!e)
		e = protect_proc(why);
	if (!e)
		e = cover_proc(r, why);
	return e ? e : mask_proc(r, why);
}

static enum err mount_own(const struct root *r, const struct launch *l, struct why *why)
{
	enum err e = mount_new(r, "proc", "/proc", SAFE | MS_NOEXEC, NULL, why);
	if (!e)
		e = guard_proc(r, why);
	if (!e)
		e = mount_dev(r, l, why);
	if (!e)
		e = mount_tmpfs(r, "/tmp", l->tmp_bytes, "1777", why);
	if (!e)
		e = mount_tmpfs(r, "/run", RUN_BYTES, "755", why);
	return e;
}

static enum err bind_volume(const struct root *r, const struct launch_mount *m, struct why *why)
{
	char from[32], to[32];
	struct stat st;
	SCOPED_FD source = open_source(m);
	if (source < 0 || fstat(source, &st))
		return fail(why, "open the volume for", m->target);
	SCOPED_FD target = target_of(r, m->target, S_ISDIR(st.st_mode));
	if (target < 0)
		return fail(why, r->of_host ? "the board has no folder" : "find a place for",
			    m->target);
	path_of(source, from);
	path_of(target, to);
	if (mount(from, to, NULL, MS_BIND, NULL))
		return fail(why, "bind a volume to", m->target);

	SCOPED_FD bound = open_inside(r, m->target);
	path_of(bound, to);
	if (bound < 0 || mount(NULL, to, NULL,
			       MS_REMOUNT | MS_BIND | SAFE | (m->read_only ? MS_RDONLY : 0), NULL))
		return fail(why, "protect the volume at", m->target);
	return OK;
}

/* A node of our own that the workload may open, whatever the board's own node allows. */
static enum err make_device(const struct root *r, const struct launch *l,
			    const struct launch_mount *m, struct why *why)
{
	char folder[PATH_LIMIT];
	const char *name = strrchr(m->target, '/') + 1;
	const mode_t kind = m->is_block ? S_IFBLK : S_IFCHR;
	text_copy(folder, sizeof folder, (struct bytes){ m->target, (size_t)(name - m->target) });
	SCOPED_FD at = text_starts(folder, "/dev/") ? make_folders(r, folder) : -1;
	if (at < 0 ||
	    mknodat(at, name, kind | (m->read_only ? 0400u : 0600u),
		    makedev((unsigned)m->major, (unsigned)m->minor)) ||
	    fchownat(at, name, (uid_t)l->uid, (gid_t)l->gid, AT_SYMLINK_NOFOLLOW))
		return fail(why, "make the device", m->target);
	return OK;
}

static bool is_at_or_below(const char *path, const char *folder)
{
	const size_t n = strlen(folder);
	return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* We write to /proc/self and open /dev/null as root when we are inside already: what is
 * there must be what we mounted, not a volume's. */
static bool may_take(const struct launch_mount *m)
{
	char path[PATH_LIMIT];
	if (m->target[0] != '/' || !m->target[1] || strstr(m->target, "//") ||
	    (size_t)snprintf(path, sizeof path, "%s/", m->target) >= sizeof path ||
	    strstr(path, "/../") || strstr(path, "/./"))
		return false;
	if (m->kind == MOUNT_DEVICE || is_at_or_below(m->target, "/dev/shm"))
		return true;
	return !is_at_or_below(m->target, "/proc") && !is_at_or_below(m->target, "/dev");
}

static enum err mount_volumes(const struct root *r, const struct launch *l, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; !e && i < l->mount_count; i++) {
		const struct launch_mount *m = &l->mounts[i];
		if (!may_take(m))
			e = why_set(why, ERR_DENIED, "nothing may be mounted at %.80s", m->target);
		else if (m->kind == MOUNT_TMPFS)
			e = mount_tmpfs(r, m->target, m->bytes, "1777", why);
		else if (m->kind == MOUNT_DEVICE)
			e = make_device(r, l, m, why);
		else
			e = bind_volume(r, m, why);
	}
	return e;
}

static enum err change_root(const struct root *r, struct why *why)
{
	if (fchdir(r->fd))
		return fail(why, "enter", r->folder);
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) || chdir("/"))
			return fail(why, "leave", "the old root");
		return OK;
	}
	/* A board that runs from its initramfs cannot pivot. */
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return fail(why, "change the root to", r->folder);
	return OK;
}

enum err rootfs_enter(const struct launch *l, const char *folder, struct why *why)
{
	struct root r = { .fd = -1, .nothing = -1 };
	enum err e = open_root(&r, l, folder, why);
	if (!e && !r.of_host)
		e = prepare_image(&r, l, why);
	if (!e)
		e = protect(&r, why);
	if (!e)
		e = mount_own(&r, l, why);
	for (size_t i = 0; !e && r.of_host && l->hides[i]; i++)
		e = cover_folder(&r, l->hides[i], why);
	if (!e)
		e = mount_volumes(&r, l, why);
	if (!e)
		e = change_root(&r, why);
	close_quietly(r.fd);
	close_quietly(r.nothing);
	return e;
}
