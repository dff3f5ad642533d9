#include "tests/sim/member.h"

#include "base/log.h"
#include "base/scoped.h"
#include "ports/clock.h"
#include "tests/sim/fate.h"
#include "tests/sim/report.h"
#include "tests/sim/sample.h"

#include <stdlib.h>

static void publish_report(struct member *m)
{
	if (!m->link.is_up)
		return; /* with the next connection */
	SCOPED_MEMORY char *text = report_print(m);
	if (link_publish(&m->link, "up/state", bytes_of(text), 1, true, NULL))
		log_debug("the report was not published");
}

/* --- samples --- */

static bool has_made_all(const struct member *m)
{
	const struct plan *p = m->plan;
	return !p->rate || (p->letters && m->letters == p->letters);
}

static void on_sampling(void *owner, int64_t now_ms)
{
	struct member *m = owner;
	const struct plan *p = m->plan;
	struct why why;
	if (has_made_all(m))
		return;
	if (sample_add(&m->outbox, m->points + 1, p->rate, p->every_ms, &why))
		log_warn("samples are lost device=%s why=\"%s\"", m->name, why.text);
	m->letters++;
	m->points += p->rate;
	m->tally->points += p->rate;
	loop_arm(m->loop, &m->sampling, now_ms + p->every_ms);
}

static void on_added(void *owner)
{
	struct member *m = owner;
	uplink_wake(&m->uplink);
}

/* --- desired states --- */

static void add_event(struct member *m, bool warning, const char *reason, int64_t generation)
{
	char object[48];
	snprintf(object, sizeof object, "generation/%lld", (long long)generation);
	event_add(&m->events, warning, reason, object, m->why.text, NULL);
}

static void move(struct member *m, const char *phase)
{
	m->phase = phase;
	add_event(m, m->why.text[0] != '\0', phase, m->newest.generation);
	publish_report(m);
}

/* healthyFor is over. */
static void on_proving(void *owner, int64_t now_ms)
{
	struct member *m = owner;
	(void)now_ms;
	if (m->is_bad) {
		(void)why_set(&m->why, OK, "it keeps failing: app/main: exit code 7");
		const bool goes_back = m->rolls_back && m->applied; /* there was a good one */
		m->tally->rolled_back += goes_back;
		move(m, goes_back ? "RolledBack" : "Degraded");
		return;
	}
	m->applied = m->newest.generation;
	m->tally->available++;
	link_set_generation(&m->link, m->applied);
	move(m, "Available");
}

static void object_to(struct member *m, const char *type)
{
	m->objection = type;
	m->tally->refused++;
	event_add(&m->events, true, type, "device", m->why.text, NULL);
	publish_report(m);
}

static bool is_bad_build(const struct member *m, const struct desired *d)
{
	const struct plan *p = m->plan;
	SCOPED_MEMORY char *text = json_print(d->document);
	return strstr(text, p->bad_text) && fate_is_bad(p->seed, m->name, p->bad_percent);
}

static void accept(struct member *m, const struct desired *d)
{
	m->newest = d->id;
	m->is_bad = is_bad_build(m, d);
	m->rolls_back = d->rolls_back;
	m->objection = NULL;
	m->why.text[0] = '\0';
	m->phase = "Progressing";
	add_event(m, false, "Accepted", d->id.generation);
	publish_report(m);
	loop_arm(m->loop, &m->proving, clock_now_ms() + d->healthy_for_ms);
}

static void on_desired(struct member *m, struct bytes message)
{
	struct desired d;
	if (!message.len)
		return;
	if (desired_open(message, "main", m->name, &d, &m->why)) {
		object_to(m, "Rejected");
		return;
	}
	switch (desired_compare(&m->newest, &d.id)) {
	case DESIRED_NEWER:
		accept(m, &d);
		break;
	case DESIRED_SAME:
		break;
	case DESIRED_CONFLICT:
		(void)why_set(&m->why, OK, "another document of this generation was accepted");
		object_to(m, "Conflict");
		break;
	case DESIRED_STALE:
		(void)why_set(&m->why, OK, "a newer generation was accepted before");
		object_to(m, "Stale");
		break;
	}
	desired_free(&d);
}

