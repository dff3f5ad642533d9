/*
 * local_broker - what sensors publish at a broker of the gateway's own becomes points.
 *
 * A second connection, QoS 1, in a session that the broker keeps: while the
 * agent is away, messages wait there. The acknowledgement leaves with a later
 * turn of the loop, when the points are gathered: an agent that is killed loses
 * none, and may hear one twice. A power cut costs what was not flushed yet
 * (telemetry_flush).
 *
 * Points have the topic as tag `topic`. What the broker gives again because it
 * was retained is of unknown age, and passed over.
 */
#pragma once

#include "agent/ingest.h"
#include "agent/sources/topic_rule.h"
#include "ports/mqtt.h"
#include "sync/pause.h"

enum { LOCAL_SUBSCRIBE_WAIT_MS = 30 * 1000 };

struct local_options {
	struct ingest *ingest;
	struct loop *loop;
	const struct url *broker;
	const char *topics; /* as configured, checked */
	const char *device;
	const char *join_dir;
};

struct local_broker;

/* Begins to connect, and never gives up. What `o` points to stays. */
enum err local_broker_open(const struct local_options *o, struct local_broker **out,
			   struct why *why);
void local_broker_close(struct local_broker *b); /* NULL is fine */
