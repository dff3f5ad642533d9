#include "base/label.h"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool label_is_valid(struct bytes s)
{
	if (s.len == 0 || s.len > LABEL_MAX || !is_alnum(s.at[0]) || !is_alnum(s.at[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.at[i]) && s.at[i] != '-')
			return false;
	return true;
}

bool label_is_digest(struct bytes s)
{
	if (s.len != DIGEST_LEN || memcmp(s.at, "sha256:", 7) != 0)
		return false;
	for (size_t i = 7; i < s.len; i++) {
		char c = s.at[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}
