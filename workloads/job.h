/*
 * job - what a board keeps of jobs on flash: how one ended, so that it is not
 * run again after a reboot, and up to when a schedule has been dealt with.
 */
#pragma once

#include "base/label.h"
#include "ports/store.h"

enum job_end { JOB_OPEN, JOB_COMPLETE, JOB_FAILED };

/* Of the job of this name and digest; JOB_OPEN: it has not ended. */
enum job_end job_recall(struct store *s, const char *name, const char *digest);
enum err job_note(struct store *s, const char *name, const char *digest, enum job_end end,
		  struct why *why);

/* Wall clock of the last time of a schedule that was dealt with; 0: none. */
int64_t job_last_time(struct store *s, const char *name);
enum err job_note_time(struct store *s, const char *name, int64_t wall_ms, struct why *why);

/* Nobody wants it any more. */
void job_forget(struct store *s, const char *name);
