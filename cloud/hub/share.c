#include "cloud/hub/share.h"

#include <stdio.h>
#include <string.h>

/* Below the hub's own topics, as far as any access list lets it write. */
static void print_word_topic(char out[TOPIC_MAX + 1], const char *client_id)
{
	snprintf(out, TOPIC_MAX + 1, TOPIC_ROOT "/main/" TOPIC_HUB "/up/res/%s", client_id);
}

enum err share_ask(struct share *s, struct mqtt *m, const char *client_id, struct why *why)
{
	char topic[TOPIC_MAX + 1], filter[TOPIC_MAX + 64];
	const char *const filters[] = { filter };
	print_word_topic(topic, client_id);
	snprintf(filter, sizeof filter, "$share/%s/%s", client_id, topic);
	s->state = SHARE_ASKED;
	return mqtt_subscribe(m, filters, 1, why);
}

void share_on_subscribed(struct share *s, struct mqtt *m, const char *client_id, bool granted)
{
	char topic[TOPIC_MAX + 1];
	print_word_topic(topic, client_id);
	const struct mqtt_letter word = { .topic = topic, .payload = BYTES_LIT("{}"), .qos = 1 };
	s->state = granted && !mqtt_publish(m, &word, NULL, NULL) ? SHARE_SENT : SHARE_NO;
}

bool share_on_letter(struct share *s, const char *client_id, const struct topic *t)
{
	if (s->state != SHARE_SENT || !t->is_up || strcmp(t->channel, "res") != 0 ||
	    strcmp(t->a, client_id) != 0)
		return false;
	s->state = SHARE_YES;
	return true;
}

static void add(struct share *s, const char *prefix, const char *filter)
{
	snprintf(s->filters[s->count++], sizeof s->filters[0], "%s" TOPIC_ROOT "/+/%s", prefix,
		 filter);
}

void share_list(struct share *s, const struct roles *r, const char *group)
{
	char prefix[64] = "";
	s->count = s->asked = 0;
	if (s->state == SHARE_YES)
		snprintf(prefix, sizeof prefix, "$share/skerry-hub-%s/", group);
	else if (r->mine == ROLES_ALL) {
		add(s, "", "+/up/#");
		add(s, "", "+/dn/desired");
		add(s, "", TOPIC_HUB "/dn/#");
		return;
	}
	if (r->mine & ROLE_COLLECT) {
		add(s, prefix, "+/up/telec/+");
		add(s, prefix, "+/up/tele/+");
		add(s, prefix, "+/up/log/+");
		add(s, prefix, "+/up/event");
	}
	if (r->mine & ROLE_CONTROL) {
		add(s, "", "+/up/online");
		add(s, "", "+/up/state");
		add(s, "", "+/up/fresh");
		add(s, "", "+/dn/desired");
		add(s, "", "+/up/csr/+");
	}
	/* One command must not come by two subscriptions. */
	if (r->mine & ROLE_CONTROL && !(r->mine & ROLE_SERVE)) {
		add(s, "", TOPIC_HUB "/dn/cmd/invite");
		add(s, "", TOPIC_HUB "/dn/cmd/dismiss");
	}
	if (r->mine & ROLE_SERVE) {
		add(s, "", "+/up/blob/get");
		add(s, "", "+/up/file/#");
		add(s, "", TOPIC_HUB "/dn/#");
	}
}

enum err share_subscribe(struct share *s, struct mqtt *m, struct why *why)
{
	const char *filters[MQTT_FILTERS_MAX];
	size_t n = 0;
	while (n < MQTT_FILTERS_MAX && s->asked + n < s->count) {
		filters[n] = s->filters[s->asked + n];
		n++;
	}
	if (!n)
		return ERR_NOT_FOUND;
	s->asked += n;
	return mqtt_subscribe(m, filters, n, why);
}
