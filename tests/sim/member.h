/*
 * member - one simulated device: the agent's own link, outbox and uplink, and a deploy that
 * runs nothing.
 *
 * It comes, says that it is there, sends numbered samples and keeps each letter until the hub
 * has acknowledged it. A desired state becomes Available after its healthyFor, or goes back,
 * as fate.h says. It knows nothing any more when the process ends; its sessions go on
 * rising by the clock.
 */
#pragma once

#include "agent/event.h"
#include "sync/desired.h"
#include "sync/link.h"
#include "sync/outbox.h"
#include "sync/uplink.h"

#include <stdio.h>

enum {
	MEMBER_QUOTA = 4 * 1024 * 1024, /* bytes that wait for the hub, a device */
	MEMBER_RATE_MAX = 1000,         /* points in one letter */
};

/* What all members share. The strings stay the caller's. */
struct plan {
	struct url broker;
	const char *prefix;   /* of names: prefix-0000 */
	const char *bad_text; /* only documents that contain it are bad; "": all */
	const char *labels;   /* k=v,k=v; beside `sim` */
	const char *join_dir;
	uint32_t seed;
	unsigned bad_percent, rate;
	int64_t letters; /* each sends; 0: for ever */
	int64_t every_ms, spread_ms;
};

/* Of all members together. */
struct tally {
	int64_t points, available, rolled_back, refused;
};

struct member {
	const struct plan *plan;
	struct tally *tally;
	struct loop *loop;
	char name[LABEL_SIZE];
	struct store *store;
	struct link link;
	struct outbox outbox;
	struct uplink uplink;
	struct events events;
	struct timer arrival, sampling, proving;
	int64_t letters, points; /* made */
	int64_t connects;
	struct desired_id newest;
	int64_t applied;
	const char *phase;
	bool is_bad, rolls_back; /* the newest document, here */
	const char *objection;   /* "Rejected", "Conflict", "Stale"; NULL: none */
	struct why why;
};

/* `plan` and `tally` are borrowed. */
enum err member_open(struct member *m, struct loop *loop, const struct plan *plan,
		     struct tally *tally, int number, struct why *why);
void member_close(struct member *m);

/* It has made all that it shall, and the hub has it. */
bool member_is_done(struct member *m);

/* Letters that the hub has acknowledged. */
int64_t member_acknowledged(struct member *m);
