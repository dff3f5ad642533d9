/*
 * topic - the names on the wire: skerry1/{fleet}/{device}/{up|dn}/{channel}[/{a}[/{b}]].
 *
 * docs/protocol.md has the list. One grammar for all levels, so that every
 * engine accepts them.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"
#include "base/limits.h"

#include <stdbool.h>

#define TOPIC_ROOT "skerry1"
/* Reserved: the hub is addressed like a device, so that its rights are the
 * same two lines of an ACL. */
#define TOPIC_HUB "hub"
/* Reserved too: whose credential a board uses that has none of its own yet. */
#define TOPIC_CLAIM "claim"

/* May a device have this name? A label, and none that is reserved. */
bool topic_is_device(struct bytes name);

struct topic {
	char fleet[LABEL_SIZE], device[LABEL_SIZE];
	bool is_up;
	char channel[LABEL_SIZE], a[LABEL_SIZE], b[LABEL_SIZE]; /* "" when absent */
};

/* ERR_INVALID: not one of ours. */
enum err topic_parse(const char *text, struct topic *out);

/* "skerry1/fleet/device/rest" into `out`, which has TOPIC_MAX + 1 bytes;
 * `rest` begins with "up/" or "dn/". */
void topic_make(char out[TOPIC_MAX + 1], const char *fleet, const char *device, const char *rest);
