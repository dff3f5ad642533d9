/*
 * answer - what a device's report says about one desired state. Pure.
 */
#pragma once

#include "base/label.h"
#include "cloud/fleet/rollout.h"
#include "ports/json.h"

/* What names a desired state. Either digest may be "": then the order alone counts. */
struct state_id {
	int64_t epoch, generation;
	char message[DIGEST_SIZE];  /* of the bytes on the wire */
	char document[DIGEST_SIZE]; /* of the document, which a signature may be around */
};

/* Read a message that may be signed; who has signed it is for the device to judge.
 * ERR_INVALID: it is no desired state. free() nothing: *out borrows nothing. */
enum err state_id_read(struct bytes message, struct state_id *out, struct why *why);

/* A condition of the report of this type, if it is about this state; or NULL. */
const struct json *answer_condition(const struct json *report, const char *type,
				    const struct state_id *id);

/* With ANSWER_FAILED, `note` is what the device says. */
enum answer answer_of(const struct json *report, const struct state_id *id,
		      char note[MEMBER_NOTE_SIZE]);

/* Does what the device runs now not work? */
bool answer_is_down(const struct json *report);

/* Has the device accepted these very bytes? True when it does not say. */
bool answer_is_same(const struct json *report, const struct state_id *id);
