#include "cloud/fleet/rollout_spec.h"

#include <stdio.h>
#include <string.h>

static const int64_t DEADLINE_DEFAULT_MS = INT64_C(24) * 3600 * 1000;

static enum err read_selector(const struct json *j, const char *path, struct selector *out,
			      struct why *why)
{
	enum err e = selector_read(j, out, why);
	return e ? why_in(why, e, path) : OK;
}

static enum err read_batch(const struct json *j, size_t n, struct batch_spec *out, struct why *why)
{
	static const char *const known[] = { "selector", "limit", NULL };
	char path[40], below[64];
	snprintf(path, sizeof path, "spec.batches[%zu]", n);
	snprintf(below, sizeof below, "%s.selector", path);
	enum err e = parse_known(j, path, known, why);
	if (!e)
		e = read_selector(json_member(j, "selector"), below, &out->selector, why);
	return e ? e : parse_amount(j, path, "limit", &out->limit, why);
}

/* Whatever they leave over is a batch of its own. */
static enum err read_batches(const struct json *list, struct rollout_spec *s, struct why *why)
{
	enum err e = OK;
	if (list && json_type_of(list) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "spec.batches: a list is expected");
	if (json_count(list) > ROLLOUT_BATCHES_MAX)
		return why_set(why, ERR_FULL, "spec.batches: more than %d", ROLLOUT_BATCHES_MAX);
	for (const struct json *j = json_first(list); j && !e; j = json_next(j)) {
		e = read_batch(j, s->batch_count, &s->batches[s->batch_count], why);
		s->batch_count++;
	}
	s->batch_count++;
	return e;
}

static enum err read_halt(const struct json *j, int64_t success_percent, struct halt_spec *h,
			  struct why *why)
{
	static const char *const known[] = { "failures", "min", "then", NULL };
	static const char *const thens[] = { "pause", "rollback", "continue", NULL };
	int then = HALT_PAUSE;
	/* Where every answer must be a success, the first failure decides. */
	*h = (struct halt_spec){ .least = 1 };
	if (success_percent == 100)
		h->failures.n = 1;
	if (!j)
		return OK;
	enum err e = parse_known(j, "spec.halt", known, why);
	if (!e)
		e = parse_amount(j, "spec.halt", "failures", &h->failures, why);
	if (!e)
		e = parse_count(j, "spec.halt", "min", ROLLOUT_DEVICES_MAX, &h->least, why);
	if (!e)
		e = parse_choice(j, "spec.halt", "then", thens, &then, why);
	h->then = (enum halt_then)then;
	return e;
}

static enum err read_unavailable(const struct json *j, struct rollout_spec *s, struct why *why)
{
	static const char *const known[] = { "limit", "groupBy", NULL };
	const struct json *by = json_member(j, "groupBy");
	const char *label = json_string(by);
	if (!j || json_type_of(j) != JSON_OBJECT) {
		/* As Kubernetes has it: the number alone. */
		struct json *around = json_new_object();
		if (j)
			json_set(around, "maxUnavailable", json_copy(j));
		enum err e = parse_amount(around, "spec", "maxUnavailable", &s->unavailable, why);
		json_free(around);
		return e;
	}
	enum err e = parse_known(j, "spec.maxUnavailable", known, why);
	if (!e)
		e = parse_amount(j, "spec.maxUnavailable", "limit", &s->unavailable, why);
	if (!e && !s->unavailable.n)
		e = why_set(why, ERR_INVALID, "spec.maxUnavailable: limit is missing");
	if (!e && by && (!label || !*label || strlen(label) > SELECTOR_KEY_MAX))
		e = why_set(why, ERR_INVALID,
			    "spec.maxUnavailable.groupBy: the key of a label is expected");
	if (!e && label)
		strcpy(s->group_by, label);
	return e;
}

static enum err read_approvals(const struct json *list, struct rollout_spec *s, struct why *why)
{
	if (list && json_type_of(list) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "spec.approve: a list is expected");
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		int64_t n;
		if (!json_integer(j, &n) || n < 1 || n > (int64_t)s->batch_count)
			return why_set(why, ERR_INVALID,
				       "spec.approve: numbers of batches are expected, 1-%zu here",
				       s->batch_count);
		s->approvals |= UINT32_C(1) << (n - 1);
	}
	return OK;
}

static enum err read_times(const struct json *spec, struct rollout_spec *s, struct why *why)
{
	static const char *const offline[] = { "skip", "wait", NULL };
	const struct json *window = json_member(spec, "window");
	int waits = 0;
	enum err e = parse_span(spec, "spec", "healthyFor", &s->healthy_ms, why);
	if (!e)
		e = parse_span(spec, "spec", "deadline", &s->deadline_ms, why);
	if (!e)
		e = parse_choice(spec, "spec", "offline", offline, &waits, why);
	if (!e && window)
		e = window_read(window, "spec.window", &s->window, why);
	s->waits = waits;
	return e;
}

static enum err read_all(const struct json *spec, struct rollout_spec *s, struct why *why)
{
	static const char *const known[] = { "selector", "to",         "batches",
					     "success",  "healthyFor", "maxUnavailable",
					     "halt",     "deadline",   "offline",
					     "window",   "approve",    NULL };
	enum err e = parse_known(spec, "spec", known, why);
	if (!e)
		e = read_selector(json_member(spec, "selector"), "spec.selector", &s->selector,
				  why);
	if (!e)
		e = read_batches(json_member(spec, "batches"), s, why);
	if (!e)
		e = parse_percent(spec, "spec", "success", &s->success_percent, why);
	if (!e)
		e = read_unavailable(json_member(spec, "maxUnavailable"), s, why);
	if (!e)
		e = read_halt(json_member(spec, "halt"), s->success_percent, &s->halt, why);
	if (!e)
		e = read_times(spec, s, why);
	return e ? e : read_approvals(json_member(spec, "approve"), s, why);
}

enum err rollout_spec_read(const struct json *spec, struct rollout_spec *out, struct why *why)
{
	*out = (struct rollout_spec){
		.success_percent = 100,
		.healthy_ms = -1,
		.deadline_ms = DEADLINE_DEFAULT_MS,
	};
	enum err e = read_all(spec, out, why);
	if (e)
		rollout_spec_free(out);
	return e;
}

void rollout_spec_free(struct rollout_spec *s)
{
	selector_free(&s->selector);
	for (size_t i = 0; i < s->batch_count; i++)
		selector_free(&s->batches[i].selector);
	*s = (struct rollout_spec){ 0 };
}
