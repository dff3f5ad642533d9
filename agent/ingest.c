#include "agent/ingest.h"

#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/socket.h"
#include "sync/envelope.h"
#include "sync/letter.h"
#include "sync/line.h"
#include "sync/senml.h"

#include <stdio.h>
#include <stdlib.h>

static const char STORED_KEY[] = "gather/stored";

/* --- one point --- */

void ingest_take(struct ingest *g, struct source *s, struct point *p, struct letter_clock clock)
{
	struct why why;
	if (!source_may_pass(s, clock_now_ms())) {
		s->dropped++;
		return;
	}
	/* Whose it is says the source, not the text. */
	if (s->tag.key.len && point_set_tag(p, s->tag.key, s->tag.value)) {
		(void)why_set(&why, ERR_FULL, "more than %d tags", POINT_TAGS_MAX - 1);
		source_note_invalid(s, &why);
		return;
	}
	const int64_t time = p->has_time ? p->time_ms : clock.now_ms;
	const bool wall = p->has_time || clock.wall;
	enum err e = gather_add(&g->gather, s->stream, p, time, wall);
	if (e == ERR_FULL && g->on_full(g->owner))
		e = gather_add(&g->gather, s->stream, p, time, wall);
	if (e == ERR_INVALID) {
		(void)why_set(&why, e, "a point larger than %d bytes", GATHER_BYTES);
		source_note_invalid(s, &why);
		return;
	}
	if (e) {
		s->dropped++;
		return;
	}
	s->points++;
	if (g->gather.points == 1)
		g->on_points(g->owner);
}

/* --- one text --- */

void ingest_take_lines(struct ingest *g, struct source *s, char *text, size_t len,
		       struct letter_clock clock)
{
	static struct point p; /* too large for the stack */
	char *rest = text, *end = text + len;
	for (;;) {
		struct why why;
		enum err e = line_read(&rest, end, &p, &why);
		if (e == ERR_NOT_FOUND)
			return;
		if (e)
			source_note_invalid(s, &why);
		else
			ingest_take(g, s, &p, clock);
	}
}

void ingest_take_senml(struct ingest *g, struct source *s, struct bytes text,
		       struct letter_clock clock)
{
	static struct point p;
	static struct senml senml;
	struct json *pack;
	struct why why;
	enum err e = json_parse(text, &pack, &why);
	if (e) {
		source_note_invalid(s, &why);
		return;
	}
	e = senml_begin(&senml, pack, clock.wall ? clock.now_ms : 0, &why);
	while (!e || e == ERR_INVALID || e == ERR_FULL) {
		if (e)
			source_note_invalid(s, &why);
		e = senml_read(&senml, &p, &why);
		if (!e)
			ingest_take(g, s, &p, clock);
	}
	json_free(pack);
}

void ingest_take_text(struct ingest *g, struct source *s, char *text, size_t len,
		      struct letter_clock clock)
{
	size_t blank = 0;
	while (blank < len && strchr(" \t\r\n", text[blank]) && text[blank])
		blank++;
	if (blank < len && text[blank] == '[')
		ingest_take_senml(g, s, (struct bytes){ text + blank, len - blank }, clock);
	else
		ingest_take_lines(g, s, text, len, clock);
}

static void on_ready(void *owner, unsigned events)
{
	struct ingest_source *s = owner;
	struct ingest *g = s->ingest;
	struct letter_clock clock = letter_clock_now();
	(void)events;
	for (int i = 0; i < INGEST_DATAGRAMS; i++) {
		struct socket_peer peer;
		struct why why;
		size_t len;
		enum err e = socket_receive(s->watch.fd, g->datagram, DATAGRAM_MAX, &len, &peer);
		if (e == ERR_AGAIN || e == ERR_NOT_FOUND)
			return;
		if (e == ERR_FULL) {
			(void)why_set(&why, e, "a datagram of more than %d bytes", DATAGRAM_MAX);
			source_note_invalid(&s->source, &why);
		} else {
			ingest_take_text(g, &s->source, g->datagram, len, clock);
		}
	}
}

/* --- sources --- */

