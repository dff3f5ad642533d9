#include "ports/linux/privilege.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { CAPABILITIES_MAX = 64, MEMLOCK_BYTES = 64 * 1024, FILES_DEFAULT = 1024 };

/* The plain names are 16 bits wide on 32-bit ARM. */
#ifdef SYS_setresuid32
enum {
	CALL_SETGROUPS = SYS_setgroups32,
	CALL_SETRESGID = SYS_setresgid32,
	CALL_SETRESUID = SYS_setresuid32
};
#else
enum {
	CALL_SETGROUPS = SYS_setgroups,
	CALL_SETRESGID = SYS_setresgid,
	CALL_SETRESUID = SYS_setresuid
};
#endif

static bool failed(const char **out_step, const char *step)
{
	*out_step = step;
	return false;
}

static bool set_groups(const struct launch *l)
{
	gid_t groups[GROUPS_MAX];
	for (size_t i = 0; i < l->group_count; i++)
		groups[i] = (gid_t)l->groups[i];
	return syscall(CALL_SETGROUPS, l->group_count, groups) == 0;
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) == 0;
}

void privilege_bound(void)
{
	for (unsigned long c = 0; c < CAPABILITIES_MAX; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0))
			return; /* past the last that this kernel knows */
}

bool privilege_drop(const struct launch *l, const char **out_step)
{
	const gid_t gid = (gid_t)l->gid;
	const uid_t uid = (uid_t)l->uid;
	if (!set_groups(l) || syscall(CALL_SETRESGID, gid, gid, gid))
		return failed(out_step, "drop groups");
	if (syscall(CALL_SETRESUID, uid, uid, uid))
		return failed(out_step, "drop the user");
	if (!drop_capabilities())
		return failed(out_step, "drop capabilities");
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? failed(out_step, "no_new_privs") : true;
}

/* Its children inherit both. A group that is idle is not enough: a processor on which only
 * SCHED_IDLE runs counts as free, and whoever wakes up takes it at once. */
static bool step_back(const struct launch *l)
{
	enum { WHO_PROCESS = 1, CLASS_IDLE = 3, CLASS_SHIFT = 13 }; /* linux/ioprio.h */
	const struct sched_param none = { .sched_priority = 0 };
	if (!l->idle)
		return true;
	/* Kernels without a block layer have no such call. */
	(void)syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE << CLASS_SHIFT);
	return syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none) == 0;
}

bool privilege_limit(const struct launch *l, const char **out_step)
{
	const rlim_t files = l->files > 0 ? (rlim_t)l->files : FILES_DEFAULT;
	const struct rlimit nofile = { files, files }, core = { 0, 0 },
			    memlock = { MEMLOCK_BYTES, MEMLOCK_BYTES };
	char adj[16];
	if (setrlimit(RLIMIT_NOFILE, &nofile) || setrlimit(RLIMIT_CORE, &core) ||
	    setrlimit(RLIMIT_MEMLOCK, &memlock))
		return failed(out_step, "set resource limits");
	if (!step_back(l))
		return failed(out_step, "step back for others");
	SCOPED_FD fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	snprintf(adj, sizeof adj, "%d", (int)l->oom_score_adj);
	/* Raising is always allowed; lowering below our own is not everywhere. */
	if (fd >= 0)
		(void)!write(fd, adj, strlen(adj));
	return true;
}
