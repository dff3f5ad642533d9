/*
 * desired - the envelope of a desired state: who it is for, and in which order.
 *
 * The workloads and configs inside stay JSON; reading them is not this folder's business.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"
#include "ports/json.h"

enum {
	HEALTHY_FOR_DEFAULT_MS = 10 * 1000,
	PROGRESS_EXTRA_MS = 60 * 1000, /* beyond healthyFor, to become healthy at all */
};

/* (trust, epoch, generation), compared in this order. */
struct desired_id {
	int64_t trust; /* version of trust that a verified state names; 0: nobody verified it */
	int64_t epoch, generation;
	char digest[DIGEST_SIZE]; /* of the document's bytes; "" for none */
};

/* The agent that the board shall run. */
struct desired_agent {
	char image[DIGEST_SIZE]; /* its digest, or "package"; "": as it is */
	int64_t attempt;         /* another number tries again what was given up */
};

struct desired {
	struct json *document; /* owned */
	struct desired_id id;
	bool rolls_back;
	int64_t healthy_for_ms;
	int64_t progress_deadline_ms; /* not healthy by then: it has failed */
	const struct json *workloads; /* an array, inside document */
	const struct json *configs;   /* likewise; NULL: none */
	struct desired_agent agent;
	char warning[160]; /* what was ignored; "" when nothing */
};

/* ERR_INVALID or ERR_FULL with the reason. desired_free() gives *out back. The id's
 * trust stays 0: only who has verified knows it. */
enum err desired_read(struct bytes document, const char *fleet, const char *device,
		      struct desired *out, struct why *why);
/* The same for a document or a signed one, whoever has signed it. */
enum err desired_open(struct bytes message, const char *fleet, const char *device,
		      struct desired *out, struct why *why);
void desired_free(struct desired *d);

/* The version of trust that a signed message names, whoever has signed it; 0: it is not signed. */
int64_t desired_named_trust(struct bytes message);

enum desired_order { DESIRED_NEWER, DESIRED_SAME, DESIRED_CONFLICT, DESIRED_STALE };

/* <0, 0, >0: by (trust, epoch, generation), whatever the documents say. */
int desired_compare_order(const struct desired_id *a, const struct desired_id *b);

/* What a new document is beside the newest that was accepted. */
enum desired_order desired_compare(const struct desired_id *kept, const struct desired_id *new_id);
