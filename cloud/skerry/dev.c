#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cloud/skerry/apply.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/net.h"
#include "ports/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	START_WAIT_MS = 10 * 1000,
	STOP_WAIT_MS = 45 * 1000, /* a workload's grace, and a little */
	STEP_MS = 50,
};

static const char DEVICE[] = "dev-1";

/* One of the three that make a whole Skerry. */
struct part {
	struct process process;
	const char *name;
	bool ended;
};

struct sandbox {
	struct options *options;
	char folder[40], broker[64], database[64], programs[128];
	int port;
	struct part mosquitto, hub, device;
	struct desk desk;
	struct loop *loop; /* of the parts */
};

static void path_in(const struct sandbox *s, const char *name, char out[PATH_LIMIT])
{
	snprintf(out, PATH_LIMIT, "%s/%s", s->folder, name);
}

static void on_part_ended(void *owner, int code, int signo)
{
	(void)code;
	(void)signo;
	((struct part *)owner)->ended = true;
}

/* What it logs goes to FOLDER/NAME.log. */
static enum err start(struct sandbox *s, struct part *p, const char *const *argv, struct why *why)
{
	char path[PATH_LIMIT], name[64];
	snprintf(name, sizeof name, "%s.log", p->name);
	path_in(s, name, path);
	SCOPED_FD log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
	};
	const struct process_options options = {
		.argv = argv, .envp = env, .out_fd = log, .err_fd = log
	};
	p->process.owner = p;
	p->process.on_exit = on_part_ended;
	return process_start(s->loop, &options, &p->process, why);
}

static void stop(struct sandbox *s, struct part *p)
{
	const int64_t until = clock_now_ms() + START_WAIT_MS;
	process_signal(&p->process, SIGTERM);
	while (p->process.pid && clock_now_ms() < until)
		(void)!loop_turn(s->loop, STEP_MS, NULL);
	process_end(&p->process);
}

static enum err write_text(const struct sandbox *s, const char *name, const char *text,
			   struct why *why)
{
	char path[PATH_LIMIT];
	path_in(s, name, path);
	return file_replace(path, bytes_of(text), false, why);
}

static enum err start_broker(struct sandbox *s, struct why *why)
{
	static const char *const places[] = { "/usr/sbin/mosquitto", "/usr/bin/mosquitto",
					      "/usr/local/sbin/mosquitto" };
	char config[128], path[PATH_LIMIT];
	size_t i = 0;
	while (i < 3 && !file_exists(places[i]))
		i++;
	if (i == 3)
		return why_set(why, ERR_NOT_FOUND,
			       "mosquitto is not installed: apt install mosquitto");
	snprintf(config, sizeof config, "listener %d 127.0.0.1\nallow_anonymous true\nuser root\n",
		 s->port);
	enum err e = write_text(s, "mosquitto.conf", config, why);
	path_in(s, "mosquitto.conf", path);
	const char *const argv[] = { places[i], "-c", path, NULL };
	return e ? e : start(s, &s->mosquitto, argv, why);
}

static enum err start_hub(struct sandbox *s, struct why *why)
{
	char program[PATH_LIMIT];
	snprintf(program, sizeof program, "%s/skerry-hub", s->programs);
	const char *const argv[] = { program, "--broker", s->broker, "--db", s->database, NULL };
	return start(s, &s->hub, argv, why);
}

static enum err start_device(struct sandbox *s, struct why *why)
{
	char config[512], path[PATH_LIMIT], program[PATH_LIMIT];
	snprintf(config, sizeof config,
		 "device = %s\nbroker = %s\nstate_dir = %s/state\nrun_dir = %s/run\n"
		 "allow_host_image = true\ntelemetry_flush = 1s\n",
		 DEVICE, s->broker, s->folder, s->folder);
	enum err e = write_text(s, "skerryd.conf", config, why);
	path_in(s, "skerryd.conf", path);
	snprintf(program, sizeof program, "%s/skerryd", s->programs);
	const char *const argv[] = { program, "--config", path, NULL };
	return e ? e : start(s, &s->device, argv, why);
}

/* The broker needs a moment until it listens. */
static enum err connect(struct sandbox *s, struct why *why)
{
	const int64_t until = clock_now_ms() + START_WAIT_MS;
	enum err e;
	s->options->broker_text = s->broker;
	s->options->tls = (struct tls_files){ 0 }; /* of another broker */
	while ((e = desk_open(&s->desk, s->options, why)) && clock_now_ms() < until &&
	       !s->mosquitto.ended)
		(void)!loop_turn(s->loop, STEP_MS, NULL);
	return e;
}

