#include "workloads/supervisor.h"

#include "base/text.h"
#include "ports/file.h"
#include "workloads/job.h"
#include "workloads/verdict.h"
#include "workloads/volume.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void supervisor_init(struct supervisor *s, const struct site *site)
{
	*s = (struct supervisor){ .site = *site };
}

static void close_pod(struct running_pod *r)
{
	running_close(r);
	pod_free(r->pod);
	pod_free(r->next);
	free(r->workloads);
	free(r);
}

void supervisor_deinit(struct supervisor *s)
{
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++)
		if (s->pods[i])
			close_pod(s->pods[i]);
	for (size_t i = 0; i < SUPERVISOR_STRAYS_MAX; i++) {
		if (!s->strays[i])
			continue;
		workload_close(s->strays[i]);
		free(s->strays[i]);
	}
	configs_free(s->configs);
	*s = (struct supervisor){ 0 };
}

/* The place of a pod; PLAN_HAVE_MAX: there is none. */
static size_t find_pod(const struct supervisor *s, const char *name)
{
	size_t i = 0;
	while (i < PLAN_HAVE_MAX && !(s->pods[i] && strcmp(s->pods[i]->pod->name, name) == 0))
		i++;
	return i;
}

const struct running_pod *supervisor_pod(const struct supervisor *s, const char *name)
{
	const size_t i = find_pod(s, name);
	return i < PLAN_HAVE_MAX ? s->pods[i] : NULL;
}

/* --- who gives way --- */

/* The pods that need room, in the order of the document; how many. */
static size_t list_needs(const struct supervisor *s, struct running_pod *out[PODS_MAX])
{
	struct running_pod *by_rank[PODS_MAX] = { NULL };
	size_t n = 0;
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++)
		if (s->pods[i] && running_needs_room(s->pods[i]))
			by_rank[s->pods[i]->rank] = s->pods[i];
	for (size_t i = 0; i < PODS_MAX; i++)
		if (by_rank[i])
			out[n++] = by_rank[i];
	return n;
}

static void make_room(struct supervisor *s)
{
	struct running_pod *pods[PODS_MAX];
	char reason[PREEMPTION_TEXT_MAX];
	const size_t count = list_needs(s, pods);
	struct claim *claims = calloc(PODS_MAX, sizeof *claims); /* too large for the stack */
	assert(claims);
	for (size_t i = 0; i < count; i++)
		preemption_claim(pods[i]->leaving ? pods[i]->next : pods[i]->pod, &claims[i]);
	preemption_choose(claims, count, s->site.memory_bytes, s->site.cpu_milli);
	for (size_t i = 0; i < count; i++) {
		if (!claims[i].waits) {
			running_come_back(pods[i]);
			continue;
		}
		preemption_describe(&claims[i], reason);
		running_give_way(pods[i], reason);
	}
	free(claims);
}

static void on_over(void *owner, struct running_pod *r)
{
	(void)r;
	make_room(owner);
}

/* All containers have ended: the pod's memory and folders go, its successor comes. */
static void on_ended(void *owner, struct running_pod *r)
{
	struct supervisor *s = owner;
	running_close(r);
	for (size_t i = 0; i < running_size(r); i++)
		workload_remove(&r->workloads[i], r->next != NULL);
	(void)!volume_remove_all(&s->site, r->pod->name, NULL);
	networks_release(s->site.networks, r->pod->name);
	if (!r->next)
		job_forget(s->site.store, r->pod->name);
	struct pod *next = r->next;
	r->next = NULL;
	pod_free(r->pod);
	r->pod = next;
	if (next) {
		r->generation = r->next_generation;
		running_begin(r);
		make_room(s);
		return;
	}
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++)
		if (s->pods[i] == r)
			s->pods[i] = NULL;
	free(r->workloads);
	free(r);
	s->site.on_change(s->site.owner);
}

/* A stray has ended. */
static void on_stray_change(void *owner, struct workload *w)
{
	struct supervisor *s = owner;
	for (size_t i = 0; i < SUPERVISOR_STRAYS_MAX; i++) {
		if (s->strays[i] != w || w->state != WORKLOAD_STOPPED)
			continue;
		workload_close(w);
		workload_remove(w, false);
		free(w);
		s->strays[i] = NULL;
		return;
	}
}

static void add_pod(struct supervisor *s, struct pod *pod, size_t rank, int64_t generation)
{
	size_t i = 0;
	while (s->pods[i]) /* supervisor_reach() has counted the places */
		i++;
	s->pods[i] = calloc(1, sizeof **s->pods);
	assert(s->pods[i]);
	*s->pods[i] = (struct running_pod){
		.pod = pod,
		.rank = rank,
		.generation = generation,
		.site = &s->site,
		.owner = s,
		.on_ended = on_ended,
		.on_over = on_over,
	};
	running_begin(s->pods[i]);
}

