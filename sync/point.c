#include "sync/point.h"

static int compare(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.at, b.at, n) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
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
