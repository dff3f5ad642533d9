#include "agent/update.h"

#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <stdio.h>
#include <unistd.h>

enum { TURN_MS = 1000, PATH_ROOM = 320, WORDS_MAX = 32, WORDS_BYTES_MAX = 4096 };

static const char no_launcher[] = "skerryd was not started by skerry-launcher: the agent of this "
				  "board is updated by its package";

static void go_on(struct update *u, int64_t in_ms)
{
	loop_arm(u->o.loop, &u->timer, clock_now_ms() + in_ms);
}

/* --- the table --- */

static void table_path(const struct update *u, char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, "%s/" SLOTS_FILE, u->o.state_dir);
}

static enum err keep(const struct update *u, struct why *why)
{
	char path[PATH_ROOM], room[SLOTS_TEXT_MAX];
	table_path(u, path);
	return file_replace(path, slots_print(&u->slots, room), true, why);
}

static void read_table(struct update *u)
{
	SCOPED_MEMORY char *text = NULL;
	char path[PATH_ROOM];
	size_t len = 0;
	table_path(u, path);
	slots_init(&u->slots);
	if (file_read(path, SLOTS_TEXT_MAX, &text, &len, NULL) == OK &&
	    slots_read((struct bytes){ text, len }, &u->slots))
		log_warn("the table of agents does not read back, the package's is assumed "
			 "path=%s",
			 path);
}

/* --- failing --- */

static bool has_failed(const struct update *u)
{
	return u->wanted.image[0] && strcmp(u->slots.failed, u->wanted.image) == 0 &&
	       u->slots.failed_attempt == u->wanted.attempt;
}

const char *update_failure(const struct update *u)
{
	if (!u->wanted.image[0])
		return NULL;
	return !u->slot[0] ? no_launcher : has_failed(u) ? u->slots.reason.text : NULL;
}

/* Once for each failure, whoever has noticed it: the event is on flash before the mark. */
static void tell_failure(struct update *u)
{
	struct why why;
	char message[sizeof u->slots.reason.text + DIGEST_SIZE];
	if (!u->slots.failed[0] || u->slots.told)
		return;
	snprintf(message, sizeof message, "%.19s: %s", u->slots.failed, u->slots.reason.text);
	event_add(u->o.events, true, "AgentUpdateFailed", "device", message, NULL);
	log_warn("an update of the agent has failed why=\"%s\"", message);
	u->slots.told = 1;
	if (keep(u, &why))
		log_warn("a failure is told again after a restart why=\"%s\"", why.text);
	u->o.on_change(u->o.owner);
}

/* Before it ever ran: the wish is given up as a trial would be. */
static void refuse(struct update *u, const char *reason)
{
	slots_try(&u->slots, u->wanted.image, u->wanted.attempt, 0);
	slots_fail(&u->slots, reason);
	u->trouble.text[0] = '\0';
	tell_failure(u);
}

/* --- the trial, as its subject --- */

static int64_t count_ready(const struct update *u, int64_t *out_workloads)
{
	struct supervisor_health h;
	supervisor_health(u->o.supervisor, &h);
	*out_workloads = (int64_t)h.workloads;
	return (int64_t)h.ready;
}

/* What is still missing goes to u->trouble. */
static bool is_well(struct update *u)
{
	int64_t workloads, ready = count_ready(u, &workloads);
	const int64_t expected = u->slots.ready < workloads ? u->slots.ready : workloads;
	u->trouble.text[0] = '\0';
	if (!u->o.is_reported(u->o.owner))
		(void)why_set(&u->trouble, ERR_OFFLINE, "no report of it reached the broker");
	else if (ready < expected)
		(void)why_set(&u->trouble, ERR_AGAIN, "%lld workloads are ready, %lld were",
			      (long long)ready, (long long)expected);
	return !u->trouble.text[0];
}

static void commit(struct update *u)
{
	struct why why;
	const struct slots before = u->slots;
	slots_commit(&u->slots);
	if (keep(u, &why)) {
		log_err("the new agent has proved itself, but flash does not take it why=\"%s\"",
			why.text);
		u->slots = before;
		return;
	}
	alarm(0);
	u->is_trial = false;
	loop_disarm(u->o.loop, &u->deadline);
	event_add(u->o.events, false, "AgentUpdated", "device", SKERRY_VERSION, NULL);
	log_info("this agent has proved itself slot=%s", u->slot);
	u->o.on_change(u->o.owner);
}

static void judge(struct update *u)
{
	const int64_t now = clock_now_ms();
	if (!is_well(u))
		u->calm_ms = 0;
	else if (!u->calm_ms)
		u->calm_ms = now;
	if (u->calm_ms && now >= u->calm_ms + UPDATE_CALM_MS)
		commit(u);
	if (u->is_trial)
		go_on(u, TURN_MS);
}

