#include "tests/sim/sample.h"

#include "ports/clock.h"
#include "ports/compress.h"
#include "sync/columns.h"
#include "sync/letter.h"

enum { KEY_BYTES = 64, COLUMNS_BYTES = 8 * 1024, PACKED_BYTES = COLUMNS_BYTES + 64 };

struct rows {
	int64_t first, wall_ms, span_ms;
	unsigned count, at;
};

static void rewind_rows(void *owner)
{
	struct rows *r = owner;
	r->at = 0;
}

/* Spread over the time since the letter before. */
static void next_row(void *owner, int64_t *time, struct value *values)
{
	struct rows *r = owner;
	*time = r->wall_ms + r->span_ms * (int64_t)r->at / (int64_t)r->count;
	values[0] = (struct value){ .type = VALUE_INTEGER, .integer = r->first + r->at };
	r->at++;
}

enum err sample_add(struct outbox *o, int64_t first, unsigned count, int64_t span_ms,
		    struct why *why)
{
	static unsigned char key_at[KEY_BYTES], columns_at[COLUMNS_BYTES];
	static char packed[PACKED_BYTES];
	struct columns_out key = { .at = key_at, .cap = sizeof key_at };
	struct columns_out columns = { .at = columns_at, .cap = sizeof columns_at };
	struct rows rows = { first, clock_wall_ms() - span_ms, span_ms, count, 0 };
	const struct columns_source source = { &rows, count, rewind_rows, next_row };
	struct point p;
	size_t len;
	point_begin(&p, "made");
	point_add_integer(&p, "n", 0);
	columns_put_key(&key, &p);
	columns_put_count(&columns, 1);
	columns_put_table(&columns, (struct bytes){ (const char *)key_at, key.len }, &source);
	if (key.cut || columns.cut ||
	    compress_pack((struct bytes){ (const char *)columns_at, columns.len }, packed,
			  sizeof packed, &len))
		return why_set(why, ERR_FULL, "%u samples do not fit into a letter", count);
	struct letter l = {
		.class = LETTER_TELEMETRY, .items = count, .stream = "sim", .body = { packed, len }
	};
	letter_stamp(&l, letter_clock_now());
	return outbox_add(o, &l, why);
}
