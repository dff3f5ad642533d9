#include "sync/payload.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_MAX = 64 };

static struct bytes trim(struct bytes s)
{
	while (s.len && s.at[0] && strchr(" \t\r\n", s.at[0]))
		s = (struct bytes){ s.at + 1, s.len - 1 };
	while (s.len && s.at[s.len - 1] && strchr(" \t\r\n", s.at[s.len - 1]))
		s.len--;
	return s;
}

bool payload_format_read(struct bytes word, enum payload_format *out)
{
	static const char *const words[] = {
		[PAYLOAD_AUTO] = "auto", [PAYLOAD_NUMBER] = "number", [PAYLOAD_JSON] = "json",
		[PAYLOAD_LINE] = "line", [PAYLOAD_SENML] = "senml",
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		*out = (enum payload_format)i;
		if (bytes_are(word, words[i]))
			return true;
	}
	return false;
}

static bool read_scalar(struct bytes text, struct value *out)
{
	char word[NUMBER_MAX], *end;
	text = trim(text);
	if (!text.len || memchr(text.at, '\0', text.len) || !text_copy(word, sizeof word, text))
		return false;
	out->type = VALUE_BOOLEAN;
	out->integer = strcmp(word, "true") == 0;
	if (out->integer || strcmp(word, "false") == 0)
		return true;
	/* strtod takes hexadecimal, "inf" and "nan" as well. */
	if (word[strspn(word, "+-.0123456789eE")])
		return false;
	out->type = VALUE_FLOAT;
	errno = 0;
	out->number = strtod(word, &end);
	return end != word && *end == '\0' && isfinite(out->number);
}

enum payload_format payload_recognise(struct bytes text)
{
	struct value v;
	const struct bytes inner = trim(text);
	if (inner.len && inner.at[0] == '[')
		return PAYLOAD_SENML;
	if (inner.len && inner.at[0] == '{')
		return PAYLOAD_JSON;
	return read_scalar(text, &v) ? PAYLOAD_NUMBER : PAYLOAD_LINE;
}

enum err payload_read_number(struct bytes text, const char *measurement, struct point *out,
			     struct why *why)
{
	point_begin(out, measurement);
	if (!read_scalar(text, &out->fields[0].value))
		return why_set(why, ERR_INVALID, "\"%.*s\" is not a number",
			       (int)(text.len < 40 ? text.len : 40), text.at);
	out->fields[0].name = BYTES_LIT("value");
	out->field_count = 1;
	return OK;
}

/* --- objects --- */

/* The objects on the way down to the member that is read. */
struct walk {
	const struct json *next[PAYLOAD_DEPTH_MAX];
	size_t name_len[PAYLOAD_DEPTH_MAX]; /* of the names before it, with the last _ */
	size_t depth;
	char prefix[POINT_KEY_MAX];
};

static enum err keep_name(struct walk *w, const char *key, struct payload_names *names,
			  struct bytes *out, struct why *why)
{
	struct text t = text_in(names->at + names->len, sizeof names->at - names->len);
	text_add(&t, "%.*s%s", (int)w->name_len[w->depth], w->prefix, key);
	if (!t.len || text_is_cut(&t))
		return why_set(why, ERR_FULL, "names of members are empty, or longer than %d bytes",
			       POINT_KEY_MAX);
	*out = text_bytes(&t);
	names->len += t.len + 1;
	return OK;
}

/* False: it is nothing that a field could be. */
static bool read_value(const struct json *j, struct value *out)
{
	const char *string = json_string(j);
	bool flag;
	if (string && strlen(string) <= POINT_STRING_MAX) {
		out->type = VALUE_STRING;
		out->string = bytes_of(string);
		return true;
	}
	if (json_bool(j, &flag)) {
		out->type = VALUE_BOOLEAN;
		out->integer = flag;
		return true;
	}
	out->type = VALUE_FLOAT;
	return json_number(j, &out->number) && isfinite(out->number);
}

static enum err descend(struct walk *w, const struct json *object, struct why *why)
{
	const size_t had = w->name_len[w->depth];
	if (w->depth + 1 == PAYLOAD_DEPTH_MAX)
		return why_set(why, ERR_FULL, "more than %d objects inside one another",
			       PAYLOAD_DEPTH_MAX);
	struct text t = text_in(w->prefix + had, sizeof w->prefix - had);
	text_add(&t, "%s_", json_key(object));
	if (text_is_cut(&t))
		return why_set(why, ERR_FULL, "names of members are longer than %d bytes",
			       POINT_KEY_MAX);
	w->depth++;
	w->name_len[w->depth] = had + t.len;
	w->next[w->depth] = json_first(object);
	return OK;
}

static enum err take_member(struct walk *w, const struct json *member, struct payload_names *names,
			    struct point *out, struct why *why)
{
	struct value v;
	if (json_type_of(member) == JSON_OBJECT)
		return descend(w, member, why);
	if (!read_value(member, &v))
		return OK;
	if (out->field_count == POINT_FIELDS_MAX)
		return why_set(why, ERR_FULL, "more than %d fields", POINT_FIELDS_MAX);
	struct point_field *f = &out->fields[out->field_count];
	enum err e = keep_name(w, json_key(member), names, &f->name, why);
	f->value = v;
	out->field_count += !e;
	return e;
}

enum err payload_read_object(const struct json *object, const char *measurement,
			     struct payload_names *names, struct point *out, struct why *why)
{
	struct walk w = { .next = { json_first(object) } };
	names->len = 0;
	point_begin(out, measurement);
	if (json_type_of(object) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "a JSON object is expected");
	for (;;) {
		const struct json *member = w.next[w.depth];
		if (!member && w.depth == 0)
			break;
		if (!member) {
			w.depth--;
			continue;
		}
		w.next[w.depth] = json_next(member);
		enum err e = take_member(&w, member, names, out, why);
		if (e)
			return e;
	}
	return out->field_count
		       ? OK
		       : why_set(why, ERR_INVALID, "an object without number, boolean or text");
}
