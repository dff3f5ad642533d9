#include "agent/sources/host_metrics.h"

#include "base/scoped.h"
#include "ports/file.h"
#include "ports/vitals.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { KIB = 1024, MOUNTS_MAX = 64 * 1024 };

bool host_metrics_read(struct host_metrics *h, const char *folder, const char *name,
		       const char *file)
{
	char path[PATH_LIMIT / 4];
	const int len = snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
	return len < (int)sizeof path && vitals_read(path, h->text, sizeof h->text);
}

void host_metrics_take(struct host_metrics *h)
{
	if (h->point.field_count)
		ingest_take(h->options.ingest, &h->source, &h->point, h->clock);
}

/* Two decimals: more would cost bytes on the way and say nothing. */
static double percent(double part, double whole)
{
	return nearbyint(part / whole * 10000) / 100;
}

/* --- processors --- */

/* Fields of Telegraf's cpu plugin, in the kernel's order. */
static const char *const modes[HOST_CPU_MODES] = {
	"usage_user",   "usage_nice", "usage_system",  "usage_idle",
	"usage_iowait", "usage_irq",  "usage_softirq", "usage_steal",
};
enum { MODE_IDLE = 3, MODE_IOWAIT = 4 };

/* Shares of the time since the last tick; iowait is known to step back. */
static void take_cpu(struct host_metrics *h)
{
	int64_t now[HOST_CPU_MODES], spent[HOST_CPU_MODES], all = 0;
	if (!vitals_read("/proc/stat", h->text, sizeof h->text))
		return;
	const size_t n = kernel_text_numbers(h->text, "cpu", now, HOST_CPU_MODES);
	for (size_t i = 0; i < n; i++) {
		spent[i] = now[i] > h->cpu[i] ? now[i] - h->cpu[i] : 0;
		all += spent[i];
		h->cpu[i] = now[i];
	}
	const bool comparable = h->cpu_count == n && n > MODE_IOWAIT && all > 0;
	h->cpu_count = n;
	if (!comparable)
		return;
	point_begin(&h->point, "cpu");
	(void)!point_set_tag(&h->point, BYTES_LIT("cpu"), BYTES_LIT("cpu-total"));
	for (size_t i = 0; i < n; i++)
		point_add_number(&h->point, modes[i], percent((double)spent[i], (double)all));
	point_add_number(
		&h->point, "usage_active",
		percent((double)(all - spent[MODE_IDLE] - spent[MODE_IOWAIT]), (double)all));
	host_metrics_take(h);
}