static void replace_pod(struct running_pod *r, struct pod *next, int64_t generation)
{
	pod_free(r->next);
	r->next = next;
	r->next_generation = generation;
	running_stop(r);
}

static void keep_pod(struct running_pod *r, struct pod *pod, int64_t generation)
{
	pod_free(pod);
	r->generation = generation;
	for (size_t i = 0; i < running_size(r); i++)
		r->workloads[i].generation = generation;
	running_refresh(r);
}

/* --- what an earlier agent left behind --- */

static bool is_wanted(struct supervisor *s, const char *leaf)
{
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++)
		for (size_t k = 0; s->pods[i] && k < running_size(s->pods[i]); k++)
			if (strcmp(s->pods[i]->workloads[k].leaf, leaf) == 0)
				return true;
	for (size_t i = 0; i < SUPERVISOR_STRAYS_MAX; i++)
		if (s->strays[i] && strcmp(s->strays[i]->leaf, leaf) == 0)
			return true;
	return false;
}

static void on_folder(void *owner, const char *leaf)
{
	struct supervisor *s = owner;
	size_t place = 0;
	if (is_wanted(s, leaf) || strlen(leaf) >= WORKLOAD_NAME_SIZE)
		return;
	while (place < SUPERVISOR_STRAYS_MAX && s->strays[place])
		place++;
	struct workload *w = place < SUPERVISOR_STRAYS_MAX ? calloc(1, sizeof *w) : NULL;
	if (!w)
		return; /* found again by the next agent */
	workload_open_stray(w, &s->site, leaf);
	w->owner = s;
	w->on_change = on_stray_change;
	if (workload_adopt(w)) {
		s->strays[place] = w;
		workload_stop(w, w->grace_ms);
		return;
	}
	workload_remove(w, false);
	free(w);
}

/* A group without a folder: its keeper was killed together with the agent. */
static void on_leaf(void *owner, const char *leaf)
{
	struct supervisor *s = owner;
	if (is_wanted(s, leaf) || !strchr(leaf, '.'))
		return;
	(void)!cgroup_kill(s->site.cgroups, leaf, NULL);
	(void)!cgroup_remove(s->site.cgroups, leaf, NULL);
}

static void stop_strays(struct supervisor *s)
{
	char path[PATH_LIMIT];
	snprintf(path, sizeof path, "%s/w", s->site.run_dir);
	(void)!dir_each(path, on_folder, s, NULL);
	(void)!cgroup_each(s->site.cgroups, on_leaf, s, NULL);
}

/* --- reaching a set --- */

/* What a set is compared with; too large for the stack. */
struct reaching {
	struct plan_pod want[PODS_MAX], have[PLAN_HAVE_MAX];
	char names[PLAN_HAVE_MAX][LABEL_SIZE];
	size_t have_count;
	struct plan plan;
};

static void carry_out(struct supervisor *s, const struct reaching *r, struct pod *const *pods,
		      int64_t generation)
{
	for (size_t i = 0; i < r->plan.count; i++) {
		const struct step *step = &r->plan.steps[i];
		if (step->kind == STEP_START) {
			add_pod(s, pods[step->want], step->want, generation);
			continue;
		}
		struct running_pod *have = s->pods[find_pod(s, r->names[step->have])];
		have->rank = step->want;
		if (step->kind == STEP_STOP)
			replace_pod(have, NULL, generation);
		else if (step->kind == STEP_REPLACE || have->leaving)
			replace_pod(have, pods[step->want], generation);
		else
			keep_pod(have, pods[step->want], generation);
	}
}

static void take_configs(struct supervisor *s, struct wanted *w)
{
	configs_free(s->configs);
	s->configs = w->configs;
	s->site.configs = s->configs;
	w->configs = NULL;
}

static void make_plan(struct supervisor *s, struct pod *const *pods, size_t count,
		      struct reaching *r)
{
	for (size_t i = 0; i < count; i++)
		r->want[i] = (struct plan_pod){ pods[i]->name, pods[i]->digest };
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++) {
		if (!s->pods[i])
			continue;
		const struct pod *p = s->pods[i]->pod;
		strcpy(r->names[r->have_count], p->name);
		r->have[r->have_count] = (struct plan_pod){ r->names[r->have_count], p->digest };
		r->have_count++;
	}
	plan_make(r->want, count, r->have, r->have_count, &r->plan);
}

