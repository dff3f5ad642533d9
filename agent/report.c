#include "agent/report.h"

#include "agent/agent.h"
#include "base/architecture.h"
#include "base/log.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/walls.h"
#include "workloads/placement.h"
#include "workloads/qos.h"
#include "workloads/verdict.h"

#include <stdio.h>
#include <stdlib.h>

/* --- workloads --- */

static struct json *print_exit(const struct workload_exit *x)
{
	struct json *j = json_new_object();
	char text[VERDICT_TEXT_MAX];
	verdict_describe(x, text);
	json_set_string(j, "reason", verdict_reason(x));
	json_set_string(j, "message", text);
	if (x->code >= 0)
		json_set_integer(j, "code", x->code);
	if (x->signal)
		json_set_integer(j, "signal", x->signal);
	if (x->started_ms)
		json_set_integer(j, "ranMs", x->ended_ms - x->started_ms);
	return j;
}

static void add_usage(struct json *j, struct cgroup_tree *cgroups, const struct workload *w)
{
	struct cgroup_usage u;
	if (cgroup_read(cgroups, w->leaf, &u))
		return;
	json_set_integer(j, "cpuMs", u.cpu_ms);
	json_set_integer(j, "memBytes", u.memory_bytes);
	json_set_integer(j, "memPeak", u.memory_peak);
	json_set_integer(j, "processes", u.processes);
}

struct workloads_of {
	struct agent *agent;
	struct json *object;
};

static const char *state_of(const struct workload *w)
{
	if (w->state == WORKLOAD_DONE && (w->is_given_up || !verdict_is_good(&w->last)))
		return "failed";
	if (w->rest == REST_FROZEN)
		return "standby";
	if (w->lacks_room && w->state == WORKLOAD_STOPPED)
		return "waiting";
	return workload_state_name(w->state);
}

static void add_workload(void *owner, struct workload *w)
{
	struct workloads_of *o = owner;
	struct json *j = json_new_object();
	json_set_string(j, "state", state_of(w));
	if (w->status[0] && w->pid)
		json_set_string(j, "status", w->status);
	json_set_bool(j, "ready", w->ready);
	json_set_integer(j, "restarts", w->restarts);
	json_set_string(j, "digest", w->pod ? w->pod->digest : "");
	if (w->pod) {
		json_set_string(j, "qos", qos_name(qos_of(w->pod)));
		json_set_string(j, "priority", priority_name(w->pod->priority));
	}
	if (w->pid)
		json_set_integer(j, "pid", w->pid);
	if (w->pid && w->started_ms)
		json_set_integer(j, "upMs", clock_now_ms() - w->started_ms);
	add_usage(j, o->agent->cgroups, w);
	if (w->spec && w->spec->limits.memory_bytes)
		json_set_integer(j, "memLimit", w->spec->limits.memory_bytes);
	if (w->trouble.text[0])
		json_set_string(j, "trouble", w->trouble.text);
	if (w->last.known)
		json_set(j, "lastExit", print_exit(&w->last));
	json_set(o->object, w->name, j);
}

static struct json *print_workloads(struct agent *a)
{
	struct workloads_of o = { a, json_new_object() };
	supervisor_each(&a->supervisor, add_workload, &o);
	return o.object;
}

/* --- conditions --- */

static struct json *print_condition(const char *type, bool status, const char *reason,
				    const char *message, int64_t since_ms)
{
	struct json *j = json_new_object();
	json_set_string(j, "type", type);
	json_set_bool(j, "status", status);
	json_set_string(j, "reason", reason);
	json_set_string(j, "message", message);
	json_set_integer(j, "since", since_ms);
	return j;
}

static void add_answer(struct json *list, const char *type, const struct deploy_answer *a)
{
	if (!a->since_ms)
		return;
	struct json *j = print_condition(type, true, type, a->why.text, a->since_ms);
	json_set_integer(j, "epoch", a->epoch);
	json_set_integer(j, "generation", a->generation);
	if (a->digest[0])
		json_set_string(j, "document", a->digest);
	json_push(list, j);
}

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

