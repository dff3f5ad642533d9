#include "base/mqtt_guard.h"

enum {
	CONNECT = 1,
	CONNACK = 2,
	PUBLISH = 3,
	PUBACK = 4,
	SUBSCRIBE = 8,
	SUBACK = 9,
	UNSUBSCRIBE = 10,
	UNSUBACK = 11,
	PINGREQ = 12,
	PINGRESP = 13,
	DISCONNECT = 14,

	LENGTH_BYTES_MAX = 4,
	CONNACK_CODE_MAX = 5,
	SUBACK_CODES_MAX = 8, /* MQTT_FILTERS_MAX */
	QOS_SHIFT = 1,
	QOS_MASK = 3,
};

/* What may be sent at all, by whom, and how long it is behind its fixed header. */
static const struct kind {
	const char *name;
	bool by[2]; /* enum mqtt_speaker */
	unsigned char flags;
	uint32_t min, max;
} kinds[16] = {
	[CONNECT] = { "CONNECT", { false, true }, 0, 12, MQTT_FRAME_MAX },
	[CONNACK] = { "CONNACK", { true, false }, 0, 2, 2 },
	[PUBLISH] = { "PUBLISH", { true, true }, 0, 3, MQTT_FRAME_MAX },
	[PUBACK] = { "PUBACK", { true, true }, 0, 2, 2 },
	[SUBSCRIBE] = { "SUBSCRIBE", { false, true }, 2, 6, MQTT_FRAME_MAX },
	[SUBACK] = { "SUBACK", { true, false }, 0, 3, 2 + SUBACK_CODES_MAX },
	[UNSUBSCRIBE] = { "UNSUBSCRIBE", { false, true }, 2, 5, MQTT_FRAME_MAX },
	[UNSUBACK] = { "UNSUBACK", { true, false }, 0, 2, 2 },
	[PINGREQ] = { "PINGREQ", { false, true }, 0, 0, 0 },
	[PINGRESP] = { "PINGRESP", { true, false }, 0, 0, 0 },
	[DISCONNECT] = { "DISCONNECT", { false, true }, 0, 0, 0 },
};

void mqtt_guard_init(struct mqtt_guard *g, enum mqtt_speaker speaker)
{
	*g = (struct mqtt_guard){ .speaker = speaker };
}

static unsigned qos_of(const struct mqtt_guard *g)
{
	return g->flags >> QOS_SHIFT & QOS_MASK;
}

/* The greeting comes first, and once. */
static bool is_in_order(const struct mqtt_guard *g)
{
	const unsigned greeting = g->speaker == MQTT_BROKER ? CONNACK : CONNECT;
	return (g->type == greeting) != g->has_greeted;
}

static enum err take_type(struct mqtt_guard *g, unsigned char c, struct why *why)
{
	g->type = c >> 4;
	g->flags = c & 0xf;
	g->len = g->seen = g->length_bytes = 0;
	g->at = MQTT_AT_LENGTH;
	const struct kind *k = &kinds[g->type];
	if (!k->name || !k->by[g->speaker])
		return why_set(why, ERR_INVALID,
			       "sent an MQTT frame of type %u, which is not expected", g->type);
	if (!is_in_order(g))
		return why_set(why, ERR_INVALID, "sent an MQTT %s %s", k->name,
			       g->has_greeted ? "twice" : "before the greeting");
	if (g->type == PUBLISH ? qos_of(g) > 1 : g->flags != k->flags)
		return why_set(why, ERR_INVALID, "sent an MQTT %s with flags 0x%x", k->name,
			       g->flags);
	g->has_greeted = true;
	return OK;
}

static enum err take_length(struct mqtt_guard *g, unsigned char c, struct why *why)
{
	const struct kind *k = &kinds[g->type];
	g->len |= (uint32_t)(c & 0x7f) << 7 * g->length_bytes++;
	if (c & 0x80 && g->length_bytes == LENGTH_BYTES_MAX)
		return why_set(why, ERR_INVALID, "sent an MQTT %s with a length that does not end",
			       k->name);
	if (c & 0x80)
		return OK;
	if (g->len < k->min || g->len > k->max)
		return why_set(why, ERR_INVALID,
			       "sent an MQTT %s of %u bytes; %u to %u are allowed", k->name, g->len,
			       k->min, k->max);
	g->at = g->len ? MQTT_IN_BODY : MQTT_AT_TYPE;
	return OK;
}

/* When the body's first bytes are there: lengths inside it that lead out of it. */
static enum err check_head(const struct mqtt_guard *g, struct why *why)
{
	const unsigned topic = (unsigned)g->head[0] << 8 | g->head[1];
	const unsigned ticket = qos_of(g) ? 2 : 0;
	if (g->type == CONNACK && (g->head[0] > 1 || g->head[1] > CONNACK_CODE_MAX))
		return why_set(why, ERR_INVALID, "sent an MQTT CONNACK that says %u, %u",
			       g->head[0], g->head[1]);
	if (g->type == PUBLISH && (!topic || sizeof g->head + topic + ticket > g->len))
		return why_set(why, ERR_INVALID,
			       "sent an MQTT PUBLISH of %u bytes whose topic has %u", g->len,
			       topic);
	return OK;
}

static enum err take_body(struct mqtt_guard *g, struct bytes *b, struct why *why)
{
	const uint32_t before = g->seen, left = g->len - g->seen;
	const size_t n = b->len < left ? b->len : left;
	for (size_t i = 0; i < n && before + i < sizeof g->head; i++)
		g->head[before + i] = (unsigned char)b->at[i];
	g->seen += (uint32_t)n;
	*b = (struct bytes){ b->at + n, b->len - n };
	if (g->seen == g->len)
		g->at = MQTT_AT_TYPE;
	const bool is_head_there = before < sizeof g->head && g->seen >= sizeof g->head;
	return is_head_there ? check_head(g, why) : OK;
}

enum err mqtt_guard_walk(struct mqtt_guard *g, struct bytes b, struct why *why)
{
	enum err e = OK;
	while (!e && b.len) {
		if (g->at == MQTT_IN_BODY) {
			e = take_body(g, &b, why);
			continue;
		}
		const unsigned char c = (unsigned char)b.at[0];
		b = (struct bytes){ b.at + 1, b.len - 1 };
		e = g->at == MQTT_AT_TYPE ? take_type(g, c, why) : take_length(g, c, why);
	}
	return e;
}
