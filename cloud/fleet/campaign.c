#include "cloud/fleet/campaign.h"

#include "base/text.h"
#include "ports/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- making --- */

enum err campaign_init(struct campaign *c, const char *name, const char *fleet,
		       const struct json *spec, struct why *why)
{
	*c = (struct campaign){ 0 };
	snprintf(c->name, sizeof c->name, "%s", name);
	snprintf(c->fleet, sizeof c->fleet, "%s", fleet);
	enum err e = rollout_spec_read(spec, &c->spec, why);
	if (!e)
		c->spec_tree = json_copy(spec);
	c->rollout.spec = &c->spec;
	return e;
}

void campaign_free(struct campaign *c)
{
	for (size_t i = 0; i < c->rollout.count; i++) {
		free(c->states[i].forward);
		free(c->states[i].back);
	}
	free(c->states);
	free(c->rollout.members);
	free(c->rollout.groups);
	free(c->seen);
	free(c->orders);
	free(c->left);
	json_free(c->spec_tree);
	rollout_spec_free(&c->spec);
	*c = (struct campaign){ 0 };
}

static enum err grow(struct campaign *c, struct why *why)
{
	struct rollout *r = &c->rollout;
	if (r->count == ROLLOUT_DEVICES_MAX)
		return why_set(why, ERR_FULL, "more than %d devices in one rollout",
			       ROLLOUT_DEVICES_MAX);
	if (r->count < c->cap)
		return OK;
	const size_t cap = c->cap ? 2 * c->cap : 32;
	struct member *members = realloc(r->members, cap * sizeof *members);
	if (members)
		r->members = members;
	struct campaign_states *states = realloc(c->states, cap * sizeof *states);
	if (states)
		c->states = states;
	if (!members || !states)
		return why_set(why, ERR_SYSTEM, "no memory");
	c->cap = cap;
	return OK;
}

static enum err read_ids(struct campaign_states *s, struct why *why)
{
	enum err e = state_id_read(bytes_of(s->forward), &s->forward_id, why);
	return e ? e : state_id_read(bytes_of(s->back), &s->back_id, why);
}

/* Takes both messages, whatever they are. */
static enum err append(struct campaign *c, const char *device, const struct campaign_states *s,
		       struct why *why)
{
	struct rollout *r = &c->rollout;
	enum err e = grow(c, why);
	if (e) {
		free(s->forward);
		free(s->back);
		return e;
	}
	struct member *m = &r->members[r->count];
	c->states[r->count++] = *s;
	*m = (struct member){ 0 };
	snprintf(m->name, sizeof m->name, "%s", device);
	return OK;
}

enum err campaign_add(struct campaign *c, const char *device, const struct campaign_states *s,
		      struct why *why)
{
	enum err e = append(c, device, s, why);
	if (e)
		return e;
	e = read_ids(&c->states[c->rollout.count - 1], why);
	return e ? why_in(why, e, device) : OK;
}

enum err campaign_leave(struct campaign *c, const char *device, const char *reason, struct why *why)
{
	if (c->left_count == c->left_cap) {
		const size_t cap = c->left_cap ? 2 * c->left_cap : 16;
		struct campaign_left *grown = realloc(c->left, cap * sizeof *grown);
		if (!grown)
			return why_set(why, ERR_SYSTEM, "no memory");
		c->left = grown;
		c->left_cap = cap;
	}
	struct campaign_left *l = &c->left[c->left_count++];
	*l = (struct campaign_left){ 0 };
	snprintf(l->device, sizeof l->device, "%s", device);
	snprintf(l->why, sizeof l->why, "%s", reason);
	return OK;
}

/* The first member of each group stands for it. */
static size_t find_group(const struct campaign *c, const size_t *firsts, size_t count,
			 const char *word)
{
	size_t g = 0;
	while (g < count && strcmp(c->states[firsts[g]].group, word) != 0)
		g++;
	return g;
}

enum err campaign_seal(struct campaign *c, struct why *why)
{
	struct rollout *r = &c->rollout;
	const size_t room = r->count ? r->count : 1;
	size_t *firsts = calloc(room, sizeof *firsts);
	c->seen = calloc(room, sizeof *c->seen);
	c->orders = calloc(room, sizeof *c->orders);
	r->groups = calloc(room, sizeof *r->groups);
	if (!firsts || !c->seen || !c->orders || !r->groups) {
		free(firsts);
		return why_set(why, ERR_SYSTEM, "no memory");
	}
	for (size_t i = 0; i < r->count; i++) {
		const size_t g = find_group(c, firsts, r->group_count, c->states[i].group);
		if (g == r->group_count)
			firsts[r->group_count++] = i;
		r->members[i].group = g;
	}
	free(firsts);
	return OK;
}

