/*
 * host_metrics - the board's own figures, and those of its workloads, as points.
 *
 * Every `every_ms`, into the stream `host`, under the names that Telegraf's
 * plugins cpu, mem, swap, system, kernel, disk, diskio, net, temp and
 * kubernetes use; docs/telemetry.md has the table. What this kernel does not
 * tell is left out, never 0. A tick reads some small files, allocates nothing,
 * and is done before it returns.
 *
 * host_metrics.c has the life and what the board is as a whole, host_devices.c
 * its devices, host_workloads.c the control groups.
 */
#pragma once

#include "agent/ingest.h"
#include "base/kernel_text.h"
#include "workloads/supervisor.h"

enum {
	HOST_TEXT_MAX = 8 * 1024, /* bytes of one file that are read */
	HOST_DEVICES_MAX = 8,     /* disks, interfaces, thermal zones: of each */
	HOST_CPU_MODES = 8,       /* user, nice, system, idle, iowait, irq, softirq, steal */
};

struct host_options {
	struct ingest *ingest;
	struct loop *loop;
	struct supervisor *supervisor; /* NULL: there are no workloads */
	const struct cgroup_tree *cgroups;
	const char *state_dir; /* whose file system is told */
	int64_t cpus;
	int64_t every_ms;
};

struct host_metrics {
	struct host_options options;
	struct source source;
	struct timer timer;
	struct letter_clock clock; /* of all points of one tick */
	struct mount_text mount;   /* under state_dir; its type is empty: not found */
	int64_t cpu[HOST_CPU_MODES];
	size_t cpu_count; /* how many of them the last tick has seen */
	size_t devices;   /* of the kind being read, so far */
	struct point point;
	char text[HOST_TEXT_MAX];
};

/* The first points come after one `every_ms`. */
enum err host_metrics_open(const struct host_options *o, struct host_metrics **out,
			   struct why *why);
void host_metrics_close(struct host_metrics *h); /* NULL is fine */

/* --- for host_devices.c and host_workloads.c, which are parts of it --- */

/* The point is complete, unless no field of it was there. */
void host_metrics_take(struct host_metrics *h);

/* A file below a folder into h->text. */
bool host_metrics_read(struct host_metrics *h, const char *folder, const char *name,
		       const char *file);

void host_devices_take(struct host_metrics *h);
void host_workloads_take(struct host_metrics *h);
