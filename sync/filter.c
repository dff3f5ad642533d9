#include "sync/filter.h"

#include "base/limits.h"

bool filter_is_valid(struct bytes filter)
{
	if (!filter.len || filter.len > TOPIC_MAX)
		return false;
	for (size_t i = 0; i < filter.len; i++) {
		const char c = filter.at[i];
		const bool begins = i == 0 || filter.at[i - 1] == '/';
		const bool ends = i + 1 == filter.len || filter.at[i + 1] == '/';
		if ((unsigned char)c <= ' ' || c == '\x7f')
			return false;
		if (c == '+' && !(begins && ends))
			return false;
		if (c == '#' && !(begins && i + 1 == filter.len))
			return false;
	}
	return true;
}

static bool same_level(const char *filter, size_t filter_len, const char *topic, size_t topic_len)
{
	return (filter_len == 1 && *filter == '+') ||
	       (filter_len == topic_len && memcmp(filter, topic, topic_len) == 0);
}

bool filter_matches(const char *filter, const char *topic)
{
	if (*topic == '$' && (*filter == '+' || *filter == '#'))
		return false;
	for (;;) {
		const size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");
		if (*filter == '#')
			return true;
		if (!same_level(filter, f, topic, t))
			return false;
		filter += f;
		topic += t;
		if (!*filter || !*topic)
			/* sport/# is for sport, too. */
			return !*topic && (!*filter || strcmp(filter, "/#") == 0);
		filter++;
		topic++;
	}
}
