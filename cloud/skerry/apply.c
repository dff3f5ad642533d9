#include "cloud/skerry/apply.h"
#include "base/duration.h"
#include "cloud/fleet/answer.h"
#include "cloud/skerry/change.h"
#include "cloud/skerry/places.h"
#include "cloud/skerry/terminal.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_DEFAULT_MS = 180 * 1000 };

/* --- publishing and waiting --- */

/* Ours lies on top of what came first: put that back, so that a device that was away gets what
 * those have that were there. */
static enum err give_way(struct desk *d, const struct device_view *now, const char *device,
			 const struct intent *i, struct why *why)
{
	struct why reason;
	enum err e = why_set(&reason, ERR_CONFLICT,
			     "%s: somebody else has written generation %lld at the same moment, "
			     "and was first; look at it, then apply again",
			     device, (long long)i->generation);
	if (now->held && *now->held && strcmp(now->desired_text, now->held) != 0)
		e = desk_publish(d, device, "dn/desired", bytes_of(now->held), true, why);
	if (e != OK && e != ERR_CONFLICT)
		return e;
	*why = reason;
	return ERR_CONFLICT;
}

static enum err publish(struct desk *d, struct fleet_view *v, const char *device,
			const struct intent *i, struct why *why)
{
	enum err e = fleet_view_await(v, device, i->text, why);
	if (!e)
		e = desk_publish(d, device, "dn/desired", bytes_of(i->text), true, why);
	if (!e)
		e = desk_settle(d, why);
	struct device_view *now = fleet_view_find(v, device);
	if (!e && !now->has_come)
		e = why_set(why, ERR_DENIED,
			    "%s: the broker has not taken generation %lld; may this user write it?",
			    device, (long long)i->generation);
	else if (!e && !now->has_won)
		e = give_way(d, now, device, i, why);
	if (now)
		device_view_stop_awaiting(now);
	return e;
}

/* What has become of a generation on a device. */
struct watching {
	const struct fleet_view *view;
	const char *device;
	const struct intent *intent;
	char told[32]; /* the phase that was told last */
	int64_t began_ms;
	enum err result; /* once it is over */
	struct why why;
};

static struct state_id id_of(const struct intent *i)
{
	struct state_id id = { .epoch = i->epoch, .generation = i->generation };
	strcpy(id.message, i->digest);
	return id;
}

static const struct json *find_condition(const struct device_view *d, const char *type,
					 const struct intent *i)
{
	const struct state_id id = id_of(i);
	return answer_condition(d->state, type, &id);
}

static void tell_phase(struct watching *w, const char *word, const char *detail)
{
	char span[24];
	if (strcmp(w->told, word) == 0)
		return;
	snprintf(w->told, sizeof w->told, "%s", word);
	duration_print(span, clock_now_ms() - w->began_ms);
	terminal_line(stderr, "%-11s %s  generation %lld  after %s%s%s", word, w->device,
		      (long long)w->intent->generation, span, *detail ? "  " : "", detail);
}

static bool end(struct watching *w, enum err result, const char *word, const char *message)
{
	w->result = why_set(&w->why, result, "%s: generation %lld: %.180s", w->device,
			    (long long)w->intent->generation, message);
	tell_phase(w, word, "");
	return true;
}

static void tell_last_words(const struct device_view *d, const struct intent *i)
{
	const struct json *c = find_condition(d, "RolledBack", i);
	const struct json *words = json_member(c, "lastWords");
	const struct json *l = json_first(json_member(words, "lines"));
	if (l)
		fprintf(stderr, "its last lines:\n");
	for (; l; l = json_next(l))
		terminal_line(stderr, "  | %s", json_text_at(l, "l"));
}

/* The state is there; the agent that it wants comes afterwards. */
static bool is_agent_over(struct watching *w, const struct device_view *d)
{
	const struct json *update = json_member(d->state, "update");
	const char *slot = json_string(json_member(update, "slot"));
	const char *phase = json_string(json_member(update, "phase"));
	const char *wanted = json_string(json_member(update, "wanted"));
	int64_t attempt = 0;
	if (!w->intent->agent[0])
		return end(w, OK, "available", "");
	json_integer(json_member(update, "attempt"), &attempt);
	if (!phase || !slot || !wanted || strcmp(wanted, w->intent->agent) != 0 ||
	    attempt != w->intent->attempt)
		return false;
	if (strcmp(phase, "Running") == 0 && strcmp(slot, wanted) == 0)
		return end(w, OK, "available", "");
	if (strcmp(phase, "Failed") == 0)
		return end(
			w, ERR_SYSTEM, "agent-failed",
			json_text_at(find_condition(d, "AgentUpdateFailed", w->intent), "message"));
	const char *trouble = json_string(json_member(update, "trouble"));
	tell_phase(w, strcmp(phase, "Trial") == 0 ? "agent-trial" : "agent",
		   trouble ? trouble : "");
	return false;
}

