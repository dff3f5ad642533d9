#include "agent/top.h"

#include "agent/agent.h"
#include "base/kernel_text.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "ports/clock.h"
#include "ports/vitals.h"

#include <stdio.h>
#include <unistd.h>

enum { PROCESS_BYTES = 96, KIB = 1024 }; /* of one process as JSON, without its command */

struct listing {
	struct agent *agent;
	struct json *workloads;
	size_t bytes;
};

/* A workload chooses its words: what a terminal would act on is not for us to pass on. */
static void clean(char *text)
{
	utf8_fix(text);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static struct json *print_process(pid_t pid, size_t *bytes)
{
	char path[48], text[512], command[TOP_COMMAND_MAX];
	struct process_text p;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (!vitals_read(path, text, sizeof text) || !kernel_text_process(text, &p))
		return NULL; /* it has ended meanwhile */
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	if (!vitals_words(path, command, sizeof command))
		snprintf(command, sizeof command, "[%s]", p.name);
	clean(command);
	struct json *j = json_new_object();
	json_set_integer(j, "pid", pid);
	json_set_integer(j, "cpuMs", p.ticks * 1000 / sysconf(_SC_CLK_TCK));
	json_set_integer(j, "memBytes", p.pages * sysconf(_SC_PAGESIZE));
	json_set_string(j, "command", command);
	*bytes += PROCESS_BYTES + strlen(command);
	return j;
}

static struct json *print_processes(struct listing *l, const struct workload *w, size_t *out_more)
{
	pid_t pids[PIDS_PER_WORKLOAD];
	struct json *list = json_new_array();
	const size_t n = cgroup_processes(l->agent->cgroups, w->leaf, pids, PIDS_PER_WORKLOAD);
	for (size_t i = 0; i < n && i < TOP_PROCESSES_MAX && l->bytes < TOP_BYTES_MAX; i++) {
		struct json *j = print_process(pids[i], &l->bytes);
		if (j)
			json_push(list, j);
	}
	*out_more = n - json_count(list);
	return list;
}

static void add_workload(void *owner, struct workload *w)
{
	struct listing *l = owner;
	struct cgroup_usage u;
	size_t more;
	if (!w->pid || cgroup_read(l->agent->cgroups, w->leaf, &u))
		return;
	struct json *j = json_new_object();
	json_set_integer(j, "cpuMs", u.cpu_ms);
	json_set_integer(j, "memBytes", u.memory_bytes);
	if (w->spec && w->spec->limits.memory_bytes)
		json_set_integer(j, "memLimit", w->spec->limits.memory_bytes);
	json_set(j, "processes", print_processes(l, w, &more));
	json_set_integer(j, "more", (int64_t)more);
	json_set(l->workloads, w->name, j);
	l->bytes += PROCESS_BYTES + strlen(w->name);
}

static void add_board(struct json *j, const struct agent *a)
{
	char text[2048];
	double load[3] = { 0 };
	int64_t total = 0, available = 0;
	struct json *loads = json_new_array();
	if (vitals_read("/proc/loadavg", text, sizeof text))
		(void)!sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]);
	for (size_t i = 0; i < 3; i++)
		json_push(loads, json_new_number(load[i]));
	if (vitals_read("/proc/meminfo", text, sizeof text)) {
		kernel_text_number(text, "MemTotal:", &total);
		kernel_text_number(text, "MemAvailable:", &available);
	}
	json_set_integer(j, "cpus", a->board.cpu_milli / 1000);
	json_set(j, "load", loads);
	json_set_integer(j, "memBytes", total * KIB);
	json_set_integer(j, "memAvailable", available * KIB);
}

struct json *top_make(struct agent *a)
{
	struct json *j = json_new_object();
	struct listing l = { a, json_new_object(), 0 };
	json_set_integer(j, "t", clock_now_ms());
	add_board(j, a);
	supervisor_each(&a->supervisor, add_workload, &l);
	json_set(j, "workloads", l.workloads);
	return j;
}
