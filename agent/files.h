/*
 * files - from the outbox of a workload to the hub: photos, flights, dumps.
 *
 * A pod with an outbox (the annotation skerry.dev/outbox) moves finished files into
 * it; they are collected into the spool and carried to the hub one after the other.
 * What a pod has beyond its quota is given up, the oldest bulk first, counted and
 * told. What a pod left that is gone is still carried.
 */
#pragma once

#include "agent/event.h"
#include "sync/parcel.h"
#include "workloads/supervisor.h"

enum {
	FILES_SETTLE_MS = 200, /* files come in flocks */
};

struct files {
	struct loop *loop;
	struct events *events;
	struct supervisor *supervisor;
	struct mailboxes *boxes; /* NULL: nothing is collected, safe mode */
	struct spool spool;
	struct parcel parcel;
	struct collector collector;
	struct timer timer;                     /* to collect */
	char waiting[2 * PODS_MAX][LABEL_SIZE]; /* boxes to be looked into; the first is, now */
	size_t waiting_count;
	char outbox[160];
	char refused[MAILBOX_WHY_MAX]; /* told last */
	int64_t sent, dropped, refusals;
};

enum err files_open(struct files *f, struct loop *loop, const char *state_dir,
		    struct events *events, struct supervisor *supervisor, struct why *why);
/* What files go by. */
void files_connect(struct files *f, struct link *link, struct uplink *uplink);
void files_close(struct files *f);

/* A pod with an outbox is about to start. */
enum err files_add(struct files *f, const struct pod *pod, unsigned mode, struct why *why);

/* A pod may be gone: take what it has left, and its outbox away. */
void files_look(struct files *f, const char *pod);

/* The hub has the file of this id, by another way than the link. */
void files_on_receipt(struct files *f, const char *id);

/* {"waiting","bytes","sent","dropped","refused"}; NULL: there never was a file. */
struct json *files_report(const struct files *f);
