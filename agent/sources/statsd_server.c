#include "agent/sources/statsd_server.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/net.h"
#include "ports/random.h"
#include "ports/socket.h"
#include "sync/aggregate.h"
#include "sync/statsd.h"

#include <math.h>
#include <stdlib.h>

enum { BUCKETS = 64 };

static const char SEPARATOR = '\x1f'; /* is_printable() lets none through */

/* A name with its tags, and what came for it. */
struct series {
	struct series *next; /* of its bucket */
	enum statsd_type type;
	double value; /* of a counter or gauge */
	int64_t touched_ms;
	bool is_new;                 /* something came in this interval */
	struct aggregate *aggregate; /* of the other types */
	size_t key_len;
	char key[]; /* name, and names and values of tags, separated */
};

struct statsd_server {
	struct statsd_options options;
	struct source source;
	struct watch watch; /* fd -1: the port could not be had */
	struct timer timer;
	uint32_t lost; /* by the kernel, as counted last */
	struct series *buckets[BUCKETS];
	size_t count;
	struct statsd_line line;
	struct point point;
};

/* --- series --- */

static bool make_key(const struct point *p, char *out, size_t *out_len)
{
	struct text t = text_in(out, STATSD_KEY_MAX);
	text_add_bytes(&t, p->measurement);
	for (size_t i = 0; i < p->tag_count; i++) {
		text_add(&t, "%c", SEPARATOR);
		text_add_bytes(&t, p->tags[i].key);
		text_add(&t, "%c", SEPARATOR);
		text_add_bytes(&t, p->tags[i].value);
	}
	*out_len = t.len;
	return !text_is_cut(&t);
}

static size_t bucket_of(const char *key, size_t len)
{
	size_t h = 0;
	for (size_t i = 0; i < len; i++)
		h = h * 31 + (unsigned char)key[i];
	return h % BUCKETS;
}

static bool needs_aggregate(enum statsd_type type)
{
	return type != STATSD_COUNTER && type != STATSD_GAUGE;
}

static void free_series(struct series *one)
{
	free(one->aggregate);
	free(one);
}

static struct series *make_series(enum statsd_type type, const char *key, size_t key_len)
{
	struct series *one = calloc(1, sizeof *one + key_len);
	if (!one)
		return NULL;
	one->type = type;
	one->key_len = key_len;
	memcpy(one->key, key, key_len);
	if (!needs_aggregate(type))
		return one;
	one->aggregate = calloc(1, sizeof *one->aggregate);
	if (!one->aggregate) {
		free(one);
		return NULL;
	}
	random_bytes(&one->aggregate->seed, sizeof one->aggregate->seed);
	one->aggregate->seed |= 1;
	return one;
}

/* NULL: there are too many. */
static struct series *find_series(struct statsd_server *s, const struct statsd_line *l,
				  const char *key, size_t len)
{
	struct series **bucket = &s->buckets[bucket_of(key, len)];
	for (struct series *one = *bucket; one; one = one->next)
		if (one->type == l->type && one->key_len == len && memcmp(one->key, key, len) == 0)
			return one;
	struct series *one = s->count < STATSD_SERIES_MAX ? make_series(l->type, key, len) : NULL;
	if (!one)
		return NULL;
	one->next = *bucket;
	*bucket = one;
	s->count++;
	return one;
}

/* --- values --- */

static bool add_value(struct series *one, double rate, struct bytes value)
{
	double n;
	bool is_relative;
	if (one->type == STATSD_SET)
		return aggregate_add_member(one->aggregate, value);
	if (!statsd_number(value, &n, &is_relative))
		return true; /* statsd_read() has looked at it */
	if (one->type == STATSD_COUNTER)
		one->value += n / rate;
	else if (one->type == STATSD_GAUGE)
		one->value = is_relative ? one->value + n : n;
	else
		aggregate_add(one->aggregate, n, 1 / rate);
	return true;
}

