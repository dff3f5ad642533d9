#include "agent/agent.h"

#include "agent/lock.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/notify.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { GOODBYE_MS = 3000, STATE_PATH_MAX = 192 };

/* --- news of the workloads --- */

static void on_news(void *owner, const struct workload_news *n)
{
	struct agent *a = owner;
	event_add(&a->events, n->warning, n->reason, n->workload->name, n->message, NULL);
}

static void on_workload_change(void *owner)
{
	struct agent *a = owner;
	deploy_on_workloads(&a->deploy);
	scrapes_follow(&a->scrapes);
	report_changed(&a->report);
}

static void on_log(void *owner, struct workload *w)
{
	struct agent *a = owner;
	collect_log(&a->collect);
	command_on_log(&a->command, w);
}

static void on_gone(void *owner, struct workload *w)
{
	struct agent *a = owner;
	char pod[LABEL_SIZE];
	collect_log(&a->collect);
	(void)collect_flush(&a->collect);
	logbook_forget(a->store, w);
	text_copy(pod, sizeof pod, (struct bytes){ w->name, strcspn(w->name, "/") });
	files_look(&a->files, pod);
}

static enum err open_outbox(void *owner, const struct pod *pod, unsigned mode, struct why *why)
{
	struct agent *a = owner;
	return files_add(&a->files, pod, mode, why);
}

static void on_socket(void *owner, struct workload *w, int fd)
{
	struct agent *a = owner;
	char pod[LABEL_SIZE];
	if (fd < 0) {
		ingest_remove(&a->ingest, w->name);
		return;
	}
	text_copy(pod, sizeof pod, (struct bytes){ w->name, strcspn(w->name, "/") });
	ingest_add(&a->ingest, fd, pod, w->name);
}

/* --- collecting --- */

static void on_points(void *owner)
{
	struct agent *a = owner;
	collect_soon(&a->collect);
}

static void on_stream(void *owner, const char *stream, enum letter_class *rank, uint32_t *flags)
{
	struct agent *a = owner;
	stream_policy(&a->supervisor, &a->config, stream, rank, flags);
}

static bool on_gather_full(void *owner)
{
	struct agent *a = owner;
	return collect_flush(&a->collect);
}

static void on_flush_trouble(void *owner)
{
	struct agent *a = owner;
	report_changed(&a->report);
}

static void on_hub_hello(void *owner)
{
	struct agent *a = owner;
	parcel_on_hello(&a->files.parcel);
}

static void on_letter_added(void *owner)
{
	struct agent *a = owner;
	uplink_wake(&a->uplink);
}

/* --- the link --- */

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

/* --- safe mode --- */

static void start_again(void *owner, const char *why)
{
	struct agent *a = owner;
	log_info("starting again why=\"%s\"", why);
	a->stopping = a->starting_again = true;
	loop_stop(a->loop);
}

static void on_try_again(void *owner)
{
	start_again(owner, "safe mode has lasted an hour");
}

static void on_deploy_accepted(void *owner)
{
	struct agent *a = owner;
	crashes_forgive(&a->crashes);
	start_again(a, "a new state ends safe mode");
}

/* --- deploying --- */

static void on_deploy_change(void *owner)
{
	struct agent *a = owner;
	link_set_generation(&a->link, a->deploy.running.generation);
	report_changed(&a->report);
	update_want(&a->update, &a->deploy.agent);
}

static enum err ask_blob(void *owner, struct bytes request)
{
	struct agent *a = owner;
	return a->link.is_up ? link_publish(&a->link, "up/blob/get", request, 1, false, NULL)
			     : ERR_OFFLINE;
}

/* --- another agent --- */

static void on_update_change(void *owner)
{
	struct agent *a = owner;
	report_changed(&a->report);
}

static bool is_at_rest(void *owner)
{
	const struct agent *a = owner;
	return deploy_is_at_rest(&a->deploy);
}

static bool is_reported(void *owner)
{
	const struct agent *a = owner;
	return a->link.is_up && a->report.is_delivered;
}