static void on_deadline(void *owner, int64_t now_ms)
{
	struct update *u = owner;
	struct why why;
	char reason[sizeof u->trouble.text];
	(void)now_ms;
	(void)is_well(u);
	snprintf(reason, sizeof reason, "not well in time: %.180s",
		 u->trouble.text[0] ? u->trouble.text : "not for long enough");
	slots_fail(&u->slots, reason);
	if (keep(u, &why))
		log_err("the failure is not on flash why=\"%s\"", why.text);
	u->o.on_restart(u->o.owner, reason);
}

/* --- towards a trial --- */

static void switch_over(struct update *u)
{
	struct why why;
	const struct slots before = u->slots;
	int64_t workloads;
	slots_try(&u->slots, u->wanted.image, u->wanted.attempt, count_ready(u, &workloads));
	(void)!text_copy(u->slots.package, sizeof u->slots.package, bytes_of(u->launcher));
	if (keep(u, &why)) {
		u->slots = before;
		u->trouble = why;
		log_warn("the update of the agent waits why=\"%s\"", why.text);
		go_on(u, UPDATE_RETRY_MS);
		return;
	}
	u->o.on_restart(u->o.owner, "another agent is to be tried");
}

static void on_checked(void *owner, int code, int signo)
{
	struct update *u = owner;
	char reason[96];
	loop_disarm(u->o.loop, &u->deadline);
	if (code == 0) {
		switch_over(u);
		return;
	}
	snprintf(reason, sizeof reason, "its skerryd --check ended with %s %d",
		 signo > 0 ? "signal" : "exit code", signo > 0 ? signo : code);
	refuse(u, reason);
}

static void on_check_late(void *owner, int64_t now_ms)
{
	struct update *u = owner;
	(void)now_ms;
	process_end(&u->check);
	refuse(u, "its skerryd --check did not end");
}

/* Our own words, to another program, with one behind them. */
static size_t split_words(char *text, size_t len, const char *program, const char *last,
			  const char *argv[WORDS_MAX + 2])
{
	size_t count = 1;
	argv[0] = program;
	for (char *at = text + strlen(text) + 1; at < text + len && count < WORDS_MAX;
	     at += strlen(at) + 1)
		argv[count++] = at;
	argv[count++] = last;
	argv[count] = NULL;
	return count;
}

/* The new program reads our configuration: wrong machines and unknown keys end here. */
static void start_check(struct update *u)
{
	SCOPED_MEMORY char *words = NULL;
	const char *argv[WORDS_MAX + 2];
	char root[IMAGE_PATH_MAX], program[PATH_ROOM];
	struct why why;
	size_t len;
	image_root(u->o.images, u->wanted.image, root, sizeof root);
	snprintf(program, sizeof program, "%s/skerryd", root);
	if (file_read("/proc/self/cmdline", WORDS_BYTES_MAX, &words, &len, &why)) {
		refuse(u, why.text);
		return;
	}
	split_words(words, len, program, "--check", argv);
	const struct process_options options = { .argv = argv, .out_fd = -1, .err_fd = -1 };
	u->check = (struct process){ .owner = u, .on_exit = on_checked };
	if (process_start(u->o.loop, &options, &u->check, &why)) {
		refuse(u, why.text);
		return;
	}
	u->deadline.on_due = on_check_late;
	loop_arm(u->o.loop, &u->deadline, clock_now_ms() + UPDATE_CHECK_WAIT_MS);
}

static void wait_for_better(struct update *u, const struct why *why)
{
	u->trouble = *why;
	log_warn("the update of the agent waits why=\"%s\"", why->text);
	u->o.on_change(u->o.owner);
	go_on(u, UPDATE_RETRY_MS);
}

static void obtain(struct update *u)
{
	char blob[DIGEST_SIZE];
	struct why why;
	if (image_is_ready(u->o.images, u->wanted.image)) {
		start_check(u);
		return;
	}
	enum err e = image_missing_blob(u->o.images, u->wanted.image, blob, &why);
	if (e == OK) {
		fetch_start(&u->fetch, blob);
		return;
	}
	if (e == ERR_NOT_FOUND)
		e = unpacking_start(&u->unpacking, u->o.loop, u->wanted.image, &why);
	if (e == ERR_INVALID)
		refuse(u, why.text);
	else if (e)
		wait_for_better(u, &why);
}

static void on_unpacked(void *owner, enum err e, const struct why *why)
{
	struct update *u = owner;
	if (e == ERR_INVALID)
		refuse(u, why->text);
	else if (e)
		wait_for_better(u, why);
	else
		obtain(u);
}

static void on_fetched(void *owner)
{
	struct update *u = owner;
	u->trouble.text[0] = '\0';
	obtain(u);
}

static void on_fetch_trouble(void *owner, const struct why *why)
{
	struct update *u = owner;
	u->trouble = *why;
	u->o.on_change(u->o.owner);
}

