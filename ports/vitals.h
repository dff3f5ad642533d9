/*
 * vitals - what the kernel tells of the board: small files of /proc and /sys,
 * and how full a file system is. Allocates nothing; text goes to base/kernel_text.h.
 *
 * Implementation: ports/linux/vitals_linux.c. Fake: tests/unit/agent/vitals_fake.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file, ending in NUL; where it is longer than `cap` bytes allow, its last line is
 * left out rather than cut. False: it is not there, or cannot be read. */
bool vitals_read(const char *path, char *out, size_t cap);

/* The beginning of a file whose words end in NUL, such as /proc/PID/cmdline, with blanks between
 * them. "" and false: it is not there, or empty. */
bool vitals_words(const char *path, char *out, size_t cap);

/* Call `on_name` for each entry of a folder but . and .. ; in no order, none if it is
 * not there. */
void vitals_each(const char *folder, void (*on_name)(void *owner, const char *name), void *owner);

/* The last part of what a symbolic link names. False: there is no such link. */
bool vitals_link(const char *path, char *out, size_t cap);

struct vitals_disk {
	int64_t total, free, available; /* bytes; `available` to those who are not root */
	int64_t inodes, inodes_free;    /* 0: this file system does not count them */
};

bool vitals_disk(const char *path, struct vitals_disk *out);
