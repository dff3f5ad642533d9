/*
 * configs - the ConfigMaps and Secrets that come beside the pods.
 *
 * They are read as a whole, like the pods that name them, and live in memory
 * and in the kept desired state alone. Reasons begin with the path of the
 * field, as manifest.h's do.
 */
#pragma once

#include "base/bytes.h"
#include "ports/json.h"
#include "workloads/pod.h"

struct confmap_entry {
	const char *key;
	struct bytes value; /* a NUL follows it */
	bool is_binary;     /* of binaryData: a file, but no variable */
};

struct confmap {
	enum config_kind kind;
	const char *name;
	struct confmap_entry *entries;
	size_t count;
};

struct configs {
	struct arena arena;
	struct confmap items[CONFIGS_MAX];
	size_t count;
	struct ignored ignored; /* of the document that was added last */
};

/* "ConfigMap" or "Secret". */
const char *config_kind_name(enum config_kind k);

/* Is this document one of the two? */
bool configs_is_document(const struct json *j);

/* Add one document. ERR_INVALID, ERR_FULL; a name of a kind stands once. */
enum err configs_add(struct configs *c, const struct json *document, struct why *why);

/* All of a list, or nothing: "configs[1]: data.x: ..."; NULL is an empty list. */
enum err configs_read(const struct json *list, struct configs **out, struct why *why);
void configs_free(struct configs *c); /* NULL is fine */

/* NULL: there is none; `c` may be NULL. */
const struct confmap *configs_find(const struct configs *c, enum config_kind kind,
				   const char *name);
const struct confmap_entry *confmap_find(const struct confmap *c, const char *key);