static bool has_places(const struct reaching *r)
{
	size_t needed = r->have_count;
	for (size_t i = 0; i < r->plan.count; i++)
		needed += r->plan.steps[i].kind == STEP_START;
	return needed <= PLAN_HAVE_MAX;
}

enum err supervisor_reach(struct supervisor *s, struct wanted *w, int64_t generation)
{
	struct reaching *r = calloc(1, sizeof *r);
	assert(r && w->count <= PODS_MAX);
	make_plan(s, w->pods, w->count, r);
	if (!has_places(r)) {
		free(r);
		return ERR_AGAIN;
	}
	take_configs(s, w);
	carry_out(s, r, w->pods, generation);
	make_room(s);
	w->count = 0;
	free(r);

	if (!s->has_applied)
		stop_strays(s);
	s->has_applied = true;
	s->site.on_change(s->site.owner);
	return OK;
}

/* --- looking --- */

static bool is_in_trouble(const struct workload *w)
{
	return w->trouble.text[0] != '\0';
}

/* As well as it is to be: it runs and is ready, or has done what it had to do. A run
 * of a schedule says nothing about the state that brought it. */
static bool is_well(const struct running_pod *r, const struct workload *w)
{
	if (r->pod->is_scheduled)
		return true;
	if (w->state == WORKLOAD_DONE)
		return verdict_is_good(&w->last) && !w->is_given_up;
	if (w->spec->role == CONTAINER_SIDECAR && r->is_over)
		return true;
	const bool up = w->state == WORKLOAD_RUNNING || w->state == WORKLOAD_IDLE;
	return up && w->ready && w->spec->role != CONTAINER_INIT;
}

static void look_at(const struct running_pod *r, const struct workload *w,
		    struct supervisor_health *out)
{
	out->workloads++;
	out->failures += r->pod->is_scheduled ? 0 : w->failures;
	if (is_well(r, w))
		out->ready++;
	else if (!out->worst || (is_in_trouble(w) && !is_in_trouble(out->worst)))
		out->worst = w;
}

void supervisor_health(const struct supervisor *s, struct supervisor_health *out)
{
	*out = (struct supervisor_health){ 0 };
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++) {
		const struct running_pod *r = s->pods[i];
		if (!r || (r->leaving && !r->next))
			continue;
		if (r->leaving) {
			/* Its successor has not even started. */
			out->workloads += r->next->container_count;
			out->worst = out->worst ? out->worst : &r->workloads[0];
			continue;
		}
		for (size_t k = 0; k < running_size(r) && r->on_trial && !r->gives_way; k++)
			look_at(r, &r->workloads[k], out);
	}
}

void supervisor_settle(struct supervisor *s)
{
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++)
		if (s->pods[i] && !s->pods[i]->leaving)
			s->pods[i]->on_trial = false;
}

static void tell_image(void *owner, struct workload *w)
{
	workload_on_image(w, owner);
}

void supervisor_on_image(struct supervisor *s, const char *digest)
{
	char copy[DIGEST_SIZE];
	strcpy(copy, digest);
	supervisor_each(s, tell_image, copy);
}

void supervisor_each(struct supervisor *s, void (*on_workload)(void *owner, struct workload *w),
		     void *owner)
{
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++)
		for (size_t k = 0; s->pods[i] && k < running_size(s->pods[i]); k++)
			on_workload(owner, &s->pods[i]->workloads[k]);
}

struct workload *supervisor_find(struct supervisor *s, const char *name)
{
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++) {
		struct running_pod *r = s->pods[i];
		if (r && running_size(r) == 1 && strcmp(r->pod->name, name) == 0)
			return &r->workloads[0];
		for (size_t k = 0; r && k < running_size(r); k++)
			if (strcmp(r->workloads[k].name, name) == 0)
				return &r->workloads[k];
	}
	return NULL;
}

enum err supervisor_restart(struct supervisor *s, const char *name, struct why *why)
{
	const size_t i = find_pod(s, name);
	struct workload *w = i < PLAN_HAVE_MAX ? NULL : supervisor_find(s, name);
	if (i == PLAN_HAVE_MAX && !w)
		return why_set(why, ERR_NOT_FOUND, "no such workload on this device");
	return w ? workload_restart(w, why) : running_restart(s->pods[i], why);
}

void supervisor_sum(struct pod *const *pods, size_t count, int64_t *out_memory_bytes,
		    int64_t *out_cpu_milli)
{
	struct claim c;
	*out_memory_bytes = *out_cpu_milli = 0;
	for (size_t i = 0; i < count; i++) {
		preemption_claim(pods[i], &c);
		*out_memory_bytes += c.memory_bytes;
		*out_cpu_milli += c.cpu_milli;
	}
}
