#include "workloads/probe.h"

void probe_begin(struct probe *p, const struct probe_spec *spec, enum probe_role role,
		 int64_t now_ms)
{
	*p = (struct probe){
		.spec = spec,
		.due_ms = now_ms + spec->initial_delay_ms,
		.passed = role == PROBE_LIVENESS,
	};
}

enum probe_change probe_note(struct probe *p, bool ok, int64_t now_ms)
{
	p->due_ms = now_ms + p->spec->period_ms;
	p->successes = ok ? p->successes + 1 : 0;
	p->failures = ok ? 0 : p->failures + 1;

	if (ok && !p->passed && p->successes >= p->spec->success) {
		p->passed = true;
		return PROBE_PASSED;
	}
	if (!ok && p->failures >= p->spec->failure) {
		p->passed = false;
		p->failures = 0;
		return PROBE_FAILED;
	}
	return PROBE_SAME;
}
