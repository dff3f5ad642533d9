#include "cloud/skerry/rollout_view.h"

#include "base/text.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/terminal.h"
#include "ports/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 26, PICTURE_PROBLEMS_MAX = 10 };

/* --- for programs --- */

static struct json *print_counts(const struct rollout *r)
{
	struct rollout_count n;
	struct json *j = json_new_object();
	rollout_count(r, &n);
	for (int i = 0; i < MEMBER_STATES; i++)
		json_set_integer(j, member_state_name((enum member_state)i), n.by_state[i]);
	json_set_integer(j, "late", n.late);
	json_set_integer(j, "total", n.total);
	return j;
}

static struct json *print_devices(const struct campaign *c)
{
	struct json *list = json_new_array();
	for (size_t i = 0; i < c->rollout.count; i++) {
		const struct member *m = &c->rollout.members[i];
		struct json *j = json_new_object();
		json_set_string(j, "device", m->name);
		json_set_integer(j, "batch", (int64_t)m->batch + 1);
		json_set_string(j, "state", member_state_name(m->state));
		json_set_bool(j, "late", m->late);
		json_set_integer(j, "generation", c->states[i].forward_id.generation);
		json_set_string(j, "message", m->note);
		json_push(list, j);
	}
	return list;
}

static struct json *print_left(const struct campaign *c)
{
	struct json *list = json_new_array();
	for (size_t i = 0; i < c->left_count; i++) {
		struct json *j = json_new_object();
		json_set_string(j, "device", c->left[i].device);
		json_set_string(j, "why", c->left[i].why);
		json_push(list, j);
	}
	return list;
}

static struct json *print_wishes(const char *wishes)
{
	struct json *list = json_new_array(), *j;
	while (*wishes) {
		const size_t len = strcspn(wishes, "\n");
		if (len && json_parse((struct bytes){ wishes, len }, &j, NULL) == OK)
			json_push(list, j);
		wishes += len + (wishes[len] != '\0');
	}
	return list;
}

void rollout_view_print_json(const struct campaign *c, const char *wishes)
{
	const struct rollout *r = &c->rollout;
	struct json *j = json_new_object();
	json_set_string(j, "rollout", c->name);
	json_set_string(j, "fleet", c->fleet);
	json_set_string(j, "by", c->by);
	json_set_integer(j, "made", c->made_ms);
	json_set_string(j, "phase", rollout_phase_name(r->phase));
	json_set_integer(j, "batch", (int64_t)r->batch + 1);
	json_set_integer(j, "batches", (int64_t)c->spec.batch_count);
	json_set_string(j, "reason", r->reason.text);
	json_set_string(j, "waits", r->why.text);
	json_set(j, "counts", print_counts(r));
	json_set(j, "devices", print_devices(c));
	json_set(j, "left", print_left(c));
	json_set(j, "wishes", print_wishes(wishes));
	char *text = json_print_pretty(j);
	puts(text);
	free(text);
	json_free(j);
}

/* --- for people --- */

static int print_head(const struct campaign *c, FILE *to)
{
	const struct rollout *r = &c->rollout;
	fprintf(to, "%s  %s  batch %zu of %zu\n", c->name, rollout_phase_name(r->phase),
		r->batch + 1, c->spec.batch_count);
	return 1;
}

static int print_bar(const struct rollout *r, FILE *to)
{
	struct rollout_count n;
	char bar[BAR_WIDTH + 1];
	rollout_count(r, &n);
	const bool is_back = r->phase == ROLLOUT_RETURNING || r->phase == ROLLOUT_RETURNED;
	const enum member_state good = is_back ? MEMBER_RETURNED : MEMBER_SUCCEEDED;
	const int64_t done = n.by_state[good], all = n.total ? n.total : 1;
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)(done * BAR_WIDTH / all));
	bar[BAR_WIDTH] = '\0';
	fprintf(to, "[%s]  %3lld %%  ", bar, (long long)(done * 100 / all));
	for (int i = 0; i < MEMBER_STATES; i++)
		if (n.by_state[i])
			fprintf(to, " %s %lld", member_state_name((enum member_state)i),
				(long long)n.by_state[i]);
	if (n.late)
		fprintf(to, "  (late %lld)", (long long)n.late);
	fputc('\n', to);
	return 1;
}

