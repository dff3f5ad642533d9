#include "agent/sources/topic_rule.h"

#include "base/text.h"
#include "sync/filter.h"

#include <string.h>

static const char BLANKS[] = " \t";

/* "FILTER -> STREAM" or "FILTER -> STREAM as FORMAT"; changed. */
static enum err read_rule(char *text, struct topic_rule *out, struct why *why)
{
	char *save, *words[6] = { NULL };
	size_t n = 0;
	for (char *w = strtok_r(text, BLANKS, &save); w && n < 6; w = strtok_r(NULL, BLANKS, &save))
		words[n++] = w;
	if ((n != 3 && n != 5) || strcmp(words[1], "->") != 0 ||
	    (n == 5 && strcmp(words[3], "as") != 0))
		return why_set(
			why, ERR_INVALID,
			"\"FILTER -> STREAM\" or \"FILTER -> STREAM as FORMAT\" is expected, "
			"with blanks between the words");
	if (!filter_is_valid(bytes_of(words[0])))
		return why_set(why, ERR_INVALID, "%.80s is not a topic filter of at most %d bytes",
			       words[0], TOPIC_MAX);
	if (!label_is_valid(bytes_of(words[2])))
		return why_set(why, ERR_INVALID, "\"%.80s\" is not a stream: " LABEL_RULE,
			       words[2]);
	if (n == 5 && !payload_format_read(bytes_of(words[4]), &out->format))
		return why_set(why, ERR_INVALID,
			       "as auto, number, json, line or senml is expected");
	if (n == 3)
		out->format = PAYLOAD_AUTO;
	text_copy(out->filter, sizeof out->filter, bytes_of(words[0]));
	text_copy(out->stream, sizeof out->stream, bytes_of(words[2]));
	return OK;
}

enum err topic_rules_read(struct bytes text, struct topic_rule out[TOPIC_RULES_MAX],
			  size_t *out_count, struct why *why)
{
	char copy[TOPIC_RULES_TEXT];
	*out_count = 0;
	if (!text_copy(copy, sizeof copy, text))
		return why_set(why, ERR_INVALID, "the list is longer than %d bytes",
			       TOPIC_RULES_TEXT - 1);
	for (char *rest = copy, *rule; (rule = strsep(&rest, ","));) {
		if (!rule[strspn(rule, BLANKS)])
			continue;
		if (*out_count == TOPIC_RULES_MAX)
			return why_set(why, ERR_INVALID, "more than %d rules", TOPIC_RULES_MAX);
		enum err e = read_rule(rule, &out[*out_count], why);
		if (e)
			return e;
		(*out_count)++;
	}
	return OK;
}

const struct topic_rule *topic_rules_find(const struct topic_rule *rules, size_t count,
					  const char *topic)
{
	for (size_t i = 0; i < count; i++)
		if (filter_matches(rules[i].filter, topic))
			return &rules[i];
	return NULL;
}
