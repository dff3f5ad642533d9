/*
 * ingest - takes telemetry from its sources and gathers it.
 *
 * Each workload has a socket of its own, which is how its points are known to
 * be its own; programs of the board itself share run_dir/telemetry.sock. Other
 * kinds of source (agent/sources) join. A sender is never held up: what comes
 * faster than the limit, or finds no room, is read, dropped and counted.
 */
#pragma once

#include "agent/sources/source.h"
#include "base/limits.h"
#include "ports/json.h"
#include "ports/loop.h"
#include "sync/gather.h"
#include "sync/letter.h"
#include "sync/outbox.h"

enum {
	INGEST_SOURCES_MAX = WORKLOADS_MAX + 1,
	INGEST_DATAGRAMS = 64, /* of one source, before others have their turn */
};

struct ingest;

/* A socket. */
struct ingest_source {
	struct source source;
	struct ingest *ingest;
	struct watch watch;
	char stream[LABEL_SIZE];
	char workload[2 * LABEL_SIZE]; /* "" for the board's own socket */
};

struct ingest {
	struct loop *loop;
	struct gather gather;
	struct ingest_source *sources[INGEST_SOURCES_MAX]; /* NULL: free */
	struct source *joined;                             /* those that are no sockets */
	int host_fd;
	char *datagram; /* DATAGRAM_MAX + 1 bytes */
	void *owner;
	void (*on_points)(void *owner); /* something is gathered that was empty before */
	/* The rank of a stream's points, and flags of their letters; NULL: as usual. */
	void (*on_stream)(void *owner, const char *stream, enum letter_class *rank,
			  uint32_t *flags);
	bool (*on_full)(void *owner); /* store what is gathered; true: there is room again */
};

/* `owner` and the hooks are set by the caller before anything can arrive. */
enum err ingest_open(struct ingest *g, struct loop *loop, const char *run_dir, struct why *why);
void ingest_close(struct ingest *g);

/* Listen to a workload; the descriptor stays the caller's. */
void ingest_add(struct ingest *g, int fd, const char *stream, const char *workload);
void ingest_remove(struct ingest *g, const char *workload);

/* A source of another kind is shown among the others, until it leaves. */
void ingest_join(struct ingest *g, struct source *s);
void ingest_leave(struct ingest *g, const struct source *s);

/* Take a point of a source, or count why not. */
void ingest_take(struct ingest *g, struct source *s, struct point *p, struct letter_clock clock);

/* Take all points of a text, which is changed: lines, a SenML pack, or whichever of the two it is.
 */
void ingest_take_lines(struct ingest *g, struct source *s, char *text, size_t len,
		       struct letter_clock clock);
void ingest_take_senml(struct ingest *g, struct source *s, struct bytes text,
		       struct letter_clock clock);
void ingest_take_text(struct ingest *g, struct source *s, char *text, size_t len,
		      struct letter_clock clock);

/* Put what is gathered into the outbox, within the caller's transaction.
 * After the commit, ingest_stored(). */
enum err ingest_store(struct ingest *g, struct outbox *o, struct why *why);
void ingest_stored(struct ingest *g);
bool ingest_is_empty(const struct ingest *g);

/* After a start: what the store took already is not taken again. */
void ingest_recover(struct ingest *g, struct store *s);

/* Points taken, dropped and not understood, by source. */
struct json *ingest_report(const struct ingest *g);
