#include "sync/gather.h"

#include "base/label.h"
#include "base/scoped.h"
#include "ports/compress.h"
#include "ports/memory.h"
#include "ports/random.h"
#include "sync/columns.h"

#include <stdatomic.h>

enum {
	MAGIC = 0x67617430, /* "gat0": a change of the layout changes it */
	DEFINITION = 1,
	POINT = 2,
	ENCODED_MAX = 64 * 1024,
};

struct gather_file {
	uint32_t magic;
	char boot[BOOT_ID_SIZE];
	int64_t number;
	/* Bytes in use. Written last: a record counts when it is whole. */
	_Atomic uint32_t used;
	unsigned char at[];
};

/* A record begins with its kind and its length in all. */
struct head {
	uint16_t kind;
	uint16_t len;
};

/* Behind a definition's head: stream and clock, then the key. */
struct definition {
	char stream[LABEL_SIZE];
	uint8_t wall;
	uint8_t fields;
	uint8_t types[POINT_FIELDS_MAX];
};

/* Behind a point's head: its series and the next point of it; then its values:
 * eight bytes each, strings by length and bytes. */
struct entry {
	uint32_t series;
	uint32_t next;
	int64_t time;
};

/* A record that is being put together behind the used part. */
struct writer {
	unsigned char *at;
	size_t len, cap;
	bool cut;
};

static void put(struct writer *w, const void *from, size_t len)
{
	if (len > w->cap - w->len) {
		w->cut = true;
		return;
	}
	if (len)
		memcpy(w->at + w->len, from, len);
	w->len += len;
}

static uint32_t used(const struct gather *g)
{
	return atomic_load_explicit(&g->file->used, memory_order_acquire);
}

static struct head head_at(const struct gather *g, uint32_t at)
{
	struct head h;
	memcpy(&h, g->file->at + at, sizeof h);
	return h;
}

static void read_definition(const struct gather *g, const struct gather_series *s,
			    struct definition *out, struct bytes *out_key)
{
	const unsigned char *from = g->file->at + s->record;
	struct head h = head_at(g, s->record);
	memcpy(out, from + sizeof h, sizeof *out);
	*out_key = (struct bytes){ (const char *)from + sizeof h + sizeof *out,
				   h.len - sizeof h - sizeof *out };
}

static void chain(struct gather *g, uint32_t series, uint32_t at)
{
	struct gather_series *s = &g->series[series];
	struct entry last;
	if (s->points++ == 0) {
		s->first = at;
	} else {
		unsigned char *entry = g->file->at + s->last + sizeof(struct head);
		memcpy(&last, entry, sizeof last);
		last.next = at;
		memcpy(entry, &last, sizeof last);
	}
	s->last = at;
	g->points++;
}

/* --- taking over --- */

/* One record; false: it is not one of ours. */
static bool take_record(struct gather *g, uint32_t at, struct head h)
{
	struct entry e;
	if (h.kind == DEFINITION && g->series_count < GATHER_SERIES_MAX) {
		g->series[g->series_count++] = (struct gather_series){ .record = at };
		return true;
	}
	memcpy(&e, g->file->at + at + sizeof h, sizeof e);
	if (h.kind != POINT || e.series >= g->series_count)
		return false;
	chain(g, e.series, at);
	return true;
}

static void take_over(struct gather *g)
{
	const uint32_t end = used(g);
	uint32_t at = 0;
	while (at < end && end <= g->cap) {
		struct head h = head_at(g, at);
		if (h.len < sizeof h || h.len > end - at || !take_record(g, at, h))
			break;
		at += h.len;
	}
	atomic_store(&g->file->used, at);
}

enum err gather_open(struct gather *g, const char *path, size_t cap, struct why *why)
{
	char boot[BOOT_ID_SIZE];
	void *mapped;
	*g = (struct gather){ .cap = (uint32_t)cap };
	enum err e = memory_map(path, sizeof *g->file + cap, &mapped, why);
	if (e)
		return e;
	g->file = mapped;
	clock_boot_id(boot);
	if (g->file->magic == MAGIC && memcmp(g->file->boot, boot, sizeof boot) == 0) {
		take_over(g);
		return OK;
	}
	/* Another boot's or another layout's: there is nothing to be trusted in it.
	 * Its number starts at random, so that no store knows it. */
	g->file->magic = MAGIC;
	memcpy(g->file->boot, boot, sizeof boot);
	random_bytes(&g->file->number, sizeof g->file->number);
	atomic_store(&g->file->used, 0);
	return OK;
}