/* --- what was prepared, as text --- */

struct lines {
	char *text;
	size_t len, cap;
};

static void add_line(struct lines *l, struct json *j)
{
	char *text = json_print(j);
	const size_t len = strlen(text);
	json_free(j);
	if (l->len + len + 2 > l->cap) {
		l->cap = 2 * (l->len + len + 2);
		char *grown = realloc(l->text, l->cap);
		/* As when a document is built: half of it helps nobody. */
		if (!grown)
			abort();
		l->text = grown;
	}
	memcpy(l->text + l->len, text, len);
	l->len += len;
	l->text[l->len++] = '\n';
	l->text[l->len] = '\0';
	free(text);
}

static struct json *print_member(const struct member *m, const struct campaign_states *s,
				 bool is_view)
{
	struct json *j = json_new_object();
	json_set_string(j, "device", m->name);
	json_set_integer(j, "batch", (int64_t)m->batch);
	json_set_string(j, "group", s->group);
	if (is_view) {
		json_set_integer(j, "generation", s->forward_id.generation);
		return j;
	}
	json_set_string(j, "base", s->base);
	json_set_string(j, "forward", s->forward);
	json_set_string(j, "back", s->back);
	return j;
}

static char *print(const struct campaign *c, bool is_view)
{
	struct lines l = { 0 };
	struct json *head = json_new_object();
	json_set_integer(head, "v", 1);
	json_set_string(head, "rollout", c->name);
	json_set_string(head, "fleet", c->fleet);
	json_set_string(head, "by", c->by);
	json_set_integer(head, "made", c->made_ms);
	json_set(head, "spec", json_copy(c->spec_tree));
	add_line(&l, head);
	for (size_t i = 0; i < c->rollout.count; i++)
		add_line(&l, print_member(&c->rollout.members[i], &c->states[i], is_view));
	for (size_t i = 0; i < c->left_count; i++) {
		struct json *j = json_new_object();
		json_set_string(j, "left", c->left[i].device);
		json_set_string(j, "why", c->left[i].why);
		add_line(&l, j);
	}
	return l.text;
}

char *campaign_print(const struct campaign *c)
{
	return print(c, false);
}

char *campaign_print_view(const struct campaign *c)
{
	return print(c, true);
}

/* --- reading it --- */

/* False: there is no further line. */
static bool take_line(struct bytes *rest, struct bytes *out)
{
	if (!rest->len)
		return false;
	const char *end = memchr(rest->at, '\n', rest->len);
	const size_t len = end ? (size_t)(end - rest->at) : rest->len;
	*out = (struct bytes){ rest->at, len };
	rest->at += len + (end != NULL);
	rest->len -= len + (end != NULL);
	return true;
}

static enum err take_json(struct bytes *rest, struct json **out, struct why *why)
{
	struct bytes line;
	if (!take_line(rest, &line))
		return ERR_NOT_FOUND;
	if (line.len > CAMPAIGN_LINE_MAX)
		return why_set(why, ERR_FULL, "a line of %zu bytes", line.len);
	return json_parse(line, out, why);
}

static enum err read_head(const struct json *j, struct campaign *out, struct why *why)
{
	const char *name = json_text_at(j, "rollout"), *fleet = json_text_at(j, "fleet");
	if (json_integer_at(j, "v") != 1 || !label_is_valid(bytes_of(name)) ||
	    !label_is_valid(bytes_of(fleet)))
		return why_set(why, ERR_INVALID, "this is no prepared rollout");
	enum err e = campaign_init(out, name, fleet, json_member(j, "spec"), why);
	snprintf(out->by, sizeof out->by, "%s", json_text_at(j, "by"));
	out->made_ms = json_integer_at(j, "made");
	return e;
}

static enum err read_states(const struct json *j, struct campaign *c, bool is_view, struct why *why)
{
	const char *device = json_text_at(j, "device");
	struct campaign_states s = { .forward = strdup(json_text_at(j, "forward")),
				     .back = strdup(json_text_at(j, "back")) };
	snprintf(s.base, sizeof s.base, "%s", json_text_at(j, "base"));
	snprintf(s.group, sizeof s.group, "%s", json_text_at(j, "group"));
	s.forward_id.generation = json_integer_at(j, "generation");
	if (!s.forward || !s.back) {
		free(s.forward);
		free(s.back);
		return why_set(why, ERR_SYSTEM, "no memory");
	}
	return is_view ? append(c, device, &s, why) : campaign_add(c, device, &s, why);
}

