#include "cloud/skerry/conduct.h"

#include "ports/clock.h"

#include <stdlib.h>
#include <string.h>

static void see(struct conduct *c)
{
	struct campaign *k = c->campaign;
	for (size_t i = 0; i < k->rollout.count; i++) {
		const struct device_view *d = fleet_view_find(c->view, k->rollout.members[i].name);
		const struct bytes held =
			d && d->desired_text ? bytes_of(d->desired_text) : (struct bytes){ 0 };
		campaign_see(k, i, d && device_view_is_online(d), d ? d->state : NULL, held);
	}
}

/* What another terminal has asked for since. */
static enum err hear_wishes(struct conduct *c, struct why *why)
{
	char *wishes;
	enum err e = campaign_file_wishes(c->file, &wishes, why);
	if (e)
		return e;
	campaign_obey(c->campaign, bytes_of(wishes), NULL);
	free(wishes);
	return OK;
}

static enum err publish(struct conduct *c, struct why *why)
{
	struct campaign *k = c->campaign;
	enum err e = OK;
	for (size_t i = 0; i < k->rollout.count && !e; i++)
		if (k->orders[i] != ORDER_NONE)
			e = desk_publish(c->desk, k->rollout.members[i].name, "dn/desired",
					 campaign_message(k, i), true, why);
	return e;
}

enum err conduct_once(struct conduct *c, struct why *why)
{
	char *before = campaign_print_progress(c->campaign);
	enum err e = hear_wishes(c, why);
	see(c);
	if (!e)
		(void)campaign_step(c->campaign, clock_wall_ms());
	char *after = campaign_print_progress(c->campaign);
	const bool has_changed = strcmp(before, after) != 0;
	free(before);
	free(after);
	if (!e && has_changed)
		e = campaign_file_save(c->file, c->campaign, why);
	if (!e)
		e = publish(c, why);
	if (!e && has_changed && c->on_change)
		c->on_change(c->owner);
	return e;
}

/* Devices report in flocks: what comes until the next look is looked at together. */
static bool never(void *owner)
{
	(void)owner;
	return false;
}

enum err conduct_all(struct conduct *c, int64_t wait_ms, struct why *why)
{
	const int64_t began = clock_now_ms();
	fleet_view_listen(c->view, c->desk);
	for (;;) {
		enum err e = conduct_once(c, why);
		if (e || campaign_has_ended(c->campaign))
			return e;
		if (wait_ms >= 0 && clock_now_ms() - began >= wait_ms)
			return why_set(why, ERR_AGAIN, "it still goes on");
		e = desk_wait(c->desk, never, c, CONDUCT_LOOK_MS, why);
		if (e != ERR_AGAIN || c->desk->interrupted)
			return e;
	}
}
