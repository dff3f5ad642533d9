#include "agent/agent_parts.h"

#include "agent/lock.h"
#include "base/log.h"
#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Folders of workloads belong to one boot: after another one nothing of them runs. */
static enum err clear_old_run(struct agent *a, struct why *why)
{
	char path[STATE_PATH_MAX], workloads[STATE_PATH_MAX], boot[BOOT_ID_SIZE];
	SCOPED_MEMORY char *kept = NULL;
	size_t len;
	snprintf(path, sizeof path, "%s/boot", a->config.run_dir);
	snprintf(workloads, sizeof workloads, "%s/w", a->config.run_dir);
	clock_boot_id(boot);
	if (file_read(path, BOOT_ID_SIZE, &kept, &len, NULL) == OK && strcmp(kept, boot) == 0)
		return dir_make(workloads, 0700, why);
	enum err e = dir_remove(workloads, why);
	if (!e)
		e = dir_make(workloads, 0700, why);
	return e ? e : file_replace(path, bytes_of(boot), false, why);
}

/* `most` of its mode may be set: one that was there before may be open to others. */
static enum err make_closed(const char *path, unsigned most, struct why *why)
{
	bool was_open = false;
	enum err e = dir_make(path, 0700, why);
	if (!e)
		e = dir_close(path, most, &was_open, why);
	if (was_open)
		log_warn("others could look into a folder, it is closed now path=%s", path);
	return e;
}

enum err agent_open_folders(struct agent *a, struct why *why)
{
	enum err e = make_closed(a->config.state_dir, 0700, why);
	if (!e)
		e = make_closed(a->config.run_dir, 0710, why);
	if (!e)
		e = lock_take(a->config.state_dir, &a->lock_fd, why);
	if (!e)
		e = clear_old_run(a, why);
	return e;
}

static void on_letter_added(void *owner)
{
	struct agent *a = owner;
	uplink_wake(&a->uplink);
}

enum err agent_open_store(struct agent *a, struct why *why)
{
	char path[STATE_PATH_MAX];
	snprintf(path, sizeof path, "%s/skerry.db", a->config.state_dir);
	enum err e = store_open(path, &a->store, why);
	if (e == ERR_CORRUPT) {
		log_err("the database does not read back, set aside as %s.corrupt, starting anew "
			"why=\"%s\"",
			path, why->text);
		e = store_open(path, &a->store, why);
	}
	if (!e)
		e = outbox_open(&a->outbox, a->store, a->config.quota_bytes, why);
	a->outbox.owner = a;
	a->outbox.on_added = on_letter_added;
	events_init(&a->events, &a->outbox);
	return e;
}

enum err agent_open_anchor(struct agent *a, struct why *why)
{
	if (!a->config.trust_anchor[0]) {
		log_warn("no trust_anchor: whoever may publish on the broker decides what runs "
			 "here");
		return OK;
	}
	a->anchor = malloc(sizeof *a->anchor);
	if (!a->anchor)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = anchor_open(a->anchor, a->config.trust_anchor, a->config.fleet, a->store, why);
	if (e)
		return why_in(why, e, "trust_anchor");
	log_info("signed states only trust=%lld", (long long)a->anchor->trust.version);
	return OK;
}

static void on_try_again(void *owner)
{
	agent_start_again(owner, "safe mode has lasted an hour");
}

void agent_open_crashes(struct agent *a)
{
	a->crashes.owner = a;
	a->crashes.on_try_again = on_try_again;
	crashes_open(&a->crashes, a->loop, a->config.state_dir);
	if (a->crashes.is_safe_mode)
		log_err("safe mode after %d crashes in a row: until a new state comes, or for an "
			"hour, workloads are left as they are",
			CRASHES_MAX);
}
