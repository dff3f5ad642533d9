#include "cloud/fleet/rollout.h"

#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names --- */

static const char *const phase_names[ROLLOUT_PHASES] = {
	[ROLLOUT_RUNNING] = "running",   [ROLLOUT_PAUSED] = "paused",
	[ROLLOUT_HALTED] = "halted",     [ROLLOUT_RETURNING] = "returning",
	[ROLLOUT_COMPLETE] = "complete", [ROLLOUT_RETURNED] = "returned",
};

static const char *const state_names[MEMBER_STATES] = {
	[MEMBER_WAITING] = "waiting",   [MEMBER_TOLD] = "told",
	[MEMBER_UPDATING] = "updating", [MEMBER_SUCCEEDED] = "succeeded",
	[MEMBER_FAILED] = "failed",     [MEMBER_RETURNING] = "returning",
	[MEMBER_RETURNED] = "returned", [MEMBER_STUCK] = "stuck",
	[MEMBER_OTHER] = "other",
};

const char *rollout_phase_name(enum rollout_phase p)
{
	return phase_names[p];
}

const char *member_state_name(enum member_state s)
{
	return state_names[s];
}

static int find_name(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (name && strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int rollout_phase_find(const char *name)
{
	return find_name(phase_names, ROLLOUT_PHASES, name);
}

int member_state_find(const char *name)
{
	return find_name(state_names, MEMBER_STATES, name);
}

/* --- what devices say --- */

static void set_failed(struct member *m, const char *note)
{
	m->state = MEMBER_FAILED;
	snprintf(m->note, sizeof m->note, "%s", note);
}

static void hear_forward(struct member *m, const struct sighting *s)
{
	switch (s->forward) {
	case ANSWER_NONE:
		break;
	case ANSWER_UPDATING:
		/* One that failed for its time alone may go on trying. */
		if (m->state == MEMBER_TOLD)
			m->state = MEMBER_UPDATING;
		break;
	case ANSWER_HEALTHY:
		m->state = MEMBER_SUCCEEDED;
		m->note[0] = '\0';
		break;
	case ANSWER_FAILED:
		set_failed(m, s->note);
		break;
	case ANSWER_OTHER:
		if (m->state != MEMBER_SUCCEEDED)
			m->state = MEMBER_OTHER;
		break;
	}
}

static void hear_back(struct member *m, const struct sighting *s)
{
	if (s->back == ANSWER_HEALTHY) {
		m->state = MEMBER_RETURNED;
	} else if (s->back == ANSWER_OTHER) {
		m->state = MEMBER_OTHER;
	} else if (s->back == ANSWER_FAILED) {
		m->state = MEMBER_STUCK;
		snprintf(m->note, sizeof m->note, "%s", s->note);
	}
}

static bool is_forward(enum member_state s)
{
	return s == MEMBER_TOLD || s == MEMBER_UPDATING || s == MEMBER_SUCCEEDED ||
	       s == MEMBER_FAILED;
}

/* Somebody else was there: what this rollout has not proved is not its business any more. */
static bool is_taken(const struct member *m, const struct sighting *s)
{
	if (s->holding == HOLDING_OTHER)
		return m->state == MEMBER_WAITING || m->state == MEMBER_TOLD ||
		       m->state == MEMBER_UPDATING || m->state == MEMBER_RETURNING;
	return s->holding == HOLDING_BACK && m->state == MEMBER_WAITING;
}

static void check_deadline(const struct rollout_spec *spec, struct member *m,
			   const struct sighting *s, int64_t wall_ms)
{
	const bool seen = s->forward == ANSWER_UPDATING;
	if (seen && !m->seen_ms)
		m->seen_ms = wall_ms;
	/* A device that is away may well be healthy: it is late, and no failure. */
	if (m->state == MEMBER_UPDATING && seen && s->online &&
	    wall_ms - m->seen_ms >= spec->deadline_ms)
		set_failed(m, "seen, and not healthy by the deadline");
}

static bool is_pending(enum member_state s)
{
	return s == MEMBER_TOLD || s == MEMBER_UPDATING || s == MEMBER_RETURNING;
}

/* Not there, or silent for as long as a device may take that has seen it. */
static bool is_late(const struct rollout_spec *spec, const struct member *m,
		    const struct sighting *s, int64_t wall_ms)
{
	if (m->state != MEMBER_WAITING && !is_pending(m->state))
		return false;
	const bool is_silent = m->state == MEMBER_TOLD || m->state == MEMBER_RETURNING;
	return !s->online || (is_silent && wall_ms - m->told_ms >= spec->deadline_ms);
}

static void look_at(struct rollout *r, const struct sighting *seen, int64_t wall_ms)
{
	for (size_t i = 0; i < r->count; i++) {
		struct member *m = &r->members[i];
		const struct sighting *s = &seen[i];
		if (is_taken(m, s))
			m->state = MEMBER_OTHER;
		else if (is_forward(m->state))
			hear_forward(m, s);
		else if (m->state == MEMBER_RETURNING || m->state == MEMBER_STUCK)
			hear_back(m, s);
		check_deadline(r->spec, m, s, wall_ms);
		m->late = is_late(r->spec, m, s, wall_ms);
	}
}

/* --- counting --- */

struct tally {
	int64_t succeeded, failed, open, late;
};

static struct tally tally_of(const struct rollout *r, bool all)
{
	struct tally t = { 0 };
	for (size_t i = 0; i < r->count; i++) {
		const struct member *m = &r->members[i];
		if (!all && m->batch != r->batch)
			continue;
		t.succeeded += m->state == MEMBER_SUCCEEDED;
		t.failed += m->state == MEMBER_FAILED;
		if (m->state == MEMBER_WAITING || is_pending(m->state)) {
			t.late += m->late;
			t.open += !m->late;
		}
	}
	return t;
}

void rollout_count(const struct rollout *r, struct rollout_count *out)
{
	*out = (struct rollout_count){ .total = (int64_t)r->count };
	for (size_t i = 0; i < r->count; i++) {
		out->by_state[r->members[i].state]++;
		out->late += r->members[i].late;
	}
}

/* --- halting --- */

static bool has_too_many_failures(const struct rollout *r, struct why *why)
{
	const struct halt_spec *h = &r->spec->halt;
	const struct tally t = tally_of(r, true);
	const int64_t failed = t.failed - r->forgiven;
	const int64_t answers = t.succeeded + t.failed - r->answered_then;
	if (!h->failures.n || failed <= 0 || answers < h->least)
		return false;
	if (h->failures.is_percent ? failed * 100 < h->failures.n * answers
				   : failed < h->failures.n)
		return false;
	why_write(why, "%lld of %lld that answered have failed; %lld%s halt it", (long long)failed,
		  (long long)answers, (long long)h->failures.n, h->failures.is_percent ? "%" : "");
	return true;
}

static void forgive(struct rollout *r)
{
	const struct tally t = tally_of(r, true);
	r->forgiven = t.failed;
	r->answered_then = t.succeeded + t.failed;
	r->forgiven_batch = r->batch + 1;
}

/* True: it does not go on as it was. */
static bool halt(struct rollout *r, const struct why *reason)
{
	r->reason = *reason;
	switch (r->spec->halt.then) {
	case HALT_PAUSE:
		r->phase = ROLLOUT_HALTED;
		return true;
	case HALT_ROLLBACK:
		r->phase = ROLLOUT_RETURNING;
		return true;
	case HALT_CONTINUE:
		forgive(r);
		break;
	}
	return false;
}

/* --- going on --- */

static bool is_last(const struct rollout *r)
{
	return r->batch + 1 >= r->spec->batch_count;
}

/* Is all of the open batch settled, and well? Else `why` says what is missing. */
enum verdict { VERDICT_WAIT, VERDICT_GOOD, VERDICT_BAD };

static enum verdict judge_batch(const struct rollout *r, struct why *why)
{
	const struct tally t = tally_of(r, false);
	const int64_t answers = t.succeeded + t.failed;
	const int number = (int)r->batch + 1;
	if (t.open || (t.late && r->spec->waits)) {
		why->text[0] = '\0';
		if (t.late && r->spec->waits)
			why_write(why, "waits for %lld of batch %d that are late",
				  (long long)t.late, number);
		return VERDICT_WAIT;
	}
	/* Nobody's silence proves that the next batch may have it. */
	if (!answers && t.late && !is_last(r)) {
		why_write(why, "waits for an answer: all of batch %d are late", number);
		return VERDICT_WAIT;
	}
	if (r->batch < r->forgiven_batch || t.succeeded * 100 >= r->spec->success_percent * answers)
		return VERDICT_GOOD;
	why_write(why, "batch %d: %lld of %lld that answered succeeded; %lld%% are asked for",
		  number, (long long)t.succeeded, (long long)answers,
		  (long long)r->spec->success_percent);
	return VERDICT_BAD;
}

static bool has_members(const struct rollout *r, size_t batch)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->members[i].batch == batch)
			return true;
	return false;
}