/* What was refused was shown all the same. */
static bool is_withheld(const struct agent *a)
{
	const struct deploy_answer *r = &a->deploy.rejected;
	const struct desired_id *n = &a->fresh.newest;
	return fresh_is_withheld(&a->fresh, &a->deploy.newest) &&
	       !(r->since_ms && r->epoch == n->epoch && r->generation == n->generation);
}

static void add_fresh(struct json *list, const struct agent *a)
{
	const int64_t now = clock_now_ms();
	const int64_t heard = clock_wall_ms() - (now - a->fresh.heard_ms);
	char text[120];
	if (is_withheld(a)) {
		snprintf(text, sizeof text,
			 "there is generation %lld of epoch %lld, and the broker does not show it",
			 (long long)a->fresh.newest.generation, (long long)a->fresh.newest.epoch);
		json_push(list, print_condition("Withheld", true, "NotShown", text, heard));
	}
	if (fresh_is_silent(&a->fresh, now)) {
		snprintf(text, sizeof text,
			 "nobody has said for %lld days whether this is the newest state",
			 (long long)((now - a->fresh.heard_ms) / DAY_MS));
		json_push(list, print_condition("Unconfirmed", true, "NoAnswer", text, heard));
	}
}

static struct json *print_conditions(const struct agent *a)
{
	const struct deploy *d = &a->deploy;
	struct json *list = json_new_array();
	const char *phase = deploy_phase_name(d->phase);
	const char *message = d->trouble.text[0] ? d->trouble.text : d->failure.text;
	json_push(list, print_condition("Available", d->phase == DEPLOY_AVAILABLE, phase, message,
					d->phase_since_ms));
	if (d->phase == DEPLOY_ROLLED_BACK) {
		struct json *j = print_condition("RolledBack", true, "RolledBack", d->failure.text,
						 d->phase_since_ms);
		if (d->last_words)
			json_set(j, "lastWords", json_copy(d->last_words));
		json_push(list, j);
	}
	if (d->unmanaged_asked)
		json_push(list, print_condition("Unmanaged", true, "EmptyDocument",
						"the desired state is empty: what runs goes on",
						d->phase_since_ms));
	add_answer(list, "Rejected", &d->rejected);
	add_answer(list, "Conflict", &d->conflict);
	add_answer(list, "Stale", &d->stale);
	add_fresh(list, a);
	if (a->crashes.is_safe_mode)
		json_push(list,
			  print_condition("SafeMode", true, "Crashes",
					  "the agent kept crashing: workloads are left as they "
					  "are, a newer state or an hour ends this",
					  a->deploy.phase_since_ms));
	if (update_failure(&a->update))
		json_push(list,
			  print_condition("AgentUpdateFailed", true,
					  a->update.slot[0] ? "GivenUp" : "NoLauncher",
					  update_failure(&a->update), a->deploy.phase_since_ms));
	if (a->link.refused.text[0])
		json_push(list, print_condition("LinkRefused", true, "Subscribe",
						a->link.refused.text, clock_wall_ms()));
	return list;
}

/* --- the board --- */

static void add_offer(struct json *j, struct agent *a)
{
	struct json *capacity = json_new_object(), *allocatable = json_new_object();
	int64_t memory = 0, cpu = 0, disk_free = 0, disk = 0;
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++) {
		const struct running_pod *r = a->supervisor.pods[i];
		int64_t pod_memory = 0, pod_cpu = 0;
		if (r && r->pod && !r->gives_way)
			supervisor_sum(&r->pod, 1, &pod_memory, &pod_cpu);
		memory += pod_memory;
		cpu += pod_cpu;
	}
	(void)!dir_space(a->config.state_dir, &disk_free, &disk, NULL);
	json_set_integer(capacity, "memBytes", a->board.memory_bytes);
	json_set_integer(capacity, "cpuMilli", a->board.cpu_milli);
	json_set_integer(capacity, "diskBytes", disk);
	json_set_integer(allocatable, "memBytes", a->board.memory_bytes - memory);
	json_set_integer(allocatable, "cpuMilli", a->board.cpu_milli - cpu);
	json_set_integer(allocatable, "diskBytes", disk_free);
	json_set(j, "capacity", capacity);
	json_set(j, "allocatable", allocatable);
}

