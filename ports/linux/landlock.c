#include "ports/linux/landlock.h"

#include "base/scoped.h"
#include "ports/linux/kernel.h"

#include <fcntl.h>
#include <sys/stat.h>

/* include/uapi/linux/landlock.h, which a board's headers may not have yet */
enum { CALL_CREATE = 444, CALL_ADD = 445, CALL_RESTRICT = 446, RULE_PATH = 1, ASK_VERSION = 1 };

enum access {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	MAKE_CHAR = 1 << 6,
	MAKE_BLOCK = 1 << 11,
	REFER = 1 << 13,     /* since version 2: links and renames between folders */
	TRUNCATE = 1 << 14,  /* 3 */
	IOCTL_DEV = 1 << 15, /* 5 */
};

enum {
	OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,
	READ_ONLY = EXECUTE | READ_FILE | READ_DIR,
	DEVICES = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV,
	ALL_BUT_NODES = (IOCTL_DEV * 2 - 1) & ~(MAKE_CHAR | MAKE_BLOCK),
	SCOPE_ABSTRACT_SOCKETS = 1, /* since version 6 */
};

struct rules_of {
	uint64_t files, ports, scopes;
};

struct __attribute__((packed)) rule {
	uint64_t allowed;
	int32_t folder;
};

int landlock_version(void)
{
	long version = syscall(CALL_CREATE, NULL, (size_t)0, ASK_VERSION);
	return version < 0 ? 0 : (int)version;
}

static uint64_t known_to(int version)
{
	if (version >= 5)
		return IOCTL_DEV * 2 - 1;
	if (version >= 3)
		return TRUNCATE * 2 - 1;
	return version == 2 ? REFER * 2 - 1 : REFER - 1;
}

static bool allow(int rules, int root_fd, const char *path, uint64_t allowed)
{
	struct stat st;
	SCOPED_FD fd = kernel_open(root_fd, path, O_PATH | O_CLOEXEC,
				   KERNEL_IN_ROOT | KERNEL_NO_MAGICLINKS);
	if (fd < 0 || fstat(fd, &st))
		return false;
	struct rule r = { .allowed = S_ISDIR(st.st_mode) ? allowed : allowed & OF_FILES,
			  .folder = fd };
	return syscall(CALL_ADD, rules, RULE_PATH, &r, 0) == 0;
}

static bool allow_all(int rules, int root_fd, const struct launch *l, uint64_t known)
{
	bool good = allow(rules, root_fd, "/", READ_ONLY & known) &&
		    allow(rules, root_fd, "/dev", DEVICES & known) &&
		    allow(rules, root_fd, "/proc", DEVICES & known) &&
		    allow(rules, root_fd, "/dev/shm", ALL_BUT_NODES & known) &&
		    allow(rules, root_fd, "/tmp", ALL_BUT_NODES & known);
	for (size_t i = 0; good && i < l->mount_count; i++)
		if (!l->mounts[i].read_only)
			good = allow(rules, root_fd, l->mounts[i].target, ALL_BUT_NODES & known);
	return good;
}

int landlock_rules(int root_fd, const struct launch *l)
{
	const int version = landlock_version();
	const uint64_t known = known_to(version);
	struct rules_of of = { .files = known };
	if (version == 0)
		return -1;
	/* Abstract sockets belong to the network, which may be the host's. */
	if (version >= 6)
		of.scopes = SCOPE_ABSTRACT_SOCKETS;
	const size_t size = version >= 6 ? sizeof of : sizeof of.files;
	SCOPED_FD rules = (int)syscall(CALL_CREATE, &of, size, 0u);
	if (rules < 0 || !allow_all(rules, root_fd, l, known))
		return -1;
	fcntl(rules, F_SETFD, FD_CLOEXEC);
	return take_fd(&rules);
}

bool landlock_enter(int rules)
{
	return rules < 0 || syscall(CALL_RESTRICT, rules, 0u) == 0;
}