/* --- the link --- */

static void on_up(void *owner)
{
	struct member *m = owner;
	m->connects++;
	publish_report(m);
	uplink_on_up(&m->uplink);
}

static void on_down(void *owner)
{
	struct member *m = owner;
	uplink_on_down(&m->uplink);
}

static void on_letter(void *owner, const struct topic *topic, struct bytes payload)
{
	struct member *m = owner;
	if (strcmp(topic->channel, "ack") == 0)
		uplink_on_ack(&m->uplink, payload);
	else if (strcmp(topic->channel, "desired") == 0)
		on_desired(m, payload);
}

static void on_delivered(void *owner, int ticket)
{
	struct member *m = owner;
	uplink_on_delivered(&m->uplink, ticket);
}

static void on_arrival(void *owner, int64_t now_ms)
{
	struct member *m = owner;
	link_start(&m->link);
	on_sampling(m, now_ms);
}

/* Of an earlier process there is no flash to ask: later by the clock is higher. */
static enum err put_session(struct member *m, struct why *why)
{
	const int64_t session = clock_wall_ms() / 1000;
	return store_put(m->store, "link/session",
			 (struct bytes){ (const char *)&session, sizeof session }, why);
}

enum err member_open(struct member *m, struct loop *loop, const struct plan *plan,
		     struct tally *tally, int number, struct why *why)
{
	*m = (struct member){ .plan = plan, .tally = tally, .loop = loop, .phase = "Unmanaged" };
	snprintf(m->name, sizeof m->name, "%.40s-%04d", plan->prefix, number);
	m->arrival = (struct timer){ .owner = m, .on_due = on_arrival };
	m->sampling = (struct timer){ .owner = m, .on_due = on_sampling };
	m->proving = (struct timer){ .owner = m, .on_due = on_proving };
	const struct link_options options = { .broker = &plan->broker,
					      .fleet = "main",
					      .device = m->name,
					      .join_dir = plan->join_dir };
	const struct link_hooks hooks = { .owner = m,
					  .on_up = on_up,
					  .on_down = on_down,
					  .on_letter = on_letter,
					  .on_delivered = on_delivered };
	enum err e = store_open(m->name, &m->store, why);
	if (!e)
		e = put_session(m, why);
	if (!e)
		e = outbox_open(&m->outbox, m->store, MEMBER_QUOTA, why);
	if (!e)
		e = link_open(&m->link, loop, m->store, &options, &hooks, why);
	if (!e)
		e = uplink_open(&m->uplink, loop, &m->link, &m->outbox, 0, 0, why);
	if (e)
		return e;
	m->outbox.owner = m;
	m->outbox.on_added = on_added;
	events_init(&m->events, &m->outbox);
	loop_arm(loop, &m->arrival,
		 clock_now_ms() + fate_arrival_ms(plan->seed, m->name, plan->spread_ms));
	return OK;
}

void member_close(struct member *m)
{
	if (!m->loop)
		return;
	loop_disarm(m->loop, &m->arrival);
	loop_disarm(m->loop, &m->sampling);
	loop_disarm(m->loop, &m->proving);
	uplink_close(&m->uplink);
	link_close(&m->link);
	store_close(m->store);
}

static int64_t waiting(struct member *m)
{
	struct store_total t;
	outbox_waiting(&m->outbox, &t);
	return t.letters;
}

bool member_is_done(struct member *m)
{
	return has_made_all(m) && !m->arrival.armed && waiting(m) == 0;
}

int64_t member_acknowledged(struct member *m)
{
	return store_last_seq(m->store) - waiting(m) - store_buried(m->store);
}
