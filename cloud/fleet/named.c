#include "cloud/fleet/named.h"

#include <string.h>

const char *named_text(const struct json *object, const char *key)
{
	const char *s = json_string(json_member(object, key));
	return s ? s : "";
}

bool named_is_list(const struct json *list)
{
	if (json_type_of(list) != JSON_ARRAY || !json_first(list))
		return false;
	for (const struct json *j = json_first(list); j; j = json_next(j))
		if (!*named_text(j, "name"))
			return false;
	return true;
}

const struct json *named_find(const struct json *list, const char *name)
{
	const struct json *j = json_first(list);
	while (j && strcmp(named_text(j, "name"), name) != 0)
		j = json_next(j);
	return j;
}

const char *named_document(const struct json *document)
{
	return named_text(json_member(document, "metadata"), "name");
}