static void take_system(struct host_metrics *h)
{
	double load[3];
	point_begin(&h->point, "system");
	if (vitals_read("/proc/loadavg", h->text, sizeof h->text) &&
	    sscanf(h->text, "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3) {
		point_add_number(&h->point, "load1", load[0]);
		point_add_number(&h->point, "load5", load[1]);
		point_add_number(&h->point, "load15", load[2]);
	}
	point_add_integer(&h->point, "n_cpus", h->options.cpus);
	point_add_integer(&h->point, "uptime", clock_now_ms() / 1000);
	host_metrics_take(h);
}

/* --- memory --- */

static const struct {
	const char *key, *field;
} memory_fields[] = {
	{ "MemTotal:", "total" }, { "MemAvailable:", "available" },
	{ "MemFree:", "free" },   { "Buffers:", "buffered" },
	{ "Cached:", "cached" },  { "Slab:", "slab" },
	{ "Shmem:", "shared" },   { "Dirty:", "dirty" },
};

static void take_ram(struct host_metrics *h)
{
	int64_t total = 0, available, n;
	point_begin(&h->point, "mem");
	for (size_t i = 0; i < sizeof memory_fields / sizeof *memory_fields; i++)
		if (kernel_text_number(h->text, memory_fields[i].key, &n))
			point_add_integer(&h->point, memory_fields[i].field, n * KIB);
	if (kernel_text_number(h->text, "MemTotal:", &total) && total > 0 &&
	    kernel_text_number(h->text, "MemAvailable:", &available)) {
		point_add_integer(&h->point, "used", (total - available) * KIB);
		point_add_number(&h->point, "available_percent",
				 percent((double)available, (double)total));
		point_add_number(&h->point, "used_percent",
				 percent((double)(total - available), (double)total));
	}
	host_metrics_take(h);
}

static void take_swap(struct host_metrics *h)
{
	int64_t total, free, n;
	const int64_t page = sysconf(_SC_PAGESIZE);
	if (!kernel_text_number(h->text, "SwapTotal:", &total) || total <= 0 ||
	    !kernel_text_number(h->text, "SwapFree:", &free))
		return;
	point_begin(&h->point, "swap");
	point_add_integer(&h->point, "total", total * KIB);
	point_add_integer(&h->point, "free", free * KIB);
	point_add_integer(&h->point, "used", (total - free) * KIB);
	point_add_number(&h->point, "used_percent", percent((double)(total - free), (double)total));
	if (vitals_read("/proc/vmstat", h->text, sizeof h->text)) {
		if (kernel_text_number(h->text, "pswpin", &n))
			point_add_integer(&h->point, "in", n * page);
		if (kernel_text_number(h->text, "pswpout", &n))
			point_add_integer(&h->point, "out", n * page);
	}
	host_metrics_take(h);
}

/* --- pressure --- */

static void take_pressure(struct host_metrics *h, const char *resource, const char *share)
{
	struct pressure p;
	if (!kernel_text_pressure(h->text, share, &p))
		return;
	point_begin(&h->point, "pressure");
	(void)!point_set_tag(&h->point, BYTES_LIT("resource"), bytes_of(resource));
	(void)!point_set_tag(&h->point, BYTES_LIT("type"), bytes_of(share));
	point_add_number(&h->point, "avg10", p.avg10);
	point_add_number(&h->point, "avg60", p.avg60);
	point_add_number(&h->point, "avg300", p.avg300);
	point_add_integer(&h->point, "total", p.total_us);
	host_metrics_take(h);
}

static void take_pressures(struct host_metrics *h)
{
	/* Of a whole board, cpu has no "full" that means anything. */
	if (host_metrics_read(h, "/proc", "pressure", "cpu"))
		take_pressure(h, "cpu", "some");
	static const char *const both[] = { "memory", "io" };
	for (size_t i = 0; i < 2; i++) {
		if (!host_metrics_read(h, "/proc", "pressure", both[i]))
			continue;
		take_pressure(h, both[i], "some");
		take_pressure(h, both[i], "full");
	}
}

/* --- the file system under state_dir --- */

static void find_mount(struct host_metrics *h)
{
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	if (file_read("/proc/self/mountinfo", MOUNTS_MAX, &text, &len, NULL) ||
	    !kernel_text_mount(text, h->options.state_dir, &h->mount))
		h->mount.type[0] = '\0';
}

static void tag_mount(struct host_metrics *h)
{
	const struct mount_text *m = &h->mount;
	const char *slash = strrchr(m->source, '/');
	if (!m->type[0])
		return;
	(void)!point_set_tag(&h->point, BYTES_LIT("path"), bytes_of(m->point));
	(void)!point_set_tag(&h->point, BYTES_LIT("fstype"), bytes_of(m->type));
	(void)!point_set_tag(&h->point, BYTES_LIT("device"),
			     bytes_of(slash && slash[1] ? slash + 1 : m->source));
}

static void take_disk(struct host_metrics *h)
{
	struct vitals_disk d;
	if (!vitals_disk(h->options.state_dir, &d) || d.total <= 0)
		return;
	const int64_t used = d.total - d.free;
	point_begin(&h->point, "disk");
	tag_mount(h);
	point_add_integer(&h->point, "total", d.total);
	point_add_integer(&h->point, "free", d.available);
	point_add_integer(&h->point, "used", used);
	/* As df has it: of what is not kept for root. */
	if (used + d.available > 0)
		point_add_number(&h->point, "used_percent",
				 percent((double)used, (double)(used + d.available)));
	if (d.inodes > 0) {
		point_add_integer(&h->point, "inodes_total", d.inodes);
		point_add_integer(&h->point, "inodes_free", d.inodes_free);
		point_add_integer(&h->point, "inodes_used", d.inodes - d.inodes_free);
	}
	host_metrics_take(h);
}

/* --- a tick --- */

static void take_all(struct host_metrics *h)
{
	h->clock = letter_clock_now();
	take_cpu(h);
	take_system(h);
	if (vitals_read("/proc/meminfo", h->text, sizeof h->text)) {
		take_ram(h);
		take_swap(h);
	}
	take_pressures(h);
	take_disk(h);
	host_devices_take(h);
	host_workloads_take(h);
}

static void on_due(void *owner, int64_t now_ms)
{
	struct host_metrics *h = owner;
	take_all(h);
	/* From when it was due, so that distances stay even; what was slept through is not made up.
	 */
	int64_t next = h->timer.due_ms + h->options.every_ms;
	if (next <= now_ms)
		next = now_ms + h->options.every_ms;
	loop_arm(h->options.loop, &h->timer, next);
}

enum err host_metrics_open(const struct host_options *o, struct host_metrics **out, struct why *why)
{
	struct host_metrics *h = calloc(1, sizeof *h);
	if (!h)
		return why_set(why, ERR_SYSTEM, "host metrics: no memory");
	h->options = *o;
	source_init(&h->source, "host_metrics", "host");
	ingest_join(o->ingest, &h->source);
	find_mount(h);
	take_cpu(h); /* what the first tick is compared with */
	h->timer = (struct timer){ .owner = h, .on_due = on_due };
	loop_arm(o->loop, &h->timer, clock_now_ms() + o->every_ms);
	*out = h;
	return OK;
}

void host_metrics_close(struct host_metrics *h)
{
	if (!h)
		return;
	loop_disarm(h->options.loop, &h->timer);
	ingest_leave(h->options.ingest, &h->source);
	free(h);
}
