/* fuzz_columns - telemetry as columns, as the hub reads what a device has sent. */
#include "sync/columns.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	size_t rows, strings;
	const char *at, *end;
};

static void note_string(struct seen *s, struct bytes b)
{
	assert(b.len == 0 || (b.at >= s->at && b.at + b.len <= s->end));
	s->strings += b.len;
}

static void on_point(void *owner, const struct point *p)
{
	struct seen *s = owner;
	assert(++s->rows <= COLUMNS_ROWS_MAX);
	assert(p->tag_count <= POINT_TAGS_MAX && p->field_count <= POINT_FIELDS_MAX);
	note_string(s, p->measurement);
	for (size_t i = 0; i < p->tag_count; i++) {
		note_string(s, p->tags[i].key);
		note_string(s, p->tags[i].value);
	}
	for (size_t i = 0; i < p->field_count; i++) {
		note_string(s, p->fields[i].name);
		if (p->fields[i].value.type == VALUE_STRING)
			note_string(s, p->fields[i].value.string);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct bytes b = { (const char *)at, len };
	struct seen s = { .at = b.at, .end = b.at + b.len };
	struct why why = { "" };
	enum err e = columns_read(b, on_point, &s, &why);
	assert(!e || (e == ERR_CORRUPT && why.text[0]));
	return 0;
}
