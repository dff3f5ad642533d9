#include "cloud/hub/meter.h"

#include "base/text.h"

#include <inttypes.h>

static const int64_t steps_ms[METER_STEPS] = { 2, 5, 20, 100, 500, 2000, 10000 };

void meter_settle(struct meter *m, const struct letter_fate *fate, int64_t wall_ms)
{
	const struct letter *l = fate->letter;
	if (fate->bad) {
		m->bad++;
		return;
	}
	m->batches++;
	m->doubles += !l->is_new;
	if (!l->is_new || !l->count)
		return;
	m->rows[l->table] += l->count;
	m->lag_ms = wall_ms - l->newest_ms;
}

void meter_commit(struct meter *m, int64_t took_us)
{
	int step = 0;
	while (step < METER_STEPS && took_us > steps_ms[step] * 1000)
		step++;
	m->commits[step]++;
	m->commits_us += took_us;
}

static void put(struct text *t, const char *name, const char *type, const char *help, double value)
{
	text_add(t, "# HELP skerry_hub_%s %s\n# TYPE skerry_hub_%s %s\nskerry_hub_%s %.15g\n", name,
		 help, name, type, name, value);
}

static void put_commits(struct text *t, const struct meter *m)
{
	uint64_t all = 0;
	text_add(t, "# HELP skerry_hub_commit_seconds How long transactions took.\n"
		    "# TYPE skerry_hub_commit_seconds histogram\n");
	for (int i = 0; i < METER_STEPS; i++) {
		all += m->commits[i];
		text_add(t, "skerry_hub_commit_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
			 (double)steps_ms[i] / 1000, all);
	}
	all += m->commits[METER_STEPS];
	text_add(t,
		 "skerry_hub_commit_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n"
		 "skerry_hub_commit_seconds_sum %.6f\nskerry_hub_commit_seconds_count %" PRIu64
		 "\n",
		 all, (double)m->commits_us / 1e6, all);
}

void meter_print(const struct meter *m, bool controls, bool serves, bool works, struct text *out)
{
	put(out, "batches_total", "counter", "Letters that are durable.", (double)m->batches);
	put(out, "doubles_total", "counter", "Of them, those that were there already.",
	    (double)m->doubles);
	put(out, "points_total", "counter", "Points written.", (double)m->rows[LETTER_POINT]);
	put(out, "events_total", "counter", "Events written.", (double)m->rows[LETTER_EVENT]);
	put(out, "lines_total", "counter", "Log lines written.", (double)m->rows[LETTER_LOG]);
	put(out, "bad_total", "counter", "Letters refused.", (double)m->bad);
	put(out, "acks_total", "counter", "Acknowledgements sent.", (double)m->acks);
	put(out, "database_failures_total", "counter", "Calls that the database failed.",
	    (double)m->troubles);
	put_commits(out, m);
	put(out, "database_up", "gauge", "The database is open.", works);
	put(out, "devices_online", "gauge", "Devices that are online.", (double)m->online);
	put(out, "lag_seconds", "gauge", "Age of the newest row of the last letter.",
	    (double)m->lag_ms / 1000);
	text_add(out,
		 "# HELP skerry_hub_lease This hub does that part of the work.\n"
		 "# TYPE skerry_hub_lease gauge\n"
		 "skerry_hub_lease{name=\"control\"} %d\nskerry_hub_lease{name=\"serve\"} %d\n",
		 controls, serves);
}
