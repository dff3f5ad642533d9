/*
 * packet - keeps what a broker sends within our bounds.
 *
 * libmosquitto takes memory for whatever length a packet claims, up to 256 MiB.
 * What is longer than PACKET_MAX is cut there, its header rewritten: the message
 * still comes, is acknowledged, and is longer than anybody here accepts.
 *
 * For brokers that keep messages for us: one that ended the connection would come again
 * for ever. Private to ports/linux: tunnel.c passes what comes from the network through it.
 */
#pragma once

#include "base/limits.h"

#include <stddef.h>

enum {
	/* Behind the fixed header: a topic of any length, an id, and one byte too much. */
	PACKET_MAX = 2 + 65535 + 2 + MESSAGE_MAX + 1,
	PACKET_HEAD_MAX = 5, /* type, and a length of at most four bytes */
};

/* Zero is the beginning of a stream. */
struct packet_cut {
	size_t pass; /* bytes of the packet under way that still pass */
	size_t skip; /* and behind them, those that do not */
};

/* Look at the next *len bytes of the stream; those that do not pass are taken out, *len
 * says what is left. The answer is how many of these may go on; the rest is a header
 * that is not whole yet, to be shown again with what follows. */
size_t packet_cut(struct packet_cut *c, char *at, size_t *len);
