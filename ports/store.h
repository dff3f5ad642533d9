/*
 * store - what the agent must still know after a power cut.
 *
 * Letters wait in order for the cloud; settings are named values. Both lie in
 * one database, so that one transaction can hold both. What a call has
 * promised is on the medium when it returns, or when the store_commit() that
 * follows store_begin() returns: whole or not at all.
 *
 * Implementation: ports/linux/store_sql.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/label.h"

#include <stdbool.h>
#include <stdint.h>

/* Leaves first, is given up last: in this order. */
enum letter_class {
	LETTER_EVENT,
	LETTER_URGENT, /* telemetry of a pod that says so */
	LETTER_LOG,
	LETTER_TELEMETRY,
	LETTER_BULK, /* telemetry that may come last */
	LETTER_CLASSES
};

static inline bool letter_is_telemetry(enum letter_class class)
{
	return class == LETTER_URGENT || class == LETTER_TELEMETRY || class == LETTER_BULK;
}

enum {
	STORE_KEY_MAX = 160,
	DEAD_LETTERS_MAX = 64, /* refused by the hub, kept to be looked at */
};

/* No letter has a higher one. */
static const int64_t STORE_SEQ_MAX = ((int64_t)1 << 48) - 1;

struct letter {
	int64_t seq; /* rises with every append, never used again */
	enum letter_class class;
	int64_t made_ms;    /* when it was closed: wall clock if LETTER_WALL, else since boot */
	uint32_t items;     /* points, lines or events inside */
	uint32_t flags;     /* LETTER_WALL, and bits that are the sender's */
	const char *stream; /* a label; borrowed until the next call on this store */
	struct bytes body;  /* likewise */
};

enum {
	LETTER_WALL = 1,       /* made_ms is milliseconds since 1970 */
	LETTER_THINNED = 2,    /* some of its points were given up */
	LETTER_ACK_BROKER = 4, /* PUBACK is enough */
	LETTER_ACK_NONE = 8,   /* sent once, with QoS 0 */
	LETTER_AS_JSON = 16,   /* for a reader that is not the hub */
	LETTER_AS_LINE = 32,
};

struct store_total {
	int64_t letters, bytes;
	int64_t oldest_ms; /* made_ms of the oldest; 0 when there is none */
};

struct store;

/* ERR_CORRUPT: the file is set aside as PATH.corrupt, a second call starts anew. */
enum err store_open(const char *path, struct store **out, struct why *why);
/* To look at what is there, beside its owner; nothing that writes may be called. */
enum err store_open_read(const char *path, struct store **out, struct why *why);
void store_close(struct store *s); /* NULL is fine */

/* Everything up to the commit happens together. Does not nest. */
enum err store_begin(struct store *s, struct why *why);
enum err store_commit(struct store *s, struct why *why);
void store_rollback(struct store *s);

/* Keep a letter; its seq is assigned. ERR_FULL: the medium is full. */
enum err store_append(struct store *s, const struct letter *letter, int64_t *out_seq,
		      struct why *why);

/* The oldest letter of a class with a seq in (after, until]. ERR_NOT_FOUND: none. */
enum err store_next(struct store *s, enum letter_class class, int64_t after, int64_t until,
		    struct letter *out);

/* Drop the letters of every class with a seq in [from, to]; how many went. */
enum err store_drop(struct store *s, int64_t from, int64_t to, int64_t *out_dropped,
		    struct why *why);

/* Move a letter to the bounded table of those that the hub refused. */
enum err store_bury(struct store *s, int64_t seq, const char *reason, struct why *why);

/* Letters and bytes of every class with a seq in [from, to]; oldest_ms stays 0. */
enum err store_sum(struct store *s, int64_t from, int64_t to, struct store_total *out,
		   struct why *why);

/* Without reading the medium. */
void store_total(const struct store *s, enum letter_class class, struct store_total *out);
int64_t store_last_seq(const struct store *s); /* 0 when nothing was ever appended */
int64_t store_buried(const struct store *s);

enum err store_put(struct store *s, const char *key, struct bytes value, struct why *why);
/* Borrowed until the next call on this store. ERR_NOT_FOUND. */
enum err store_get(struct store *s, const char *key, struct bytes *out);
enum err store_remove(struct store *s, const char *key, struct why *why);
