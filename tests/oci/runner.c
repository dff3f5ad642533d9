/*
 * runner create [--bundle DIR] [--pid-file FILE] ID | start ID | state ID |
 *        kill ID [SIGNAL] | delete [--force] ID
 *
 * The command line of an OCI runtime over our sandbox, for tests alone: so the programs
 * of OCI's runtime-tools can drive it. State lies in /run/skerry-oci. A monitor, the
 * parent of the container, lives from create until its end.
 */
#include "base/scoped.h"
#include "ports/file.h"
#include "ports/json.h"
#include "ports/netns.h"
#include "ports/sandbox.h"
#include "tests/oci/bundle.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ARENA_BYTES = 512 * 1024, STATE_MAX = 4096, REMOVE_TRIES = 200 };

static const char STATES[] = "/run/skerry-oci";

struct runner {
	const char *id, *bundle, *pid_file, *signal;
	bool force;
	char folder[256];
	struct arena arena;
	struct bundle config;
	struct cgroup_tree *tree;
	struct sandbox sandbox;
};

static int tell(const struct why *why)
{
	fprintf(stderr, "runner: %s\n", why->text);
	return 1;
}

static enum err write_state(const struct runner *r, const char *status, pid_t pid)
{
	char path[300], text[STATE_MAX];
	snprintf(path, sizeof path, "%s/state", r->folder);
	int n = snprintf(text, sizeof text,
			 "{\"ociVersion\":\"1.0.2\",\"id\":\"%s\",\"status\":\"%s\",\"pid\":%d,"
			 "\"bundle\":\"%s\"}\n",
			 r->id, status, pid, r->bundle);
	return file_replace(path, (struct bytes){ text, (size_t)n }, false, NULL);
}

static enum err read_state(const struct runner *r, struct json **out, struct why *why)
{
	char path[300];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	snprintf(path, sizeof path, "%s/state", r->folder);
	enum err e = file_read(path, STATE_MAX, &text, &len, why);
	return e ? e : json_parse((struct bytes){ text, len }, out, why);
}

/* --- the monitor --- */

static enum err open_container(struct runner *r, struct why *why)
{
	char root[300], leaf[160];
	int network = -1;
	snprintf(root, sizeof root, "%s/root", r->folder);
	snprintf(leaf, sizeof leaf, "%.150s", r->id);
	enum err e = cgroup_open("skerry-oci", &r->tree, why);
	if (!e)
		e = cgroup_make(r->tree, leaf, &r->config.limits, &r->config.launch.join, why);
	if (!e && r->config.has_network)
		e = netns_make(true, &network, why);
	if (!e)
		e = dir_make(root, 0700, why);
	return e ? e : sandbox_open(&r->sandbox, &r->config.launch, root, network, why);
}

static void wait_for_start(const struct runner *r)
{
	char path[300], byte;
	snprintf(path, sizeof path, "%s/start", r->folder);
	SCOPED_FD fifo = open(path, O_RDWR | O_CLOEXEC);
	while (read(fifo, &byte, 1) < 0 && errno == EINTR)
		;
}

static void run_container(struct runner *r)
{
	const struct sandbox_files files = { .out_fd = 1, .err_fd = 2 };
	struct sandbox_task task;
	struct why why;
	wait_for_start(r);
	if (sandbox_start(&r->sandbox, r->config.launch.argv, &files, &task, &why)) {
		tell(&why);
	} else {
		(void)!write_state(r, "running", task.outer_pid);
		while (waitpid(task.pid, NULL, 0) < 0)
			;
	}
	sandbox_close(&r->sandbox);
}

/* The board's number of ourselves. */
static pid_t outer_pid(void)
{
	char text[24] = "";
	return readlink("/proc/self", text, sizeof text - 1) < 0 ? 0 : atoi(text);
}

/* The first process of the container's pid name space. */
static void be_first(struct runner *r, int report)
{
	struct why why = { "" };
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if (open_container(r, &why)) {
		(void)!write(report, why.text, strlen(why.text));
		_exit(1);
	}
	(void)!write_state(r, "created", outer_pid());
	close(report);
	run_container(r);
	_exit(0);
}

static void monitor(struct runner *r, int report)
{
	setsid();
	const pid_t first = unshare(CLONE_NEWPID) ? -1 : fork();
	if (first == 0)
		be_first(r, report);
	if (first < 0)
		(void)!write(report, "no pid name space", 17);
	close(report);
	while (first > 0 && waitpid(first, NULL, 0) < 0)
		;
	(void)!write_state(r, "stopped", 0);
	_exit(0);
}

/* --- the verbs --- */