/* Has the person agreed who was to be asked? */
static bool is_approved(struct rollout *r)
{
	const uint32_t bit = UINT32_C(1) << r->batch;
	if (!(r->spec->approvals & bit) || (r->approved & bit))
		return true;
	why_write(&r->why, "batch %d waits for approval", (int)r->batch + 1);
	return false;
}

/* May the next batch begin? */
static bool is_passed(struct rollout *r)
{
	struct why why = { "" };
	if (!has_members(r, r->batch))
		return true;
	if (!is_approved(r))
		return false;
	switch (judge_batch(r, &why)) {
	case VERDICT_WAIT:
		r->why = why;
		return false;
	case VERDICT_BAD:
		return !halt(r, &why);
	case VERDICT_GOOD:
		break;
	}
	return true;
}

static void go_on(struct rollout *r)
{
	while (r->phase == ROLLOUT_RUNNING && is_passed(r)) {
		if (is_last(r))
			r->phase = ROLLOUT_COMPLETE;
		else
			r->batch++;
	}
}

/* --- telling --- */

/* It is changing, or it has failed and does not run what it ran before. */
static bool is_unavailable(const struct member *m, const struct sighting *s)
{
	return is_pending(m->state) || m->state == MEMBER_STUCK ||
	       (m->state == MEMBER_FAILED && (s->is_down || s->forward == ANSWER_UPDATING));
}

