#include "base/kernel_text.h"
#include "ports/file.h"
#include "ports/linux/cgroup_tree.h"

enum { NS_IN_US = 1000, KNOB_MAX = 3072 };

/* A knob of a leaf; empty where there is none. */
struct knob {
	char text[KNOB_MAX];
};

static bool read_knob(const struct hierarchy *h, const char *leaf, const char *name,
		      struct knob *out)
{
	char path[CGROUP_PATH_MAX];
	out->text[0] = '\0';
	if (!h)
		return false;
	cgroup_leaf_path(h, leaf, path);
	return cgroup_get(path, name, out->text, sizeof out->text);
}

static int64_t number_in(const struct knob *k, const char *key)
{
	int64_t n;
	return kernel_text_number(k->text, key, &n) ? n : CGROUP_UNKNOWN;
}

static int64_t number_of(const struct hierarchy *h, const char *leaf, const char *name)
{
	struct knob k;
	return read_knob(h, leaf, name, &k) ? number_in(&k, "") : CGROUP_UNKNOWN;
}

static int64_t to_us(int64_t ns)
{
	return ns == CGROUP_UNKNOWN ? ns : ns / NS_IN_US;
}

static void account_cpu(const struct cgroup_tree *t, const char *leaf, struct cgroup_account *out)
{
	struct knob k;
	if (t->account && t->account->v2) {
		read_knob(t->account, leaf, "cpu.stat", &k);
		out->cpu_us = number_in(&k, "usage_usec");
	} else {
		out->cpu_us = to_us(number_of(t->account, leaf, "cpuacct.usage"));
	}
	if (!read_knob(t->cpu, leaf, "cpu.stat", &k))
		return;
	out->throttled_us = t->cpu->v2 ? number_in(&k, "throttled_usec")
				       : to_us(number_in(&k, "throttled_time"));
}

static void account_memory(const struct hierarchy *h, const char *leaf, struct cgroup_account *out)
{
	struct knob k;
	out->memory_bytes = number_of(h, leaf, h->v2 ? "memory.current" : "memory.usage_in_bytes");
	out->memory_peak = number_of(h, leaf, h->v2 ? "memory.peak" : "memory.max_usage_in_bytes");
	read_knob(h, leaf, h->v2 ? "memory.events" : "memory.oom_control", &k);
	out->oom_kills = number_in(&k, "oom_kill");
	read_knob(h, leaf, "memory.stat", &k);
	out->major_faults = number_in(&k, h->v2 ? "pgmajfault" : "total_pgmajfault");
	const int64_t idle = number_in(&k, h->v2 ? "inactive_file" : "total_inactive_file");
	/* As the kubelet has it: what could not be given back at once. */
	if (out->memory_bytes != CGROUP_UNKNOWN && idle != CGROUP_UNKNOWN)
		out->working_set = out->memory_bytes > idle ? out->memory_bytes - idle : 0;
}

static void account_io(const struct hierarchy *h, const char *leaf, struct cgroup_account *out)
{
	struct knob k;
	if (read_knob(h, leaf, h->v2 ? "io.stat" : "blkio.throttle.io_service_bytes", &k))
		(void)kernel_text_io(k.text, &out->read_bytes, &out->written_bytes);
}

static void account_pressure(const struct hierarchy *h, const char *leaf, const char *knob,
			     int64_t *out_some, int64_t *out_full)
{
	struct pressure p;
	struct knob k;
	if (!read_knob(h, leaf, knob, &k))
		return;
	if (kernel_text_pressure(k.text, "some", &p))
		*out_some = p.total_us;
	if (out_full && kernel_text_pressure(k.text, "full", &p))
		*out_full = p.total_us;
}

enum err cgroup_account(const struct cgroup_tree *t, const char *leaf, struct cgroup_account *out)
{
	char path[CGROUP_PATH_MAX];
	const int64_t none = CGROUP_UNKNOWN;
	*out = (struct cgroup_account){ none, none, none, none, none, none, none, none,
					none, none, none, none, none, none, none };
	cgroup_leaf_path(&t->hierarchies[0], leaf, path);
	if (!file_exists(path))
		return ERR_NOT_FOUND;
	account_cpu(t, leaf, out);
	if (t->memory)
		account_memory(t->memory, leaf, out);
	out->processes = number_of(t->pids, leaf, "pids.current");
	if (t->io)
		account_io(t->io, leaf, out);
	account_pressure(t->v2, leaf, "cpu.pressure", &out->cpu_some_us, NULL);
	account_pressure(t->v2, leaf, "memory.pressure", &out->memory_some_us,
			 &out->memory_full_us);
	account_pressure(t->v2, leaf, "io.pressure", &out->io_some_us, &out->io_full_us);
	return OK;
}
