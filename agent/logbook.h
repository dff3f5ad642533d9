/*
 * logbook - carries workloads' output from the keepers' files to the outbox.
 *
 * Up to where a file has been carried is stored together with the lines: a
 * killed agent neither loses a line nor sends one twice, as long as rotation
 * has not overtaken it, and then it says how much is missing.
 */
#pragma once

#include "sync/outbox.h"
#include "workloads/workload.h"

enum {
	LOGBOOK_LINES_MAX = 1000,      /* of one workload in one flush */
	LOGBOOK_BYTES_MAX = 28 * 1024, /* likewise: fits into a message even if JSON doubles it */
};

/* Store the new lines of a workload, within the caller's transaction.
 * *out_more: there were more than fit. */
enum err logbook_store(struct outbox *o, const struct workload *w, bool *out_more, struct why *why);

/* The last lines, oldest first, as {"t","c","s","l"}: at most `count`, and no
 * more than LOGBOOK_BYTES_MAX. */
struct json *logbook_last(const struct workload *w, size_t count);

/* Lines of [*at, ...) without storing anything; *at moves on. For live tails. */
struct json *logbook_read(const struct workload *w, int64_t *at, size_t max_lines);

/* The end of what it has printed. */
int64_t logbook_end(const struct workload *w);

/* The pod is gone: forget how far it was carried. */
void logbook_forget(struct store *s, const struct workload *w);
