#include "cloud/fleet/standing.h"

#include "base/text.h"
#include "cloud/fleet/named.h"

#include <stdio.h>
#include <string.h>

static void blame(struct standing *s, const char *reason, const char *message)
{
	snprintf(s->reason, sizeof s->reason, "%s", reason);
	why_write(&s->why, "%s", message);
}

static bool is_wanted(const struct json *desired, const char *pod)
{
	const struct json *p = json_first(json_member(desired, "workloads"));
	while (p && strcmp(named_document(p), pod) != 0)
		p = json_next(p);
	return p != NULL;
}

/* --- of a container --- */

/* "Preempted: needs 64Mi, ..." has its reason in front. */
static void blame_trouble(struct standing *s, const char *trouble)
{
	static const char preempted[] = "Preempted: ";
	if (text_starts(trouble, preempted))
		blame(s, "Preempted", trouble + sizeof preempted - 1);
	else
		blame(s, "Trouble", trouble);
}

static void read_workload(struct standing *s, const struct json *w)
{
	static const char well[] = "completed standby idle";
	const struct json *exit = json_member(w, "lastExit");
	bool ready = false;
	json_bool(json_member(w, "ready"), &ready);
	snprintf(s->workload, sizeof s->workload, "%s", json_key(w));
	snprintf(s->state, sizeof s->state, "%s", json_text_at(w, "state"));
	const bool runs = strcmp(s->state, "running") == 0;
	if ((runs && ready) || text_list_has(well, s->state))
		return;
	if (*json_text_at(w, "trouble"))
		blame_trouble(s, json_text_at(w, "trouble"));
	else if (runs)
		blame(s, "NotReady", json_text_at(w, "status"));
	else if (exit)
		blame(s, json_text_at(exit, "reason"), json_text_at(exit, "message"));
}

static bool is_of_pod(const struct json *workload, const char *pod)
{
	const size_t len = strlen(pod);
	return strncmp(json_key(workload), pod, len) == 0 && json_key(workload)[len] == '/';
}

/* --- of the state --- */

/* In the device's own words, which an answer would cut. */
static void blame_phase(struct standing *s, const struct standing_device *d)
{
	const struct json *rejected = answer_condition(d->report, "Rejected", d->id);
	const struct json *said =
		rejected ? rejected : answer_condition(d->report, "Available", d->id);
	blame(s, rejected ? "Rejected" : json_text_at(d->report, "phase"),
	      json_text_at(said, "message"));
}

static void blame_state(struct standing *s, const struct standing_device *d, bool wanted)
{
	char note[MEMBER_NOTE_SIZE], text[80];
	const enum answer a = answer_of(d->report, d->id, note);
	snprintf(text, sizeof text, "generation %lld has not reached it",
		 (long long)d->id->generation);
	if (!d->report)
		blame(s, "NeverReported", text);
	else if (a == ANSWER_NONE)
		blame(s, "NotSeen", text);
	else if (a == ANSWER_OTHER)
		blame(s, "OtherState", "it follows another state than the broker has");
	else if (!wanted && a != ANSWER_FAILED)
		blame(s, "NotWanted", "no state asks for it any more");
	else if (a != ANSWER_HEALTHY)
		blame_phase(s, d);
}

/* --- both --- */

static size_t read_workloads(const struct standing_device *d, const char *pod,
			     struct standing out[STANDINGS_MAX])
{
	size_t n = 0;
	const struct json *w = json_first(json_member(d->report, "workloads"));
	for (; w && n < STANDINGS_MAX; w = json_next(w)) {
		if (!is_of_pod(w, pod))
			continue;
		out[n] = (struct standing){ 0 };
		read_workload(&out[n++], w);
	}
	return n;
}

size_t standing_of(const struct standing_device *d, const char *pod,
		   struct standing out[STANDINGS_MAX])
{
	const bool wanted = is_wanted(d->desired, pod);
	size_t n = read_workloads(d, pod, out);
	if (!n && !wanted)
		return 0;
	if (!n) {
		out[n] = (struct standing){ 0 };
		snprintf(out[n].workload, sizeof out[n].workload, "%s", pod);
		snprintf(out[n].state, sizeof out[n].state, "%s", d->report ? "absent" : "unknown");
		n++;
	}
	for (size_t i = 0; i < n; i++)
		if (!out[i].reason[0] && d->id)
			blame_state(&out[i], d, wanted);
	return n;
}
