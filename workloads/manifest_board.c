/* Annotations below skerry.dev/: what Kubernetes has no field for; and prometheus.io/. */
#include "workloads/manifest_parts.h"

#include "base/duration.h"
#include "base/quantity.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum {
	WATCHDOG_MIN_MS = 1000,
	IDLE_MIN_MS = 1000,
	RATE_MIN = 4096,
	CPUS_MAX_BYTES = 64,
	OUTBOX_MIN = 64 * 1024,
	SCRAPE_MAX_MS = 3600 * 1000,
	SCRAPE_PATH_MAX = 255,
	SCRAPE_USUAL_MS = 30 * 1000,
};

static const char PREFIX[] = "skerry.dev/";

static enum err read_switch(struct reader *r, const char *value, void *into)
{
	bool *on = into;
	*on = strcmp(value, "true") == 0;
	return *on || strcmp(value, "false") == 0
		       ? OK
		       : field_refuse(r, "\"true\" or \"false\" is expected");
}

static enum err read_network(struct reader *r, const char *value, void *into)
{
	enum network_mode *mode = into;
	if (*mode == NETWORK_HOST)
		return field_refuse(r, "hostNetwork: true says it already");
	return network_mode_read(value, mode) ? OK
					      : field_refuse(r, "host, own or none is expected");
}

static enum err read_span(struct reader *r, const char *value, void *into)
{
	struct why why;
	int64_t *ms = into;
	if (duration_ms(bytes_of(value), ms, &why))
		return field_refuse(r, "%s", why.text);
	return *ms >= IDLE_MIN_MS ? OK : field_refuse(r, "at least 1s is expected");
}

static enum err read_rate(struct reader *r, const char *value, void *into)
{
	struct why why;
	int64_t *bps = into;
	if (quantity_units(bytes_of(value), bps, &why))
		return field_refuse(r, "%s", why.text);
	return *bps >= RATE_MIN ? OK : field_refuse(r, "at least 4Ki a second is expected");
}

static enum err read_ack(struct reader *r, const char *value, void *into)
{
	return telemetry_ack_read(value, into) ? OK
					       : field_refuse(r, "hub, broker or none is expected");
}

static enum err read_format(struct reader *r, const char *value, void *into)
{
	return telemetry_format_read(value, into)
		       ? OK
		       : field_refuse(r, "columns, json or line is expected");
}

static enum err read_rank(struct reader *r, const char *value, void *into)
{
	return telemetry_rank_read(value, into)
		       ? OK
		       : field_refuse(r, "high, normal or low is expected");
}

static enum err read_outbox(struct reader *r, const char *value, void *into)
{
	struct why why;
	int64_t *bytes = into;
	if (quantity_units(bytes_of(value), bytes, &why))
		return field_refuse(r, "%s", why.text);
	return *bytes >= OUTBOX_MIN ? OK : field_refuse(r, "at least 64Ki is expected");
}

/* "0-1,3", as cpuset.cpus takes it; whether the board has them, it says itself. */
static enum err read_cpus(struct reader *r, const char *value, void *into)
{
	const char **cpus = into;
	if (!*value || strspn(value, "0123456789,-") != strlen(value) ||
	    strlen(value) >= CPUS_MAX_BYTES)
		return field_refuse(r, "a list such as 0-1,3 is expected");
	*cpus = value;
	return OK;
}

static enum err read_families(struct reader *r, const char *value, void *into)
{
	/* Numbers of include/linux/socket.h. */
	static const struct {
		const char *name;
		int number;
	} known[] = { { "netlink", 16 }, { "packet", 17 }, { "can", 29 }, { "bluetooth", 31 } };
	int64_t *families = into;
	for (const char *at = value; *at;) {
		const size_t n = strcspn(at, ",");
		size_t i = 0, count = sizeof known / sizeof *known;
		while (i < count &&
		       (strlen(known[i].name) != n || memcmp(at, known[i].name, n) != 0))
			i++;
		if (i == count)
			return field_refuse(r, "can, netlink, packet and bluetooth are known");
		*families |= INT64_C(1) << known[i].number;
		at += n + (at[n] == ',');
	}
	return OK;
}

static enum err read_interval(struct reader *r, const char *value, void *into)
{
	const int64_t *ms = into;
	enum err e = read_span(r, value, into);
	if (!e && *ms > SCRAPE_MAX_MS)
		e = field_refuse(r, "at most 1h is expected");
	return e;
}

static enum err read_port(struct reader *r, const char *value, void *into)
{
	int64_t *port = into;
	long long n;
	if (text_number(bytes_of(value), 1, UINT16_MAX, &n))
		return field_refuse(r, "a port, 1-65535, is expected");
	*port = n;
	return OK;
}

/* It goes into a request as it stands. */
static enum err read_path(struct reader *r, const char *value, void *into)
{
	const char **path = into;
	if (value[0] != '/' || strlen(value) > SCRAPE_PATH_MAX)
		return field_refuse(r, "a path from / on, of at most %d bytes, is expected",
				    SCRAPE_PATH_MAX);
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~')
			return field_refuse(
				r, "a path in printable ASCII, without blanks, is expected");
	*path = value;
	return OK;
}

