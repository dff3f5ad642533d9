/*
 * freshness - answers boards that ask whether what they were shown is the newest: with their own
 * word, the newest state that the hub has seen, and the time, signed with the online key.
 *
 * The key can raise a board's floor of time and have it say `Withheld`; it can run nothing.
 */
#pragma once

#include "cloud/hub/hub.h"
#include "sync/topic.h"

/* Can this file sign? ERR_NOT_FOUND, ERR_INVALID. */
enum err freshness_check(const char *key_file, struct why *why);

void freshness_on_question(struct hub *h, const struct topic *t, struct bytes payload);