void gather_close(struct gather *g)
{
	if (g->file)
		memory_unmap(g->file, sizeof *g->file + g->cap);
	*g = (struct gather){ 0 };
}

int64_t gather_number(const struct gather *g)
{
	return g->file->number;
}

void gather_clear(struct gather *g)
{
	atomic_store_explicit(&g->file->used, 0, memory_order_release);
	g->file->number++;
	g->series_count = 0;
	g->points = 0;
}

/* --- adding --- */

static struct writer begin_record(const struct gather *g, uint32_t at, uint16_t kind)
{
	struct writer w = { .at = g->file->at + at, .cap = g->cap - at };
	const struct head h = { .kind = kind };
	put(&w, &h, sizeof h);
	return w;
}

static bool end_record(struct writer *w)
{
	if (w->cut || w->len > UINT16_MAX)
		return false;
	struct head h;
	memcpy(&h, w->at, sizeof h);
	h.len = (uint16_t)w->len;
	memcpy(w->at, &h, sizeof h);
	return true;
}

/* Write the definition that a point needs behind the used part. */
static bool write_definition(const struct gather *g, const char *stream, const struct point *p,
			     bool wall, struct writer *w)
{
	struct definition d = { .wall = wall, .fields = (uint8_t)p->field_count };
	strncpy(d.stream, stream, sizeof d.stream - 1);
	for (size_t i = 0; i < p->field_count; i++)
		d.types[i] = (uint8_t)p->fields[i].value.type;
	*w = begin_record(g, used(g), DEFINITION);
	put(w, &d, sizeof d);
	struct columns_out key = { .at = w->at + w->len, .cap = w->cap - w->len };
	columns_put_key(&key, p);
	w->len += key.len;
	w->cut |= key.cut || key.len > POINT_KEY_MAX;
	return end_record(w);
}

/* A series with the very definition that was just written; else series_count. */
static size_t find_series(const struct gather *g, const struct writer *w)
{
	size_t i = 0;
	for (; i < g->series_count; i++) {
		struct head h = head_at(g, g->series[i].record);
		if (h.len == w->len &&
		    memcmp(g->file->at + g->series[i].record, w->at, w->len) == 0)
			break;
	}
	return i;
}

static void put_value(struct writer *w, const struct value *v)
{
	uint32_t len = (uint32_t)v->string.len;
	if (v->type == VALUE_STRING) {
		put(w, &len, sizeof len);
		put(w, v->string.at, len);
	} else if (v->type == VALUE_FLOAT) {
		put(w, &v->number, sizeof v->number);
	} else {
		put(w, &v->integer, sizeof v->integer);
	}
}

static bool write_point(const struct gather *g, uint32_t at, size_t series, const struct point *p,
			int64_t time_ms, struct writer *w)
{
	const struct entry e = { .series = (uint32_t)series, .time = time_ms };
	*w = begin_record(g, at, POINT);
	put(w, &e, sizeof e);
	for (size_t i = 0; i < p->field_count; i++)
		put_value(w, &p->fields[i].value);
	return end_record(w);
}

enum err gather_add(struct gather *g, const char *stream, const struct point *p, int64_t time_ms,
		    bool wall)
{
	struct writer definition, w;
	uint32_t at = used(g);
	const enum err no_room = at == 0 ? ERR_INVALID : ERR_FULL;
	unsigned char key_at[POINT_KEY_MAX];
	struct columns_out key = { .at = key_at, .cap = sizeof key_at };
	columns_put_key(&key, p);
	if (key.cut)
		return ERR_INVALID;
	if (!write_definition(g, stream, p, wall, &definition))
		return no_room;
	size_t series = find_series(g, &definition);
	bool is_new = series == g->series_count;
	if (is_new && series == GATHER_SERIES_MAX)
		return ERR_FULL;
	if (is_new)
		at += (uint32_t)definition.len;
	if (!write_point(g, at, series, p, time_ms, &w))
		return no_room;

	if (is_new)
		g->series[g->series_count++] = (struct gather_series){ .record = used(g) };
	chain(g, (uint32_t)series, at);
	atomic_store_explicit(&g->file->used, at + (uint32_t)w.len, memory_order_release);
	return OK;
}

/* --- encoding --- */

/* Walks through the points of one series. */
struct walk {
	const struct gather *gather;
	const struct gather_series *series;
	struct definition definition;
	uint32_t at;
};

static void walk_rewind(void *owner)
{
	struct walk *w = owner;
	w->at = w->series->first;
}

