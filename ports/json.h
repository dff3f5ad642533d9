/*
 * json - documents as trees.
 *
 * Parsing puts json_guard() first and refuses duplicate keys; names are
 * case-sensitive. Reading functions take NULL and answer "not there", so that
 * look-ups chain. Running out of memory while building ends the program with
 * a line in the log: workloads survive that, half a report helps nobody.
 *
 * Implementation: ports/linux/json_cjson.c, the only file that sees cJSON.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

struct json;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* ERR_INVALID or ERR_FULL with the reason; the caller frees *out. */
enum err json_parse(struct bytes text, struct json **out, struct why *why);
void json_free(struct json *j); /* NULL is fine */

enum json_type json_type_of(const struct json *j);

/* A member of an object, or NULL. */
const struct json *json_member(const struct json *object, const char *key);

/* The elements of an array or the members of an object, in order. */
const struct json *json_first(const struct json *j);
const struct json *json_next(const struct json *j);
const char *json_key(const struct json *member); /* "" in an array */
size_t json_count(const struct json *j);

const char *json_string(const struct json *j);         /* NULL: not a string */
bool json_number(const struct json *j, double *out);   /* false: not a number */
bool json_integer(const struct json *j, int64_t *out); /* false: not a whole one */
bool json_bool(const struct json *j, bool *out);       /* false: not a boolean */

/* A member's value; 0 or "" where there is none, or one of another type. */
int64_t json_integer_at(const struct json *object, const char *key);
const char *json_text_at(const struct json *object, const char *key);

/* Do both print alike? Neither is NULL; members in another order make them differ. */
bool json_is_same(const struct json *a, const struct json *b);

struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *s);
struct json *json_new_number(double n);
struct json *json_new_integer(int64_t n); /* for printing: reads back as nothing */
struct json *json_new_bool(bool b);
struct json *json_new_null(void);
struct json *json_copy(const struct json *j);

void json_set_string(struct json *object, const char *key, const char *s);
void json_set_bytes(struct json *object, const char *key, struct bytes s); /* cut at a NUL */
void json_set_integer(struct json *object, const char *key, int64_t n);
void json_set_number(struct json *object, const char *key, double n);
void json_set_bool(struct json *object, const char *key, bool b);
void json_set_null(struct json *object, const char *key);
void json_set(struct json *object, const char *key, struct json *child); /* takes child */
void json_push(struct json *array, struct json *child);                  /* takes child */
/* `text` is JSON already, printed as it stands; reads back as nothing. */
void json_set_raw(struct json *object, const char *key, struct bytes text);

void json_remove(struct json *object, const char *key);
struct json *json_detach(struct json *object, const char *key); /* the caller's; NULL: not there */

/* Compact, or for people. The caller frees it. */
char *json_print(const struct json *j);
char *json_print_pretty(const struct json *j);