static bool needs_image(void *owner, const char *digest)
{
	const struct agent *a = owner;
	return update_needs_image(&a->update, digest);
}

static bool needs_blobs(void *owner)
{
	const struct agent *a = owner;
	return update_needs_blobs(&a->update);
}

/* --- opening --- */

/* Folders of workloads belong to one boot: after another one nothing of them runs. */
static enum err clear_old_run(struct agent *a, struct why *why)
{
	char path[STATE_PATH_MAX], workloads[STATE_PATH_MAX], boot[BOOT_ID_SIZE];
	SCOPED_MEMORY char *kept = NULL;
	size_t len;
	snprintf(path, sizeof path, "%s/boot", a->config.run_dir);
	snprintf(workloads, sizeof workloads, "%s/w", a->config.run_dir);
	clock_boot_id(boot);
	if (file_read(path, BOOT_ID_SIZE, &kept, &len, NULL) == OK && strcmp(kept, boot) == 0)
		return dir_make(workloads, 0700, why);
	enum err e = dir_remove(workloads, why);
	if (!e)
		e = dir_make(workloads, 0700, why);
	return e ? e : file_replace(path, bytes_of(boot), false, why);
}

/* `most` of its mode may be set: one that was there before may be open to others. */
static enum err make_closed(const char *path, unsigned most, struct why *why)
{
	bool was_open = false;
	enum err e = dir_make(path, 0700, why);
	if (!e)
		e = dir_close(path, most, &was_open, why);
	if (was_open)
		log_warn("others could look into a folder, it is closed now path=%s", path);
	return e;
}

static enum err open_folders(struct agent *a, struct why *why)
{
	enum err e = make_closed(a->config.state_dir, 0700, why);
	if (!e)
		e = make_closed(a->config.run_dir, 0710, why);
	if (!e)
		e = lock_take(a->config.state_dir, &a->lock_fd, why);
	if (!e)
		e = clear_old_run(a, why);
	return e;
}

static void open_crashes(struct agent *a)
{
	a->crashes.owner = a;
	a->crashes.on_try_again = on_try_again;
	crashes_open(&a->crashes, a->loop, a->config.state_dir);
	if (a->crashes.is_safe_mode)
		log_err("safe mode after %d crashes in a row: until a new state comes, or for an "
			"hour, workloads are left as they are",
			CRASHES_MAX);
}

static enum err open_store(struct agent *a, struct why *why)
{
	char path[STATE_PATH_MAX];
	snprintf(path, sizeof path, "%s/skerry.db", a->config.state_dir);
	enum err e = store_open(path, &a->store, why);
	if (e == ERR_CORRUPT) {
		log_err("the database does not read back, set aside as %s.corrupt, starting anew "
			"why=\"%s\"",
			path, why->text);
		e = store_open(path, &a->store, why);
	}
	if (!e)
		e = outbox_open(&a->outbox, a->store, a->config.quota_bytes, why);
	a->outbox.owner = a;
	a->outbox.on_added = on_letter_added;
	events_init(&a->events, &a->outbox);
	return e;
}

static enum err open_anchor(struct agent *a, struct why *why)
{
	if (!a->config.trust_anchor[0]) {
		log_warn("no trust_anchor: whoever may publish on the broker decides what runs "
			 "here");
		return OK;
	}
	a->anchor = malloc(sizeof *a->anchor);
	if (!a->anchor)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = anchor_open(a->anchor, a->config.trust_anchor, a->config.fleet, a->store, why);
	if (e)
		return why_in(why, e, "trust_anchor");
	log_info("signed states only trust=%lld", (long long)a->anchor->trust.version);
	return OK;
}

static enum err open_images(struct agent *a, struct why *why)
{
	char path[STATE_PATH_MAX];
	enum err e = program_find("skerry-keeper", a->keeper_program, why);
	if (!e)
		e = program_find("skerry-unpack", a->unpack_program, why);
	snprintf(path, sizeof path, "%s/blobs", a->config.state_dir);
	if (!e)
		e = blobs_open(&a->blobs, path, why);
	snprintf(path, sizeof path, "%s/images", a->config.state_dir);
	return e ? e : images_open(&a->images, path, &a->blobs, a->unpack_program, why);
}

