/*
 * inspection - is what was unpacked still there, and still what it was?
 *
 * Flash forgets. Before the first start of an image in an agent's life its files
 * are compared with the list that was written when it was unpacked, by a program
 * of its own and one image after the other. What this very agent has unpacked
 * passes as it is.
 */
#pragma once

#include "workloads/unpacking.h"

enum { INSPECTION_MAX = WORKLOADS_MAX };

struct inspection {
	struct loop *loop;
	struct unpacking run;
	bool is_running;
	char queue[INSPECTION_MAX][DIGEST_SIZE];
	size_t queued;
	char passed[INSPECTION_MAX][DIGEST_SIZE]; /* the newest take the place of the oldest */
	size_t passed_count;
	void *owner;
	/* An image may be started, or (with an error) may not. ERR_CORRUPT: it is
	 * damaged, and was discarded. */
	void (*on_inspected)(void *owner, const char *digest, enum err e, const struct why *why);
};

void inspection_init(struct inspection *i, struct loop *l, const struct images *images,
		     void *owner);

/* May it be started? ERR_AGAIN: on_inspected will tell. ERR_NOT_FOUND: it is not
 * there, or not any more. */
enum err inspection_ask(struct inspection *i, const char *digest, struct why *why);

/* It has just been unpacked. */
void inspection_pass(struct inspection *i, const char *digest);
void inspection_deinit(struct inspection *i);
