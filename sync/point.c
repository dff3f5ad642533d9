#include "sync/point.h"

#include <assert.h>

static int compare(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.at, b.at, n) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

void point_begin(struct point *p, const char *measurement)
{
	p->measurement = bytes_of(measurement);
	p->has_time = false;
	p->tag_count = p->field_count = 0;
}

static struct value *add_field(struct point *p, const char *name, enum value_type type)
{
	assert(p->field_count < POINT_FIELDS_MAX);
	struct point_field *f = &p->fields[p->field_count++];
	f->name = bytes_of(name);
	f->value.type = type;
	return &f->value;
}

void point_add_integer(struct point *p, const char *name, int64_t n)
{
	add_field(p, name, VALUE_INTEGER)->integer = n;
}

void point_add_number(struct point *p, const char *name, double n)
{
	add_field(p, name, VALUE_FLOAT)->number = n;
}

enum err point_set_tag(struct point *p, struct bytes key, struct bytes value)
{
	size_t i = 0;
	while (i < p->tag_count && compare(p->tags[i].key, key) < 0)
		i++;
	if (i < p->tag_count && bytes_equal(p->tags[i].key, key)) {
		p->tags[i].value = value;
		return OK;
	}
	if (p->tag_count == POINT_TAGS_MAX)
		return ERR_FULL;
	memmove(&p->tags[i + 1], &p->tags[i], (p->tag_count - i) * sizeof *p->tags);
	p->tags[i] = (struct tag){ key, value };
	p->tag_count++;
	return OK;
}