static void walk_next(void *owner, int64_t *time, struct value *values)
{
	struct walk *w = owner;
	const unsigned char *from = w->gather->file->at + w->at + sizeof(struct head);
	struct entry e;
	memcpy(&e, from, sizeof e);
	from += sizeof e;
	*time = e.time;
	w->at = e.next;
	for (size_t i = 0; i < w->definition.fields; i++) {
		uint32_t len = 8;
		values[i].type = (enum value_type)w->definition.types[i];
		if (values[i].type == VALUE_STRING) {
			memcpy(&len, from, sizeof len);
			from += sizeof len;
			values[i].string = (struct bytes){ (const char *)from, len };
		} else if (values[i].type == VALUE_FLOAT) {
			memcpy(&values[i].number, from, len);
		} else {
			memcpy(&values[i].integer, from, len);
		}
		from += len;
	}
}

/* All series of one stream and clock. */
struct encoding {
	const struct gather *gather;
	struct gather_segment segment;
	struct definition first; /* of the stream */
	struct columns_out out;
	char packed[ENCODED_MAX];
	unsigned char columns[ENCODED_MAX];
};

static bool is_same_stream(const struct definition *a, const struct definition *b)
{
	return a->wall == b->wall && strcmp(a->stream, b->stream) == 0;
}

static void encode_series(struct encoding *e, const struct gather_series *s, struct bytes key,
			  const struct definition *d)
{
	struct walk walk = { .gather = e->gather, .series = s, .definition = *d };
	const struct columns_source source = { &walk, s->points, walk_rewind, walk_next };
	columns_put_table(&e->out, key, &source);
	e->segment.points += s->points;
	uint32_t at = s->first;
	for (uint32_t i = 0; i < s->points; i++) {
		struct entry x;
		memcpy(&x, e->gather->file->at + at + sizeof(struct head), sizeof x);
		if (x.time > e->segment.newest_ms)
			e->segment.newest_ms = x.time;
		at = x.next;
	}
}

static uint64_t count_series(const struct gather *g, const struct definition *stream)
{
	struct definition d;
	struct bytes key;
	uint64_t n = 0;
	for (size_t i = 0; i < g->series_count; i++) {
		read_definition(g, &g->series[i], &d, &key);
		n += is_same_stream(&d, stream) && g->series[i].points;
	}
	return n;
}

static enum err encode_stream(struct encoding *e, struct why *why)
{
	const struct gather *g = e->gather;
	struct definition d;
	struct bytes key;
	size_t packed_len;
	e->out = (struct columns_out){ .at = e->columns, .cap = sizeof e->columns };
	e->segment = (struct gather_segment){ .stream = e->first.stream, .wall = e->first.wall };
	columns_put_count(&e->out, count_series(g, &e->first));
	for (size_t i = 0; i < g->series_count; i++) {
		read_definition(g, &g->series[i], &d, &key);
		if (is_same_stream(&d, &e->first) && g->series[i].points)
			encode_series(e, &g->series[i], key, &d);
	}
	const struct bytes columns = { (const char *)e->columns, e->out.len };
	if (e->out.cut || compress_pack(columns, e->packed, sizeof e->packed, &packed_len))
		return why_set(why, ERR_FULL, "a segment did not fit into %d bytes", ENCODED_MAX);
	e->segment.body = (struct bytes){ e->packed, packed_len };
	return OK;
}

/* Is this series the first of its stream? Then the stream is encoded with it. */
static bool begins_stream(const struct gather *g, size_t index, struct definition *out)
{
	struct definition d;
	struct bytes key;
	read_definition(g, &g->series[index], out, &key);
	for (size_t i = 0; i < index; i++) {
		read_definition(g, &g->series[i], &d, &key);
		if (is_same_stream(&d, out))
			return false;
	}
	return true;
}

enum err gather_encode(const struct gather *g,
		       enum err (*on_segment)(void *owner, const struct gather_segment *s,
					      struct why *why),
		       void *owner, struct why *why)
{
	SCOPED_MEMORY struct encoding *e = malloc(sizeof *e);
	enum err err = e ? OK : why_set(why, ERR_SYSTEM, "gather: no memory");
	if (err)
		return err;
	e->gather = g;
	for (size_t i = 0; !err && i < g->series_count; i++) {
		if (!begins_stream(g, i, &e->first))
			continue;
		err = encode_stream(e, why);
		if (!err)
			err = on_segment(owner, &e->segment, why);
	}
	return err;
}
