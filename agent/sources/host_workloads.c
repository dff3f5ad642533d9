/* What each running workload takes: kubernetes_pod_container, as the kubelet is read. */
#include "agent/sources/host_metrics.h"

enum { NS_IN_US = 1000 };

/* Unknown is left out. */
static void add(struct host_metrics *h, const char *field, int64_t n, int64_t times)
{
	if (n != CGROUP_UNKNOWN)
		point_add_integer(&h->point, field, n * times);
}

static void add_account(struct host_metrics *h, const struct cgroup_account *a)
{
	add(h, "cpu_usage_core_nanoseconds", a->cpu_us, NS_IN_US);
	add(h, "cpu_throttled_nanoseconds", a->throttled_us, NS_IN_US);
	add(h, "memory_usage_bytes", a->memory_bytes, 1);
	add(h, "memory_working_set_bytes", a->working_set, 1);
	add(h, "memory_peak_bytes", a->memory_peak, 1);
	add(h, "memory_major_page_faults", a->major_faults, 1);
	add(h, "oom_kills", a->oom_kills, 1);
	add(h, "processes", a->processes, 1);
	add(h, "io_read_bytes", a->read_bytes, 1);
	add(h, "io_write_bytes", a->written_bytes, 1);
	add(h, "cpu_pressure_some_total", a->cpu_some_us, 1);
	add(h, "memory_pressure_some_total", a->memory_some_us, 1);
	add(h, "memory_pressure_full_total", a->memory_full_us, 1);
	add(h, "io_pressure_some_total", a->io_some_us, 1);
	add(h, "io_pressure_full_total", a->io_full_us, 1);
}

static void take_workload(void *owner, struct workload *w)
{
	struct host_metrics *h = owner;
	struct cgroup_account a;
	if (!w->pod || !w->pid || cgroup_account(h->options.cgroups, w->leaf, &a))
		return;
	point_begin(&h->point, "kubernetes_pod_container");
	(void)!point_set_tag(&h->point, BYTES_LIT("pod_name"), bytes_of(w->pod->name));
	(void)!point_set_tag(&h->point, BYTES_LIT("container_name"), bytes_of(w->spec->name));
	(void)!point_set_tag(&h->point, BYTES_LIT("workload"), bytes_of(w->name));
	add_account(h, &a);
	point_add_integer(&h->point, "restarts", w->restarts);
	host_metrics_take(h);
}

void host_workloads_take(struct host_metrics *h)
{
	if (h->options.supervisor)
		supervisor_each(h->options.supervisor, take_workload, h);
}
