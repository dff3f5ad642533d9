/*
 * outbox - everything for the cloud waits here until the cloud has it.
 *
 * A letter is on flash when outbox_add() returns and leaves it only when the
 * hub says that it has committed it. When the quota is reached, room is made
 * in this order: the oldest telemetry, then the oldest logs, then, for a new
 * event only, the oldest events. Nothing is given up for something that
 * matters less. Every loss is counted.
 *
 * The caller owns struct outbox and the store under it.
 */
#pragma once

#include "ports/store.h"

enum {
	OUTBOX_BUF_SIZE = 9,     /* "k3f9x0ab": names this outbox for ever */
	OUTBOX_ACKS_MAX = 48,    /* ranges noted before they are carried out */
	OUTBOX_RANGES_MAX = 256, /* of one acknowledgement */
};

/* Where the store keeps the outbox's name. */
#define OUTBOX_BUF_KEY "outbox/buf"

struct outbox_range {
	int64_t from, to;
};

struct outbox {
	struct store *store;
	int64_t quota; /* bytes of letters' bodies */
	char buf[OUTBOX_BUF_SIZE];
	int64_t dropped[LETTER_CLASSES]; /* points, lines, events given up since the start */
	struct outbox_range acks[OUTBOX_ACKS_MAX];
	size_t ack_count;
	void *owner;
	void (*on_added)(void *owner); /* there is something to send */
};

/* `o->owner` and `o->on_added` are set by the caller afterwards, if at all. */
enum err outbox_open(struct outbox *o, struct store *store, int64_t quota_bytes, struct why *why);

/* Keep a letter. Inside a transaction of the caller it becomes durable with
 * that one. ERR_FULL: it was given up itself, and counted. */
enum err outbox_add(struct outbox *o, const struct letter *letter, struct why *why);

/* The hub has committed a range. Flash is written with the next addition, or
 * by outbox_settle(): one write serves both. */
void outbox_acknowledge(struct outbox *o, int64_t from, int64_t to);

/* Was it acknowledged already, though it still lies there? */
bool outbox_is_acknowledged(const struct outbox *o, int64_t seq);

/* Carry out what was acknowledged. */
enum err outbox_settle(struct outbox *o, struct why *why);

/* The hub refuses a letter for good. */
enum err outbox_refuse(struct outbox *o, int64_t seq, const char *reason, struct why *why);

/* What the cloud does not have yet: without what is acknowledged and still lies there. */
void outbox_waiting(struct outbox *o, struct store_total *out);