static enum err read_member(const struct json *j, struct campaign *c, bool is_view, struct why *why)
{
	const char *device = json_text_at(j, "device");
	const int64_t batch = json_integer_at(j, "batch");
	if (*json_text_at(j, "left"))
		return campaign_leave(c, json_text_at(j, "left"), json_text_at(j, "why"), why);
	if (!label_is_valid(bytes_of(device)) || batch < 0 || batch >= (int64_t)c->spec.batch_count)
		return why_set(why, ERR_INVALID, "a device without a name or batch");
	enum err e = read_states(j, c, is_view, why);
	if (!e)
		c->rollout.members[c->rollout.count - 1].batch = (size_t)batch;
	return e;
}

static enum err read_text(struct bytes text, struct campaign *out, bool is_view, struct why *why)
{
	struct json *j = NULL;
	*out = (struct campaign){ 0 };
	enum err e = take_json(&text, &j, why);
	if (e == ERR_NOT_FOUND)
		e = why_set(why, ERR_INVALID, "it is empty");
	if (!e)
		e = read_head(j, out, why);
	json_free(j);
	while (!e) {
		j = NULL;
		e = take_json(&text, &j, why);
		if (e)
			break;
		e = read_member(j, out, is_view, why);
		json_free(j);
	}
	if (e == ERR_NOT_FOUND)
		e = campaign_seal(out, why);
	if (e)
		campaign_free(out);
	return e;
}

enum err campaign_read(struct bytes text, struct campaign *out, struct why *why)
{
	return read_text(text, out, false, why);
}

enum err campaign_read_view(struct bytes text, struct campaign *out, struct why *why)
{
	return read_text(text, out, true, why);
}

/* --- progress --- */

static struct json *print_progress(const struct member *m)
{
	struct json *j = json_new_object();
	json_set_string(j, "device", m->name);
	json_set_string(j, "state", member_state_name(m->state));
	json_set_bool(j, "late", m->late);
	json_set_integer(j, "told", m->told_ms);
	json_set_integer(j, "seen", m->seen_ms);
	json_set_string(j, "note", m->note);
	return j;
}

char *campaign_print_progress(const struct campaign *c)
{
	const struct rollout *r = &c->rollout;
	struct lines l = { 0 };
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "phase", rollout_phase_name(r->phase));
	json_set_integer(j, "batch", (int64_t)r->batch);
	json_set_integer(j, "approved", r->approved);
	json_set_integer(j, "forgiven", r->forgiven);
	json_set_integer(j, "answered", r->answered_then);
	json_set_integer(j, "forgivenBatch", (int64_t)r->forgiven_batch);
	json_set_string(j, "reason", r->reason.text);
	json_set_string(j, "why", r->why.text);
	json_set_integer(j, "obeyed", c->obeyed);
	add_line(&l, j);
	for (size_t i = 0; i < r->count; i++)
		add_line(&l, print_progress(&r->members[i]));
	return l.text;
}

static enum err read_phase(struct campaign *c, const struct json *j, struct why *why)
{
	struct rollout *r = &c->rollout;
	const int phase = rollout_phase_find(json_text_at(j, "phase"));
	const int64_t batch = json_integer_at(j, "batch");
	if (phase < 0 || batch < 0 || batch >= (int64_t)c->spec.batch_count)
		return why_set(why, ERR_INVALID, "this is no progress of a rollout");
	r->phase = (enum rollout_phase)phase;
	r->batch = (size_t)batch;
	r->approved = (uint32_t)json_integer_at(j, "approved");
	r->forgiven = json_integer_at(j, "forgiven");
	r->answered_then = json_integer_at(j, "answered");
	r->forgiven_batch = (size_t)json_integer_at(j, "forgivenBatch");
	c->obeyed = json_integer_at(j, "obeyed");
	why_write(&r->reason, "%s", json_text_at(j, "reason"));
	why_write(&r->why, "%s", json_text_at(j, "why"));
	return OK;
}

static enum err read_state(struct member *m, const struct json *j, struct why *why)
{
	const int state = member_state_find(json_text_at(j, "state"));
	if (state < 0 || strcmp(json_text_at(j, "device"), m->name) != 0)
		return why_set(why, ERR_INVALID, "the progress is of another rollout");
	m->state = (enum member_state)state;
	m->late = false;
	json_bool(json_member(j, "late"), &m->late);
	m->told_ms = json_integer_at(j, "told");
	m->seen_ms = json_integer_at(j, "seen");
	snprintf(m->note, sizeof m->note, "%s", json_text_at(j, "note"));
	return OK;
}

enum err campaign_read_progress(struct campaign *c, struct bytes text, struct why *why)
{
	struct json *j = NULL;
	enum err e = take_json(&text, &j, why);
	if (!e)
		e = read_phase(c, j, why);
	json_free(j);
	for (size_t i = 0; i < c->rollout.count && !e; i++) {
		j = NULL;
		e = take_json(&text, &j, why);
		if (!e)
			e = read_state(&c->rollout.members[i], j, why);
		json_free(j);
	}
	return e == ERR_NOT_FOUND ? why_set(why, ERR_INVALID, "the progress is cut") : e;
}