static int print_reasons(const struct rollout *r, FILE *to)
{
	int lines = 0;
	if (r->reason.text[0]) {
		terminal_line(to, "reason   %s", r->reason.text);
		lines++;
	}
	if (r->why.text[0]) {
		terminal_line(to, "waits    %s", r->why.text);
		lines++;
	}
	return lines;
}

static bool is_problem(const struct member *m)
{
	return m->state == MEMBER_FAILED || m->state == MEMBER_STUCK || m->state == MEMBER_OTHER;
}

static int print_problems(const struct rollout *r, int max, FILE *to)
{
	int lines = 0;
	for (size_t i = 0; i < r->count && lines < max; i++) {
		const struct member *m = &r->members[i];
		if (!is_problem(m))
			continue;
		terminal_line(to, "%-9s%s  %s", member_state_name(m->state), m->name, m->note);
		lines++;
	}
	return lines;
}

static void print_left_over(const struct campaign *c)
{
	for (size_t i = 0; i < c->left_count; i++)
		terminal_line(stdout, "left     %s  %s", c->left[i].device, c->left[i].why);
}

void rollout_view_print(const struct campaign *c)
{
	print_head(c, stdout);
	print_bar(&c->rollout, stdout);
	print_reasons(&c->rollout, stdout);
	print_problems(&c->rollout, INT32_MAX, stdout);
	print_left_over(c);
}

/* --- as it happens --- */

enum err rollout_view_open(struct rollout_view *v, const struct campaign *c, FILE *to,
			   struct why *why)
{
	*v = (struct rollout_view){ .campaign = c, .to = to, .is_picture = isatty(fileno(to)) };
	v->told = calloc(c->rollout.count + 1, sizeof *v->told);
	if (!v->told)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < c->rollout.count; i++)
		v->told[i] = c->rollout.members[i].state;
	v->phase = c->rollout.phase;
	v->batch = SIZE_MAX;
	return OK;
}

static void draw(struct rollout_view *v)
{
	const struct rollout *r = &v->campaign->rollout;
	/* Up to where the last one began, and all below goes. */
	if (v->lines)
		fprintf(v->to, "\033[%dA\033[J", v->lines);
	v->lines = print_head(v->campaign, v->to);
	v->lines += print_bar(r, v->to);
	v->lines += print_reasons(r, v->to);
	v->lines += print_problems(r, PICTURE_PROBLEMS_MAX, v->to);
}

static void say_members(struct rollout_view *v)
{
	const struct rollout *r = &v->campaign->rollout;
	for (size_t i = 0; i < r->count; i++) {
		const struct member *m = &r->members[i];
		if (m->state == v->told[i])
			continue;
		v->told[i] = m->state;
		terminal_line(v->to, "%-10s %s%s%s", member_state_name(m->state), m->name,
			      m->note[0] ? "  " : "", m->note);
	}
}

static void say_changes(struct rollout_view *v)
{
	const struct rollout *r = &v->campaign->rollout;
	if (r->batch != v->batch)
		fprintf(v->to, "batch %zu of %zu\n", r->batch + 1, v->campaign->spec.batch_count);
	v->batch = r->batch;
	say_members(v);
	if (r->phase != v->phase)
		terminal_line(v->to, "%s%s%s", rollout_phase_name(r->phase),
			      r->reason.text[0] ? ": " : "", r->reason.text);
	v->phase = r->phase;
	if (r->why.text[0] && strcmp(v->why, r->why.text) != 0)
		terminal_line(v->to, "waits: %s", r->why.text);
	snprintf(v->why, sizeof v->why, "%s", r->why.text);
}

void rollout_view_on_change(void *view)
{
	struct rollout_view *v = view;
	if (v->is_picture)
		draw(v);
	else
		say_changes(v);
	fflush(v->to);
}

void rollout_view_close(struct rollout_view *v)
{
	free(v->told);
	v->told = NULL;
}
