/*
 * named - lists whose elements are known by their names, such as containers, env and volumes.
 */
#pragma once

#include "ports/json.h"

/* Has it elements, and each of them a `name`? */
bool named_is_list(const struct json *list);

/* The first element of that name, or NULL. */
const struct json *named_find(const struct json *list, const char *name);

/* The name in a document's metadata; "" if it has none. */
const char *named_document(const struct json *document);
