/*
 * memory - a run of memory that outlives the process that wrote it.
 *
 * It is a shared mapping of a file: on a tmpfs it survives a killed process,
 * not a reboot. Implementation: ports/linux/memory_mmap.c.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* Map `len` bytes of the file at `path`, made or grown as needed; new bytes are zero. */
enum err memory_map(const char *path, size_t len, void **out, struct why *why);
void memory_unmap(void *at, size_t len);
