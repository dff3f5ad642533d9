/*
 * door - where agents talk to a keeper.
 *
 * Packets of text, docs/keeper.md. The agent that started the keeper comes
 * with an open connection; later ones knock at `sock`. Only our own user is
 * let in. An agent that does not read is not waited for: everything that
 * matters is on a file as well.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "ports/keeper.h"
#include "ports/socket.h"

#include <stdbool.h>

enum { DOOR_GUESTS_MAX = 3, DOOR_REQUEST_MAX = KEEPER_PACKET_MAX };

struct door {
	int listener;
	int guests[DOOR_GUESTS_MAX]; /* -1: free */
	bool holds[DOOR_GUESTS_MAX]; /* will start the workload again when it has ended */
	int telemetry;               /* handed to each guest; -1: none */
};

/* `first` is a connection that is open already, -1 for none. */
enum err door_open(struct door *d, const char *folder, int first, int telemetry, struct why *why);

/* Let the next one in and say hello. The newest agent is the one that lives:
 * when all places are taken, the oldest guest leaves. */
void door_admit(struct door *d, struct bytes hello);

/* Say hello to those that are there already, when a run begins. */
void door_greet_all(const struct door *d, struct bytes hello);

/* This guest knows what to do with a keeper whose workload has ended. */
void door_hold(struct door *d, size_t guest);

/* Does anybody who is there? */
bool door_is_held(const struct door *d);

/* A request of a guest, ending in NUL, and what came with it, which is the caller's to
 * close. False: there is none, or the guest left. */
bool door_hear(struct door *d, size_t guest, char out[DOOR_REQUEST_MAX], size_t *out_len,
	       int out_fds[SOCKET_FDS_MAX]);

/* Tell every guest. */
void door_tell(struct door *d, struct bytes packet);

/* Nobody can knock any more. */
void door_close(struct door *d, const char *folder);
