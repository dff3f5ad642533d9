#include "ports/walls.h"

#include "ports/linux/landlock.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>

struct walls walls_find(void)
{
	struct walls w = { .landlock = landlock_version() };
	/* No filter at this address: EFAULT says that the kernel would have looked. */
	w.seccomp = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
	return w;
}

void walls_describe(const struct walls *w, char *out, size_t cap)
{
	const char *seccomp = w->seccomp ? "seccomp" : "no seccomp";
	if (w->landlock)
		snprintf(out, cap, "%s, landlock %d", seccomp, w->landlock);
	else
		snprintf(out, cap, "%s, no landlock", seccomp);
}
