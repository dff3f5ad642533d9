/*
 * update - from the agent that a desired state wants to that agent running, or back.
 *
 * The state's member `agent` names an image with our programs in it. It is fetched,
 * verified and unpacked like any other; its skerryd reads our configuration (--check);
 * then it is put on trial (base/slots.h) and we end, so that the launcher starts it. The new
 * agent proves itself: a connection, a report that the broker has, and at least as many
 * workloads ready as there were, for UPDATE_CALM_MS. If it does not within SLOTS_TRIAL_MS it gives
 * up by itself, or the kernel's alarm ends it, and the launcher starts what ran before. What was
 * given up is not tried again under the same `attempt`.
 *
 * Without a launcher above us nothing is updated, and the report says so.
 */
#pragma once

#include "agent/event.h"
#include "base/slots.h"
#include "ports/process.h"
#include "sync/desired.h"
#include "sync/fetch.h"
#include "workloads/supervisor.h"
#include "workloads/unpacking.h"

enum {
	UPDATE_CALM_MS = 10 * 1000,  /* well for so long without a break: it has proved itself */
	UPDATE_MARGIN_MS = 5 * 1000, /* before the alarm: we say what is missing, and leave */
	UPDATE_CHECK_WAIT_MS = 30 * 1000, /* for the new program to read our configuration */
	UPDATE_RETRY_MS = 60 * 1000,
};

struct update_options {
	struct loop *loop;
	struct supervisor *supervisor;
	struct images *images;
	struct blobs *blobs;
	struct events *events;
	const char *state_dir;
	void *owner;
	enum err (*ask_blob)(void *owner, struct bytes request);
	bool (*is_at_rest)(void *owner);  /* no other change is on its way */
	bool (*is_reported)(void *owner); /* connected, and the broker has a report of ours */
	void (*on_change)(void *owner);   /* the report differs from before */
	void (*on_restart)(void *owner, const char *why); /* end, to be started again */
};

struct update {
	struct update_options o;
	struct slots slots;
	char slot[DIGEST_SIZE]; /* that we are; "": no launcher started us */
	char launcher[SLOTS_VERSION_SIZE];
	bool is_trial;
	struct desired_agent wanted; /* no image: as it is */
	struct fetch fetch;
	struct unpacking unpacking;
	struct process check; /* of the new program */
	struct timer timer, deadline;
	int64_t calm_ms;    /* since when the trial is well; 0: it is not */
	struct why trouble; /* why it does not go on, or what the trial lacks */
};

/* After the images, before deploy: a trial begins to prove itself. */
void update_open(struct update *u, const struct update_options *options);
void update_close(struct update *u);

/* What the newest state wants, or that something has changed: goes on if there is a reason. */
void update_want(struct update *u, const struct desired_agent *wanted);

/* A block has come; the link is there (again). */
void update_on_block(struct update *u, const char *id, const char *offset, struct bytes payload);
void update_on_up(struct update *u);

/* Must an image, or all blobs, stay on flash for our sake? */
bool update_needs_image(const struct update *u, const char *digest);
bool update_needs_blobs(const struct update *u);

/* Was what is wanted given up, or can it not be had here? Why, or NULL. */
const char *update_failure(const struct update *u);

/* For the report; NULL: neither a launcher nor a wish. The caller takes it. */
struct json *update_report(const struct update *u);
