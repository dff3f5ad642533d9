#include "agent/sources/scrape.h"

#include "base/text.h"
#include "ports/clock.h"
#include "ports/listeners.h"
#include "ports/net.h"
#include "sync/exposition.h"
#include "workloads/compose.h"

#include <stdio.h>
#include <stdlib.h>

struct scrape {
	struct scrapes *all;
	struct scrape *next;
	bool is_wanted;
	char pod[LABEL_SIZE], name[LABEL_SIZE + 8], workload[WORKLOAD_NAME_SIZE];
	char path[SCRAPE_PATH_SIZE];
	int64_t port, interval_ms;
	struct source source;
	struct timer timer;
	struct http_get *get; /* under way */
	struct letter_clock clock;
	bool is_openmetrics;
	bool skips; /* the rest of a line that was too long */
	size_t samples, line_len;
	char line[SCRAPE_LINE_MAX];
	struct point point;
};

/* --- what it says --- */

static void take_line(struct scrape *s)
{
	struct why why;
	enum err e = exposition_read(s->line, s->line_len, s->is_openmetrics, &s->point, &why);
	if (e == ERR_NOT_FOUND)
		return;
	if (e)
		source_note_invalid(&s->source, &why);
	else if (s->samples++ < SCRAPE_POINTS_MAX)
		ingest_take(s->all->ingest, &s->source, &s->point, s->clock);
	else
		s->source.dropped++;
}

static void end_line(struct scrape *s)
{
	if (!s->skips)
		take_line(s);
	s->skips = false;
	s->line_len = 0;
}

static void add_to_line(struct scrape *s, const char *at, size_t len)
{
	struct why why;
	if (s->skips)
		return;
	if (len > sizeof s->line - s->line_len) {
		(void)why_set(&why, ERR_FULL, "a line of more than %d bytes", SCRAPE_LINE_MAX);
		source_note_invalid(&s->source, &why);
		s->skips = true;
		return;
	}
	memcpy(s->line + s->line_len, at, len);
	s->line_len += len;
}

static void on_body(void *owner, struct bytes part)
{
	struct scrape *s = owner;
	while (part.len) {
		const char *newline = memchr(part.at, '\n', part.len);
		const size_t len = newline ? (size_t)(newline - part.at) : part.len;
		add_to_line(s, part.at, len);
		if (!newline)
			return;
		end_line(s);
		part = (struct bytes){ newline + 1, part.len - len - 1 };
	}
}

static void on_type(void *owner, const char *type)
{
	struct scrape *s = owner;
	s->is_openmetrics = text_starts(type, "application/openmetrics-text");
}

static void on_answered(void *owner, int status, const struct why *why)
{
	enum { HTTP_OK = 200 };
	struct scrape *s = owner;
	struct why reason = *why;
	s->get = NULL;
	if (status == HTTP_OK) {
		if (s->line_len || s->skips)
			end_line(s);
		source_note_well(&s->source);
		return;
	}
	if (status > 0)
		(void)why_set(&reason, ERR_INVALID, "HTTP %d at port %lld%.60s", status,
			      (long long)s->port, s->path);
	source_note_failure(&s->source, &reason);
}

/* --- asking --- */

/* Does it run, and does none of it rest? Asking would wake it. */
static bool is_awake(const struct running_pod *r)
{
	bool runs = false;
	for (size_t i = 0; i < running_size(r); i++) {
		if (r->workloads[i].rest != REST_NONE)
			return false;
		runs |= r->workloads[i].state == WORKLOAD_RUNNING;
	}
	return runs;
}

/* In the board's network, a port is whoever's listens there. */
static bool is_its_own(const struct scrape *s, const struct running_pod *r)
{
	pid_t pids[SCRAPE_PROCESSES_MAX];
	size_t n = 0;
	for (size_t i = 0; i < running_size(r); i++)
		n += cgroup_processes(r->site->cgroups, r->workloads[i].leaf, pids + n,
				      SCRAPE_PROCESSES_MAX - n);
	return listeners_are_of((uint16_t)s->port, pids, n);
}

/* Into *out_network, as for http_request. */
static enum err find_network(const struct scrape *s, const struct running_pod *r, int *out_network,
			     struct why *why)
{
	const enum network_mode mode = compose_network(r->site, r->pod);
	*out_network = 0;
	if (mode == NETWORK_NONE)
		return why_set(why, ERR_DENIED, "this board gives the pod no network");
	if (mode == NETWORK_HOST)
		return is_its_own(s, r) ? OK
					: why_set(why, ERR_DENIED,
						  "not the pod alone listens at 127.0.0.1:%lld, or "
						  "nobody does",
						  (long long)s->port);
	*out_network = networks_find(r->site->networks, r->pod->name);
	return *out_network > 0 ? OK : why_set(why, ERR_NOT_FOUND, "the pod has no network yet");
}