static void add_features(struct json *j, struct agent *a)
{
	struct json *f = json_new_object();
	char cgroups[160], text[48];
	cgroup_describe(a->cgroups, cgroups, sizeof cgroups);
	json_set_string(f, "cgroup", cgroups);
	const struct walls walls = walls_find();
	walls_describe(&walls, text, sizeof text);
	json_set_string(f, "sandbox", text);
	json_set_string(f, "arch", a->board.architecture);
	json_set_string(f, "imageArch", architecture_ours());
	json_set_string(f, "kernel", a->board.kernel);
	json_set_bool(f, "hostImage", a->config.allow_host_image);
	json_set(j, "features", f);
}

static void add_buffer(struct json *j, struct agent *a)
{
	struct json *b = json_new_object(), *dropped = json_new_object();
	struct store_total t;
	outbox_waiting(&a->outbox, &t);
	json_set_string(b, "buf", a->outbox.buf);
	json_set_integer(b, "batches", t.letters);
	json_set_integer(b, "bytes", t.bytes);
	json_set_integer(b, "quota", a->outbox.quota);
	if (t.letters)
		json_set_integer(b, "oldest", t.oldest_ms);
	else
		json_set_null(b, "oldest");
	const int64_t *d = a->outbox.dropped;
	json_set_integer(dropped, "event", d[LETTER_EVENT]);
	json_set_integer(dropped, "log", d[LETTER_LOG]);
	json_set_integer(dropped, "tele", d[LETTER_URGENT] + d[LETTER_TELEMETRY] + d[LETTER_BULK]);
	json_set(b, "dropped", dropped);
	if (a->compact.thinned)
		json_set_integer(b, "thinned", a->compact.thinned);
	json_set_integer(b, "dead", store_buried(a->store));
	if (a->config.link_rate)
		json_set_integer(b, "rate", a->config.link_rate);
	if (a->config.link_daily) {
		json_set_integer(b, "daily", a->config.link_daily);
		json_set_integer(b, "spent", a->uplink.budget.spent);
	}
	json_set(b, "sources", ingest_report(&a->ingest));
	if (a->collect.trouble.text[0])
		json_set_string(b, "trouble", a->collect.trouble.text);
	json_set(j, "buffer", b);
	struct json *files = files_report(&a->files);
	if (files)
		json_set(j, "files", files);
}

static struct json *print_labels(const struct config *c)
{
	struct json *j = json_new_object();
	for (size_t i = 0; i < c->label_count; i++)
		json_set_string(j, c->labels[i].key, c->labels[i].value);
	return j;
}

struct json *report_labels(struct agent *a, const struct json *given)
{
	char cgroups[160], sandbox[48];
	const struct walls walls = walls_find();
	struct json *own = print_labels(&a->config);
	cgroup_describe(a->cgroups, cgroups, sizeof cgroups);
	walls_describe(&walls, sandbox, sizeof sandbox);
	const struct placement_board board = {
		.device = a->config.device,
		.architecture = architecture_ours(),
		.kernel = a->board.kernel,
		.cgroup = cgroups,
		.sandbox = sandbox,
		.memory_bytes = a->board.memory_bytes,
		.cpu_milli = a->board.cpu_milli,
		.host_image = a->config.allow_host_image,
		.labels = own,
		.given = given,
	};
	struct json *labels = placement_labels(&board);
	json_free(own);
	return labels;
}

/* null is worth a line: whoever reaches the broker decides what runs here. */
static void add_trust(struct json *j, const struct agent *a)
{
	if (!a->anchor) {
		json_set_null(j, "trust");
		return;
	}
	struct json *t = json_new_object();
	json_set_integer(t, "version", a->anchor->trust.version);
	json_set_integer(t, "expires", a->anchor->trust.expires_ms);
	json_set_integer(t, "state", a->deploy.newest.trust);
	json_set_integer(t, "floor", anchor_floor(a->anchor, clock_wall_ms()));
	if (fresh_is_asked(&a->fresh))
		json_set_integer(t, "confirmedMs", clock_now_ms() - a->fresh.heard_ms);
	json_set(j, "trust", t);
}

