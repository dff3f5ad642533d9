#include "cloud/skerry/apply.h"
#include "base/duration.h"
#include "cloud/fleet/answer.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/intent.h"
#include "cloud/skerry/pin.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "workloads/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_DEFAULT_MS = 180 * 1000 };

/* --- devices --- */

struct target {
	char name[LABEL_SIZE];
	char architecture[OCI_ARCHITECTURE_SIZE]; /* of its images; "" if nobody knows */
};

struct targets {
	struct target *list;
	size_t count;
};

static void fill_target(struct target *t, struct fleet_view *v, const char *name)
{
	const struct device_view *d = fleet_view_find(v, name);
	const struct json *features = d ? json_member(d->state, "features") : NULL;
	const char *architecture = json_string(json_member(features, "imageArch"));
	snprintf(t->name, sizeof t->name, "%s", name);
	snprintf(t->architecture, sizeof t->architecture, "%s", architecture ? architecture : "");
}

/* Those of -l. */
static enum err choose_by_labels(const struct options *o, struct fleet_view *v, struct targets *out,
				 struct why *why)
{
	enum err e = o->device_count || o->all
			     ? why_set(why, ERR_INVALID, "-l, -d or --all? one of them chooses")
			     : fleet_view_choose(v, o->selector, why);
	if (e)
		return e;
	out->list = calloc(v->count + 1, sizeof *out->list);
	if (!out->list)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < v->count; i++)
		if (!v->devices[i].is_hidden)
			fill_target(&out->list[out->count++], v, v->devices[i].name);
	return out->count ? OK
			  : why_set(why, ERR_NOT_FOUND,
				    "no device is chosen: skerry get devices shows their labels");
}

static enum err choose_devices(const struct options *o, struct fleet_view *v, struct targets *out,
			       struct why *why)
{
	if (!o->device_count && !v->count)
		return why_set(why, ERR_NOT_FOUND,
			       "no device has ever reported to this broker in fleet %s", o->fleet);
	if (o->selector)
		return choose_by_labels(o, v, out, why);
	if (!o->device_count && v->count > 1 && !o->all)
		return why_set(why, ERR_INVALID,
			       "which of the %zu devices? name them with -d or -l, or say --all",
			       v->count);
	out->count = o->device_count ? o->device_count : v->count;
	out->list = calloc(out->count, sizeof *out->list);
	if (!out->list)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < out->count; i++)
		fill_target(&out->list[i], v, o->device_count ? o->devices[i] : v->devices[i].name);
	return OK;
}

/* Pushing takes time, and the desk's ears: what the fleet looks like is read again. */
static enum err pin_images(struct pins *p, const struct targets *t, struct fleet_view *v,
			   struct why *why)
{
	enum err e = OK;
	if (!p->count)
		return OK;
	for (size_t i = 0; i < t->count && !e; i++)
		e = pins_make(p, t->list[i].architecture, why);
	if (e)
		return e;
	fleet_view_free(v);
	*v = (struct fleet_view){ 0 };
	return fleet_view_read(v, p->desk, NULL, why);
}

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
	fprintf(stderr, "%-11s %s  generation %lld  after %s%s%s\n", word, w->device,
		(long long)w->intent->generation, span, *detail ? "  " : "", detail);
}

static bool end(struct watching *w, enum err result, const char *word, const char *message)
{
	w->result = why_set(&w->why, result, "%s: generation %lld: %.180s", w->device,
			    (long long)w->intent->generation, message);
	tell_phase(w, word, "");
	return true;
}

static const char *message_of(const struct json *condition)
{
	const char *m = json_string(json_member(condition, "message"));
	return m ? m : "";
}

static void tell_last_words(const struct device_view *d, const struct intent *i)
{
	const struct json *c = find_condition(d, "RolledBack", i);
	const struct json *words = json_member(c, "lastWords");
	const struct json *l = json_first(json_member(words, "lines"));
	if (l)
		fprintf(stderr, "its last lines:\n");
	for (; l; l = json_next(l)) {
		const char *text = json_string(json_member(l, "l"));
		fprintf(stderr, "  | %s\n", text ? text : "");
	}
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
		return end(w, ERR_SYSTEM, "agent-failed",
			   message_of(find_condition(d, "AgentUpdateFailed", w->intent)));
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
		return end(w, ERR_INVALID, "rejected", message_of(rejected));
	if (conflict)
		return end(w, ERR_CONFLICT, "conflict", message_of(conflict));
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
		end(w, ERR_SYSTEM, word, message_of(available));
		tell_last_words(d, w->intent);
		return true;
	}
	tell_phase(w, word, message_of(available));
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

