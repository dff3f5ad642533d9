/*
 * fleet_view - what the broker knows of the devices right now: their retained
 * presence, report and desired state.
 */
#pragma once

#include "cloud/skerry/desk.h"
#include "ports/json.h"

enum {
	FLEET_VIEW_MAX = 4096,
	FLEET_VIEW_WAIT_MS = 2000, /* for a hub, where the broker shows nothing or not all */
	/* From so many retained messages on a broker may have dropped some without a word:
	 * mosquitto's max_queued_messages, if nobody has set another. */
	FLEET_VIEW_DOUBT = 1000,
};

struct device_view {
	char name[LABEL_SIZE];
	struct json *online, *state, *desired; /* as they came; NULL: nothing */
	struct json *envelope;                 /* around desired; NULL: nobody has signed it */
	char *desired_text;                    /* the desired state byte by byte */
	int64_t session;                       /* of the newest presence */
	char *held;             /* what a device keeps that hears what we hear; while awaiting */
	const char *awaited;    /* a message of ours that is under way */
	bool is_hidden;         /* fleet_view_choose() has not chosen it */
	bool has_come, has_won; /* it has come back; and was the first of its generation */
};

struct fleet_view {
	struct device_view *devices;
	size_t count, cap;
	size_t changes; /* letters that have come; rises */

	/* Of a page that the hub shows: what has come, and what its answer says. */
	bool is_answered, has_more;
	int64_t shown, documents;
	char last[LABEL_SIZE];

	struct json *awaited; /* of the hub: devices that may join; NULL: nothing heard */
};

/* Connect desk letters to a view: desk->owner and desk->on_letter. */
void fleet_view_listen(struct fleet_view *v, struct desk *d);

/* Read one device, or with NULL all of the fleet. A broker that shows nothing may only not show
 * it, and one that shows much may have dropped some of it: then the hub is asked for what is
 * missing. If none answers that is all there is, which in doubt is said on stderr. */
enum err fleet_view_read(struct fleet_view *v, struct desk *d, const char *device, struct why *why);
void fleet_view_free(struct fleet_view *v);

/* NULL: nobody has heard of it. */
struct device_view *fleet_view_find(struct fleet_view *v, const char *device);

/* Hide all devices but those that a selector of `-l` chooses, by the labels of their reports,
 * those of their desired states, and facts. ERR_INVALID: it is none. */
enum err fleet_view_choose(struct fleet_view *v, const char *selector, struct why *why);

/* From now on look whether this message, once it comes back, is what the device keeps: a
 * broker has no compare-and-set, but one order of what is published on a topic, and a device
 * keeps the first of a generation. `text` stays the caller's. */
enum err fleet_view_await(struct fleet_view *v, const char *device, const char *text,
			  struct why *why);
void device_view_stop_awaiting(struct device_view *d);

bool device_view_is_online(const struct device_view *d);
/* A number of the report, 0 when it is not there. */
int64_t device_view_number(const struct device_view *d, const char *key);

/* "ready", "progressing", "offline", ... in one word. */
const char *device_view_word(const struct device_view *d);
