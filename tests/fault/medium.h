/*
 * medium - a medium whose n-th write fails.
 *
 * Linked into a program, medium.c stands between every shared library and the
 * system's calls that write: SQLite believes what it hears. Only while it is
 * armed; a program arms it around what it wants to see fail.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum medium_fault {
	MEDIUM_FULL_ONCE,       /* one call answers ENOSPC */
	MEDIUM_BROKEN_ONCE,     /* one call answers EIO */
	MEDIUM_FULL,            /* from the n-th on all answer ENOSPC */
	MEDIUM_BROKEN,          /* from the n-th on all answer EIO */
	MEDIUM_TORN,            /* the n-th writes half of it, then all answer EIO */
	MEDIUM_UNREADABLE_ONCE, /* one call that reads answers EIO; those that write are not counted
				 */
	MEDIUM_KILLED,          /* the n-th call is not made: the process is killed before it */
	MEDIUM_KILLED_TORN,     /* killed when half of the n-th write is there */
};

/* The n-th call from now on fails; n begins with 1. */
void medium_arm(enum medium_fault fault, size_t n);
void medium_disarm(void);

/* Has it failed since it was armed? */
bool medium_has_failed(void);

/* Writes, truncations and syncs since it was armed. */
size_t medium_calls(void);
