/*
 * slots - which programs the launcher starts: a small table, and what moves in it.
 *
 * A slot is the digest of an unpacked image with the programs in it, or SLOT_PACKAGE, the
 * programs that stand beside the launcher. One runs; one that was told to be tried takes its
 * place once it has proved itself, and is given up otherwise. Time and boot come in as
 * arguments, and nothing here reads or writes a file: whoever does, writes the table
 * whole (file_replace()) before he acts on it. Then a power cut leaves the table before or
 * the table after, and each of both names a slot that runs.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"

#include <stdint.h>

#define SLOT_PACKAGE "package"
#define SLOTS_FILE "slots" /* in state_dir */

enum {
	SLOTS_TEXT_MAX = 1024,
	SLOTS_TRIES_MAX = 3,     /* starts of a slot on trial before it is given up */
	SLOTS_TRIAL_MS = 180000, /* since its first start on this boot: it has proved itself */
	SLOTS_VERSION_SIZE = 32,
	SLOTS_BOOT_SIZE = 37,
};

struct slots {
	char run[DIGEST_SIZE];            /* what has proved itself */
	char old[DIGEST_SIZE];            /* what ran before it; "": nothing */
	char trial[DIGEST_SIZE];          /* what shall prove itself; "": nothing */
	char package[SLOTS_VERSION_SIZE]; /* version of the package beside which `run` came */
	int64_t attempt;                  /* of the trial: 0, 1, ... */
	int64_t tries;                    /* starts of it so far */
	int64_t ready;                    /* workloads that were ready before it */
	int64_t until_ms;                 /* since boot: when the trial has failed, on this boot: */
	char boot[SLOTS_BOOT_SIZE];
	char failed[DIGEST_SIZE]; /* what was given up last, its attempt, and why; "": nothing */
	int64_t failed_attempt;
	int64_t told; /* 1: the cloud knows of it */
	struct why reason;
};

/* The package runs, and nothing else is known. */
void slots_init(struct slots *s);

/* ERR_INVALID: this is no such table, and *out is as slots_init() leaves it. */
enum err slots_read(struct bytes text, struct slots *out);

/* As text, in `room`. */
struct bytes slots_print(const struct slots *s, char room[SLOTS_TEXT_MAX]);

/* What a launcher of this version starts now; a string of the table. A start of the trial is
 * counted, one that has used up its time or its starts is given up. A package of another
 * version than `run` came beside takes the place of everything. *out_changed: the table must be
 * on flash before the slot is started. */
const char *slots_choose(struct slots *s, const char *version, const char *boot, int64_t now_ms,
			 int64_t trial_ms, bool *out_changed);

/* Try a slot with the next start. */
void slots_try(struct slots *s, const char *slot, int64_t attempt, int64_t ready);

/* The trial has proved itself. */
void slots_commit(struct slots *s);

/* The trial is given up. */
void slots_fail(struct slots *s, const char *reason);

/* `run` cannot be started at all: what ran before takes its place, or the package. */
void slots_fall_back(struct slots *s, const char *reason);

/* Is this slot needed? Others may be removed. */
bool slots_need(const struct slots *s, const char *slot);
