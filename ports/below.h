/*
 * below - things in a folder that somebody else writes to.
 *
 * `root` is trusted; on the path below it no link is followed and no `..`
 * leads out, whatever is changed meanwhile.
 *
 * Implementation: ports/linux/below_openat.c.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

enum below_kind { BELOW_NOTHING, BELOW_FILE, BELOW_FOLDER, BELOW_SOCKET, BELOW_OTHER };

/* What is there; "" is root itself. ERR_DENIED: a link is on the way. */
enum err below_look(const char *root, const char *path, enum below_kind *out, struct why *why);

/* Make a folder, and what is missing above it. There already is fine. */
enum err below_make_folder(const char *root, const char *path, unsigned mode, struct why *why);

/* Make an empty file; the folder that it is in must be there. There already is fine. */
enum err below_make_file(const char *root, const char *path, unsigned mode, struct why *why);
