#include "sync/letter.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/compress.h"
#include "sync/envelope.h"

/* Room for the head that the uplink puts in front. */
enum { DOCUMENT_BYTES = MESSAGE_MAX - 512 };

struct letter_clock letter_clock_now(void)
{
	int64_t wall = clock_wall_ms();
	if (clock_is_set(wall))
		return (struct letter_clock){ wall, true };
	return (struct letter_clock){ clock_now_ms(), false };
}

void letter_stamp(struct letter *l, struct letter_clock clock)
{
	l->made_ms = clock.now_ms;
	l->flags = clock.wall ? LETTER_WALL : envelope_boot_flags();
}

/* {"lines":[...]} without its braces: what stands between them. */
static struct bytes members_of(const char *object)
{
	return (struct bytes){ object + 1, strlen(object) - 2 };
}

enum err letter_add_document(struct outbox *o, enum letter_class class, const char *stream,
			     struct json *list, uint32_t items, struct why *why)
{
	struct json *object = json_new_object();
	json_set(object, class == LETTER_EVENT ? "events" : "lines", list);
	SCOPED_MEMORY char *text = json_print(object);
	json_free(object);

	struct bytes members = members_of(text);
	SCOPED_MEMORY char *packed = malloc(members.len + 64);
	size_t len;
	if (!packed)
		return why_set(why, ERR_SYSTEM, "letter: no memory");
	if (members.len > DOCUMENT_BYTES ||
	    compress_pack(members, packed, members.len + 64, &len)) {
		o->dropped[class] += items;
		return why_set(why, ERR_FULL, "a document of %zu bytes", members.len);
	}

	struct letter l = {
		.class = class, .items = items, .stream = stream, .body = { packed, len }
	};
	letter_stamp(&l, letter_clock_now());
	return outbox_add(o, &l, why);
}
