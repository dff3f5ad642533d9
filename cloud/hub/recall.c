#include "cloud/hub/recall.h"

#include "base/log.h"
#include "sync/topic.h"

static const char *const channels[] = { "up/online", "up/state", "dn/desired" };
enum {
	CHANNELS = sizeof channels / sizeof *channels,
	TOPICS_AT_ONCE = MQTT_FILTERS_MAX / CHANNELS * CHANNELS, /* whole devices in a SUBSCRIBE */
};

struct question {
	struct hub *hub;
	char topics[TOPICS_AT_ONCE][TOPIC_MAX + 1];
	size_t count; /* of topics that were not asked for yet */
	size_t devices;
};

static void ask(struct question *q)
{
	const char *topics[TOPICS_AT_ONCE];
	struct why why;
	for (size_t i = 0; i < q->count; i++)
		topics[i] = q->topics[i];
	if (q->count && mqtt_recall(q->hub->mqtt, topics, q->count, &why))
		log_warn("retained messages not asked for why=\"%s\"", why.text);
	q->count = 0;
}

static void add(void *owner, const struct ledger_source *device)
{
	struct question *q = owner;
	for (size_t i = 0; i < CHANNELS; i++)
		topic_make(q->topics[q->count++], device->fleet, device->device, channels[i]);
	q->devices++;
	if (q->count == TOPICS_AT_ONCE)
		ask(q);
}

bool recall_unseen(struct hub *h)
{
	struct question q = { .hub = h };
	struct why why;
	if (ledger_each_unseen(&h->ledger, add, &q, &why))
		hub_note_trouble(h, &why);
	ask(&q);
	return q.devices > 0;
}