struct json *report_make(struct agent *a)
{
	const struct deploy *d = &a->deploy;
	struct json *j = json_new_object();
	const int64_t wall = clock_wall_ms();
	json_set_integer(j, "v", 1);
	json_set_integer(j, "t", wall);
	json_set_string(j, "clock", clock_is_set(wall) ? "set" : "unset");
	json_set_integer(j, "session", a->link.session);
	json_set_integer(j, "epoch", d->newest.epoch);
	json_set_integer(j, "observed", d->newest.generation);
	json_set_integer(j, "applied", d->running.generation);
	json_set_string(j, "document", d->newest.digest);
	json_set_string(j, "phase", deploy_phase_name(d->phase));
	add_trust(j, a);
	if (a->renewal)
		json_set(j, "identity", renewal_report(a->renewal));
	if (a->certificate_ends_ms) {
		struct json *certificate = json_new_object();
		json_set_integer(certificate, "expires", a->certificate_ends_ms);
		json_set(j, "certificate", certificate);
	}
	json_set(j, "conditions", print_conditions(a));
	json_set(j, "workloads", print_workloads(a));
	add_offer(j, a);
	add_features(j, a);
	add_buffer(j, a);
	json_set(j, "labels", print_labels(&a->config));
	struct json *update = update_report(&a->update);
	if (update)
		json_set(j, "update", update);
	return j;
}

struct json *report_make_status(struct agent *a)
{
	struct json *j = report_make(a), *link = json_new_object();
	char broker[300], tls[TLS_TEXT_SIZE];
	url_print(&a->config.broker, broker, sizeof broker);
	json_set_string(j, "device", a->config.device);
	json_set_string(j, "fleet", a->config.fleet);
	json_set_string(j, "agent", SKERRY_VERSION);
	json_set_integer(j, "agentUpMs", clock_now_ms() - a->started_ms);
	json_set_bool(link, "up", a->link.is_up);
	json_set_string(link, "broker", broker);
	if (a->link.changed_ms)
		json_set_integer(link, "sinceMs", clock_now_ms() - a->link.changed_ms);
	json_set_string(link, "why",
			a->link.refused.text[0] ? a->link.refused.text : a->link.why.text);
	mqtt_describe(a->link.mqtt, tls);
	if (tls[0])
		json_set_string(link, "tls", tls);
	json_set(j, "link", link);
	json_set(j, "events", events_recent(&a->events));
	return j;
}

/* --- publishing --- */

static void publish(struct report *r)
{
	struct json *j = report_make(r->agent);
	char *text = json_print(j);
	json_free(j);
	enum err e = link_publish(&r->agent->link, "up/state", bytes_of(text), 1, true, &r->ticket);
	if (e == ERR_FULL)
		log_err("the report is larger than a message and was not published");
	free(text);
	r->published_ms = clock_now_ms();
	loop_arm(r->agent->loop, &r->timer, r->published_ms + REPORT_EVERY_MS);
}

static void on_due(void *owner, int64_t now_ms)
{
	struct report *r = owner;
	(void)now_ms;
	if (r->agent->link.is_up)
		publish(r);
}

void report_init(struct report *r, struct agent *agent)
{
	*r = (struct report){ .agent = agent };
	r->timer = (struct timer){ .owner = r, .on_due = on_due };
}

void report_changed(struct report *r)
{
	if (!r->agent->link.is_up)
		return;
	/* A little later: changes come in flocks. */
	const int64_t now = clock_now_ms();
	int64_t due = r->published_ms + REPORT_PAUSE_MS;
	if (due < now + REPORT_PAUSE_MS / 20)
		due = now + REPORT_PAUSE_MS / 20;
	if (!r->timer.armed || r->timer.due_ms > due)
		loop_arm(r->agent->loop, &r->timer, due);
}

void report_on_up(struct report *r)
{
	publish(r);
}

void report_on_down(struct report *r)
{
	r->is_delivered = false;
	r->ticket = 0;
}

void report_on_delivered(struct report *r, int ticket)
{
	if (r->ticket && ticket == r->ticket)
		r->is_delivered = true;
}
