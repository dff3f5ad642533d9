#include "ports/yaml.h"

#include "base/scoped.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <yaml.h>

enum { DEPTH_MAX = 32, NODES_MAX = 8192, PATH_TEXT_MAX = 256 };

struct yaml_lines {
	struct line {
		char *path;
		int line;
	} * at;
	size_t count, cap;
};

struct reader {
	yaml_parser_t parser;
	struct yaml_lines *lines;
	size_t depth, nodes;
	char path[PATH_TEXT_MAX];
	struct why *why;
};

static enum err fail_at(struct reader *r, size_t line, const char *reason)
{
	return why_set(r->why, ERR_INVALID, "line %zu: %s", line + 1, reason);
}

static enum err next_event(struct reader *r, yaml_event_t *out)
{
	if (yaml_parser_parse(&r->parser, out))
		return OK;
	return fail_at(r, r->parser.problem_mark.line,
		       r->parser.problem ? r->parser.problem : "not YAML");
}

static bool note_line(struct reader *r, size_t line)
{
	struct yaml_lines *l = r->lines;
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct line *grown = realloc(l->at, cap * sizeof *grown);
		if (!grown)
			return false;
		l->at = grown;
		l->cap = cap;
	}
	char *path = strdup(r->path);
	if (!path)
		return false;
	l->at[l->count++] = (struct line){ path, (int)line + 1 };
	return true;
}

/* --- scalars --- */

static bool is_word(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

static bool is_number(const char *s, double *out)
{
	char *end;
	if (!*s || s[strspn(s, "+-.0123456789eE")] || !strpbrk(s, "0123456789"))
		return false;
	/* 012 is octal to some and decimal to others: a string to us. */
	if (s[0] == '0' && s[1] >= '0' && s[1] <= '9')
		return false;
	*out = strtod(s, &end);
	/* Beyond 2^53 a number is not exact any more: the text is kept. */
	return *end == '\0' && fabs(*out) <= 9007199254740992.0;
}

/* YAML 1.2's core schema. */
static struct json *plain_value(const char *s)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	double n;
	if (is_word(s, nulls))
		return json_new_null();
	if (is_word(s, trues) || is_word(s, falses))
		return json_new_bool(is_word(s, trues));
	return is_number(s, &n) ? json_new_number(n) : json_new_string(s);
}

/* Put a value into an object under `key`, or at the end of an array (NULL). */
static void set_child(struct json *parent, const char *key, struct json *child)
{
	if (key)
		json_set(parent, key, child);
	else
		json_push(parent, child);
}

static void set_scalar(struct json *parent, const char *key, const yaml_event_t *e)
{
	const char *s = (const char *)e->data.scalar.value;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	set_child(parent, key, plain ? plain_value(s) : json_new_string(s));
}

/* --- nodes --- */

static enum err read_node(struct reader *r, yaml_event_t *e, struct json *parent, const char *key);

static enum err enter(struct reader *r, const char *key, size_t index, size_t *was)
{
	*was = strlen(r->path);
	struct text t = text_in(r->path + *was, sizeof r->path - *was);
	if (key)
		text_add(&t, "%s%s", *was ? "." : "", key);
	else
		text_add(&t, "[%zu]", index);
	return text_is_cut(&t) ? ERR_FULL : OK;
}

static enum err read_child(struct reader *r, yaml_event_t *e, struct json *parent, const char *key,
			   size_t index)
{
	size_t was, line = e->start_mark.line;
	if (enter(r, key, index, &was) || !note_line(r, line))
		return fail_at(r, line, "nested too deeply");
	enum err err = read_node(r, e, parent, key);
	r->path[was] = '\0';
	return err;
}

static enum err read_sequence(struct reader *r, struct json *array) // NOLINT(misc-no-recursion)
{
	for (size_t i = 0;; i++) {
		yaml_event_t e;
		enum err err = next_event(r, &e);
		if (err)
			return err;
		bool ended = e.type == YAML_SEQUENCE_END_EVENT;
		if (!ended)
			err = read_child(r, &e, array, NULL, i);
		yaml_event_delete(&e);
		if (ended || err)
			return err;
	}
}

static enum err read_pair(struct reader *r, const yaml_event_t *key_event,
			  struct json *object) // NOLINT(misc-no-recursion)
{
	const char *key = (const char *)key_event->data.scalar.value;
	yaml_event_t e;
	if (key_event->type != YAML_SCALAR_EVENT)
		return fail_at(r, key_event->start_mark.line, "a key is not a plain word");
	if (json_member(object, key))
		return fail_at(r, key_event->start_mark.line, "a key stands twice");
	enum err err = next_event(r, &e);
	if (err)
		return err;
	err = read_child(r, &e, object, key, 0);
	yaml_event_delete(&e);
	return err;
}

