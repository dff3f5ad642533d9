/*
 * rollout - from batch to batch, as long as the devices report well. Pure.
 *
 * rollout_step() is given what is seen of every device, and the time; it answers what is
 * to be published for whom, and moves on. Whoever runs it keeps what it has decided before
 * acting: an order whose publication got lost is given again. So it can end anywhere, and
 * go on somewhere else.
 *
 * Every device has two states made before anything is published: forward, and back, which is
 * of a higher generation. Answers decide: RolledBack, Rejected, Degraded, or seen and online
 * and not healthy by the deadline is a failure; Available is a success; silence is neither.
 * A silent device is late: it holds nothing up (unless offline: wait), is told when it is
 * there again, and is counted apart. What somebody else has told a device since is left alone.
 *
 * The caller owns the members, the groups and the spec.
 */
#pragma once

#include "base/label.h"
#include "cloud/fleet/rollout_spec.h"

#include <stdbool.h>
#include <stdint.h>

enum { MEMBER_NOTE_SIZE = 120 };

enum member_state {
	MEMBER_WAITING,  /* its turn has not come, or it was away then */
	MEMBER_TOLD,     /* forward is published; it has not said that it saw it */
	MEMBER_UPDATING, /* seen, and not proved yet */
	MEMBER_SUCCEEDED,
	MEMBER_FAILED,
	MEMBER_RETURNING, /* back is published */
	MEMBER_RETURNED,
	MEMBER_STUCK, /* it could not go back either */
	MEMBER_OTHER, /* somebody else has told it something newer */
	MEMBER_STATES
};

struct member {
	char name[LABEL_SIZE];
	size_t batch, group;
	enum member_state state;
	bool late;                   /* it is not there, or silent, and is waited for no longer */
	int64_t told_ms, seen_ms;    /* 0: not yet */
	char note[MEMBER_NOTE_SIZE]; /* why it failed */
};

/* What a device says about one of its two states. */
enum answer {
	ANSWER_NONE,
	ANSWER_UPDATING,
	ANSWER_HEALTHY,
	ANSWER_FAILED,
	ANSWER_OTHER, /* it has a newer one, or another of the same generation */
};

/* What the broker holds for it. */
enum holding {
	HOLDING_NOTHING,
	HOLDING_BASE, /* what it was when the rollout was made */
	HOLDING_FORWARD,
	HOLDING_BACK,
	HOLDING_OTHER,
};

struct sighting {
	bool online;
	enum holding holding;
	enum answer forward, back;
	bool is_down;                /* neither the new nor the old runs well */
	char note[MEMBER_NOTE_SIZE]; /* with ANSWER_FAILED: what it says itself */
};

enum rollout_phase {
	ROLLOUT_RUNNING,
	ROLLOUT_PAUSED, /* by a person */
	ROLLOUT_HALTED, /* by its own rule */
	ROLLOUT_RETURNING,
	ROLLOUT_COMPLETE,
	ROLLOUT_RETURNED,
	ROLLOUT_PHASES
};

enum order { ORDER_NONE, ORDER_FORWARD, ORDER_BACK };

/* Devices that share a bound of unavailability. */
struct group {
	int64_t size, away; /* members; those that do not work now, counted at each step */
};

struct rollout {
	const struct rollout_spec *spec;
	struct member *members;
	size_t count;
	struct group *groups;
	size_t group_count;
	enum rollout_phase phase;
	size_t batch;          /* that is open, from 0 */
	uint32_t approved;     /* batches */
	int64_t forgiven;      /* failures that a person has looked at */
	int64_t answered_then; /* answers at that moment */
	size_t forgiven_batch; /* batches below it need no success any more */
	struct why reason;     /* why it halted, or goes back */
	struct why why;        /* what it waits for now; "": for nothing but devices */
};

/* Counts for people. */
struct rollout_count {
	int64_t by_state[MEMBER_STATES], late, total;
};

/* `orders` and `seen` have a place for each member. */
void rollout_step(struct rollout *r, const struct sighting *seen, int64_t wall_ms,
		  enum order *orders);

/* A person's wish. ERR_CONFLICT: it makes no sense in this phase. */
enum err rollout_pause(struct rollout *r, struct why *why);
enum err rollout_resume(struct rollout *r, struct why *why);
enum err rollout_undo(struct rollout *r, struct why *why);
/* Batches count from 1 here; 0: the one that waits for it. */
enum err rollout_approve(struct rollout *r, int64_t batch, struct why *why);

void rollout_count(const struct rollout *r, struct rollout_count *out);

/* Nothing will happen any more without a person, or without a device that is late. */
bool rollout_is_over(const struct rollout *r);

const char *rollout_phase_name(enum rollout_phase p);
const char *member_state_name(enum member_state s);
/* Their number, or -1. */
int rollout_phase_find(const char *name);
int member_state_find(const char *name);

/* Put members, in their order, into batches; `labels` has an object for each. */
void rollout_assign(const struct rollout_spec *spec, struct member *members, size_t count,
		    const struct json *const *labels);