static void count_groups(struct rollout *r, const struct sighting *seen)
{
	for (size_t i = 0; i < r->group_count; i++)
		r->groups[i] = (struct group){ 0 };
	for (size_t i = 0; i < r->count; i++) {
		struct group *g = &r->groups[r->members[i].group];
		g->size++;
		g->away += is_unavailable(&r->members[i], &seen[i]);
	}
}

/* Take a place within the bound, if there is one. */
static bool take_place(struct rollout *r, const struct member *m)
{
	struct group *g = &r->groups[m->group];
	if (r->spec->unavailable.n && g->away >= amount_down(&r->spec->unavailable, g->size))
		return false;
	g->away++;
	return true;
}

static enum order tell(struct member *m, enum order o, int64_t wall_ms)
{
	m->state = o == ORDER_BACK ? MEMBER_RETURNING : MEMBER_TOLD;
	m->told_ms = wall_ms;
	return o;
}

/* Who was told, and the broker has lost it, is told again. */
static enum order again(const struct member *m, const struct sighting *s)
{
	if (m->state == MEMBER_RETURNING && s->holding != HOLDING_BACK)
		return ORDER_BACK;
	if ((m->state == MEMBER_TOLD || m->state == MEMBER_UPDATING) &&
	    (s->holding == HOLDING_BASE || s->holding == HOLDING_NOTHING))
		return ORDER_FORWARD;
	return ORDER_NONE;
}

static void say_held_up(struct rollout *r)
{
	why_write(&r->why, "maxUnavailable: as many are changing or down as may");
}

static void tell_forward(struct rollout *r, const struct sighting *seen, int64_t wall_ms,
			 enum order *orders)
{
	const size_t open = r->batch + is_approved(r);
	bool is_held_up = false;
	for (size_t i = 0; i < r->count; i++) {
		struct member *m = &r->members[i];
		if (m->state != MEMBER_WAITING || m->batch >= open || !seen[i].online)
			continue;
		if (take_place(r, m))
			orders[i] = tell(m, ORDER_FORWARD, wall_ms);
		else
			is_held_up = true;
	}
	if (is_held_up)
		say_held_up(r);
}

static bool someone_waits(const struct rollout *r, const struct sighting *seen)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->members[i].state == MEMBER_WAITING && seen[i].online &&
		    r->members[i].batch <= r->batch)
			return true;
	return false;
}

/* Outside the window nobody new is told; what is under way goes on. */
static bool is_closed(struct rollout *r, const struct sighting *seen, int64_t wall_ms)
{
	char when[24] = "ever";
	if (window_is_open(&r->spec->window, wall_ms))
		return false;
	const int64_t next = window_next(&r->spec->window, wall_ms);
	if (next != INT64_MAX)
		clock_print(when, next);
	if (someone_waits(r, seen))
		why_write(&r->why, "the window is closed until %s", when);
	return true;
}

/* Who is still away when all is done follows when it is back. */
static void tell_late(struct rollout *r, enum order o, int64_t wall_ms, enum order *orders)
{
	const enum member_state from = o == ORDER_BACK ? MEMBER_SUCCEEDED : MEMBER_WAITING;
	for (size_t i = 0; i < r->count; i++) {
		struct member *m = &r->members[i];
		if (m->state != from)
			continue;
		orders[i] = tell(m, o, wall_ms);
		m->late = true;
	}
}

/* Those that are changing anyway at once, even if they are away: they must not meet what is
 * taken back. The others within the bound, while they are there. */
static void tell_back(struct rollout *r, const struct sighting *seen, int64_t wall_ms,
		      enum order *orders)
{
	for (size_t i = 0; i < r->count; i++) {
		struct member *m = &r->members[i];
		const struct sighting *s = &seen[i];
		if (!is_forward(m->state))
			continue;
		if (s->holding == HOLDING_OTHER)
			m->state = MEMBER_OTHER;
		else if (m->state == MEMBER_SUCCEEDED && !s->online)
			continue;
		else if (is_unavailable(m, s) || take_place(r, m))
			orders[i] = tell(m, ORDER_BACK, wall_ms);
		else
			say_held_up(r);
	}
}