static void take_values(struct statsd_server *s, int64_t now_ms)
{
	char key[STATSD_KEY_MAX];
	size_t len;
	struct bytes value;
	struct why why;
	if (!make_key(&s->line.key, key, &len)) {
		(void)why_set(&why, ERR_FULL, "name and tags of more than %d bytes",
			      STATSD_KEY_MAX - 1);
		source_note_invalid(&s->source, &why);
		return;
	}
	struct series *one = find_series(s, &s->line, key, len);
	while (statsd_next(&s->line, &value)) {
		if (!one || !source_may_pass(&s->source, now_ms) ||
		    !add_value(one, s->line.rate, value)) {
			s->source.dropped++;
			continue;
		}
		one->is_new = true;
		one->touched_ms = now_ms;
	}
}

static void take_datagram(struct statsd_server *s, struct bytes text)
{
	const int64_t now_ms = clock_now_ms();
	while (text.len) {
		const char *newline = memchr(text.at, '\n', text.len);
		const size_t len = newline ? (size_t)(newline - text.at) : text.len;
		struct bytes line = { text.at, len };
		struct why why;
		text = (struct bytes){ text.at + len + (newline != NULL),
				       text.len - len - (newline != NULL) };
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (!line.len)
			continue;
		if (statsd_read(line, &s->line, &why))
			source_note_invalid(&s->source, &why);
		else
			take_values(s, now_ms);
	}
}

static void on_ready(void *owner, unsigned events)
{
	struct statsd_server *s = owner;
	char *buffer = s->options.ingest->datagram;
	(void)events;
	for (int i = 0; i < INGEST_DATAGRAMS; i++) {
		struct socket_peer peer;
		struct why why;
		size_t len;
		enum err e = socket_receive(s->watch.fd, buffer, DATAGRAM_MAX, &len, &peer);
		if (e == ERR_AGAIN || e == ERR_NOT_FOUND)
			return;
		if (e == ERR_FULL) {
			(void)why_set(&why, e, "a datagram of more than %d bytes", DATAGRAM_MAX);
			source_note_invalid(&s->source, &why);
		} else {
			take_datagram(s, (struct bytes){ buffer, len });
		}
	}
}

/* --- points --- */

static void add_fields(struct point *p, struct series *one)
{
	struct aggregate *a = one->aggregate;
	if (!needs_aggregate(one->type)) {
		point_add_number(p, "value", one->value);
		return;
	}
	if (one->type == STATSD_SET) {
		point_add_integer(p, "value", (int64_t)a->kept);
		return;
	}
	point_add_integer(p, "count", (int64_t)nearbyint(a->count));
	point_add_number(p, "sum", a->sum);
	point_add_number(p, "mean", a->sum / a->count);
	point_add_number(p, "lower", a->least);
	point_add_number(p, "upper", a->greatest);
	point_add_number(p, "50_percentile", aggregate_percentile(a, 0.50));
	point_add_number(p, "95_percentile", aggregate_percentile(a, 0.95));
}

static struct bytes next_part(struct bytes *rest)
{
	const char *end = memchr(rest->at, SEPARATOR, rest->len);
	const size_t len = end ? (size_t)(end - rest->at) : rest->len;
	const struct bytes part = { rest->at, len };
	*rest = (struct bytes){ rest->at + len + (end != NULL), rest->len - len - (end != NULL) };
	return part;
}

/* As Telegraf names them: dots are for statsd's own tree. */
static void rename_dots(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] == '.')
			at[i] = '_';
}

