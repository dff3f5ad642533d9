/*
 * schema - the hub's tables, and how older ones become them.
 *
 * meta has the version. Steps are taken in order, each with its new number in one
 * transaction, and never back. Hubs that start together take each step once.
 */
#pragma once

#include "base/err.h"
#include "ports/sql.h"

enum { SCHEMA_VERSION = 4, SCHEMA_ID_SIZE = 9 };

/* Bring a database to SCHEMA_VERSION. ERR_INVALID: it is newer than that. */
enum err schema_bring_up(struct sql *sql, struct why *why);

/* A name of this database, made at the first call. */
enum err schema_read_id(struct sql *sql, char out[SCHEMA_ID_SIZE], struct why *why);
