#include "workloads/bound.h"

#include "base/duration.h"
#include "ports/clock.h"
#include "workloads/volume.h"

#include <stdio.h>

enum { VOLUMES_LOOK_MS = 60 * 1000 };

/* True: an emptyDir holds more than its sizeLimit, or the outbox more than it may. */
static bool is_too_full(const struct running_pod *r, char message[160])
{
	const int64_t outbox = r->pod->board.outbox_bytes;
	const int64_t unfinished = outbox ? volume_outbox_bytes(r->site, r->pod->name) : 0;
	if (unfinished > outbox) {
		snprintf(message, 160,
			 "%lld bytes of unfinished files in its outbox, %lld may wait",
			 (long long)unfinished, (long long)outbox);
		return true;
	}
	for (size_t i = 0; i < r->pod->volume_count; i++) {
		const struct volume_spec *v = &r->pod->volumes[i];
		if (v->kind != VOLUME_DISK || !v->bytes)
			continue;
		int64_t bytes = volume_bytes(r->site, r->pod->name, v->name);
		if (bytes <= v->bytes)
			continue;
		snprintf(message, 160, "emptyDir %s holds %lld bytes, its sizeLimit is %lld",
			 v->name, (long long)bytes, (long long)v->bytes);
		return true;
	}
	return false;
}

static bool has_bounded_volume(const struct pod *p)
{
	if (p->board.outbox_bytes)
		return true;
	for (size_t i = 0; i < p->volume_count; i++)
		if (p->volumes[i].kind == VOLUME_DISK && p->volumes[i].bytes)
			return true;
	return false;
}

void bound_watch(struct running_pod *r)
{
	const int64_t now = clock_now_ms();
	int64_t due = INT64_MAX;
	if (r->pod->deadline_ms)
		due = r->life.began_ms + r->pod->deadline_ms;
	if (has_bounded_volume(r->pod) && now + VOLUMES_LOOK_MS < due)
		due = now + VOLUMES_LOOK_MS;
	loop_disarm(r->site->loop, &r->bound);
	if (due != INT64_MAX)
		loop_arm(r->site->loop, &r->bound, due);
}

static void on_bound(void *owner, int64_t now_ms)
{
	struct running_pod *r = owner;
	char message[160], span[24];
	if (r->is_over && !r->leaving)
		running_clear(r); /* its ttl is over */
	if (r->leaving || r->is_over || running_has_failed(r))
		return;
	if (r->pod->deadline_ms && now_ms >= r->life.began_ms + r->pod->deadline_ms) {
		duration_print(span, r->pod->deadline_ms);
		snprintf(message, sizeof message, "it was active for %s, its activeDeadlineSeconds",
			 span);
		running_fail(r, "DeadlineExceeded", message);
		return;
	}
	if (is_too_full(r, message))
		running_fail(r, "Evicted", message);
	else
		bound_watch(r);
}

void bound_init(struct running_pod *r)
{
	r->bound = (struct timer){ .owner = r, .on_due = on_bound };
}

void bound_outlive(struct running_pod *r)
{
	loop_disarm(r->site->loop, &r->bound);
	if (r->pod->job.ttl_ms >= 0)
		loop_arm(r->site->loop, &r->bound, clock_now_ms() + r->pod->job.ttl_ms);
}
