#include "ports/json.h"

#include "base/json_guard.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct json is cJSON's node under another name: only casts cross this door. */
static cJSON *node(struct json *j)
{
	return (cJSON *)j;
}

static const cJSON *const_node(const struct json *j)
{
	return (const cJSON *)j;
}

static struct json *wrap(cJSON *c)
{
	if (!c) {
		fputs("out of memory while building a document\n", stderr);
		abort();
	}
	return (struct json *)c;
}

/* Comparing all pairs is what a board can afford for this many. */
enum { MEMBERS_MAX = 1024 };

static bool has_key_twice(const cJSON *object, const char **out_key)
{
	for (const cJSON *a = object->child; a; a = a->next)
		for (const cJSON *b = a->next; b; b = b->next)
			if (strcmp(a->string, b->string) == 0) {
				*out_key = a->string;
				return true;
			}
	return false;
}

/* Depth is bounded by the guard. */
static enum err refuse_twins(const cJSON *c, struct why *why) // NOLINT(misc-no-recursion)
{
	const char *key;
	if (cJSON_IsObject(c) && cJSON_GetArraySize(c) > MEMBERS_MAX)
		return why_set(why, ERR_FULL, "an object with more than %d members", MEMBERS_MAX);
	if (cJSON_IsObject(c) && has_key_twice(c, &key))
		return why_set(why, ERR_INVALID, "not acceptable JSON: \"%.60s\" stands twice",
			       key);

	enum err e = OK;
	for (const cJSON *child = c->child; child && !e; child = child->next)
		e = refuse_twins(child, why);
	return e;
}

enum err json_parse(struct bytes text, struct json **out, struct why *why)
{
	enum err e = json_guard(text, why);
	if (e)
		return e;

	cJSON *c = cJSON_ParseWithLength(text.at, text.len);
	if (!c)
		return why_set(why, ERR_INVALID, "not acceptable JSON, or no memory for it");
	e = refuse_twins(c, why);
	if (e) {
		cJSON_Delete(c);
		return e;
	}
	*out = wrap(c);
	return OK;
}

void json_free(struct json *j)
{
	cJSON_Delete(node(j));
}

enum json_type json_type_of(const struct json *j)
{
	const cJSON *c = const_node(j);
	if (cJSON_IsBool(c))
		return JSON_BOOL;
	if (cJSON_IsNumber(c))
		return JSON_NUMBER;
	if (cJSON_IsString(c))
		return JSON_STRING;
	if (cJSON_IsArray(c))
		return JSON_ARRAY;
	if (cJSON_IsObject(c))
		return JSON_OBJECT;
	return JSON_NULL;
}

const struct json *json_member(const struct json *object, const char *key)
{
	return (const struct json *)cJSON_GetObjectItemCaseSensitive(const_node(object), key);
}

const struct json *json_first(const struct json *j)
{
	return j ? (const struct json *)const_node(j)->child : NULL;
}

const struct json *json_next(const struct json *j)
{
	return j ? (const struct json *)const_node(j)->next : NULL;
}

const char *json_key(const struct json *member)
{
	return member && const_node(member)->string ? const_node(member)->string : "";
}

size_t json_count(const struct json *j)
{
	size_t n = 0;
	for (const struct json *c = json_first(j); c; c = json_next(c))
		n++;
	return n;
}

const char *json_string(const struct json *j)
{
	return cJSON_GetStringValue((cJSON *)const_node(j));
}

bool json_number(const struct json *j, double *out)
{
	if (!cJSON_IsNumber(const_node(j)))
		return false;
	*out = const_node(j)->valuedouble;
	return true;
}

bool json_integer(const struct json *j, int64_t *out)
{
	const double exact = 9007199254740992.0; /* 2^53 */
	double n;
	if (!json_number(j, &n) || n != floor(n) || fabs(n) > exact)
		return false;
	*out = (int64_t)n;
	return true;
}

bool json_bool(const struct json *j, bool *out)
{
	if (!cJSON_IsBool(const_node(j)))
		return false;
	*out = cJSON_IsTrue(const_node(j));
	return true;
}

int64_t json_integer_at(const struct json *object, const char *key)
{
	int64_t n = 0;
	json_integer(json_member(object, key), &n);
	return n;
}

const char *json_text_at(const struct json *object, const char *key)
{
	const char *s = json_string(json_member(object, key));
	return s ? s : "";
}

bool json_is_same(const struct json *a, const struct json *b)
{
	char *first = json_print(a), *second = json_print(b);
	const bool same = strcmp(first, second) == 0;
	free(first);
	free(second);
	return same;
}

struct json *json_new_object(void)
{
	return wrap(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
	return wrap(cJSON_CreateArray());
}

struct json *json_new_string(const char *s)
{
	return wrap(cJSON_CreateString(s));
}

struct json *json_copy(const struct json *j)
{
	return wrap(cJSON_Duplicate(const_node(j), true));
}

void json_set(struct json *object, const char *key, struct json *child)
{
	cJSON_AddItemToObject(node(object), key, node(child));
}

void json_push(struct json *array, struct json *child)
{
	cJSON_AddItemToArray(node(array), node(child));
}

void json_set_string(struct json *object, const char *key, const char *s)
{
	json_set(object, key, json_new_string(s ? s : ""));
}

void json_set_bytes(struct json *object, const char *key, struct bytes s)
{
	char *copy = strndup(s.len ? s.at : "", s.len);
	json_set(object, key, wrap(copy ? cJSON_CreateString(copy) : NULL));
	free(copy);
}

/* cJSON prints 2^53 - 1 as 9.00719925474099e+15: whole numbers go in as text. */
struct json *json_new_integer(int64_t n)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%lld", (long long)n);
	return wrap(cJSON_CreateRaw(digits));
}

struct json *json_new_number(double n)
{
	return wrap(cJSON_CreateNumber(n));
}

struct json *json_new_bool(bool b)
{
	return wrap(cJSON_CreateBool(b));
}

struct json *json_new_null(void)
{
	return wrap(cJSON_CreateNull());
}

void json_set_integer(struct json *object, const char *key, int64_t n)
{
	json_set(object, key, json_new_integer(n));
}

void json_set_number(struct json *object, const char *key, double n)
{
	json_set(object, key, json_new_number(n));
}

void json_set_bool(struct json *object, const char *key, bool b)
{
	json_set(object, key, json_new_bool(b));
}

void json_set_null(struct json *object, const char *key)
{
	json_set(object, key, json_new_null());
}

void json_set_raw(struct json *object, const char *key, struct bytes text)
{
	char *copy = strndup(text.len ? text.at : "", text.len);
	json_set(object, key, wrap(copy ? cJSON_CreateRaw(copy) : NULL));
	free(copy);
}

void json_remove(struct json *object, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(node(object), key);
}

struct json *json_detach(struct json *object, const char *key)
{
	return (struct json *)cJSON_DetachItemFromObjectCaseSensitive(node(object), key);
}

char *json_print(const struct json *j)
{
	char *text = cJSON_PrintUnformatted(const_node(j));
	wrap((cJSON *)text);
	return text;
}

char *json_print_pretty(const struct json *j)
{
	char *text = cJSON_Print(const_node(j));
	wrap((cJSON *)text);
	return text;
}
