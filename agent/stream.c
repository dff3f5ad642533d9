#include "agent/stream.h"

static uint32_t flags_of(enum telemetry_ack ack, enum telemetry_format format)
{
	const uint32_t form = format == FORMAT_JSON   ? LETTER_AS_JSON
			      : format == FORMAT_LINE ? LETTER_AS_LINE
						      : 0;
	if (ack == ACK_NONE)
		return form | LETTER_ACK_NONE;
	/* Nobody but the hub acknowledges by number, and the hub only columns. */
	return form || ack == ACK_BROKER ? form | LETTER_ACK_BROKER : 0;
}

void stream_policy(const struct supervisor *s, const struct config *c, const char *stream,
		   enum letter_class *out_rank, uint32_t *out_flags)
{
	static const enum letter_class ranks[] = { [RANK_NORMAL] = LETTER_TELEMETRY,
						   [RANK_HIGH] = LETTER_URGENT,
						   [RANK_LOW] = LETTER_BULK };
	const struct telemetry_spec unsaid = { 0 };
	const struct running_pod *r = supervisor_pod(s, stream);
	const struct telemetry_spec *t = r ? &r->pod->board.telemetry : &unsaid;
	*out_rank = ranks[t->rank];
	*out_flags = flags_of(t->ack ? t->ack : c->ack, t->format ? t->format : c->format);
}
