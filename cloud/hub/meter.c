#include "cloud/hub/meter.h"

static const int64_t steps_ms[METER_STEPS] = { 2, 5, 20, 100, 500, 2000, 10000 };

int64_t meter_step_ms(int step)
{
	return steps_ms[step];
}

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
