/*
 * share - what a hub asks the broker for, and whether it shares letters with other hubs.
 *
 * With a server as database, and no --shard, letters come by a shared subscription if the
 * broker has them: each to one hub. Whether it has them is tried at each connection, since
 * an engine may grant a filter that it takes literally: a word is sent to a share of our
 * own and must come back. Without, every hub gets every letter, and the table `batch`
 * keeps the second one out.
 */
#pragma once

#include "cloud/hub/roles.h"
#include "ports/mqtt.h"
#include "sync/topic.h"

enum {
	SHARE_WAIT_MS = 2000,   /* for the word to come back */
	SHARE_FILTERS_MAX = 12, /* two SUBSCRIBEs of MQTT_FILTERS_MAX at most */
};

enum share_state { SHARE_UNKNOWN, SHARE_ASKED, SHARE_SENT, SHARE_NO, SHARE_YES };

struct share {
	enum share_state state;
	char filters[SHARE_FILTERS_MAX][160];
	size_t count, asked; /* filters; those of them that were asked for so far */
};

/* Begin to find out; on_subscribed and the word follow. */
enum err share_ask(struct share *s, struct mqtt *m, const char *client_id, struct why *why);
/* The answer to that SUBSCRIBE. */
void share_on_subscribed(struct share *s, struct mqtt *m, const char *client_id, bool granted);
/* A letter to the hub itself. True: it is our word. */
bool share_on_letter(struct share *s, const char *client_id, const struct topic *t);

/* The filters for these roles; `group` is the database's own. */
void share_list(struct share *s, const struct roles *r, const char *group);
/* Ask for the next of them. ERR_NOT_FOUND: all have been asked for. */
enum err share_subscribe(struct share *s, struct mqtt *m, struct why *why);
