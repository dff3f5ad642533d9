#include "workloads/selector.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum operator{
	OPERATOR_IN,
	OPERATOR_NOT_IN,
	OPERATOR_EXISTS,
	OPERATOR_ABSENT,
	OPERATOR_GT,
	OPERATOR_LT,
	OPERATORS
};

static const struct {
	const char *name;
	size_t least, most; /* values */
} operators[OPERATORS] = {
	[OPERATOR_IN] = { "In", 1, SELECTOR_VALUES_MAX },
	[OPERATOR_NOT_IN] = { "NotIn", 1, SELECTOR_VALUES_MAX },
	[OPERATOR_EXISTS] = { "Exists", 0, 0 },
	[OPERATOR_ABSENT] = { "DoesNotExist", 0, 0 },
	[OPERATOR_GT] = { "Gt", 1, 1 },
	[OPERATOR_LT] = { "Lt", 1, 1 },
};

static enum operator find_operator(const char *name)
{
	enum operator o = 0;
	while (o < OPERATORS && (!name || strcmp(operators[o].name, name) != 0))
		o++;
	return o;
}

/* --- grammar --- */

static bool is_made_of(struct bytes s, const char *inner, size_t max)
{
	if (s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.at[i];
		const bool at_end = i == 0 || i == s.len - 1;
		if (!isalnum(c) && (at_end || !strchr(inner, c)))
			return false;
	}
	return true;
}

static enum err check_key(struct bytes key, struct why *why)
{
	const char *slash = memchr(key.at, '/', key.len);
	struct bytes name = key;
	if (slash) {
		const struct bytes prefix = { key.at, (size_t)(slash - key.at) };
		name = (struct bytes){ slash + 1, key.len - prefix.len - 1 };
		if (!prefix.len || !is_made_of(prefix, ".-", 253))
			name.len = 0;
	}
	if (name.len && is_made_of(name, "-_.", 63))
		return OK;
	return why_set(why, ERR_INVALID, "\"%.*s\" is not the key of a label",
		       key.len > 80 ? 80 : (int)key.len, key.at);
}

static enum err check_value(struct bytes value, struct why *why)
{
	if (is_made_of(value, "-_.", SELECTOR_VALUE_MAX))
		return OK;
	return why_set(why, ERR_INVALID,
		       "\"%.*s\" is not the value of a label: letters, digits and inner \"-_.\", "
		       "at most %d",
		       value.len > 80 ? 80 : (int)value.len, value.at, SELECTOR_VALUE_MAX);
}

/* --- building --- */

static void push_requirement(struct selector *s, struct bytes key, enum operator o,
			     struct json *values)
{
	struct json *r = json_new_object();
	json_set_bytes(r, "key", key);
	json_set_string(r, "operator", operators[o].name);
	json_set(r, "values", values);
	json_push(s->requirements, r);
}

static enum err check_room(const struct selector *s, struct why *why)
{
	if (json_count(s->requirements) < SELECTOR_REQUIREMENTS_MAX)
		return OK;
	return why_set(why, ERR_FULL, "more than %d requirements", SELECTOR_REQUIREMENTS_MAX);
}

static enum err check_label(const struct json *label, struct why *why)
{
	const char *value = json_string(label);
	if (!value)
		return why_set(why, ERR_INVALID, "%.60s: a string is expected", json_key(label));
	enum err e = check_key(bytes_of(json_key(label)), why);
	return e ? e : check_value(bytes_of(value), why);
}

enum err selector_check_labels(const struct json *labels, struct why *why)
{
	enum err e = OK;
	if (labels && json_type_of(labels) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "an object is expected");
	if (json_count(labels) > SELECTOR_REQUIREMENTS_MAX)
		return why_set(why, ERR_FULL, "more than %d labels", SELECTOR_REQUIREMENTS_MAX);
	for (const struct json *l = json_first(labels); l && !e; l = json_next(l))
		e = check_label(l, why);
	return e;
}

static void add_label(struct selector *s, const struct json *label)
{
	struct json *values = json_new_array();
	json_push(values, json_new_string(json_string(label)));
	push_requirement(s, bytes_of(json_key(label)), OPERATOR_IN, values);
}

static enum err check_values(const struct json *values, enum operator o, struct why *why)
{
	const size_t n = json_count(values);
	enum err e = OK;
	if (values && json_type_of(values) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "values: a list is expected");
	if (n < operators[o].least || n > operators[o].most)
		return why_set(why, ERR_INVALID, "values: %s takes %zu to %zu, not %zu",
			       operators[o].name, operators[o].least, operators[o].most, n);
	for (const struct json *v = json_first(values); v && !e; v = json_next(v)) {
		const char *text = json_string(v);
		e = text ? check_value(bytes_of(text), why)
			 : why_set(why, ERR_INVALID, "strings are expected");
	}
	if (!e && (o == OPERATOR_GT || o == OPERATOR_LT) &&
	    !isdigit((unsigned char)*json_string(json_first(values))))
		e = why_set(why, ERR_INVALID, "%s takes a number or a version", operators[o].name);
	return e ? why_in(why, e, "values") : OK;
}