static enum err begin(struct runner *r, struct why *why)
{
	char path[300];
	(void)mkdir(STATES, 0700);
	if (mkdir(r->folder, 0700))
		return why_set(why, ERR_DENIED, "%s is there already", r->id);
	snprintf(path, sizeof path, "%s/start", r->folder);
	arena_init(&r->arena, ARENA_BYTES);
	if (mkfifo(path, 0600))
		return why_set(why, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	return bundle_read(r->bundle, &r->arena, &r->config, why);
}

static enum err note_pid(const struct runner *r, struct why *why)
{
	struct json *state;
	int64_t pid = 0;
	char text[24];
	enum err e = read_state(r, &state, why);
	if (e || !r->pid_file)
		return e;
	json_integer(json_member(state, "pid"), &pid);
	int n = snprintf(text, sizeof text, "%lld", (long long)pid);
	json_free(state);
	return file_replace(r->pid_file, (struct bytes){ text, (size_t)n }, false, why);
}

static enum err create(struct runner *r, struct why *why)
{
	int ends[2];
	enum err e = begin(r, why);
	if (e)
		return e;
	if (pipe2(ends, O_CLOEXEC))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	if (fork() == 0)
		monitor(r, ends[1]);
	close(ends[1]);
	ssize_t n = read(ends[0], why->text, sizeof why->text - 1);
	why->text[n > 0 ? n : 0] = '\0';
	return n > 0 ? ERR_SYSTEM : note_pid(r, why);
}

static int do_create(struct runner *r)
{
	struct why why;
	SCOPED_MEMORY char *bundle = realpath(r->bundle, NULL);
	if (!bundle) {
		fprintf(stderr, "runner: no bundle %s\n", r->bundle);
		return 1;
	}
	r->bundle = bundle;
	enum err e = create(r, &why);
	if (e && e != ERR_DENIED)
		(void)!dir_remove(r->folder, NULL);
	return e ? tell(&why) : 0;
}

static bool has_status(const struct json *state, const char *status)
{
	const char *s = json_string(json_member(state, "status"));
	return s && strcmp(s, status) == 0;
}

static int do_start(struct runner *r)
{
	char path[300];
	struct json *state;
	struct why why;
	enum err e = read_state(r, &state, &why);
	if (!e && !has_status(state, "created"))
		e = why_set(&why, ERR_INVALID, "%s is not created", r->id);
	snprintf(path, sizeof path, "%s/start", r->folder);
	SCOPED_FD fifo = e ? -1 : open(path, O_WRONLY | O_NONBLOCK);
	if (!e && (fifo < 0 || write(fifo, "s", 1) != 1))
		e = why_set(&why, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	/* It has been started when it says so, or has ended. */
	for (int i = 0; !e && i < REMOVE_TRIES && has_status(state, "created"); i++) {
		json_free(state);
		usleep(10000);
		e = read_state(r, &state, &why);
	}
	return e ? tell(&why) : 0;
}

static int do_state(struct runner *r)
{
	struct json *state;
	struct why why;
	if (read_state(r, &state, &why))
		return tell(&why);
	char *text = json_print(state);
	puts(text);
	free(text);
	json_free(state);
	return 0;
}

static int number_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} all[] = { { "TERM", SIGTERM }, { "KILL", SIGKILL }, { "INT", SIGINT },
		    { "HUP", SIGHUP },   { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 },
		    { "QUIT", SIGQUIT }, { "ABRT", SIGABRT } };
	const char *bare = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(bare, all[i].name) == 0)
			return all[i].number;
	return atoi(name);
}

static int do_kill(struct runner *r)
{
	struct json *state;
	struct why why;
	int64_t pid = 0;
	if (read_state(r, &state, &why))
		return tell(&why);
	json_integer(json_member(state, "pid"), &pid);
	if (pid <= 0 || kill((pid_t)pid, number_of(r->signal))) {
		fprintf(stderr, "runner: %s does not run\n", r->id);
		return 1;
	}
	return 0;
}

static int do_delete(struct runner *r)
{
	struct json *state;
	struct why why;
	int64_t pid = 0;
	if (read_state(r, &state, &why))
		return r->force ? 0 : tell(&why);
	json_integer(json_member(state, "pid"), &pid);
	if (!has_status(state, "stopped") && !r->force) {
		fprintf(stderr, "runner: %s is not stopped\n", r->id);
		return 1;
	}
	if (pid > 0 && r->force)
		kill((pid_t)pid, SIGKILL);
	enum err e = cgroup_open("skerry-oci", &r->tree, &why);
	for (int i = 0; !e && i < REMOVE_TRIES; i++) {
		if (r->force)
			(void)!cgroup_kill(r->tree, r->id, NULL);
		if (cgroup_remove(r->tree, r->id, &why) != ERR_AGAIN)
			break;
		usleep(10000);
	}
	cgroup_close(r->tree, true);
	return dir_remove(r->folder, &why) ? tell(&why) : 0;
}

static void read_options(struct runner *r, int argc, char **argv)
{
	r->bundle = ".";
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--bundle") == 0 && i + 1 < argc)
			r->bundle = argv[++i];
		else if (strcmp(argv[i], "--pid-file") == 0 && i + 1 < argc)
			r->pid_file = argv[++i];
		else if (strcmp(argv[i], "--force") == 0)
			r->force = true;
		else if (!r->id)
			r->id = argv[i];
		else
			r->signal = argv[i];
	}
	r->signal = r->signal ? r->signal : "TERM";
}

int main(int argc, char **argv)
{
	static struct runner r;
	static const struct {
		const char *verb;
		int (*run)(struct runner *r);
	} verbs[] = { { "create", do_create },
		      { "start", do_start },
		      { "state", do_state },
		      { "kill", do_kill },
		      { "delete", do_delete } };
	read_options(&r, argc - 2, argv + 2);
	if (argc < 3 || !r.id || !*r.id || strchr(r.id, '/') || strcmp(r.id, "..") == 0) {
		fputs("usage: runner create|start|state|kill|delete [OPTIONS] ID\n", stderr);
		return 2;
	}
	snprintf(r.folder, sizeof r.folder, "%s/%.200s", STATES, r.id);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].verb) == 0)
			return verbs[i].run(&r);
	fprintf(stderr, "runner: %s is no verb of a runtime\n", argv[1]);
	return 2;
}
