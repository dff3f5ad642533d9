#include "cloud/fleet/named.h"

#include <string.h>

bool named_is_list(const struct json *list)
{
	if (json_type_of(list) != JSON_ARRAY || !json_first(list))
		return false;
	for (const struct json *j = json_first(list); j; j = json_next(j))
		if (!*json_text_at(j, "name"))
			return false;
	return true;
}

const struct json *named_find(const struct json *list, const char *name)
{
	const struct json *j = json_first(list);
	while (j && strcmp(json_text_at(j, "name"), name) != 0)
		j = json_next(j);
	return j;
}

const char *named_document(const struct json *document)
{
	return json_text_at(json_member(document, "metadata"), "name");
}