static enum err add_expression(struct selector *s, const struct json *x, struct why *why)
{
	const char *key = json_string(json_member(x, "key"));
	const struct json *values = json_member(x, "values");
	const enum operator o = find_operator(json_string(json_member(x, "operator")));
	enum err e = check_room(s, why);
	if (!e && !key)
		e = why_set(why, ERR_INVALID, "key: is missing");
	if (!e)
		e = check_key(bytes_of(key), why);
	if (!e && o == OPERATORS)
		e = why_set(why, ERR_INVALID,
			    "operator: In, NotIn, Exists, DoesNotExist, Gt and Lt are known");
	if (!e)
		e = check_values(values, o, why);
	if (!e)
		push_requirement(s, bytes_of(key), o,
				 values ? json_copy(values) : json_new_array());
	return e;
}

static enum err read_expressions(const struct json *list, struct selector *s, struct why *why)
{
	char where[48];
	size_t n = 0;
	if (list && json_type_of(list) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "matchExpressions: a list is expected");
	for (const struct json *x = json_first(list); x; x = json_next(x), n++) {
		enum err e = add_expression(s, x, why);
		snprintf(where, sizeof where, "matchExpressions[%zu]", n);
		if (e)
			return why_in(why, e, where);
	}
	return OK;
}

static enum err read_labels(const struct json *labels, struct selector *s, struct why *why)
{
	enum err e = selector_check_labels(labels, why);
	if (e)
		return why_in(why, e, "matchLabels");
	for (const struct json *l = json_first(labels); l; l = json_next(l))
		add_label(s, l);
	return OK;
}

static enum err check_members(const struct json *j, struct why *why)
{
	if (json_type_of(j) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "a selector is an object");
	for (const struct json *m = json_first(j); m; m = json_next(m))
		if (strcmp(json_key(m), "matchLabels") != 0 &&
		    strcmp(json_key(m), "matchExpressions") != 0)
			return why_set(why, ERR_INVALID,
				       "%.60s: matchLabels and matchExpressions are known",
				       json_key(m));
	return OK;
}

enum err selector_read(const struct json *j, struct selector *out, struct why *why)
{
	*out = (struct selector){ 0 };
	if (!j)
		return OK;
	enum err e = check_members(j, why);
	if (e)
		return e;
	out->requirements = json_new_array();
	e = read_labels(json_member(j, "matchLabels"), out, why);
	if (!e)
		e = read_expressions(json_member(j, "matchExpressions"), out, why);
	if (e)
		selector_free(out);
	return e;
}

void selector_free(struct selector *s)
{
	json_free(s->requirements);
	*s = (struct selector){ 0 };
}

/* --- the text of -l --- */

static struct bytes trim(struct bytes s)
{
	while (s.len && isspace((unsigned char)s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && isspace((unsigned char)s.at[s.len - 1]))
		s.len--;
	return s;
}

/* Up to a comma that is in no parenthesis; *rest begins behind it. */
static struct bytes take_part(struct bytes *rest, char open, char close)
{
	size_t i = 0, depth = 0;
	for (; i < rest->len && (depth || rest->at[i] != ','); i++) {
		if (rest->at[i] == open && open)
			depth++;
		else if (rest->at[i] == close && depth)
			depth--;
	}
	const struct bytes part = { rest->at, i };
	const size_t used = i < rest->len ? i + 1 : i;
	*rest = (struct bytes){ rest->at + used, rest->len - used };
	return trim(part);
}

/* "(x, y)" or "x" as a list. */
static enum err parse_values(struct bytes s, struct json *out, struct why *why)
{
	enum err e = OK;
	if (s.len && s.at[0] == '(') {
		if (s.len < 2 || s.at[s.len - 1] != ')')
			return why_set(why, ERR_INVALID, "a \")\" is missing");
		s = (struct bytes){ s.at + 1, s.len - 2 };
	}
	do {
		const struct bytes value = take_part(&s, '\0', '\0');
		char text[SELECTOR_VALUE_MAX + 1];
		e = check_value(value, why);
		if (e)
			return e;
		text_copy(text, sizeof text, value);
		json_push(out, json_new_string(text));
	} while (s.len);
	return json_count(out) <= SELECTOR_VALUES_MAX
		       ? OK
		       : why_set(why, ERR_FULL, "more than %d values", SELECTOR_VALUES_MAX);
}

/* What stands between key and values, longer ones first. */
static const struct mark {
	const char *text;
	enum operator means;
} marks[] = {
	{ " notin ", OPERATOR_NOT_IN }, { " in ", OPERATOR_IN }, { "!=", OPERATOR_NOT_IN },
	{ "==", OPERATOR_IN },          { "=", OPERATOR_IN },    { ">", OPERATOR_GT },
	{ "<", OPERATOR_LT },
};

static const struct mark *find_mark(struct bytes s, size_t *out_at)
{
	for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
		const char *at = memmem(s.at, s.len, marks[k].text, strlen(marks[k].text));
		if (!at)
			continue;
		*out_at = (size_t)(at - s.at);
		return &marks[k];
	}
	return NULL;
}

