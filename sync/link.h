/*
 * link - the way to the broker: up, down, and who is there.
 *
 * Connects, says that the device is here (and leaves a will that says that it
 * is not), subscribes, and begins again with a growing, random pause when the
 * connection ends, until one lasts. A session number rises with each connection and is kept on
 * flash, so that a will that comes late never hides a newer birth.
 */
#pragma once

#include "base/url.h"
#include "ports/loop.h"
#include "ports/mqtt.h"
#include "ports/store.h"
#include "sync/pause.h"
#include "sync/topic.h"

enum {
	LINK_SUBSCRIBE_WAIT_MS = 30 * 1000,
	LINK_SHORT_LIVED =
		3, /* connections in a row, until somebody else of our name is suspected */
};

struct link_hooks {
	void *owner;
	void (*on_up)(void *owner);   /* subscribed: letters may leave */
	void (*on_down)(void *owner); /* what was under way is lost */
	void (*on_letter)(void *owner, const struct topic *topic, struct bytes payload);
	void (*on_delivered)(void *owner, int ticket);
	/* Before each attempt: with which files. A failure is the attempt's. NULL: as they are. */
	enum err (*on_dial)(void *owner, struct tls_files *files, struct why *why);
	/* The broker has acknowledged our birth: it takes us for who we are. May be NULL. */
	void (*on_proved)(void *owner);
};

struct link {
	struct loop *loop;
	struct store *store;
	struct mqtt *mqtt;
	struct link_hooks hooks;
	struct url broker;
	char fleet[LABEL_SIZE], device[LABEL_SIZE];
	char join_dir[160];
	struct tls_files tls;
	struct timer timer; /* to connect again, or to give up waiting for SUBACK */
	struct pause pause;
	bool is_up; /* CONNACK and SUBACK */
	bool leaving, redialling;
	int birth; /* ticket of its presence on this connection */
	char why_leaving[16];
	int64_t session;
	bool is_session_kept; /* on flash: no later connection has this number */
	bool is_renewing;
	int64_t generation; /* in presence */
	int64_t changed_ms; /* when it went up or down; 0: never */
	struct why why;     /* why it is down; empty when it is up */
	struct why refused; /* what the broker did not let us subscribe to; empty: all is well */
	struct why logged;  /* the failure that was logged last, so that it is not again */
	unsigned unlogged;
};

/* All is copied but the hooks' owner and the paths of `tls`. */
struct link_options {
	const struct url *broker;
	const char *fleet, *device, *join_dir;
	struct tls_files tls; /* for mqtts:// */
};

enum err link_open(struct link *l, struct loop *loop, struct store *store,
		   const struct link_options *options, const struct link_hooks *hooks,
		   struct why *why);
void link_close(struct link *l);

/* Begin to connect; never ends by itself. */
void link_start(struct link *l);

/* End this connection, later in the loop, and make a new one. */
void link_renew(struct link *l);

/* Say goodbye: `why` is "stop", "reboot" or "sleep". on_down follows, at once
 * when there is no connection. */
void link_leave(struct link *l, const char *why);

/* Leave in peace and connect again at once, with what on_dial says then. Not up: nothing happens.
 */
void link_redial(struct link *l);

/* Tell the generation with the presence; published when it changes. */
void link_set_generation(struct link *l, int64_t generation);

/* Publish below our own topic; `rest` begins with "up/". ERR_OFFLINE. */
enum err link_publish(struct link *l, const char *rest, struct bytes payload, int qos, bool retain,
		      int *out_ticket);
