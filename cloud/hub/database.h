/*
 * database - keeps the hub's database open, and its leases renewed.
 *
 * A server that is gone is dialled again with a pause; one that refuses (a full disk, a
 * lock) is simply asked again with the next letters. Either is said once.
 */
#pragma once

#include "cloud/hub/hub.h"

/* Open it for the first time. A server that is not there yet is no failure. */
enum err database_open(struct hub *h, struct why *why);

/* A commit went well. */
void database_note_success(struct hub *h);

void database_close(struct hub *h);
