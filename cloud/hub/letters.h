/*
 * letters - decoded and not yet written: what names each, and its rows.
 *
 * They wait in memory and are written together, in one transaction: the names first,
 * then the rows of those that were not there. If the database does not take a value,
 * halves are tried, down to the letter that has it; only that one is refused.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/label.h"
#include "ports/sql.h"
#include "sync/segment.h"

#include <stdint.h>

enum {
	LETTERS_MAX = 256,
	LETTERS_BYTES = 2 * 1024 * 1024,    /* of rows: more of them are written without waiting */
	LETTER_ROWS_MAX = 64 * 1024 * 1024, /* bytes of one letter's rows: it is refused */
	LETTERS_TRIES = 3,                  /* of a transaction that others' got in the way of */
};

/* Who sent it. */
struct ledger_source {
	const char *fleet, *device;
};

/* What names a batch for ever. */
struct ledger_batch {
	struct ledger_source source;
	const char *stream; /* of telemetry; "event", or the pod of a log */
	const char *kind;   /* "telec", "tele", "event", "log" */
	const char *buf;
	int64_t seq, received_ms;
	bool history;
};

struct letter {
	char fleet[LABEL_SIZE], device[LABEL_SIZE], stream[LABEL_SIZE], kind[LABEL_SIZE];
	char buf[SEGMENT_BUF_MAX + 1];
	int64_t seq, received_ms, newest_ms;
	bool history, is_new;
	int table;      /* of its rows */
	size_t at, end; /* in letters.rows */
	size_t count;   /* of rows */
};

/* What has become of one: durable, or refused. */
struct letter_fate {
	const struct letter *letter; /* is_new false: it was there already */
	const char *bad;             /* a reason; NULL: it is kept */
};

struct letters {
	struct letter list[LETTERS_MAX];
	size_t count;
	char *rows;
	size_t len, cap;
	void *owner;
	void (*on_settled)(void *owner, const struct letter_fate *fate); /* may be NULL */
};

enum letter_table { LETTER_POINT, LETTER_EVENT, LETTER_LOG, LETTER_TABLES };

/* The columns of a table in the order of a row's values. */
const char *letters_columns(enum letter_table table);

/* Begin one; its rows follow, then letters_end(). ERR_CONFLICT: it waits already.
 * ERR_AGAIN: LETTERS_MAX wait, write them first. */
enum err letters_begin(struct letters *l, const struct ledger_batch *b, struct why *why);
enum err letters_add_row(struct letters *l, enum letter_table table, int64_t time_ms,
			 const struct bytes *values, size_t n, struct why *why);
void letters_end(struct letters *l, bool keep);

/* Are there so many bytes that they should be written now? */
bool letters_are_heavy(const struct letters *l);

/* Write all of them and tell the fate of each, after its commit. Trouble with the database
 * ends it: what was told is true, the others are as if they had never come. None wait
 * afterwards, either way. */
enum err letters_write(struct letters *l, struct sql *sql, struct why *why);

void letters_forget(struct letters *l);
void letters_free(struct letters *l);
