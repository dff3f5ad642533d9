#include "ports/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) ((uint32_t)1 << (capability))

/* What skerryd does itself. docs/security.md says what for, and a test compares. */
static const uint32_t own = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) |
			    BIT(CAP_FSETID) | BIT(CAP_KILL) | BIT(CAP_NET_ADMIN) |
			    BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE);

/* What the programs that it starts do besides: they cannot have what we gave up. */
static const uint32_t theirs = BIT(CAP_MKNOD) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP) |
			       BIT(CAP_SETUID) | BIT(CAP_SYS_CHROOT) | BIT(CAP_SYS_RESOURCE);

static enum err fail(struct why *why, const char *step)
{
	return why_set(why, ERR_SYSTEM, "%s: %s", step, strerror(errno));
}

/* Whoever may not drop has nothing that is worth it, or is bounded from outside. */
static bool bound(void)
{
	for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
		const bool is_kept = c < 32 && ((own | theirs) & BIT(c));
		if (!is_kept && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) && errno != EPERM)
			return false;
	}
	return true;
}

static bool drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct had[2] = { 0 }, kept[2] = { 0 };
	if (syscall(SYS_capget, &head, had))
		return false;
	kept[0].effective = had[0].permitted & own;
	kept[0].permitted = had[0].permitted & (own | theirs);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, kept) == 0;
}

enum err confine_agent(struct why *why)
{
	const struct rlimit none = { 0, 0 };
	if (!bound() || !drop() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(why, "give up capabilities");
	if (setrlimit(RLIMIT_CORE, &none))
		return fail(why, "forbid core dumps");
#ifndef __SANITIZE_ADDRESS__ /* its search for leaks looks into us */
	/* A core_pattern that names a program gets cores in spite of the limit. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return fail(why, "forbid core dumps");
#endif
	return OK;
}
