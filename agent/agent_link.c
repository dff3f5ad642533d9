#include "agent/agent_parts.h"

#include "base/log.h"
#include "ports/clock.h"

#include <string.h>

static enum err on_dial(void *owner, struct tls_files *files, struct why *why)
{
	struct agent *a = owner;
	return a->renewal ? renewal_on_dial(a->renewal, files, why) : OK;
}

static void on_proved(void *owner)
{
	struct agent *a = owner;
	if (!a->renewal)
		return;
	renewal_on_proved(a->renewal);
	report_changed(&a->report);
}

/* Whoever replaces the file is heard at the next connection, as the link is. */
static void note_certificate(struct agent *a)
{
	const struct config *c = &a->config;
	a->certificate_ends_ms = 0;
	if (c->broker.tls && c->tls_cert[0])
		(void)!certificate_end(c->tls_cert, &a->certificate_ends_ms, NULL);
}

static void on_link_up(void *owner)
{
	struct agent *a = owner;
	note_certificate(a);
	if (a->renewal)
		renewal_on_up(a->renewal);
	compact_on_up(&a->compact);
	command_on_up(&a->command);
	fresh_on_up(&a->fresh);
	uplink_on_up(&a->uplink);
	parcel_on_up(&a->files.parcel);
	report_on_up(&a->report);
	deploy_on_up(&a->deploy);
	update_on_up(&a->update);
}

static void on_link_down(void *owner)
{
	struct agent *a = owner;
	uplink_on_down(&a->uplink);
	compact_on_down(&a->compact);
	parcel_on_down(&a->files.parcel);
	report_on_down(&a->report);
	command_on_down(&a->command);
	fresh_on_down(&a->fresh);
	if (a->stopping)
		loop_stop(a->loop);
}

static void on_hub_hello(void *owner)
{
	struct agent *a = owner;
	parcel_on_hello(&a->files.parcel);
}

static void on_fresh_change(void *owner)
{
	struct agent *a = owner;
	report_changed(&a->report);
}

/* The answer to a question of ours comes as if it were a command. */
static void hear_command(struct agent *a, const char *verb, struct bytes payload)
{
	struct why why;
	if (strcmp(verb, "fresh") != 0)
		command_on_letter(&a->command, verb, payload);
	else if (fresh_on_answer(&a->fresh, payload, clock_wall_ms(), &why))
		log_warn("an answer to what is new was not taken why=\"%s\"", why.text);
}

static void on_letter(void *owner, const struct topic *t, struct bytes payload)
{
	struct agent *a = owner;
	if (strcmp(t->channel, "desired") == 0)
		deploy_on_document(&a->deploy, payload);
	else if (strcmp(t->channel, "ack") == 0)
		uplink_on_ack(&a->uplink, payload);
	else if (strcmp(t->channel, "file") == 0)
		parcel_on_answer(&a->files.parcel, t->a, payload);
	else if (strcmp(t->channel, "blob") == 0) {
		deploy_on_block(&a->deploy, t->a, t->b, payload);
		update_on_block(&a->update, t->a, t->b, payload);
	} else if (strcmp(t->channel, "cmd") == 0) {
		hear_command(a, t->a, payload);
	}
}

/* The broker has it: that is not yet the hub, but tells how quick the link is. */
static void on_delivered(void *owner, int ticket)
{
	struct agent *a = owner;
	uplink_on_delivered(&a->uplink, ticket);
	parcel_on_delivered(&a->files.parcel, ticket);
	report_on_delivered(&a->report, ticket);
	command_on_delivered(&a->command, ticket);
}

/* --- opening --- */

/* Said once: nothing that runs can change it. */
static void warn_of_library(void)
{
	char name[TLS_TEXT_SIZE];
	struct why remedy;
	if (!tls_library(name, &remedy))
		log_warn("connecting all the same, %s", remedy.text);
}

enum err agent_open_link(struct agent *a, struct why *why)
{
	if (a->config.broker.tls)
		warn_of_library();
	const struct link_options options = {
		.broker = &a->config.broker,
		.fleet = a->config.fleet,
		.device = a->config.device,
		.join_dir = a->config.run_dir,
		.tls = config_tls(&a->config),
	};
	const struct link_hooks hooks = { a,         on_link_up,   on_link_down,
					  on_letter, on_delivered, on_dial,
					  on_proved };
	enum err e = renewal_open(&a->renewal, a->loop, &a->config, why);
	if (e)
		return why_in(why, e, "identity");
	if (a->renewal) {
		a->renewal->link = &a->link;
		a->renewal->events = &a->events;
	}
	e = link_open(&a->link, a->loop, a->store, &options, &hooks, why);
	if (!e)
		e = uplink_open(&a->uplink, a->loop, &a->link, &a->outbox, a->config.link_rate,
				a->config.link_daily, why);
	a->uplink.owner = a;
	a->uplink.on_hello = on_hub_hello;
	fresh_open(&a->fresh, a->loop, &a->link, a->anchor);
	a->fresh.owner = a;
	a->fresh.on_change = on_fresh_change;
	if (!e && a->files.loop)
		files_connect(&a->files, &a->link, &a->uplink);
	return e;
}
