/*
 * mqtt_guard - walks the frames of MQTT 3.1.1 before a library sees them.
 *
 * One guard for each direction of a connection. It takes bytes as they come, split
 * anywhere, keeps none of them and allocates nothing. What it lets through is what we
 * use of MQTT: QoS 0 and 1, one greeting and it first, no frame longer than
 * MQTT_FRAME_MAX. A length is judged before its frame's body has come: a library
 * would reserve what five bytes promise.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

enum { MQTT_FRAME_MAX = 256 * 1024 /* bytes behind the fixed header */ };

enum mqtt_speaker { MQTT_BROKER, MQTT_CLIENT };

struct mqtt_guard {
	enum mqtt_speaker speaker;
	enum { MQTT_AT_TYPE, MQTT_AT_LENGTH, MQTT_IN_BODY } at;
	unsigned char type, flags; /* of the frame that is under way */
	unsigned char head[2];     /* its body's first bytes */
	unsigned length_bytes;
	uint32_t len, seen; /* of its body */
	bool has_greeted;
};

void mqtt_guard_init(struct mqtt_guard *g, enum mqtt_speaker speaker);

/* The next bytes. ERR_INVALID: a frame is bad, `why` says "sent ..."; the guard is then of
 * no more use, and nothing of `b` should go on. */
enum err mqtt_guard_walk(struct mqtt_guard *g, struct bytes b, struct why *why);