static enum err open_cgroups(struct agent *a, struct why *why)
{
	char name[LABEL_SIZE + 8], text[192];
	snprintf(name, sizeof name, "skerry-%s", a->config.device);
	enum err e = cgroup_open(name, &a->cgroups, why);
	if (e)
		return e;
	cgroup_describe(a->cgroups, text, sizeof text);
	log_info("cgroups found: %s", text);
	if (!(cgroup_controllers(a->cgroups) & CGROUP_MEMORY)) {
		cgroup_remedy(a->cgroups, CGROUP_MEMORY, text, sizeof text);
		log_warn("workloads with a memory limit will be refused: no memory controller; %s",
			 text);
	}
	return OK;
}

static void on_inspected(void *owner, const char *digest, enum err e, const struct why *why)
{
	struct agent *a = owner;
	deploy_on_inspected(&a->deploy, digest, e, why);
}

static void open_supervisor(struct agent *a)
{
	networks_init(&a->networks, a->loop);
	inspection_init(&a->inspection, a->loop, &a->images, a);
	a->inspection.on_inspected = on_inspected;
	const struct site site = {
		.loop = a->loop,
		.cgroups = a->cgroups,
		.store = a->store,
		.images = &a->images,
		.inspection = &a->inspection,
		.device = a->config.device,
		.run_dir = a->config.run_dir,
		.state_dir = a->config.state_dir,
		.keeper_program = a->keeper_program,
		.host_paths = a->config.host_paths,
		.allow_host_image = a->config.allow_host_image,
		.network = a->config.network,
		.networks = &a->networks,
		.memory_bytes = a->board.memory_bytes,
		.cpu_milli = a->board.cpu_milli,
		.owner = a,
		.on_news = on_news,
		.on_change = on_workload_change,
		.on_log = on_log,
		.on_gone = on_gone,
		.open_outbox = open_outbox,
		.on_socket = on_socket,
	};
	supervisor_init(&a->supervisor, &site);
}

static enum err open_collecting(struct agent *a, struct why *why)
{
	enum err e = ingest_open(&a->ingest, a->loop, a->config.run_dir, why);
	if (e)
		return e;
	a->ingest.owner = a;
	a->ingest.on_points = on_points;
	a->ingest.on_full = on_gather_full;
	a->ingest.on_stream = on_stream;
	compact_init(&a->compact, &a->outbox, a->config.run_dir, a->config.thin_ms);
	a->collect.compact = &a->compact;
	a->collect.flush_ms = a->config.flush_ms;
	a->collect.owner = a;
	a->collect.on_trouble = on_flush_trouble;
	collect_init(&a->collect, a->loop, &a->outbox, &a->ingest, &a->supervisor);
	e = files_open(&a->files, a->loop, a->config.state_dir, &a->events, &a->supervisor, why);
	if (e)
		return e;
	ingest_recover(&a->ingest, a->store);
	ingest_add(&a->ingest, a->ingest.host_fd, "host", "");
	if (!ingest_is_empty(&a->ingest))
		collect_soon(&a->collect);
	return OK;
}

static enum err open_sources(struct agent *a, struct why *why)
{
	const struct host_options host = {
		.ingest = &a->ingest,
		.loop = a->loop,
		.supervisor = &a->supervisor,
		.cgroups = a->cgroups,
		.state_dir = a->config.state_dir,
		.cpus = a->board.cpu_milli / 1000,
		.every_ms = a->config.host_metrics_ms,
	};
	const struct local_options local = {
		.ingest = &a->ingest,
		.loop = a->loop,
		.broker = &a->config.local_broker,
		.topics = a->config.local_topics,
		.device = a->config.device,
		.join_dir = a->config.run_dir,
	};
	const struct statsd_options statsd = {
		.ingest = &a->ingest,
		.loop = a->loop,
		.address = a->config.statsd_address,
		.port = a->config.statsd_port,
		.interval_ms = a->config.statsd_interval_ms,
	};
	enum err e = OK;
	scrapes_init(&a->scrapes, &a->ingest, a->loop, &a->supervisor);
	if (host.every_ms)
		e = host_metrics_open(&host, &a->host_metrics, why);
	if (!e && local.broker->host[0])
		e = local_broker_open(&local, &a->local_broker, why);
	if (!e && statsd.address[0])
		e = statsd_server_open(&statsd, &a->statsd, why);
	return e;
}

