/*
 * topic_rule - which topics of the local broker go to which stream.
 *
 *   local_topics = sensors/+/temp -> sensors, meters/# -> meters as line
 */
#pragma once

#include "base/label.h"
#include "base/limits.h"
#include "sync/payload.h"

enum { TOPIC_RULES_MAX = 8, TOPIC_RULES_TEXT = 1024 };

struct topic_rule {
	char filter[TOPIC_MAX + 1];
	char stream[LABEL_SIZE];
	enum payload_format format;
};

/* ERR_INVALID names the rule. */
enum err topic_rules_read(struct bytes text, struct topic_rule out[TOPIC_RULES_MAX],
			  size_t *out_count, struct why *why);

/* The first rule for a topic; NULL: there is none. */
const struct topic_rule *topic_rules_find(const struct topic_rule *rules, size_t count,
					  const char *topic);
