/*
 * rollout_spec - what a Rollout object asks for.
 *
 * docs/fleet.md has the fields. Owns its selectors: rollout_spec_free() gives them back.
 */
#pragma once

#include "cloud/fleet/parse.h"
#include "cloud/fleet/window.h"
#include "workloads/selector.h"

enum {
	ROLLOUT_BATCHES_MAX = 16,
	ROLLOUT_DEVICES_MAX = 4096,
};

struct batch_spec {
	struct selector selector; /* of the devices that no batch before has taken */
	struct amount limit;      /* n 0: all of them; a share is one of all the rollout's */
};

enum halt_then { HALT_PAUSE, HALT_ROLLBACK, HALT_CONTINUE };

struct halt_spec {
	struct amount failures; /* so many, or such a share of the answers, halts it; n 0: none */
	int64_t least;          /* answers before a share counts */
	enum halt_then then;
};

struct rollout_spec {
	struct selector selector;
	struct batch_spec batches[ROLLOUT_BATCHES_MAX + 1]; /* the last takes the rest */
	size_t batch_count;
	int64_t success_percent;             /* of a batch's answers, to go on */
	int64_t healthy_ms;                  /* -1: as the states say */
	struct amount unavailable;           /* n 0: no bound */
	char group_by[SELECTOR_KEY_MAX + 1]; /* a label; "": one group */
	struct halt_spec halt;
	int64_t deadline_ms; /* of one device, from when it saw its state */
	bool waits;          /* for devices that are offline */
	struct window window;
	uint32_t approvals; /* bit n: a person is asked before batch n, from 0 */
};

/* `spec` is the object's; `to` in it is not read here. ERR_INVALID, ERR_FULL: "spec....: ". */
enum err rollout_spec_read(const struct json *spec, struct rollout_spec *out, struct why *why);
void rollout_spec_free(struct rollout_spec *s);
