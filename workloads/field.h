/*
 * field - read objects of a document by tables of their fields.
 *
 * A table names each field and the function that reads it; whatever is not in
 * the table is refused. The reader knows the path to where it stands, and
 * every refusal begins with it. Strings are copied into the reader's arena.
 */
#pragma once

#include "base/err.h"
#include "ports/json.h"
#include "workloads/manifest.h"

enum { FIELD_PATH_MAX = 160 };

/* Where we are in the document, and whose memory is filled. */
struct reader {
	struct arena *arena;
	struct ignored *ignored;
	struct pod *pod;              /* NULL: the document is none */
	const struct json *container; /* that is being read; probes name its ports */
	enum manifest_use use;
	/* How the kind of document reads its spec. */
	enum err (*read_spec)(struct reader *r, const struct json *j, void *into);
	char path[FIELD_PATH_MAX];
	struct why *why;
};

/* How to read one field of an object into the struct behind `into`: `read` is
 * given the member at `offset`. A table ends with an empty entry. */
struct field {
	const char *key;
	enum err (*read)(struct reader *r, const struct json *j, void *into);
	size_t offset;
};

/* ERR_INVALID: "path: reason". */
enum err field_refuse(const struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

enum err field_object(struct reader *r, const struct json *j, const struct field *fields,
		      void *into);

/* Call `read` for each element of a list of at most `max`, with its index in the path. */
enum err field_list(struct reader *r, const struct json *j, size_t max,
		    enum err (*read)(struct reader *r, const struct json *j, void *into),
		    void *into);

/* Step into a member by hand; leave with what field_enter() answered. */
size_t field_enter(struct reader *r, const char *key);
void field_leave(struct reader *r, size_t was);

enum err field_text(struct reader *r, const struct json *j, const char **out);

/* One of `names`, which ends in NULL: its place. */
enum err field_choice(struct reader *r, const struct json *j, const char *const *names,
		      size_t *out);

/* A whole number within [min, max]. */
enum err field_integer(struct reader *r, const struct json *j, int64_t min, int64_t max,
		       int64_t *out);

/* `count` zeroed elements. NULL: refused already. */
void *field_room(struct reader *r, size_t count, size_t size, enum err *e);

/* For tables; `into` is ... */
enum err field_string(struct reader *r, const struct json *j, void *into); /* const char ** */
enum err field_name(struct reader *r, const struct json *j, void *into);   /* const char ** */
enum err field_path(struct reader *r, const struct json *j, void *into);   /* const char ** */
enum err field_words(struct reader *r, const struct json *j,
		     void *into); /* const char *[ARGS_MAX + 1] */
enum err field_object_name(struct reader *r, const struct json *j,
			   void *into); /* const char **: with inner dots too */
enum err field_relative(struct reader *r, const struct json *j,
			void *into); /* const char **: a path without .. */
enum err field_mode(struct reader *r, const struct json *j, void *into);    /* int64_t *: 0-0777 */
enum err field_boolean(struct reader *r, const struct json *j, void *into); /* bool * */
enum err field_seconds(struct reader *r, const struct json *j, void *into); /* int64_t *, in ms */
enum err field_threshold(struct reader *r, const struct json *j, void *into); /* int64_t * */
enum err field_ignored(struct reader *r, const struct json *j,
		       void *into); /* not touched; told in reader.ignored */
enum err field_done(struct reader *r, const struct json *j,
		    void *into); /* read before, in another place */
