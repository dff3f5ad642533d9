/*
 * passwd - whom a user string means in an image: `1000`, `1000:1000`, `name`,
 * `name:group`.
 *
 * Names are looked up in the image's own /etc/passwd and /etc/group, which
 * anybody may have written: no link leads out of the image, and what is longer
 * than PASSWD_FILE_MAX is not read. A number is digits and nothing else, below
 * 2^31; what is neither a number nor a name is an error, never a default.
 */
#pragma once

#include "base/err.h"
#include "ports/launch.h"

enum { PASSWD_FILE_MAX = 1024 * 1024, PASSWD_NAME_MAX = 64 };

struct user {
	int64_t uid, gid;           /* 0 where the image says root, or nothing */
	int64_t groups[GROUPS_MAX]; /* that list the user's name, without 0 */
	size_t group_count;
};

/* `root` is the folder of the image. ERR_INVALID: the string, or the files. */
enum err passwd_resolve(const char *root, const char *user, struct user *out, struct why *why);
