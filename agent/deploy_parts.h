/*
 * deploy_parts - the steps of a state that share one struct deploy; for deploy*.c alone:
 * a document comes (deploy_document), its images are obtained (deploy_images), it is
 * switched to and watched (deploy_trial), and found again at the next start (deploy).
 */
#pragma once

#include "agent/deploy.h"

enum { DEPLOY_RETRY_MS = 60 * 1000 }; /* what flash or a decoder refused is tried again */

/* deploy.c */
void deploy_set_phase(struct deploy *d, enum deploy_phase phase);
/* An event of this generation. */
void deploy_tell(struct deploy *d, bool warning, const char *reason, int64_t generation,
		 const char *message);
/* In the board's own list of states: what became of the newest. */
void deploy_note_end(struct deploy *d, const char *outcome, const char *reason);
void deploy_forget_failure(struct deploy *d);
/* Whatever is on its way is not any more. */
void deploy_drop_next(struct deploy *d);
enum err deploy_read_wanted(const struct deploy *d, const struct desired *from, struct wanted *out,
			    struct why *why);
/* The supervisor takes `wanted` over, or there is an error and it stays the caller's. */
enum err deploy_reach(struct deploy *d, struct wanted *wanted, const struct desired_id *id);
/* False: there is no good state, or it does not read back. */
bool deploy_run_good(struct deploy *d);

/* deploy_document.c */
void deploy_reject(struct deploy *d, const struct desired_id *id, const struct why *why);

/* deploy_images.c */
void deploy_init_images(struct deploy *d);
/* One step on the way to having everything; then the switch. */
void deploy_obtain(struct deploy *d);
/* What runs and has lost an image gets it again, as soon as nothing else is fetched. */
void deploy_mend_soon(struct deploy *d);
/* Flash is given back when nothing needs it: what runs is unpacked. */
void deploy_sweep(struct deploy *d);

/* deploy_trial.c */
void deploy_switch_over(struct deploy *d);
bool deploy_is_on_trial(const struct deploy *d);
/* Is it healthy, for long enough, or will it never be? */
void deploy_judge(struct deploy *d);
