#include "agent/board.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

void board_read(struct board *b)
{
	struct utsname u;
	uname(&u);
	*b = (struct board){
		.memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
		.cpu_milli = (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000,
	};
	snprintf(b->architecture, sizeof b->architecture, "%.15s", u.machine);
	snprintf(b->kernel, sizeof b->kernel, "%.63s", u.release);
}
