/*
 * folder - a private folder in memory for targets that write files, gone at the end.
 *
 * What a target leaves in it between inputs, it takes away itself.
 */
#pragma once

#include "ports/file.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static char fuzz_folder_path[64];

static void fuzz_folder_remove(void)
{
	(void)!dir_remove(fuzz_folder_path, NULL);
}

/* The same at every call. */
static inline const char *fuzz_folder(void)
{
	if (fuzz_folder_path[0])
		return fuzz_folder_path;
	snprintf(fuzz_folder_path, sizeof fuzz_folder_path, "/dev/shm/skerry-fuzz-XXXXXX");
	if (!mkdtemp(fuzz_folder_path)) {
		snprintf(fuzz_folder_path, sizeof fuzz_folder_path, "/tmp/skerry-fuzz-XXXXXX");
		if (!mkdtemp(fuzz_folder_path))
			abort();
	}
	atexit(fuzz_folder_remove);
	return fuzz_folder_path;
}

/* A file in the folder, whole. */
static inline void fuzz_folder_put(const char *name, struct bytes content)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
	if (file_replace(path, content, false, NULL))
		abort();
}
