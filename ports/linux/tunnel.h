/*
 * tunnel - carries MQTT between a local socket and the network.
 *
 * Private to ports/linux: mqtt_mosquitto.c puts libmosquitto on the local end. The
 * network's end may be under TLS, with the handshake done.
 * A bad frame, in either direction, ends it before the other end sees a byte of it.
 * Bytes that cannot move on hold back the side that they come from; nothing is
 * dropped and nothing grows; only where that is asked for, packets beyond all bounds
 * that come in are cut (packet.h).
 */
#pragma once

#include "base/err.h"
#include "base/mqtt_guard.h"
#include "ports/linux/packet.h"
#include "ports/loop.h"
#include "ports/tls.h"

#include <stddef.h>

enum { TUNNEL_BUFFER = 8 * 1024 }; /* one for each direction */

struct tunnel_buffer {
	size_t from, ready, to; /* up to `ready` it may move on */
	char at[TUNNEL_BUFFER];
};

struct tunnel {
	struct loop *loop;
	struct watch near, far; /* the local socket, the network */
	struct tls *tls;        /* over `far`; NULL: plain */
	struct tunnel_buffer out, in;
	struct packet_cut cut; /* of what comes in */
	struct mqtt_guard out_guard, in_guard;
	bool cuts; /* a packet beyond all bounds is cut, and does not end it; the owner's to set */
	bool near_ended, far_ended, said_goodbye;
	void *owner;
	/* The far end has closed, and what was under way has arrived. A near end that
	 * closes first is followed by a half-close; how long the far end may take
	 * then is the owner's to say. Called from the loop; the tunnel is closed by
	 * then. `why` is empty when the near end closed first. */
	void (*on_ended)(void *owner, const struct why *why);
	struct why why;
};

/* Takes both descriptors, also when it fails. `tls` is borrowed, NULL: none. */
enum err tunnel_open(struct tunnel *t, struct loop *l, int near_fd, int far_fd, struct tls *tls,
		     struct why *why);

/* Close both ends at once; on_ended is not called. Not open: nothing happens. */
void tunnel_close(struct tunnel *t);
