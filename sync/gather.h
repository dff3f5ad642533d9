/*
 * gather - telemetry points wait here, in memory, to become one segment.
 *
 * The memory is a shared mapping of a file below run_dir: an agent that is
 * killed leaves it to the next one, and only a power cut or a reboot costs
 * what is in it. A segment that was stored is never stored again: the buffer
 * has a number, and the store remembers the last one that it took.
 */
#pragma once

#include "ports/clock.h"
#include "sync/point.h"

enum {
	GATHER_BYTES = 60 * 1024, /* so that a segment never passes MESSAGE_MAX */
	GATHER_SERIES_MAX = 256,
};

/* Measurement, tags, field names and types; and which stream and clock. */
struct gather_series {
	uint32_t record;      /* where its definition lies */
	uint32_t first, last; /* its points, chained */
	uint32_t points;
};

struct gather_file;

struct gather {
	struct gather_file *file; /* mapped */
	struct gather_series series[GATHER_SERIES_MAX];
	size_t series_count;
	uint32_t points;
	uint32_t cap; /* bytes */
};

/* A stream's points, encoded and compressed. */
struct gather_segment {
	const char *stream;
	bool wall;         /* times are since 1970, else since boot */
	int64_t newest_ms; /* of its points, in that clock */
	uint32_t points;
	struct bytes body;
};

/* Map the file at `path` with room for `cap` bytes; what an agent of this boot left is
 * taken over. */
enum err gather_open(struct gather *g, const char *path, size_t cap, struct why *why);
void gather_close(struct gather *g);

/* Rises by one with each gather_clear(). */
int64_t gather_number(const struct gather *g);

/* Add a point. ERR_FULL: store what is here first. ERR_INVALID: it would never fit. */
enum err gather_add(struct gather *g, const char *stream, const struct point *p, int64_t time_ms,
		    bool wall);

/* Encode every stream and tell each segment; bodies are borrowed until the
 * callback returns. Stops at the first error of the callback and answers it. */
enum err gather_encode(const struct gather *g,
		       enum err (*on_segment)(void *owner, const struct gather_segment *s,
					      struct why *why),
		       void *owner, struct why *why);

/* Everything has been stored. */
void gather_clear(struct gather *g);