struct waiting {
	struct fleet_view *view;
	bool for_none; /* for no workload to be left, else for the device to report */
};

static bool has_come(void *owner)
{
	const struct waiting *w = owner;
	const struct device_view *d = fleet_view_find(w->view, DEVICE);
	if (!d || !d->state)
		return false;
	return !w->for_none || json_count(json_member(d->state, "workloads")) == 0;
}

static enum err wait_for_device(struct sandbox *s, bool for_none, int64_t wait_ms, struct why *why)
{
	struct fleet_view v = { 0 };
	struct waiting w = { &v, for_none };
	enum err e = fleet_view_read(&v, &s->desk, NULL, why);
	if (!e)
		e = desk_wait(&s->desk, has_come, &w, wait_ms, why);
	fleet_view_free(&v);
	if (e == ERR_AGAIN && !s->desk.interrupted)
		e = why_set(why, e, "the device does not report; see %s/skerryd.log", s->folder);
	return e;
}

static enum err open_parts(struct sandbox *s, struct why *why)
{
	strcpy(s->folder, "/tmp/skerry-dev-XXXXXX");
	if (!mkdtemp(s->folder))
		return why_set(why, ERR_SYSTEM, "no folder below /tmp");
	ssize_t n = readlink("/proc/self/exe", s->programs, sizeof s->programs - 1);
	s->programs[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(s->programs, '/');
	if (slash)
		*slash = '\0';
	s->port = net_free_port();
	snprintf(s->broker, sizeof s->broker, "mqtt://127.0.0.1:%d", s->port);
	snprintf(s->database, sizeof s->database, "%s/hub.db", s->folder);

	enum err e = loop_open(&s->loop, why);
	if (!e)
		e = start_broker(s, why);
	if (!e)
		e = connect(s, why);
	if (!e)
		e = start_hub(s, why);
	if (!e)
		e = start_device(s, why);
	return e ? e : wait_for_device(s, false, START_WAIT_MS, why);
}

static void tell(const struct sandbox *s)
{
	printf("broker   mosquitto   %s   throw-away\n", s->broker);
	printf("hub      sqlite      %s\n", s->database);
	printf("device   %s       %s\n", DEVICE, s->folder);
	printf("\nin another terminal:\n  export SKERRY_BROKER=%s SKERRY_DB=%s\n"
	       "  skerry get workloads\n  skerry --run-dir %s/run status\n\n",
	       s->broker, s->database, s->folder);
	fflush(stdout);
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

/* Nothing may be left behind: the device is told to run nothing. */
static void stop_workloads(struct sandbox *s)
{
	struct why why;
	struct options empty = *s->options;
	empty.file_count = 0;
	empty.prune = empty.no_wait = true;
	s->desk.interrupted = false;
	s->desk.options = &empty;
	enum err e = apply_files(&s->desk, &empty, &why);
	if (!e)
		e = wait_for_device(s, true, STOP_WAIT_MS, &why);
	if (e && e != ERR_NOT_FOUND)
		fprintf(stderr, "error: %s\n", why.text);
}

static enum err run(struct sandbox *s, struct why *why)
{
	enum err e = OK;
	tell(s);
	if (s->options->file_count)
		e = apply_files(&s->desk, s->options, why);
	if (!e || e == ERR_SYSTEM) {
		puts("Ctrl-C stops everything, nothing is left behind");
		fflush(stdout);
		(void)!desk_wait(&s->desk, never, s, INT64_MAX / 2, why);
		return OK;
	}
	return e;
}

enum exit_code verb_dev(struct options *o)
{
	static struct sandbox s;
	struct why why;
	s = (struct sandbox){ .options = o,
			      .mosquitto.name = "mosquitto",
			      .hub.name = "hub",
			      .device.name = "skerryd" };
	enum err e = geteuid() == 0
			     ? open_parts(&s, &why)
			     : why_set(&why, ERR_DENIED, "dev runs workloads: it needs root");
	if (!e)
		e = run(&s, &why);
	enum exit_code code = exit_code_tell(e, &why);
	if (s.desk.loop)
		stop_workloads(&s);
	desk_close(&s.desk);
	if (s.loop) {
		stop(&s, &s.device);
		stop(&s, &s.hub);
		stop(&s, &s.mosquitto);
		loop_close(s.loop);
	}
	/* When it went wrong the logs stay to be read. */
	if (!e && s.folder[0])
		(void)!dir_remove(s.folder, NULL);
	return code;
}