static void ask(struct scrape *s, const struct running_pod *r)
{
	static const char headers[] = "Accept: text/plain;version=0.0.4,"
				      "application/openmetrics-text;q=0.5,*/*;q=0.1\r\n";
	const struct http_hooks hooks = { s, on_answered, on_type, on_body };
	struct http_request request = {
		.host = "127.0.0.1",
		.path = s->path,
		.headers = headers,
		.port = (uint16_t)s->port,
		.wait_ms = s->interval_ms < SCRAPE_WAIT_MS ? s->interval_ms : SCRAPE_WAIT_MS,
		.body_max = SCRAPE_BODY_MAX,
	};
	struct why why;
	s->clock = letter_clock_now();
	s->samples = s->line_len = 0;
	s->is_openmetrics = s->skips = false;
	enum err e = find_network(s, r, &request.network_fd, &why);
	if (!e)
		e = net_http_get(s->all->loop, &request, &hooks, &s->get, &why);
	if (e)
		source_note_failure(&s->source, &why);
}

static void on_due(void *owner, int64_t now_ms)
{
	struct scrape *s = owner;
	const struct running_pod *r = supervisor_pod(s->all->supervisor, s->pod);
	loop_arm(s->all->loop, &s->timer, now_ms + s->interval_ms);
	if (!s->get && r && is_awake(r))
		ask(s, r);
}

/* --- which pods --- */

static void close_scrape(struct scrape *s)
{
	net_http_cancel(s->get);
	loop_disarm(s->all->loop, &s->timer);
	ingest_leave(s->all->ingest, &s->source);
	free(s);
}

static struct scrape *open_scrape(struct scrapes *all, const char *pod)
{
	struct scrape *s = calloc(1, sizeof *s);
	if (!s)
		return NULL; /* tried again at the next change */
	s->all = all;
	s->timer = (struct timer){ .owner = s, .on_due = on_due };
	text_copy(s->pod, sizeof s->pod, bytes_of(pod));
	snprintf(s->name, sizeof s->name, "scrape:%s", s->pod);
	source_init(&s->source, s->name, s->pod);
	s->source.tag.key = BYTES_LIT("workload");
	ingest_join(all->ingest, &s->source);
	s->next = all->first;
	all->first = s;
	return s;
}

static const char *container_at(const struct pod *p, int64_t port)
{
	for (size_t i = 0; i < p->container_count; i++)
		for (size_t k = 0; k < p->containers[i].port_count; k++)
			if (p->containers[i].ports[k].number == port)
				return p->containers[i].name;
	return p->containers[p->init_count].name;
}

/* A question that has not connected yet would wake it. */
static void stop_asking(struct scrape *s)
{
	net_http_cancel(s->get);
	s->get = NULL;
}

static void follow_pod(struct scrapes *all, const struct running_pod *r)
{
	const struct pod *p = r->pod;
	struct scrape *s = all->first;
	while (s && strcmp(s->pod, p->name) != 0)
		s = s->next;
	if (!s)
		s = open_scrape(all, p->name);
	if (!s)
		return;
	s->is_wanted = true;
	if (!is_awake(r))
		stop_asking(s);
	s->port = p->board.scrape.port;
	text_copy(s->path, sizeof s->path, bytes_of(p->board.scrape.path));
	snprintf(s->workload, sizeof s->workload, "%s/%s", p->name, container_at(p, s->port));
	s->source.tag.value = bytes_of(s->workload);
	if (s->interval_ms == p->board.scrape.interval_ms)
		return;
	s->interval_ms = p->board.scrape.interval_ms;
	loop_arm(all->loop, &s->timer, clock_now_ms() + s->interval_ms);
}

void scrapes_init(struct scrapes *s, struct ingest *ingest, struct loop *loop,
		  struct supervisor *supervisor)
{
	*s = (struct scrapes){ .ingest = ingest, .loop = loop, .supervisor = supervisor };
}

void scrapes_follow(struct scrapes *s)
{
	if (!s->supervisor)
		return;
	for (struct scrape *one = s->first; one; one = one->next)
		one->is_wanted = false;
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++) {
		const struct running_pod *r = s->supervisor->pods[i];
		if (r && r->pod && !r->leaving && r->pod->board.scrape.on)
			follow_pod(s, r);
	}
	for (struct scrape **at = &s->first; *at;) {
		struct scrape *one = *at;
		if (one->is_wanted) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		close_scrape(one);
	}
}

void scrapes_deinit(struct scrapes *s)
{
	while (s->first) {
		struct scrape *one = s->first;
		s->first = one->next;
		close_scrape(one);
	}
	*s = (struct scrapes){ 0 };
}
