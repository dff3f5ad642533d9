#include "agent/agent_parts.h"

#include "base/log.h"
#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/notify.h"

#include <signal.h>
#include <stdlib.h>

enum { GOODBYE_MS = 3000 };

enum err agent_open(struct agent *a, const struct config *config, struct why *why)
{
	*a = (struct agent){ .lock_fd = -1, .started_ms = clock_now_ms() };
	a->config = *config;
	config_rebase(&a->config, config);
	board_read(&a->board);
	report_init(&a->report, a);
	command_init(&a->command, a);

	enum err e = agent_open_folders(a, why);
	if (!e)
		e = loop_open(&a->loop, why);
	if (!e)
		agent_open_crashes(a);
	if (!e)
		e = agent_open_store(a, why);
	if (!e)
		e = agent_open_anchor(a, why);
	if (!e)
		e = agent_open_images(a, why);
	if (!e)
		e = agent_open_cgroups(a, why);
	if (e)
		return e;
	agent_open_supervisor(a);
	if (!a->crashes.is_safe_mode)
		e = agent_open_collecting(a, why);
	if (!e && !a->crashes.is_safe_mode)
		e = agent_open_sources(a, why);
	if (!e)
		e = agent_open_link(a, why);
	if (!e)
		e = control_open(&a->control, a, why);
	if (!e)
		agent_open_update(a);
	/* It starts workloads, and their news finds everything in place. */
	if (!e)
		e = agent_open_deploy(a, why);
	return e ? e : pulse_open(&a->pulse, a->loop, a->config.watchdog, why);
}

/* --- running --- */

void agent_start_again(void *owner, const char *why)
{
	struct agent *a = owner;
	log_info("starting again why=\"%s\"", why);
	a->stopping = a->starting_again = true;
	loop_stop(a->loop);
}

static void on_goodbye(void *owner, int64_t now_ms)
{
	struct agent *a = owner;
	(void)now_ms;
	loop_stop(a->loop);
}

static void on_signal(void *owner, int signo)
{
	struct agent *a = owner;
	if (signo == SIGHUP) {
		log_info(
			"SIGHUP: the configuration is read at the start only; restart to apply it");
		return;
	}
	if (a->stopping) {
		loop_stop(a->loop);
		return;
	}
	log_info("stopping, workloads go on signal=%d", signo);
	notify_send("STOPPING=1");
	a->stopping = true;
	a->goodbye = (struct timer){ .owner = a, .on_due = on_goodbye };
	loop_arm(a->loop, &a->goodbye, clock_now_ms() + GOODBYE_MS);
	link_leave(&a->link, "stop");
}

enum err agent_run(struct agent *a, struct why *why)
{
	enum err e = loop_on_signals(a->loop, on_signal, a, why);
	if (e)
		return e;
	log_info("skerryd " SKERRY_VERSION " runs device=%s fleet=%s", a->config.device,
		 a->config.fleet);
	notify_send("READY=1");
	link_start(&a->link);
	e = loop_run(a->loop, why);
	return !e && a->starting_again ? why_set(why, ERR_AGAIN, "it is to be started again") : e;
}

void agent_close(struct agent *a)
{
	/* They may have a last word. */
	agent_close_sources(a);
	if (a->collect.loop && a->store) {
		(void)collect_flush(&a->collect);
		(void)!outbox_settle(&a->outbox, NULL);
	}
	crashes_close(&a->crashes);
	pulse_close(&a->pulse);
	command_close(&a->command);
	fresh_close(&a->fresh);
	control_close(&a->control);
	update_close(&a->update);
	deploy_close(&a->deploy);
	free(a->anchor);
	inspection_deinit(&a->inspection);
	supervisor_deinit(&a->supervisor);
	networks_deinit(&a->networks);
	files_close(&a->files);
	uplink_close(&a->uplink);
	renewal_close(a->renewal);
	link_close(&a->link);
	ingest_close(&a->ingest);
	/* The groups of running workloads stay; empty ones go. */
	cgroup_close(a->cgroups, true);
	store_close(a->store);
	loop_close(a->loop);
	close_quietly(a->lock_fd);
}
