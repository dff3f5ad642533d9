#include "sync/envelope.h"

#include "base/text.h"
#include "ports/clock.h"
#include "ports/compress.h"

#include <stdio.h>
#include <stdlib.h>

enum { BOOT_SHIFT = 8 };

uint32_t envelope_boot_flags(void)
{
	char boot[BOOT_ID_SIZE];
	clock_boot_id(boot);
	return (uint32_t)strtoul(boot, NULL, 16) << BOOT_SHIFT;
}

/* Times since boot become times since 1970 as soon as that can be known. */
static void choose_clock(const struct envelope *e, const struct letter *l,
			 struct segment_head *head)
{
	const int64_t now = clock_now_ms(), wall = clock_wall_ms();
	const uint32_t boot_mask = ~0u << BOOT_SHIFT;
	if (l->flags & LETTER_WALL) {
		head->history = clock_is_set(wall) && wall - l->made_ms > HISTORY_AFTER_MS;
		return;
	}
	bool this_boot = (l->flags & boot_mask) == e->boot;
	int64_t age = this_boot ? now - l->made_ms : now;
	head->history = age > HISTORY_AFTER_MS;
	/* Of an earlier boot nobody knows how long the board was off: as if it had
	 * ended when this one began, which keeps the order. */
	int64_t since_boot_now = this_boot ? now : l->made_ms + now;
	head->clock = clock_is_set(wall) ? SEGMENT_OFFSET : SEGMENT_ARRIVAL;
	head->clock_ms = clock_is_set(wall) ? wall - since_boot_now : since_boot_now;
}

void envelope_head(const struct envelope *e, const struct letter *l, struct segment_head *out)
{
	*out = (struct segment_head){ .seq = l->seq };
	text_copy(out->buf, sizeof out->buf, bytes_of(e->buf));
	choose_clock(e, l, out);
}

static enum err make_telemetry(const struct letter *l, const struct segment_head *head,
			       char *scratch, struct bytes *out)
{
	size_t len = segment_write(head, scratch);
	if (l->body.len > MESSAGE_MAX - len)
		return ERR_FULL;
	memcpy(scratch + len, l->body.at, l->body.len);
	*out = (struct bytes){ scratch, len + l->body.len };
	return OK;
}

/* Logs and events: the members of an object, unpacked behind the head. */
static enum err make_document(const char *device, const struct letter *l,
			      const struct segment_head *head, char *scratch, struct bytes *out)
{
	struct text t = text_in(scratch, MESSAGE_MAX);
	size_t len;
	text_add(&t, "{\"v\":1,\"dev\":\"%s\",\"buf\":\"%s\",\"seq\":%lld,", device, head->buf,
		 (long long)head->seq);
	if (head->history)
		text_add(&t, "\"hist\":true,");
	if (head->clock == SEGMENT_OFFSET)
		text_add(&t, "\"clock\":\"mono\",\"offset\":%lld,", (long long)head->clock_ms);
	if (head->clock == SEGMENT_ARRIVAL)
		text_add(&t, "\"clock\":\"mono\",\"now\":%lld,", (long long)head->clock_ms);
	enum err e = compress_unpack(l->body, scratch + t.len, MESSAGE_MAX - t.len - 1, &len);
	if (e)
		return e;
	scratch[t.len + len] = '}';
	*out = (struct bytes){ scratch, t.len + len + 1 };
	return OK;
}

enum err envelope_make(const struct envelope *e, const struct letter *l,
		       char scratch[ENVELOPE_SCRATCH], char out_rest[TOPIC_MAX],
		       struct bytes *out_payload)
{
	struct segment_head head;
	envelope_head(e, l, &head);
	if (l->class == LETTER_EVENT)
		snprintf(out_rest, TOPIC_MAX, "up/event");
	else
		snprintf(out_rest, TOPIC_MAX, "up/%s/%s", l->class == LETTER_LOG ? "log" : "telec",
			 l->stream);
	return letter_is_telemetry(l->class)
		       ? make_telemetry(l, &head, scratch, out_payload)
		       : make_document(e->device, l, &head, scratch, out_payload);
}