static bool is_over(void *owner)
{
	struct watching *w = owner;
	const struct device_view *d =
		fleet_view_find((struct fleet_view *)(uintptr_t)w->view, w->device);
	if (!d)
		return false;
	const struct json *rejected = find_condition(d, "Rejected", w->intent);
	const struct json *conflict = find_condition(d, "Conflict", w->intent);
	if (rejected)
		return end(w, ERR_INVALID, "rejected", json_text_at(rejected, "message"));
	if (conflict)
		return end(w, ERR_CONFLICT, "conflict", json_text_at(conflict, "message"));
	if (device_view_number(d, "observed") != w->intent->generation)
		return false;
	const char *word = device_view_word(d);
	const char *phase = json_string(json_member(d->state, "phase"));
	const struct json *available = find_condition(d, "Available", w->intent);
	if (!phase)
		return false;
	if (strcmp(phase, "Available") == 0)
		return is_agent_over(w, d);
	if (strcmp(phase, "RolledBack") == 0 || strcmp(phase, "Degraded") == 0) {
		end(w, ERR_SYSTEM, word, json_text_at(available, "message"));
		tell_last_words(d, w->intent);
		return true;
	}
	tell_phase(w, word, json_text_at(available, "message"));
	return false;
}

static enum err follow(struct desk *d, struct fleet_view *v, const char *device,
		       const struct intent *i, struct why *why)
{
	struct watching w = {
		.view = v, .device = device, .intent = i, .began_ms = clock_now_ms()
	};
	fleet_view_listen(v, d);
	enum err e =
		desk_wait(d, is_over, &w,
			  d->options->wait_ms < 0 ? WAIT_DEFAULT_MS : d->options->wait_ms, why);
	if (e == ERR_AGAIN && !d->interrupted)
		return why_set(why, e,
			       "%s: generation %lld is still on its way; see: skerry get %s",
			       device, (long long)i->generation, device);
	if (e)
		return e;
	*why = w.why;
	return w.result;
}

/* A device may be told before it has ever come. */
static const struct device_view *view_of(struct fleet_view *v, const char *device,
					 struct device_view *blank)
{
	const struct device_view *known = fleet_view_find(v, device);
	*blank = (struct device_view){ 0 };
	snprintf(blank->name, sizeof blank->name, "%s", device);
	return known ? known : blank;
}

static enum err apply_to(struct desk *d, struct fleet_view *v, const char *device,
			 const struct intent_wish *wish, struct why *why)
{
	struct device_view blank;
	struct intent i;
	const struct device_view *view = view_of(v, device, &blank);
	enum err e = intent_make(view, d->options->fleet, wish, &i, why);
	if (e)
		return e;
	if (!i.text) {
		printf("%s  generation %lld  unchanged\n", device, (long long)i.base);
		return OK;
	}
	printf("%s  generation %lld->%lld", device, (long long)i.base, (long long)i.generation);
	if (d->options->file_count)
		printf("  %zu pod%s in the files", wish->source->pod_count,
		       wish->source->pod_count == 1 ? "" : "s");
	putchar('\n');
	fflush(stdout);
	if (!d->options->dry_run)
		e = publish(d, v, device, &i, why);
	bool online = device_view_is_online(view);
	if (!e && !d->options->dry_run && !online)
		fprintf(stderr, "offline     %s  will follow when it comes back\n", device);
	if (!e && online && !d->options->no_wait && !d->options->dry_run)
		e = follow(d, v, device, &i, why);
	free(i.text);
	return e;
}

/* What else may be wrong shows later. */
static bool has_place(const struct desk *d, struct fleet_view *v, const char *device,
		      const struct intent_wish *wish)
{
	struct intent i;
	struct device_view blank;
	struct fit *fit = NULL;
	struct intent_wish judged = *wish;
	judged.fit = &fit;
	if (!intent_make(view_of(v, device, &blank), d->options->fleet, &judged, &i, NULL))
		free(i.text);
	const bool has = places_tell(device, fit);
	fit_free(fit);
	return has;
}

/* Before anything is published. */
static enum err check_places(struct change *c, struct why *why)
{
	size_t misfits = 0;
	for (size_t i = 0; i < c->targets.count; i++) {
		change_turn_to(c, i);
		misfits += !has_place(c->desk, &c->view, c->targets.list[i].name, &c->wish);
	}
	return misfits ? places_refuse(misfits, c->targets.count, why) : OK;
}

static enum err apply_to_all(struct change *c, struct why *why)
{
	enum err e = check_places(c, why);
	for (size_t i = 0; i < c->targets.count && !e; i++) {
		change_turn_to(c, i);
		e = apply_to(c->desk, &c->view, c->targets.list[i].name, &c->wish, why);
	}
	return e;
}

enum err apply_files(struct desk *d, struct options *o, struct why *why)
{
	struct change c;
	enum err e = change_open(&c, d, o, why);
	if (!e)
		e = apply_to_all(&c, why);
	change_close(&c);
	return e;
}

enum exit_code verb_apply(struct options *o)
{
	struct desk d = { 0 };
	struct why why;
	enum err e = desk_open(&d, o, &why);
	if (!e)
		e = apply_files(&d, o, &why);
	bool interrupted = d.interrupted;
	desk_close(&d);
	if (interrupted)
		return EXIT_CODE_INTERRUPTED;
	return exit_code_tell(e, &why);
}
