/*
 * migrate - what a hub has kept in a file, into a server's database.
 *
 * In order of rowid and in bounded transactions, each with how far it is: what was
 * interrupted goes on. No hub writes to either meanwhile. The server's tables must be
 * empty at the beginning.
 */
#pragma once

#include "base/err.h"

enum { MIGRATE_ROWS = 5000 /* of one transaction */ };

/* Copy, then print each table's rows on both sides. ERR_CONFLICT: they are not as many, or
 * the server has others already. */
enum err migrate(const char *from, const char *to, struct why *why);
