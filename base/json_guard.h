/*
 * json_guard - is this text JSON that we are willing to parse?
 *
 * Stands in front of cJSON, which accepts 15-31 of the 188 must-fail files of
 * JSONTestSuite and takes 40 times a document's size in memory. The guard
 * allocates nothing, recurses nowhere and refuses what RFC 8259 does not
 * allow, bad UTF-8, U+0000, lone surrogates, whole numbers beyond 2^53, numbers that
 * do not come back from a double as they went in, and whatever is deeper or has more
 * values than the limits say.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

enum {
	JSON_DEPTH_MAX = 32,    /* arrays and objects inside one another */
	JSON_VALUES_MAX = 8192, /* cJSON takes 64 bytes for each */
	JSON_NUMBER_MAX = 32,   /* characters in one number */
};

/* ERR_INVALID: not JSON; ERR_FULL: beyond a limit. The reason names the byte. */
enum err json_guard(struct bytes text, struct why *why);

/* The same with numbers of any size, for text that is passed on unread. */
bool json_is_well_formed(struct bytes text);