static enum err ask_blob(void *owner, struct bytes request)
{
	struct update *u = owner;
	return u->o.ask_blob(u->o.owner, request);
}

static bool is_at_it(const struct update *u)
{
	return fetch_is_active(&u->fetch) || u->unpacking.process.pid || u->check.pid;
}

static bool is_wanting(const struct update *u)
{
	return u->slot[0] && u->wanted.image[0] && strcmp(u->wanted.image, u->slots.run) != 0 &&
	       !has_failed(u);
}

static void on_timer(void *owner, int64_t now_ms)
{
	struct update *u = owner;
	(void)now_ms;
	if (u->is_trial)
		judge(u);
	else if (!is_wanting(u) || is_at_it(u) || !u->o.is_at_rest(u->o.owner))
		return; /* called again when something changes */
	else if (strcmp(u->wanted.image, SLOT_PACKAGE) == 0)
		switch_over(u);
	else
		obtain(u);
}

void update_want(struct update *u, const struct desired_agent *wanted)
{
	const bool is_other = strcmp(u->wanted.image, wanted->image) != 0;
	u->wanted = *wanted;
	if (is_other && !u->is_trial) {
		fetch_stop(&u->fetch);
		unpacking_stop(&u->unpacking);
		process_end(&u->check);
		loop_disarm(u->o.loop, &u->deadline);
	}
	if (!u->is_trial && is_wanting(u) && !is_at_it(u) && !u->timer.armed)
		go_on(u, 0);
}

/* --- opening --- */

static void find_launcher(struct update *u)
{
	const char *slot = getenv("SKERRY_SLOT"), *version = getenv("SKERRY_LAUNCHER");
	if (slot && version && text_copy(u->launcher, sizeof u->launcher, bytes_of(version)))
		(void)!text_copy(u->slot, sizeof u->slot, bytes_of(slot));
}

static void begin_trial(struct update *u)
{
	log_info("this agent is on trial slot=%s try=%lld of %d", u->slot,
		 (long long)u->slots.tries, SLOTS_TRIES_MAX);
	u->is_trial = true;
	u->deadline.on_due = on_deadline;
	loop_arm(u->o.loop, &u->deadline, u->slots.until_ms - UPDATE_MARGIN_MS);
	go_on(u, TURN_MS);
}

void update_open(struct update *u, const struct update_options *options)
{
	const struct fetch_hooks hooks = { u, ask_blob, on_fetched, on_fetch_trouble };
	*u = (struct update){ .o = *options };
	u->timer = (struct timer){ .owner = u, .on_due = on_timer };
	u->deadline = (struct timer){ .owner = u };
	unpacking_init(&u->unpacking, u->o.images, u, on_unpacked);
	fetch_init(&u->fetch, u->o.loop, u->o.blobs, &hooks);
	find_launcher(u);
	if (!u->slot[0])
		return;
	read_table(u);
	if (u->slots.trial[0] && strcmp(u->slots.trial, u->slot) == 0)
		begin_trial(u);
	else
		tell_failure(u);
}

void update_close(struct update *u)
{
	if (!u->o.loop)
		return;
	fetch_stop(&u->fetch);
	unpacking_stop(&u->unpacking);
	process_end(&u->check);
	loop_disarm(u->o.loop, &u->timer);
	loop_disarm(u->o.loop, &u->deadline);
	u->o.loop = NULL;
}

/* --- for others --- */

void update_on_block(struct update *u, const char *id, const char *offset, struct bytes payload)
{
	fetch_on_block(&u->fetch, id, offset, payload);
}

void update_on_up(struct update *u)
{
	fetch_on_up(&u->fetch);
}

bool update_needs_image(const struct update *u, const char *digest)
{
	return u->slot[0] && (slots_need(&u->slots, digest) ||
			      (is_wanting(u) && strcmp(u->wanted.image, digest) == 0));
}

bool update_needs_blobs(const struct update *u)
{
	return is_at_it(u);
}

static const char *phase_of(const struct update *u)
{
	return u->is_trial         ? "Trial"
	       : update_failure(u) ? "Failed"
	       : is_wanting(u)     ? "Downloading"
				   : "Running";
}

struct json *update_report(const struct update *u)
{
	if (!u->slot[0] && !u->wanted.image[0])
		return NULL;
	struct json *j = json_new_object();
	json_set_string(j, "phase", phase_of(u));
	json_set_string(j, "version", SKERRY_VERSION);
	json_set_string(j, "slot", u->slot);
	if (u->wanted.image[0]) {
		json_set_string(j, "wanted", u->wanted.image);
		json_set_integer(j, "attempt", u->wanted.attempt);
	}
	if (u->trouble.text[0])
		json_set_string(j, "trouble", u->trouble.text);
	return j;
}