static void take_point(struct statsd_server *s, struct series *one, struct letter_clock clock)
{
	char name[STATSD_KEY_MAX];
	struct bytes rest = { one->key, one->key_len };
	const struct bytes measurement = next_part(&rest);
	memcpy(name, measurement.at, measurement.len);
	rename_dots(name, measurement.len);
	point_begin(&s->point, "");
	s->point.measurement = (struct bytes){ name, measurement.len };
	while (rest.len) {
		const struct bytes key = next_part(&rest);
		(void)!point_set_tag(&s->point, key, next_part(&rest));
	}
	s->source.tag =
		(struct tag){ BYTES_LIT("metric_type"), bytes_of(statsd_type_name(one->type)) };
	add_fields(&s->point, one);
	ingest_take(s->options.ingest, &s->source, &s->point, clock);
}

static void begin_interval(struct series *one)
{
	one->is_new = false;
	if (one->type == STATSD_COUNTER)
		one->value = 0;
	else if (one->aggregate)
		aggregate_clear(one->aggregate);
}

/* Nobody needs it any more: only a gauge's value outlives an interval. */
static bool is_stale(const struct series *one, int64_t now_ms)
{
	return !one->is_new &&
	       (one->type != STATSD_GAUGE || now_ms - one->touched_ms > STATSD_GAUGE_MS);
}

static void flush(struct statsd_server *s, int64_t now_ms)
{
	const struct letter_clock clock = letter_clock_now();
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct series **at = &s->buckets[i]; *at;) {
			struct series *one = *at;
			if (is_stale(one, now_ms)) {
				*at = one->next;
				s->count--;
				free_series(one);
				continue;
			}
			if (one->is_new)
				take_point(s, one, clock);
			begin_interval(one);
			at = &one->next;
		}
}

/* --- the port --- */

static void listen_if_not_yet(struct statsd_server *s)
{
	struct why why;
	if (s->watch.fd >= 0)
		return;
	enum err e = net_bind_udp(s->options.address, s->options.port, &s->watch.fd, &why);
	if (!e)
		e = loop_watch(s->options.loop, &s->watch, &why);
	if (!e) {
		source_note_well(&s->source);
		return;
	}
	close_quietly(take_fd(&s->watch.fd));
	source_note_failure(&s->source, &why);
}

/* A burst may be faster than our turn comes. */
static void count_lost(struct statsd_server *s)
{
	if (s->watch.fd < 0)
		return;
	const uint32_t lost = net_udp_drops(s->watch.fd);
	s->source.dropped += lost - s->lost;
	s->lost = lost;
}

static void on_due(void *owner, int64_t now_ms)
{
	struct statsd_server *s = owner;
	count_lost(s);
	flush(s, now_ms);
	listen_if_not_yet(s);
	loop_arm(s->options.loop, &s->timer, now_ms + s->options.interval_ms);
}

enum err statsd_server_open(const struct statsd_options *o, struct statsd_server **out,
			    struct why *why)
{
	struct statsd_server *s = calloc(1, sizeof *s);
	if (!s)
		return why_set(why, ERR_SYSTEM, "statsd: no memory");
	s->options = *o;
	source_init(&s->source, "statsd", "statsd");
	ingest_join(o->ingest, &s->source);
	s->watch =
		(struct watch){ .fd = -1, .events = LOOP_READ, .owner = s, .on_ready = on_ready };
	s->timer = (struct timer){ .owner = s, .on_due = on_due };
	listen_if_not_yet(s);
	loop_arm(o->loop, &s->timer, clock_now_ms() + o->interval_ms);
	*out = s;
	return OK;
}

void statsd_server_close(struct statsd_server *s)
{
	if (!s)
		return;
	/* What came since the last interval still counts. */
	flush(s, clock_now_ms());
	loop_disarm(s->options.loop, &s->timer);
	if (s->watch.fd >= 0)
		loop_unwatch(s->options.loop, &s->watch);
	close_quietly(s->watch.fd);
	for (size_t i = 0; i < BUCKETS; i++)
		while (s->buckets[i]) {
			struct series *one = s->buckets[i];
			s->buckets[i] = one->next;
			free_series(one);
		}
	ingest_leave(s->options.ingest, &s->source);
	free(s);
}
