#include "agent/agent_parts.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

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

static void print_pod(char out[LABEL_SIZE], const struct workload *w)
{
	text_copy(out, LABEL_SIZE, (struct bytes){ w->name, strcspn(w->name, "/") });
}

static void on_gone(void *owner, struct workload *w)
{
	struct agent *a = owner;
	char pod[LABEL_SIZE];
	collect_log(&a->collect);
	(void)collect_flush(&a->collect);
	logbook_forget(a->store, w);
	print_pod(pod, w);
	files_look(&a->files, pod);
	deploy_on_gone(&a->deploy);
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
	print_pod(pod, w);
	ingest_add(&a->ingest, fd, pod, w->name);
}

/* --- opening --- */

enum err agent_open_images(struct agent *a, struct why *why)
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

enum err agent_open_cgroups(struct agent *a, struct why *why)
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

void agent_open_supervisor(struct agent *a)
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