static enum err apply_to(struct desk *d, struct fleet_view *v, const char *device,
			 const struct intent_wish *wish, struct why *why)
{
	static const struct device_view unknown; /* a device may be told before it has ever come */
	struct device_view blank = unknown;
	struct intent i;
	snprintf(blank.name, sizeof blank.name, "%s", device);
	const struct device_view *known = fleet_view_find(v, device);
	enum err e = intent_make(known ? known : &blank, d->options->fleet, wish, &i, why);
	if (e)
		return e;
	if (!i.text) {
		printf("%s  generation %lld  unchanged\n", device, (long long)i.base);
		return OK;
	}
	printf("%s  generation %lld->%lld  %zu pods in the files\n", device, (long long)i.base,
	       (long long)i.generation, wish->source->pod_count);
	fflush(stdout);
	if (!d->options->dry_run)
		e = publish(d, v, device, &i, why);
	bool online = known && device_view_is_online(known);
	if (!e && !d->options->dry_run && !online)
		fprintf(stderr, "offline     %s  will follow when it comes back\n", device);
	if (!e && online && !d->options->no_wait && !d->options->dry_run)
		e = follow(d, v, device, &i, why);
	free(i.text);
	return e;
}

/* Does the device have the labels that its pods ask for? What else may be wrong shows later. */
static bool tell_misfit(const struct desk *d, struct fleet_view *v, const char *device,
			const struct intent_wish *wish)
{
	struct intent i;
	struct why misfit = { "" };
	struct intent_wish checked = *wish;
	const struct device_view *known = fleet_view_find(v, device);
	checked.misfit = &misfit;
	if (!known || intent_make(known, d->options->fleet, &checked, &i, NULL))
		return false;
	free(i.text);
	if (!misfit.text[0])
		return false;
	fprintf(stderr, "misfit      %s  %s\n", device, misfit.text);
	return true;
}

/* Before anything is published. */
static enum err check_places(const struct desk *d, struct fleet_view *v, struct pins *p,
			     const struct targets *t, struct intent_wish *wish, struct why *why)
{
	size_t misfits = 0;
	for (size_t i = 0; i < t->count; i++) {
		pins_set(p, t->list[i].architecture);
		wish->agent = p->agent_image;
		misfits += tell_misfit(d, v, t->list[i].name, wish);
	}
	return !misfits ? OK
			: why_set(why, ERR_INVALID,
				  "%zu of %zu devices do not have what nodeSelector asks for; "
				  "nothing "
				  "was published",
				  misfits, t->count);
}

static enum err apply_to_all(struct desk *d, struct fleet_view *v, struct pins *p,
			     const struct manifest_files *m, struct why *why)
{
	const struct options *o = d->options;
	struct warrant w;
	struct intent_trees trees;
	struct render_source source = intent_source(m, &trees);
	struct intent_wish wish = { .source = &source, .retry = o->retry, .warrant = &w };
	source.is_whole = o->prune;
	source.healthy_ms = o->healthy_ms;
	struct targets t = { 0 };
	enum err e = warrant_open(&w, o, why);
	if (!e)
		e = fleet_view_read(v, d, NULL, why);
	if (!e)
		e = choose_devices(o, v, &t, why);
	if (!e)
		e = pin_images(p, &t, v, why);
	if (!e)
		e = check_places(d, v, p, &t, &wish, why);
	for (size_t i = 0; i < t.count && !e; i++) {
		pins_set(p, t.list[i].architecture);
		wish.agent = p->agent_image;
		e = apply_to(d, v, t.list[i].name, &wish, why);
	}
	free(t.list);
	warrant_close(&w);
	return e;
}

enum err apply_files(struct desk *d, struct options *o, struct why *why)
{
	struct fleet_view v = { 0 };
	struct pins p = { .options = o, .desk = d };
	struct manifest_files *m = calloc(1, sizeof *m);
	enum err e = m ? OK : why_set(why, ERR_SYSTEM, "no memory");
	if (!e && !o->file_count && !o->prune && !o->agent && !o->retry)
		e = why_set(why, ERR_INVALID,
			    "what shall be applied? give -f FILE, or --agent FILE");
	if (!e)
		e = manifest_files_read(m, o->files, o->file_count, why);
	if (!e)
		e = manifest_files_refuse_objects(m, why);
	if (!e)
		e = pins_open(&p, m, why);
	if (!e)
		e = apply_to_all(d, &v, &p, m, why);
	pins_close(&p);
	if (m)
		manifest_files_free(m);
	free(m);
	fleet_view_free(&v);
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
