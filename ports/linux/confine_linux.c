#include "ports/confine.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static enum err fail(struct why *why, const char *step)
{
	return why_set(why, ERR_SYSTEM, "%s: %s", step, strerror(errno));
}

enum err confine_to_folder(const char *folder, struct why *why)
{
	/* Without the first, a folder of mode 0555 in an image could not be filled;
	 * without the second, a file's mode could not be set after that. */
	const uint32_t kept = 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { .effective = kept, .permitted = kept } };
	if (chroot(folder) || chdir("/"))
		return fail(why, "enter the folder");
	for (unsigned long c = 0; c < 64; c++)
		prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
	if (syscall(SYS_capset, &head, data) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(why, "give up rights");
	return OK;
}

enum err confine_memory(long long bytes, struct why *why)
{
#ifdef __SANITIZE_ADDRESS__
	(void)bytes; /* its shadow is larger */
	(void)why;
	return OK;
#else
	const struct rlimit limit = { (rlim_t)bytes, (rlim_t)bytes };
	return setrlimit(RLIMIT_DATA, &limit) ? fail(why, "limit the memory") : OK;
#endif
}

enum err confine_sync(struct why *why)
{
	SCOPED_FD fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd))
		return fail(why, "sync");
	return OK;
}