static enum err read_scheme(struct reader *r, const char *value, void *into)
{
	(void)into;
	return strcmp(value, "http") == 0
		       ? OK
		       : field_refuse(r, "http is expected: nobody else is on a board's loopback");
}

static const struct annotation {
	const char *name;
	enum err (*read)(struct reader *r, const char *value, void *into);
	size_t offset;
} annotations[] = {
	{ "skerry.dev/network", read_network, offsetof(struct board_spec, network) },
	{ "skerry.dev/socket-families", read_families, offsetof(struct board_spec, families) },
	{ "skerry.dev/cpus", read_cpus, offsetof(struct board_spec, cpus) },
	{ "skerry.dev/io-read", read_rate, offsetof(struct board_spec, read_bps) },
	{ "skerry.dev/io-write", read_rate, offsetof(struct board_spec, write_bps) },
	{ "skerry.dev/notify", read_switch, offsetof(struct board_spec, notifies) },
	{ "skerry.dev/watchdog", read_span, offsetof(struct board_spec, watchdog_ms) },
	{ "skerry.dev/standby", read_switch, offsetof(struct board_spec, standby) },
	{ "skerry.dev/idle-timeout", read_span, offsetof(struct board_spec, idle_ms) },
	{ "skerry.dev/telemetry-ack", read_ack, offsetof(struct board_spec, telemetry.ack) },
	{ "skerry.dev/telemetry-format", read_format,
	  offsetof(struct board_spec, telemetry.format) },
	{ "skerry.dev/telemetry-priority", read_rank, offsetof(struct board_spec, telemetry.rank) },
	{ "skerry.dev/outbox", read_outbox, offsetof(struct board_spec, outbox_bytes) },
	{ "skerry.dev/scrape-interval", read_interval,
	  offsetof(struct board_spec, scrape.interval_ms) },
	{ "prometheus.io/scrape", read_switch, offsetof(struct board_spec, scrape.on) },
	{ "prometheus.io/port", read_port, offsetof(struct board_spec, scrape.port) },
	{ "prometheus.io/path", read_path, offsetof(struct board_spec, scrape.path) },
	{ "prometheus.io/scheme", read_scheme, 0 },
};

static enum err read_one(struct reader *r, const struct pair *p, struct board_spec *b)
{
	for (size_t i = 0; i < sizeof annotations / sizeof *annotations; i++)
		if (strcmp(p->name, annotations[i].name) == 0)
			return annotations[i].read(r, p->value, (char *)b + annotations[i].offset);
	if (!text_starts(p->name, PREFIX))
		return OK; /* somebody else's */
	return field_refuse(r, "this annotation is not known; see docs/manifest.md");
}

static bool has_ports(const struct pod *p)
{
	for (size_t i = 0; i < p->container_count; i++)
		if (p->containers[i].port_count)
			return true;
	return false;
}

static int64_t first_port(const struct pod *p)
{
	for (size_t i = 0; i < p->container_count; i++)
		if (p->containers[i].port_count)
			return p->containers[i].ports[0].number;
	return 0;
}

static enum err complete_scrape(struct reader *r, const struct pod *p, struct scrape_spec *s)
{
	if (!s->path)
		s->path = "/metrics";
	if (!s->interval_ms)
		s->interval_ms = SCRAPE_USUAL_MS;
	if (!s->port)
		s->port = first_port(p);
	if (s->on && !s->port)
		return why_set(
			r->why, ERR_INVALID,
			"metadata.annotations.prometheus.io/port: it is needed, as no container "
			"has ports");
	if (s->on && p->board.network == NETWORK_NONE)
		return why_set(r->why, ERR_INVALID,
			       "metadata.annotations.prometheus.io/scrape: with the network none "
			       "there is no port to ask");
	return OK;
}

enum err manifest_board(struct reader *r, struct pod *p)
{
	enum err e = OK;
	for (size_t i = 0; !e && i < p->annotation_count; i++) {
		const size_t was = field_enter(r, "metadata.annotations");
		const size_t inner = field_enter(r, p->annotations[i].name);
		e = read_one(r, &p->annotations[i], &p->board);
		if (e)
			return e;
		field_leave(r, inner);
		field_leave(r, was);
	}
	if (!e && p->board.idle_ms && !p->board.standby && !has_ports(p))
		return why_set(r->why, ERR_INVALID,
			       "metadata.annotations.skerry.dev/idle-timeout: no container has "
			       "ports at which somebody could wake it");
	if (!e && !telemetry_fits(p->board.telemetry.ack, p->board.telemetry.format))
		return why_set(
			r->why, ERR_INVALID,
			"metadata.annotations.skerry.dev/telemetry-ack: the hub acknowledges "
			"columns alone; with json and line, broker or none is expected");
	if (!e)
		e = complete_scrape(r, p, &p->board.scrape);
	for (size_t i = 0; i < p->container_count; i++) {
		p->containers[i].limits.cpus = p->board.cpus;
		p->containers[i].limits.read_bps = p->board.read_bps;
		p->containers[i].limits.write_bps = p->board.write_bps;
	}
	return e;
}
