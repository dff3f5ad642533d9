#include "ports/linux/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>

#include "seccomp_filter.h"

bool seccomp_install(uint64_t families)
{
	struct sock_filter code[sizeof filter / sizeof *filter];
	const struct sock_fprog program = { sizeof code / sizeof *code, code };
	memcpy(code, filter, sizeof code);
	code[FILTER_MASK_LOW].k = (uint32_t)families;
	code[FILTER_MASK_HIGH].k = (uint32_t)(families >> 32);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
