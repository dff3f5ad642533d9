/*
 * skerry-sim - a fleet in one process: real MQTT connections, no workloads.
 *
 * Exit codes: 0 ended as told, 1 failed, or the hub has not acknowledged all in time, 2 usage.
 */
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/net.h"
#include "tests/sim/member.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage[] =
	"usage: skerry-sim --broker URL [OPTION VALUE ...]\n"
	"\n"
	"Simulates devices, each with a connection, session, outbox and report of its own.\n"
	"\n"
	"  --broker URL     mqtt://[user[:password]@]host[:port]\n"
	"  --devices N      how many, 1-4096; 1000\n"
	"  --name WORD      they are WORD-0000, WORD-0001, ...; sim\n"
	"  --labels K=V,... that they report, beside sim=yes\n"
	"  --seed N         decides when who comes and who is bad; 1\n"
	"  --jitter S       they come at random times within so many seconds; 10\n"
	"  --rate N         points in each letter of each device, 0-1000; 0\n"
	"  --every MS       a letter of each device so often; 1000\n"
	"  --bad PERCENT    of the devices roll back what they are told; 0\n"
	"  --bad-text TEXT  only states that contain it; all\n"
	"  --for S          letters are made for so long, then all must be acknowledged;\n"
	"                   0: until SIGTERM; 0\n"
	"  --drain S        how long that may take; 120\n"
	"\n"
	"At the end it prints one line of JSON: devices, connected, reconnects, letters sent and\n"
	"acknowledged, points, waiting and dead letters, states available and rolledBack.\n";

/* Of one connection: TCP, three of libmosquitto's and ours between, the folder. */
enum { FILES_A_DEVICE = 6, FILES_BESIDE = 64, DEVICES_MAX = 4096, LOOK_MS = 200 };

struct arguments {
	const char *broker, *devices, *name, *labels, *seed, *jitter, *rate, *every, *bad,
		*bad_text, *seconds, *drain;
};

static const struct {
	const char *name;
	size_t offset;
} options[] = {
	{ "--broker", offsetof(struct arguments, broker) },
	{ "--devices", offsetof(struct arguments, devices) },
	{ "--name", offsetof(struct arguments, name) },
	{ "--labels", offsetof(struct arguments, labels) },
	{ "--seed", offsetof(struct arguments, seed) },
	{ "--jitter", offsetof(struct arguments, jitter) },
	{ "--rate", offsetof(struct arguments, rate) },
	{ "--every", offsetof(struct arguments, every) },
	{ "--bad", offsetof(struct arguments, bad) },
	{ "--bad-text", offsetof(struct arguments, bad_text) },
	{ "--for", offsetof(struct arguments, seconds) },
	{ "--drain", offsetof(struct arguments, drain) },
};

struct sim {
	struct loop *loop;
	struct plan plan;
	struct tally tally;
	struct member *members;
	int count;
	struct timer look;
	int64_t first_look_ms, give_up_ms; /* 0: never */
	bool is_late;
};

static bool read_arguments(int argc, char **argv, struct arguments *out)
{
	*out = (struct arguments){ .devices = "1000",
				   .name = "sim",
				   .labels = "",
				   .seed = "1",
				   .jitter = "10",
				   .rate = "0",
				   .every = "1000",
				   .bad = "0",
				   .bad_text = "",
				   .seconds = "0",
				   .drain = "120" };
	for (int i = 1; i < argc; i += 2) {
		const char **into = NULL;
		for (size_t k = 0; k < sizeof options / sizeof *options; k++)
			if (strcmp(argv[i], options[k].name) == 0)
				into = (const char **)((char *)out + options[k].offset);
		if (!into || i + 1 == argc)
			return false;
		*into = argv[i + 1];
	}
	return out->broker != NULL;
}

/* OK stays what an earlier number was. */
static long long number(enum err *e, const char *name, const char *text, long long min,
			long long max, struct why *why)
{
	long long n = 0;
	if (!*e && text_number(bytes_of(text), min, max, &n))
		*e = why_set(why, ERR_INVALID, "%s %s: a whole number, %lld-%lld", name, text, min,
			     max);
	return n;
}

static enum err make_plan(const struct arguments *a, struct sim *s, struct why *why)
{
	enum err e = url_parse(bytes_of(a->broker), &s->plan.broker, why);
	if (!e && s->plan.broker.tls)
		e = why_set(why, ERR_INVALID, "--broker: mqtt:// alone");
	s->plan.prefix = a->name;
	s->plan.labels = a->labels;
	s->plan.bad_text = a->bad_text;
	s->count = (int)number(&e, "--devices", a->devices, 1, DEVICES_MAX, why);
	s->plan.seed = (uint32_t)number(&e, "--seed", a->seed, 0, UINT32_MAX, why);
	s->plan.spread_ms = 1000 * number(&e, "--jitter", a->jitter, 0, 3600, why);
	s->plan.rate = (unsigned)number(&e, "--rate", a->rate, 0, MEMBER_RATE_MAX, why);
	s->plan.every_ms = number(&e, "--every", a->every, 10, 3600LL * 1000, why);
	s->plan.bad_percent = (unsigned)number(&e, "--bad", a->bad, 0, 100, why);
	const int64_t for_ms = 1000 * number(&e, "--for", a->seconds, 0, 86400, why);
	const int64_t drain_ms = 1000 * number(&e, "--drain", a->drain, 0, 86400, why);
	if (e || !for_ms)
		return e;
	/* Counted, not timed: what there must be at the end is known beforehand. */
	s->plan.letters = for_ms / s->plan.every_ms;
	s->first_look_ms = clock_now_ms() + (s->plan.rate ? 0 : s->plan.spread_ms + for_ms);
	s->give_up_ms = clock_now_ms() + s->plan.spread_ms + for_ms + drain_ms;
	return OK;
}

