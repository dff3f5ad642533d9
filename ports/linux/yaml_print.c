/* yaml.h's other half: JSON trees as YAML, by libyaml's emitter. */
#include "ports/yaml.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct sink {
	char *at;
	size_t len;
};

static int take(void *owner, unsigned char *bytes, size_t len)
{
	struct sink *s = owner;
	char *grown = realloc(s->at, s->len + len + 1);
	if (!grown)
		return 0;
	memcpy(grown + s->len, bytes, len);
	grown[s->len + len] = '\0';
	s->at = grown;
	s->len += len;
	return 1;
}

/* What would be read as something else than a text without quotes: here, or by those who
 * still read YAML 1.1. */
static bool needs_quotes(const char *s)
{
	static const char OLD_WORDS[] =
		".inf -.inf .nan .NaN yes no on off y n Yes No On Off Y N YES NO ON OFF";
	static const char NUMBERS[] = "0123456789+-.:_ abcdefoxTZABCDEFOX"; /* dates too */
	struct yaml_document d;
	size_t n;
	if (strchr("+-.0123456789", *s) && !s[strspn(s, NUMBERS)])
		return true;
	if (!*s || text_list_has(OLD_WORDS, s) || strpbrk(s, "\n#:{}[],&*!|>'\"%@`"))
		return true;
	if (yaml_parse(bytes_of(s), &d, 1, &n, NULL) || n != 1)
		return true;
	const bool is_text = json_type_of(d.tree) == JSON_STRING;
	yaml_documents_free(&d, n);
	return !is_text;
}

static bool put_scalar(yaml_emitter_t *to, const char *s, bool quoted)
{
	yaml_event_t e;
	const yaml_scalar_style_t style = !quoted ? YAML_PLAIN_SCALAR_STYLE
					  : strchr(s, '\n') != NULL
						  ? YAML_LITERAL_SCALAR_STYLE
						  : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)s, (int)strlen(s),
					    1, 1, style) &&
	       yaml_emitter_emit(to, &e);
}

static bool put_list(yaml_emitter_t *to, const struct json *j);
static bool put_map(yaml_emitter_t *to, const struct json *j);

static bool put(yaml_emitter_t *to, const struct json *j) // NOLINT(misc-no-recursion)
{
	const char *s = json_string(j);
	if (s)
		return put_scalar(to, s, needs_quotes(s));
	if (json_type_of(j) == JSON_OBJECT)
		return put_map(to, j);
	if (json_type_of(j) == JSON_ARRAY)
		return put_list(to, j);
	char *text = json_print(j);
	const bool done = text && put_scalar(to, text, false);
	free(text);
	return done;
}

static bool is_short(const struct json *list)
{
	size_t bytes = 0;
	for (const struct json *x = json_first(list); x; x = json_next(x)) {
		if (json_first(x) || (json_string(x) && strchr(json_string(x), '\n')))
			return false;
		bytes += json_string(x) ? strlen(json_string(x)) + 4 : 8;
	}
	return bytes < 70;
}

static bool put_list(yaml_emitter_t *to, const struct json *j) // NOLINT(misc-no-recursion)
{
	yaml_event_t e;
	const yaml_sequence_style_t style =
		is_short(j) ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
	bool done = yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, style) &&
		    yaml_emitter_emit(to, &e);
	for (const struct json *x = json_first(j); x && done; x = json_next(x))
		done = put(to, x);
	return done && yaml_sequence_end_event_initialize(&e) && yaml_emitter_emit(to, &e);
}

static bool put_map(yaml_emitter_t *to, const struct json *j) // NOLINT(misc-no-recursion)
{
	yaml_event_t e;
	bool done =
		yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
		yaml_emitter_emit(to, &e);
	for (const struct json *x = json_first(j); x && done; x = json_next(x))
		done = put_scalar(to, json_key(x), needs_quotes(json_key(x))) && put(to, x);
	return done && yaml_mapping_end_event_initialize(&e) && yaml_emitter_emit(to, &e);
}

static bool put_document(yaml_emitter_t *to, const struct json *tree)
{
	yaml_event_t e;
	return yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(to, &e) &&
	       yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(to, &e) && put(to, tree) &&
	       yaml_document_end_event_initialize(&e, 1) && yaml_emitter_emit(to, &e) &&
	       yaml_stream_end_event_initialize(&e) && yaml_emitter_emit(to, &e);
}

char *yaml_print(const struct json *tree)
{
	struct sink s = { 0 };
	yaml_emitter_t emitter;
	if (!yaml_emitter_initialize(&emitter))
		return NULL;
	yaml_emitter_set_output(&emitter, take, &s);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	const bool done = put_document(&emitter, tree);
	yaml_emitter_delete(&emitter);
	if (done)
		return s.at;
	free(s.at);
	return NULL;
}
