/*
 * columns - telemetry points as columns: how they lie on flash and travel.
 *
 * Points of one measurement, tags and fields form a table; a table is written
 * as its key, its times and one column a field. Neighbouring values differ
 * little, so differences are what is written, and equal ones as a count.
 * docs/protocol.md has the format byte by byte; tests/e2e has a decoder in
 * another language. What is written here is then compressed with zlib.
 */
#pragma once

#include "sync/point.h"

enum {
	COLUMNS_ROWS_MAX = 16384, /* in one segment; a reader refuses more */
	COLUMNS_TABLES_MAX = 1024,
};

/* A growing run of bytes in the caller's buffer. */
struct columns_out {
	unsigned char *at;
	size_t cap, len;
	bool cut; /* it did not fit */
};

/* The rows of one table, which can be walked through again and again. */
struct columns_source {
	void *owner;
	size_t rows;
	void (*rewind)(void *owner);
	/* The time of the next row and its values, in the order of the key's fields. */
	void (*next)(void *owner, int64_t *time, struct value *values);
};

/* The key of a point: measurement, tags, names and types of its fields. */
void columns_put_key(struct columns_out *o, const struct point *p);

/* How many tables follow. */
void columns_put_count(struct columns_out *o, uint64_t n);

/* `key` as columns_put_key() wrote it. */
void columns_put_table(struct columns_out *o, struct bytes key, const struct columns_source *rows);

/* Read all tables; `on_point` is called for each row, tables one after the
 * other. ERR_CORRUPT: the reason says what is wrong; points may have been told. */
enum err columns_read(struct bytes columns, void (*on_point)(void *owner, const struct point *p),
		      void *owner, struct why *why);
