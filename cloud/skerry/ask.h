/*
 * ask - one command to a device that is online, and its answer.
 *
 * With --sign the command goes in an envelope, as boards with a trust anchor want it. It
 * counts for ASK_SPAN_MS, and on the connection that the device has now.
 */
#pragma once

#include "cloud/skerry/fleet_view.h"

enum { ASK_SPAN_MS = 60 * 1000, ASK_NAME_SIZE = 17 };

struct ask {
	struct options *options;
	struct desk desk;
	struct fleet_view view;
	const char *verb, *device;
	int64_t session;
	char id[ASK_NAME_SIZE];

	bool is_answered;
	int64_t code;
	struct json *body; /* of the answer */

	void *owner;
	void (*on_tail)(void *owner, const struct json *piece); /* NULL: not wanted */
};

/* Connect and find the device: `device`, --device, or the only one that reports `workload`
 * (NULL: that is online). ERR_OFFLINE: it is not there, with since when. ask_close() also after
 * a failure. */
enum err ask_open(struct ask *a, struct options *o, const char *verb, const char *device,
		  const char *workload, struct why *why);
void ask_close(struct ask *a);

/* Send it; `args` is taken. ERR_NOT_FOUND, ERR_INVALID: a key of --sign. */
enum err ask_send(struct ask *a, struct json *args, struct why *why);

/* Wait for the answer: *out_body is borrowed until the next ask_send(). What the device
 * refuses is an error in its own words. */
enum err ask_wait(struct ask *a, int64_t wait_ms, const struct json **out_body, struct why *why);

/* Which device is meant? */
enum err ask_find_device(const struct options *o, const struct fleet_view *v, const char *workload,
			 const char **out, struct why *why);

/* "drone-09 is offline, its last report is 3d old; exec needs it online". ERR_OFFLINE. */
enum err ask_tell_offline(const struct device_view *view, const char *device, const char *verb,
			  struct why *why);