static enum err raise_file_limit(int devices, struct why *why)
{
	struct rlimit l;
	const rlim_t need = (rlim_t)devices * FILES_A_DEVICE + FILES_BESIDE;
	if (getrlimit(RLIMIT_NOFILE, &l))
		return why_set(why, ERR_SYSTEM, "getrlimit: %s", strerror(errno));
	l.rlim_cur = l.rlim_max;
	if (l.rlim_max < need || setrlimit(RLIMIT_NOFILE, &l))
		return why_set(why, ERR_SYSTEM,
			       "%d devices take %llu files, this process may have %llu: fewer "
			       "--devices, or ulimit -Hn",
			       devices, (unsigned long long)need, (unsigned long long)l.rlim_max);
	return OK;
}

static bool is_done(struct sim *s)
{
	for (int i = 0; i < s->count; i++)
		if (!member_is_done(&s->members[i]))
			return false;
	return true;
}

static void on_look(void *owner, int64_t now_ms)
{
	struct sim *s = owner;
	s->is_late = now_ms > s->give_up_ms;
	if (s->is_late || is_done(s))
		loop_stop(s->loop);
	else
		loop_arm(s->loop, &s->look, now_ms + LOOK_MS);
}

static void on_signal(void *owner, int signo)
{
	struct sim *s = owner;
	(void)signo;
	loop_stop(s->loop);
}

static void print_counts(struct sim *s)
{
	int64_t connected = 0, sent = 0, acknowledged = 0, dead = 0, reconnects = 0;
	for (int i = 0; i < s->count; i++) {
		struct member *m = &s->members[i];
		connected += m->link.is_up;
		sent += store_last_seq(m->store);
		acknowledged += member_acknowledged(m);
		dead += store_buried(m->store);
		reconnects += m->connects ? m->connects - 1 : 0;
	}
	struct json *j = json_new_object();
	json_set_integer(j, "devices", s->count);
	json_set_integer(j, "connected", connected);
	json_set_integer(j, "reconnects", reconnects);
	json_set_integer(j, "sent", sent);
	json_set_integer(j, "acknowledged", acknowledged);
	json_set_integer(j, "waiting", sent - acknowledged - dead);
	json_set_integer(j, "dead", dead);
	json_set_integer(j, "points", s->tally.points);
	json_set_integer(j, "available", s->tally.available);
	json_set_integer(j, "rolledBack", s->tally.rolled_back);
	json_set_integer(j, "refused", s->tally.refused);
	SCOPED_MEMORY char *text = json_print(j);
	json_free(j);
	puts(text);
}

static enum err run(struct sim *s, struct why *why)
{
	enum err e = raise_file_limit(s->count, why);
	if (!e)
		e = loop_open(&s->loop, why);
	if (!e)
		e = loop_on_signals(s->loop, on_signal, s, why);
	s->members = calloc((size_t)s->count, sizeof *s->members);
	if (!e && !s->members)
		e = why_set(why, ERR_SYSTEM, "no memory for %d devices", s->count);
	for (int i = 0; !e && i < s->count; i++)
		e = member_open(&s->members[i], s->loop, &s->plan, &s->tally, i, why);
	s->look = (struct timer){ .owner = s, .on_due = on_look };
	if (!e && s->give_up_ms)
		loop_arm(s->loop, &s->look, s->first_look_ms);
	if (!e)
		e = loop_run(s->loop, why);
	if (!e)
		print_counts(s);
	for (int i = 0; s->members && i < s->count; i++)
		member_close(&s->members[i]);
	free(s->members);
	loop_close(s->loop);
	return e;
}

int main(int argc, char **argv)
{
	static struct sim sim;
	struct arguments arguments;
	struct why why = { "" };
	static char run_dir[] = "/tmp/skerry-sim-XXXXXX"; /* for the private socket, 0700 */
	if (net_is_resolver(argc, argv))
		return 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (!read_arguments(argc, argv, &arguments)) {
		fputs(usage, stderr);
		return 2;
	}
	enum err e = make_plan(&arguments, &sim, &why);
	if (!e && !mkdtemp(run_dir))
		e = why_set(&why, ERR_SYSTEM, "no folder for the private socket below /tmp");
	if (!e) {
		log_set_level(LOG_ERR);
		sim.plan.join_dir = run_dir;
		e = run(&sim, &why);
		(void)!dir_remove(run_dir, NULL);
	}
	if (e)
		fprintf(stderr, "error: %s\n", why.text);
	return e == ERR_INVALID ? 2 : e || sim.is_late ? 1 : 0;
}