/* Is everybody back who can be? */
static bool has_returned(const struct rollout *r, const struct sighting *seen)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct member *m = &r->members[i];
		if (is_forward(m->state) && (m->state != MEMBER_SUCCEEDED || seen[i].online))
			return false;
		if (m->state == MEMBER_RETURNING && !m->late)
			return false;
	}
	return true;
}

static void step_running(struct rollout *r, const struct sighting *seen, int64_t wall_ms,
			 enum order *orders)
{
	struct why why;
	r->why.text[0] = '\0';
	if (has_too_many_failures(r, &why))
		(void)halt(r, &why);
	go_on(r);
	if (r->phase == ROLLOUT_RUNNING && !is_closed(r, seen, wall_ms))
		tell_forward(r, seen, wall_ms, orders);
	if (r->phase == ROLLOUT_COMPLETE)
		tell_late(r, ORDER_FORWARD, wall_ms, orders);
}

static void step_returning(struct rollout *r, const struct sighting *seen, int64_t wall_ms,
			   enum order *orders)
{
	r->why.text[0] = '\0';
	tell_back(r, seen, wall_ms, orders);
	if (!has_returned(r, seen))
		return;
	tell_late(r, ORDER_BACK, wall_ms, orders);
	r->phase = ROLLOUT_RETURNED;
}

void rollout_step(struct rollout *r, const struct sighting *seen, int64_t wall_ms,
		  enum order *orders)
{
	look_at(r, seen, wall_ms);
	count_groups(r, seen);
	for (size_t i = 0; i < r->count; i++)
		orders[i] = again(&r->members[i], &seen[i]);
	if (r->phase == ROLLOUT_RUNNING)
		step_running(r, seen, wall_ms, orders);
	if (r->phase == ROLLOUT_RETURNING)
		step_returning(r, seen, wall_ms, orders);
}

bool rollout_is_over(const struct rollout *r)
{
	return r->phase == ROLLOUT_COMPLETE || r->phase == ROLLOUT_RETURNED;
}

/* --- people --- */

static enum err refuse(const struct rollout *r, const char *what, struct why *why)
{
	return why_set(why, ERR_CONFLICT, "it is %s: there is nothing to %s",
		       rollout_phase_name(r->phase), what);
}

enum err rollout_pause(struct rollout *r, struct why *why)
{
	if (r->phase != ROLLOUT_RUNNING)
		return refuse(r, "pause", why);
	r->phase = ROLLOUT_PAUSED;
	r->why.text[0] = '\0';
	return OK;
}

enum err rollout_resume(struct rollout *r, struct why *why)
{
	if (r->phase != ROLLOUT_PAUSED && r->phase != ROLLOUT_HALTED)
		return refuse(r, "resume", why);
	if (r->phase == ROLLOUT_HALTED)
		forgive(r);
	r->phase = ROLLOUT_RUNNING;
	r->reason.text[0] = '\0';
	return OK;
}

enum err rollout_undo(struct rollout *r, struct why *why)
{
	if (r->phase == ROLLOUT_RETURNING || r->phase == ROLLOUT_RETURNED)
		return refuse(r, "undo", why);
	r->phase = ROLLOUT_RETURNING;
	why_write(&r->reason, "a person has asked for it");
	r->why.text[0] = '\0';
	return OK;
}

enum err rollout_approve(struct rollout *r, int64_t batch, struct why *why)
{
	const int64_t at = batch ? batch - 1 : (int64_t)r->batch;
	const uint32_t bit = UINT32_C(1) << (at & 31);
	if (at < 0 || at >= (int64_t)r->spec->batch_count || !(r->spec->approvals & bit))
		return why_set(why, ERR_INVALID, "batch %lld needs no approval", (long long)at + 1);
	if (r->approved & bit)
		return why_set(why, ERR_CONFLICT, "batch %lld is approved already",
			       (long long)at + 1);
	r->approved |= bit;
	return OK;
}

/* --- batches --- */

void rollout_assign(const struct rollout_spec *spec, struct member *members, size_t count,
		    const struct json *const *labels)
{
	for (size_t i = 0; i < count; i++)
		members[i].batch = spec->batch_count;
	for (size_t b = 0; b < spec->batch_count; b++) {
		const struct batch_spec *s = &spec->batches[b];
		int64_t room = s->limit.n ? amount_up(&s->limit, (int64_t)count) : INT64_MAX;
		for (size_t i = 0; i < count && room; i++) {
			if (members[i].batch < spec->batch_count ||
			    !selector_matches(&s->selector, labels[i], NULL))
				continue;
			members[i].batch = b;
			room--;
		}
	}
}
