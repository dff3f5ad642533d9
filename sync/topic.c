#include "sync/topic.h"

#include "base/text.h"

/* Levels are labels, or begin with one: digests, "sha256-...". */
static bool is_level_char(char c, size_t at)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && at > 0);
}

static bool take_level(const char **rest, char out[LABEL_SIZE])
{
	size_t n = strcspn(*rest, "/");
	struct bytes level = { *rest, n };
	for (size_t i = 0; i < n; i++)
		if (!is_level_char((*rest)[i], i))
			return false;
	if (n == 0 || n > TOPIC_LEVEL_MAX || !text_copy(out, LABEL_SIZE, level))
		return false;
	if ((*rest)[n] == '/' && !(*rest)[n + 1])
		return false;
	*rest += n + ((*rest)[n] == '/');
	return true;
}

bool topic_is_device(struct bytes name)
{
	return label_is_valid(name) && !bytes_are(name, TOPIC_HUB) && !bytes_are(name, TOPIC_CLAIM);
}

enum err topic_parse(const char *text, struct topic *out)
{
	char root[LABEL_SIZE], direction[LABEL_SIZE];
	*out = (struct topic){ 0 };
	if (strlen(text) > TOPIC_MAX || !take_level(&text, root) || strcmp(root, TOPIC_ROOT) != 0 ||
	    !take_level(&text, out->fleet) || !take_level(&text, out->device) ||
	    !take_level(&text, direction) || !take_level(&text, out->channel))
		return ERR_INVALID;

	out->is_up = strcmp(direction, "up") == 0;
	if (!out->is_up && strcmp(direction, "dn") != 0)
		return ERR_INVALID;
	if ((*text && !take_level(&text, out->a)) || (*text && !take_level(&text, out->b)) || *text)
		return ERR_INVALID;
	return OK;
}

void topic_make(char out[TOPIC_MAX + 1], const char *fleet, const char *device, const char *rest)
{
	struct text t = text_in(out, TOPIC_MAX + 1);
	text_add(&t, TOPIC_ROOT "/%s/%s/%s", fleet, device, rest);
}