/* --- running --- */

static enum holding holding_of(const struct campaign_states *s, struct bytes held)
{
	char digest[DIGEST_SIZE];
	if (!held.len)
		return *s->base ? HOLDING_NOTHING : HOLDING_BASE;
	digest_of(held, digest);
	if (strcmp(digest, s->forward_id.message) == 0)
		return HOLDING_FORWARD;
	if (strcmp(digest, s->back_id.message) == 0)
		return HOLDING_BACK;
	return strcmp(digest, s->base) == 0 ? HOLDING_BASE : HOLDING_OTHER;
}

void campaign_see(struct campaign *c, size_t member, bool online, const struct json *report,
		  struct bytes held)
{
	const struct campaign_states *s = &c->states[member];
	struct sighting *seen = &c->seen[member];
	char note[MEMBER_NOTE_SIZE];
	seen->online = online;
	seen->holding = holding_of(s, held);
	seen->is_down = answer_is_down(report);
	seen->forward = answer_of(report, &s->forward_id, seen->note);
	seen->back = answer_of(report, &s->back_id, note);
	if (seen->back == ANSWER_FAILED)
		memcpy(seen->note, note, sizeof note);
}

bool campaign_has_ended(const struct campaign *c)
{
	return rollout_is_over(&c->rollout) || c->rollout.phase == ROLLOUT_HALTED;
}

size_t campaign_step(struct campaign *c, int64_t wall_ms)
{
	size_t n = 0;
	rollout_step(&c->rollout, c->seen, wall_ms, c->orders);
	for (size_t i = 0; i < c->rollout.count; i++)
		n += c->orders[i] != ORDER_NONE;
	return n;
}

struct bytes campaign_message(const struct campaign *c, size_t member)
{
	const struct campaign_states *s = &c->states[member];
	return bytes_of(c->orders[member] == ORDER_BACK ? s->back : s->forward);
}

/* --- wishes --- */

char *campaign_print_wish(const char *what, int64_t batch, const char *by, int64_t wall_ms)
{
	struct lines l = { 0 };
	struct json *j = json_new_object();
	json_set_string(j, "do", what);
	if (batch)
		json_set_integer(j, "batch", batch);
	json_set_string(j, "by", by);
	json_set_integer(j, "at", wall_ms);
	add_line(&l, j);
	return l.text;
}

static enum err obey(struct rollout *r, const struct json *wish, struct why *why)
{
	const char *what = json_text_at(wish, "do");
	if (strcmp(what, "pause") == 0)
		return rollout_pause(r, why);
	if (strcmp(what, "resume") == 0)
		return rollout_resume(r, why);
	if (strcmp(what, "undo") == 0)
		return rollout_undo(r, why);
	if (strcmp(what, "approve") == 0)
		return rollout_approve(r, json_integer_at(wish, "batch"), why);
	return why_set(why, ERR_INVALID, "\"%.40s\": pause, resume, undo and approve are known",
		       what);
}

bool campaign_obey(struct campaign *c, struct bytes wishes, struct why *refused)
{
	struct bytes line;
	int64_t n = 0;
	const int64_t before = c->obeyed;
	while (take_line(&wishes, &line)) {
		struct json *j;
		if (n++ < c->obeyed)
			continue;
		c->obeyed++;
		if (json_parse(line, &j, refused))
			continue;
		(void)!obey(&c->rollout, j, refused);
		json_free(j);
	}
	return c->obeyed != before;
}

enum err campaign_try(struct campaign *c, const char *line, struct why *why)
{
	struct json *j;
	enum err e = json_parse(bytes_of(line), &j, why);
	if (e)
		return e;
	e = obey(&c->rollout, j, why);
	json_free(j);
	return e ? why_in(why, e, c->name) : OK;
}

struct json *campaign_summary(const struct campaign *c)
{
	struct rollout_count n;
	struct json *j = json_new_object();
	rollout_count(&c->rollout, &n);
	json_set_string(j, "rollout", c->name);
	json_set_string(j, "phase", rollout_phase_name(c->rollout.phase));
	json_set_integer(j, "batch", (int64_t)c->rollout.batch + 1);
	json_set_integer(j, "batches", (int64_t)c->spec.batch_count);
	json_set_integer(j, "succeeded", n.by_state[MEMBER_SUCCEEDED]);
	json_set_integer(j, "failed", n.by_state[MEMBER_FAILED]);
	json_set_integer(j, "late", n.late);
	json_set_integer(j, "total", n.total);
	json_set_integer(j, "made", c->made_ms);
	return j;
}
