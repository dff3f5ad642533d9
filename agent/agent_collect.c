#include "agent/agent_parts.h"

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

/* --- opening --- */

enum err agent_open_collecting(struct agent *a, struct why *why)
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

enum err agent_open_sources(struct agent *a, struct why *why)
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

void agent_close_sources(struct agent *a)
{
	statsd_server_close(a->statsd);
	scrapes_deinit(&a->scrapes);
	local_broker_close(a->local_broker);
	host_metrics_close(a->host_metrics);
}
