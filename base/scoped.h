/*
 * scoped - variables that clean up after themselves, and handing over what
 * they hold. `SCOPED_FD fd = open(...);` closes on every path unless
 * take_fd(&fd) moved it on.
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Close and keep errno, so that cleaning up never destroys a reason. */
static inline void close_quietly(int fd)
{
	int kept = errno;
	if (fd >= 0)
		close(fd);
	errno = kept;
}

static inline void scoped_close(const int *fd)
{
	close_quietly(*fd);
}

static inline void scoped_free(void *pointer)
{
	free(*(void **)pointer);
}

#define SCOPED_FD __attribute__((cleanup(scoped_close))) int
#define SCOPED_MEMORY __attribute__((cleanup(scoped_free)))

static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

static inline void *take_memory(void *pointer)
{
	void **from = pointer;
	void *taken = *from;
	*from = NULL;
	return taken;
}