static enum err read_mapping(struct reader *r, struct json *object) // NOLINT(misc-no-recursion)
{
	for (;;) {
		yaml_event_t e;
		enum err err = next_event(r, &e);
		if (err)
			return err;
		bool ended = e.type == YAML_MAPPING_END_EVENT;
		if (!ended)
			err = read_pair(r, &e, object);
		yaml_event_delete(&e);
		if (ended || err)
			return err;
	}
}

static enum err read_collection(struct reader *r, bool is_mapping, struct json *parent,
				const char *key) // NOLINT(misc-no-recursion)
{
	struct json *child = is_mapping ? json_new_object() : json_new_array();
	set_child(parent, key, child);
	r->depth++;
	enum err err = is_mapping ? read_mapping(r, child) : read_sequence(r, child);
	r->depth--;
	return err;
}

static enum err read_node(struct reader *r, yaml_event_t *e, struct json *parent,
			  const char *key) // NOLINT(misc-no-recursion)
{
	if (++r->nodes > NODES_MAX || r->depth > DEPTH_MAX)
		return fail_at(r, e->start_mark.line, "too large or nested too deeply");
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		set_scalar(parent, key, e);
		return OK;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return read_collection(r, e->type == YAML_MAPPING_START_EVENT, parent, key);
	case YAML_ALIAS_EVENT:
		return fail_at(r, e->start_mark.line, "aliases are not supported");
	default:
		return fail_at(r, e->start_mark.line, "not understood");
	}
}

/* --- documents --- */

static enum err read_document(struct reader *r, struct yaml_document *out)
{
	yaml_event_t e;
	out->lines = calloc(1, sizeof *out->lines);
	struct json *holder = json_new_object();
	r->lines = out->lines;
	r->path[0] = '\0';
	r->depth = r->nodes = 0;
	enum err err = out->lines ? next_event(r, &e) : why_set(r->why, ERR_SYSTEM, "no memory");
	if (!err) {
		note_line(r, e.start_mark.line);
		err = read_node(r, &e, holder, "x");
		yaml_event_delete(&e);
	}
	if (!err)
		out->tree = json_detach(holder, "x");
	json_free(holder);
	return err;
}

static enum err read_stream(struct reader *r, struct yaml_document *out, size_t cap,
			    size_t *out_count)
{
	for (;;) {
		yaml_event_t e;
		enum err err = next_event(r, &e);
		if (err)
			return err;
		yaml_event_type_t type = e.type;
		size_t line = e.start_mark.line;
		yaml_event_delete(&e);
		if (type == YAML_STREAM_END_EVENT)
			return OK;
		if (type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (*out_count == cap)
			return fail_at(r, line, "too many documents in one file");
		out[*out_count] = (struct yaml_document){ 0 };
		err = read_document(r, &out[(*out_count)++]);
		if (err)
			return err;
	}
}

enum err yaml_parse(struct bytes text, struct yaml_document *out, size_t cap, size_t *out_count,
		    struct why *why)
{
	struct reader r = { .why = why };
	*out_count = 0;
	if (!yaml_parser_initialize(&r.parser))
		return why_set(why, ERR_SYSTEM, "yaml: no memory");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.at, text.len);
	enum err e = read_stream(&r, out, cap, out_count);
	yaml_parser_delete(&r.parser);
	if (e) {
		yaml_documents_free(out, *out_count);
		*out_count = 0;
	}
	return e;
}

void yaml_documents_free(struct yaml_document *documents, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct yaml_lines *l = documents[i].lines;
		for (size_t k = 0; l && k < l->count; k++)
			free(l->at[k].path);
		if (l)
			free(l->at);
		free(l);
		json_free(documents[i].tree);
	}
}

int yaml_line(const struct yaml_document *d, const char *path)
{
	int best = 1;
	size_t best_len = 0;
	for (size_t i = 0; i < d->lines->count; i++) {
		const char *p = d->lines->at[i].path;
		size_t n = strlen(p);
		bool is_prefix = strncmp(path, p, n) == 0 &&
				 (n == 0 || path[n] == '\0' || path[n] == '.' || path[n] == '[');
		if (!is_prefix || n < best_len)
			continue;
		best = d->lines->at[i].line;
		best_len = n;
	}
	return best;
}