/* Said once: nothing that runs can change it. */
static void warn_of_library(void)
{
	char name[TLS_TEXT_SIZE];
	struct why remedy;
	if (!tls_library(name, &remedy))
		log_warn("connecting all the same, %s", remedy.text);
}

static enum err open_link(struct agent *a, struct why *why)
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

static void open_update(struct agent *a)
{
	const struct update_options options = {
		.loop = a->loop,
		.supervisor = &a->supervisor,
		.images = &a->images,
		.blobs = &a->blobs,
		.events = &a->events,
		.state_dir = a->config.state_dir,
		.owner = a,
		.ask_blob = ask_blob,
		.is_at_rest = is_at_rest,
		.is_reported = is_reported,
		.on_change = on_update_change,
		.on_restart = start_again,
	};
	update_open(&a->update, &options);
}

static struct json *labels_of_board(void *owner, const struct json *given)
{
	return report_labels(owner, given);
}

static enum err open_deploy(struct agent *a, struct why *why)
{
	const struct deploy_options options = {
		.loop = a->loop,
		.store = a->store,
		.supervisor = &a->supervisor,
		.images = &a->images,
		.inspection = &a->inspection,
		.blobs = &a->blobs,
		.events = &a->events,
		.anchor = a->anchor,
		.fleet = a->config.fleet,
		.device = a->config.device,
		.memory_bytes = a->board.memory_bytes,
		.cpu_milli = a->board.cpu_milli,
		.is_safe_mode = a->crashes.is_safe_mode,
		.owner = a,
		.on_change = on_deploy_change,
		.labels = labels_of_board,
		.on_safe_accepted = on_deploy_accepted,
		.ask_blob = ask_blob,
		.needs_image = needs_image,
		.needs_blobs = needs_blobs,
	};
	return deploy_open(&a->deploy, &options, why);
}

enum err agent_open(struct agent *a, const struct config *config, struct why *why)
{
	*a = (struct agent){ .lock_fd = -1, .started_ms = clock_now_ms() };
	a->config = *config;
	config_rebase(&a->config, config);
	board_read(&a->board);
	report_init(&a->report, a);
	command_init(&a->command, a);

	enum err e = open_folders(a, why);
	if (!e)
		e = loop_open(&a->loop, why);
	if (!e)
		open_crashes(a);
	if (!e)
		e = open_store(a, why);
	if (!e)
		e = open_anchor(a, why);
	if (!e)
		e = open_images(a, why);
	if (!e)
		e = open_cgroups(a, why);
	if (e)
		return e;
	open_supervisor(a);
	if (!a->crashes.is_safe_mode)
		e = open_collecting(a, why);
	if (!e && !a->crashes.is_safe_mode)
		e = open_sources(a, why);
	if (!e)
		e = open_link(a, why);
	if (!e)
		e = control_open(&a->control, a, why);
	if (!e)
		open_update(a);
	/* It starts workloads, and their news finds everything in place. */
	if (!e)
		e = open_deploy(a, why);
	return e ? e : pulse_open(&a->pulse, a->loop, a->config.watchdog, why);
}

/* --- running --- */

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

static void close_sources(struct agent *a)
{
	statsd_server_close(a->statsd);
	scrapes_deinit(&a->scrapes);
	local_broker_close(a->local_broker);
	host_metrics_close(a->host_metrics);
}

void agent_close(struct agent *a)
{
	/* They may have a last word. */
	close_sources(a);
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