void ingest_add(struct ingest *g, int fd, const char *stream, const char *workload)
{
	size_t i = 0;
	ingest_remove(g, workload);
	while (i < INGEST_SOURCES_MAX && g->sources[i])
		i++;
	if (i == INGEST_SOURCES_MAX)
		return; /* WORKLOADS_MAX was checked before anything started */
	struct ingest_source *s = calloc(1, sizeof *s);
	if (!s) {
		log_err("telemetry of %s cannot be heard why=\"no memory\"", workload);
		return;
	}
	s->ingest = g;
	text_copy(s->stream, sizeof s->stream, bytes_of(stream));
	text_copy(s->workload, sizeof s->workload, bytes_of(workload));
	source_init(&s->source, workload[0] ? s->workload : "host", s->stream);
	if (workload[0])
		s->source.tag = (struct tag){ BYTES_LIT("workload"), bytes_of(s->workload) };
	s->watch =
		(struct watch){ .fd = fd, .events = LOOP_READ, .owner = s, .on_ready = on_ready };
	struct why why;
	if (loop_watch(g->loop, &s->watch, &why)) {
		log_err("telemetry of %s cannot be heard why=\"%s\"", workload, why.text);
		free(s);
		return;
	}
	g->sources[i] = s;
}

void ingest_remove(struct ingest *g, const char *workload)
{
	for (size_t i = 0; i < INGEST_SOURCES_MAX; i++) {
		struct ingest_source *s = g->sources[i];
		if (!s || strcmp(s->workload, workload) != 0)
			continue;
		/* What it sent before it ended still counts. */
		on_ready(s, LOOP_READ);
		loop_unwatch(g->loop, &s->watch);
		g->sources[i] = NULL;
		free(s);
	}
}

void ingest_join(struct ingest *g, struct source *s)
{
	s->next = g->joined;
	g->joined = s;
}

void ingest_leave(struct ingest *g, const struct source *s)
{
	struct source **at = &g->joined;
	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
}

enum err ingest_open(struct ingest *g, struct loop *loop, const char *run_dir, struct why *why)
{
	char path[PATH_LIMIT];
	*g = (struct ingest){ .loop = loop, .host_fd = -1 };
	g->datagram = malloc(DATAGRAM_MAX + 1);
	if (!g->datagram)
		return why_set(why, ERR_SYSTEM, "ingest: no memory");
	snprintf(path, sizeof path, "%s/gather", run_dir);
	enum err e = gather_open(&g->gather, path, GATHER_BYTES, why);
	snprintf(path, sizeof path, "%s/telemetry.sock", run_dir);
	return e ? e : socket_listen(path, SOCKET_DATAGRAM, 0600, &g->host_fd, why);
}

void ingest_close(struct ingest *g)
{
	if (!g->loop)
		return;
	for (size_t i = 0; i < INGEST_SOURCES_MAX; i++) {
		if (g->sources[i])
			loop_unwatch(g->loop, &g->sources[i]->watch);
		free(g->sources[i]);
	}
	close_quietly(g->host_fd);
	gather_close(&g->gather);
	free(g->datagram);
	*g = (struct ingest){ 0 };
}

/* --- storing --- */

bool ingest_is_empty(const struct ingest *g)
{
	return g->gather.points == 0;
}

struct storing {
	struct ingest *ingest;
	struct outbox *outbox;
};

static enum err store_segment(void *owner, const struct gather_segment *s, struct why *why)
{
	const struct storing *to = owner;
	struct letter l = {
		.class = LETTER_TELEMETRY,
		.made_ms = s->newest_ms,
		.items = s->points,
		.stream = s->stream,
		.body = s->body,
	};
	if (to->ingest->on_stream)
		to->ingest->on_stream(to->ingest->owner, s->stream, &l.class, &l.flags);
	l.flags |= s->wall ? LETTER_WALL : envelope_boot_flags();
	enum err e = outbox_add(to->outbox, &l, why);
	return e == ERR_FULL ? OK : e; /* given up, and counted */
}

enum err ingest_store(struct ingest *g, struct outbox *o, struct why *why)
{
	struct storing to = { g, o };
	const int64_t number = gather_number(&g->gather);
	enum err e = gather_encode(&g->gather, store_segment, &to, why);
	return e ? e
		 : store_put(o->store, STORED_KEY,
			     (struct bytes){ (const char *)&number, sizeof number }, why);
}

void ingest_stored(struct ingest *g)
{
	gather_clear(&g->gather);
}

void ingest_recover(struct ingest *g, struct store *s)
{
	struct bytes kept;
	int64_t number;
	if (store_get(s, STORED_KEY, &kept) || kept.len != sizeof number)
		return;
	memcpy(&number, kept.at, sizeof number);
	if (number == gather_number(&g->gather))
		gather_clear(&g->gather); /* killed between the commit and the clearing */
}

struct json *ingest_report(const struct ingest *g)
{
	struct json *j = json_new_object();
	for (size_t i = 0; i < INGEST_SOURCES_MAX; i++) {
		const struct ingest_source *s = g->sources[i];
		if (s && source_is_known(&s->source))
			json_set(j, s->source.name, source_report(&s->source));
	}
	for (const struct source *s = g->joined; s; s = s->next)
		json_set(j, s->name, source_report(s));
	return j;
}
