/*
 * campaign - a rollout with every state that it may publish, made and signed beforehand, and
 * how far it has come.
 *
 * As text it is two files, so that whoever runs it needs no key and no manifest, and can be
 * another one than who began it. Each is lines of JSON. What was prepared never changes: a head
 * {"v":1,"rollout":NAME,"fleet":F,"by":WHO,"made":MS,"spec":{...}}, then for each device
 * {"device":D,"batch":N,"group":G,"base":DIGEST,"forward":MESSAGE,"back":MESSAGE}, or
 * {"left":D,"why":TEXT}. Progress is written before anything is published.
 *
 * Wishes of people are lines too, {"do":"pause","by":WHO,"at":MS}: they are only ever
 * appended, and are the trail of who wanted what.
 */
#pragma once

#include "cloud/fleet/answer.h"
#include "cloud/fleet/rollout.h"

enum {
	CAMPAIGN_LINE_MAX = 512 * 1024, /* two messages, escaped */
	CAMPAIGN_BYTES_MAX = 256 * 1024 * 1024,
	WHO_SIZE = 64,
};

/* One device's states. */
struct campaign_states {
	char *forward, *back;   /* messages, owned */
	char base[DIGEST_SIZE]; /* of the message that the broker held; "": none */
	struct state_id forward_id, back_id;
	char group[SELECTOR_VALUE_MAX + 1]; /* what its devices have in common */
};

/* A device that the selector has chosen, and the rollout leaves alone. */
struct campaign_left {
	char device[LABEL_SIZE];
	char why[224];
};

struct campaign {
	char name[LABEL_SIZE], fleet[LABEL_SIZE], by[WHO_SIZE];
	int64_t made_ms;
	struct json *spec_tree; /* as it was written */
	struct rollout_spec spec;
	struct rollout rollout;
	struct campaign_states *states; /* as many as members, in their order: by name */
	struct sighting *seen;
	enum order *orders;
	struct campaign_left *left;
	size_t left_count, cap, left_cap;
	int64_t obeyed; /* wishes */
};

/* An empty one. ERR_INVALID: the spec is none. */
enum err campaign_init(struct campaign *c, const char *name, const char *fleet,
		       const struct json *spec, struct why *why);
void campaign_free(struct campaign *c);

/* Takes both messages. Devices come in the order of their names. ERR_FULL: too many. */
enum err campaign_add(struct campaign *c, const char *device, const struct campaign_states *s,
		      struct why *why);
enum err campaign_leave(struct campaign *c, const char *device, const char *reason,
			struct why *why);
/* After the last: groups are made of the states' words. */
enum err campaign_seal(struct campaign *c, struct why *why);

/* Write to, and read from, lines. free() the text. ERR_INVALID: it reads as nothing. */
char *campaign_print(const struct campaign *c);
enum err campaign_read(struct bytes text, struct campaign *out, struct why *why);
/* What was prepared for those who only look: each device with "generation" in place of its
 * messages. What is read from it can be shown, and not be run. */
char *campaign_print_view(const struct campaign *c);
enum err campaign_read_view(struct bytes text, struct campaign *out, struct why *why);
char *campaign_print_progress(const struct campaign *c);
enum err campaign_read_progress(struct campaign *c, struct bytes text, struct why *why);

/* What is seen of a member now; `held` is what the broker holds for it, {0}: nothing. */
void campaign_see(struct campaign *c, size_t member, bool online, const struct json *report,
		  struct bytes held);

/* Is it over, or halted, so that nothing happens without a person? */
bool campaign_has_ended(const struct campaign *c);

/* Look, and decide. How many orders there are; each is for the member at its place. */
size_t campaign_step(struct campaign *c, int64_t wall_ms);
struct bytes campaign_message(const struct campaign *c, size_t member);

/* Obey the wishes that were not obeyed yet; what cannot be is skipped, and said in
 * `refused` (NULL is fine). True: there was one. */
bool campaign_obey(struct campaign *c, struct bytes wishes, struct why *refused);
/* Would they obey this wish now, a line? ERR_CONFLICT, ERR_INVALID: no, and nothing changed but
 * `c`, which is of no further use. */
enum err campaign_try(struct campaign *c, const char *line, struct why *why);
/* How far it is, in one line of a list: docs/schema/rollout-list.json without "runner". */
struct json *campaign_summary(const struct campaign *c);
/* One wish as a line. free() it. `batch` 0: none named. */
char *campaign_print_wish(const char *what, int64_t batch, const char *by, int64_t wall_ms);
