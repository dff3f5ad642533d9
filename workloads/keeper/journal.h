/*
 * journal - a workload's output as lines in files that rotate.
 *
 * Lines are written as Kubernetes' CRI does: "time stream F text", with P for
 * a piece of a line that was too long. Files are called log.N, where N is the
 * offset of their first byte in everything the workload ever printed; the two
 * newest are kept. A full disk stops the journal, not the workload.
 */
#pragma once

#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum journal_stream { JOURNAL_STDOUT, JOURNAL_STDERR, JOURNAL_STREAMS };

struct journal {
	int folder; /* borrowed */
	int fd;
	int64_t base, end; /* offsets of the current file's first byte and behind its last */
	int64_t file_bytes;
	size_t held[JOURNAL_STREAMS];
	char line[JOURNAL_STREAMS][LOG_LINE_MAX];
};

/* Go on behind what an earlier keeper wrote. */
enum err journal_open(struct journal *j, int folder, int64_t file_bytes, struct why *why);

/* Read what a pipe holds and write its whole lines. False: the pipe has ended. */
bool journal_take(struct journal *j, enum journal_stream stream, int pipe);

/* Write what is left of unfinished lines. Not open: nothing happens. */
void journal_flush(struct journal *j);