/* "key" and "!key". */
static enum err parse_existence(struct selector *s, struct bytes part, struct why *why)
{
	const bool absent = part.at[0] == '!';
	const struct bytes key = absent ? trim((struct bytes){ part.at + 1, part.len - 1 }) : part;
	enum err e = check_key(key, why);
	if (!e)
		push_requirement(s, key, absent ? OPERATOR_ABSENT : OPERATOR_EXISTS,
				 json_new_array());
	return e;
}

static enum err parse_part(struct selector *s, struct bytes part, struct why *why)
{
	size_t at = 0;
	const struct mark *m = part.len ? find_mark(part, &at) : NULL;
	enum err e = check_room(s, why);
	if (!e && !part.len)
		e = why_set(why, ERR_INVALID, "something is missing beside a comma");
	if (e)
		return e;
	if (!m)
		return parse_existence(s, part, why);
	const size_t behind = at + strlen(m->text);
	const struct bytes key = trim((struct bytes){ part.at, at });
	struct json *values = json_new_array();
	e = check_key(key, why);
	if (!e)
		e = parse_values(trim((struct bytes){ part.at + behind, part.len - behind }),
				 values, why);
	if (!e)
		e = check_values(values, m->means, why);
	if (e)
		json_free(values);
	else
		push_requirement(s, key, m->means, values);
	return e;
}

enum err selector_parse(const char *text, struct selector *out, struct why *why)
{
	struct bytes rest = trim(bytes_of(text));
	enum err e = OK;
	*out = (struct selector){ .requirements = json_new_array() };
	while (rest.len && !e) {
		const bool ends_bare = rest.at[rest.len - 1] == ',';
		e = ends_bare ? why_set(why, ERR_INVALID, "something is missing beside a comma")
			      : parse_part(out, take_part(&rest, '(', ')'), why);
	}
	if (e) {
		selector_free(out);
		return why_in(why, e, "selector");
	}
	return OK;
}

/* --- matching --- */

int selector_compare(const char *a, const char *b)
{
	for (;;) {
		char *end_a, *end_b;
		const unsigned long long x = strtoull(a, &end_a, 10);
		const unsigned long long y = strtoull(b, &end_b, 10);
		if (x != y)
			return x < y ? -1 : 1;
		const bool more_a = *end_a == '.', more_b = *end_b == '.';
		if (!more_a && !more_b)
			return 0;
		a = more_a ? end_a + 1 : "0";
		b = more_b ? end_b + 1 : "0";
	}
}

static bool is_among(const struct json *values, const char *value)
{
	const struct json *v = json_first(values);
	while (v && (!json_string(v) || strcmp(json_string(v), value) != 0))
		v = json_next(v);
	return v != NULL;
}

static bool holds(enum operator o, const struct json *values, const char *have)
{
	const char *first = json_string(json_first(values));
	const bool is_number = have && isdigit((unsigned char)*have);
	switch (o) {
	case OPERATOR_IN:
		return have && is_among(values, have);
	case OPERATOR_NOT_IN:
		return !have || !is_among(values, have);
	case OPERATOR_EXISTS:
		return have != NULL;
	case OPERATOR_ABSENT:
		return have == NULL;
	case OPERATOR_GT:
		return is_number && first && selector_compare(have, first) > 0;
	case OPERATOR_LT:
		return is_number && first && selector_compare(have, first) < 0;
	case OPERATORS:
		break;
	}
	return false;
}

static void say_missed(const struct json *r, enum operator o, const char *have, struct why *missed)
{
	char values[120];
	struct text t = text_in(values, sizeof values);
	for (const struct json *v = json_first(json_member(r, "values")); v; v = json_next(v))
		text_add(&t, "%s%s", t.len ? "," : "", json_string(v));
	why_write(missed, "%.80s %s%s%s, but it is %s%.63s%s", json_string(json_member(r, "key")),
		  operators[o].name, t.len ? " " : "", values, have ? "\"" : "",
		  have ? have : "not there", have ? "\"" : "");
}

bool selector_matches(const struct selector *s, const struct json *labels, struct why *missed)
{
	for (const struct json *r = json_first(s->requirements); r; r = json_next(r)) {
		const enum operator o = find_operator(json_string(json_member(r, "operator")));
		const char *have =
			json_string(json_member(labels, json_string(json_member(r, "key"))));
		if (holds(o, json_member(r, "values"), have))
			continue;
		say_missed(r, o, have, missed);
		return false;
	}
	return true;
}
