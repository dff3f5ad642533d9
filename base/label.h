/*
 * label - the names that Skerry accepts.
 *
 * One grammar for devices, fleets, pods, containers and topic levels:
 * RFC 1123 labels, which every MQTT engine, file system and cgroup tree takes.
 */
#pragma once

#include "base/bytes.h"

enum {
	LABEL_MAX = 63, /* RFC 1123 */
	LABEL_SIZE = LABEL_MAX + 1,
	DIGEST_LEN = 7 + 64, /* "sha256:" and 64 hex digits */
	DIGEST_SIZE = DIGEST_LEN + 1,
	TOPIC_LEVEL_MAX = 63, /* [a-z0-9][a-z0-9-]{0,62}, docs/protocol.md */
};

/* [a-z0-9]([a-z0-9-]*[a-z0-9])?, at most 63 bytes. */
bool label_is_valid(struct bytes s);

/* "sha256:" and 64 lower-case hex digits. */
bool label_is_digest(struct bytes s);

/* What to tell somebody whose name was refused. */
#define LABEL_RULE "lower-case letters, digits and inner '-', at most 63"
