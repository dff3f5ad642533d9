#include "agent/files.h"

#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <stdio.h>
#include <string.h>

/* --- who has an outbox --- */

/* NULL: it is gone, or has no outbox any more. */
static const struct pod *find_pod(struct files *f, const char *name)
{
	const struct running_pod *r = supervisor_pod(f->supervisor, name);
	return r && r->pod->board.outbox_bytes ? r->pod : NULL;
}

/* --- more than it may have --- */

static void give_up(struct files *f, const struct spool_file *file, const struct pod *pod)
{
	char message[MAILBOX_WHY_MAX];
	snprintf(message, sizeof message,
		 "given up for lack of room: %.120s, %lld bytes; skerry.dev/outbox is %lld",
		 mailbox_title(&file->file), (long long)file->bytes,
		 (long long)pod->board.outbox_bytes);
	f->dropped++;
	event_add(f->events, true, "FileDropped", file->pod, message, NULL);
}

static void keep_quota(struct files *f, const char *name)
{
	const struct pod *pod = find_pod(f, name);
	struct spool_total total;
	struct spool_file last;
	spool_count(&f->spool, name, &total);
	while (pod && (total.bytes > pod->board.outbox_bytes || total.files > SPOOL_FILES_MAX)) {
		if (spool_last(&f->spool, name, &last) || spool_remove(&f->spool, &last, NULL))
			return;
		total.bytes -= last.bytes;
		total.files--;
		give_up(f, &last, pod);
	}
}

/* --- collecting --- */

static void collect_next(struct files *f);

static void forget_first(struct files *f)
{
	f->waiting_count--;
	memmove(f->waiting[0], f->waiting[1], f->waiting_count * sizeof f->waiting[0]);
}

/* What cannot be taken stays where it is: told once, not at each look. */
static void tell_refused(struct files *f, const char *pod, const char *refused)
{
	if (refused[0] && strcmp(f->refused, refused) != 0)
		event_add(f->events, true, "FileRefused", pod, refused, NULL);
	f->refusals += refused[0] != '\0';
	text_copy(f->refused, sizeof f->refused, bytes_of(refused));
}

static void on_collected(void *owner, bool more, const char *refused)
{
	struct files *f = owner;
	char pod[LABEL_SIZE];
	strcpy(pod, f->waiting[0]);
	tell_refused(f, pod, refused);
	keep_quota(f, pod);
	if (!more) {
		forget_first(f);
		if (f->supervisor->has_applied && !find_pod(f, pod))
			mailboxes_remove(f->boxes, pod);
	}
	parcel_wake(&f->parcel);
	collect_next(f);
}

static void collect_next(struct files *f)
{
	char from[PATH_LIMIT], into[PATH_LIMIT];
	struct why why;
	if (!f->waiting_count || collector_is_busy(&f->collector))
		return;
	snprintf(from, sizeof from, "%s/%s", f->outbox, f->waiting[0]);
	enum err e = spool_folder(&f->spool, f->waiting[0], into, sizeof into, &why);
	if (!e)
		e = collector_start(&f->collector, f->loop, from, into, &why);
	if (e) {
		log_err("finished files are not collected pod=%s why=\"%s\"", f->waiting[0],
			why.text);
		forget_first(f); /* at its next file */
	}
}

static void on_due(void *owner, int64_t now_ms)
{
	(void)now_ms;
	collect_next(owner);
}

static void on_arrival(void *owner, const char *name)
{
	struct files *f = owner;
	/* Not the first while it is being looked into: it may have been passed already. */
	for (size_t i = collector_is_busy(&f->collector); i < f->waiting_count; i++)
		if (strcmp(f->waiting[i], name) == 0)
			return;
	if (f->waiting_count == sizeof f->waiting / sizeof f->waiting[0])
		return;
	text_copy(f->waiting[f->waiting_count++], LABEL_SIZE, bytes_of(name));
	if (!f->timer.armed)
		loop_arm(f->loop, &f->timer, clock_now_ms() + FILES_SETTLE_MS);
}

static void on_gone(void *owner, const struct spool_file *file, const char *refused)
{
	struct files *f = owner;
	char message[MAILBOX_WHY_MAX];
	if (!refused) {
		f->sent++;
		log_info("a file is at the hub pod=%s name=\"%s\" bytes=%lld", file->pod,
			 mailbox_title(&file->file), (long long)file->bytes);
		return;
	}
	f->refusals++;
	snprintf(message, sizeof message, "%.100s: %.120s", mailbox_title(&file->file), refused);
	event_add(f->events, true, "FileRefused", file->pod, message, NULL);
}

void files_look(struct files *f, const char *pod)
{
	if (f->boxes && mailboxes_have(f->boxes, pod))
		on_arrival(f, pod);
}

void files_on_receipt(struct files *f, const char *id)
{
	struct spool_file file;
	struct why why;
	if (!f->loop || spool_find(&f->spool, id, &file))
		return;
	if (spool_remove(&f->spool, &file, &why))
		log_err("a file that has gone cannot be removed why=\"%s\"", why.text);
	else
		on_gone(f, &file, NULL);
}

/* --- opening --- */

enum err files_add(struct files *f, const struct pod *pod, unsigned mode, struct why *why)
{
	if (!f->boxes)
		return why_set(why, ERR_AGAIN, "files are not collected now");
	enum err e = mailboxes_add(f->boxes, pod->name, mode, pod->fs_group, why);
	if (!e)
		on_arrival(f, pod->name);
	return e;
}

/* One that an earlier agent has made; whether its pod still runs is seen later. */
static void take_over(void *owner, const char *name)
{
	struct files *f = owner;
	struct why why;
	if (!label_is_valid(bytes_of(name)))
		return;
	if (mailboxes_add(f->boxes, name, 0, 0, &why))
		log_warn("an outbox is not watched pod=%s why=\"%s\"", name, why.text);
	on_arrival(f, name);
}

enum err files_open(struct files *f, struct loop *loop, const char *state_dir,
		    struct events *events, struct supervisor *supervisor, struct why *why)
{
	char path[160];
	const struct mailbox_hooks hooks = { f, on_arrival };
	*f = (struct files){ .loop = loop, .events = events, .supervisor = supervisor };
	f->timer = (struct timer){ .owner = f, .on_due = on_due };
	f->collector.owner = f;
	f->collector.on_done = on_collected;
	snprintf(path, sizeof path, "%s/spool", state_dir);
	snprintf(f->outbox, sizeof f->outbox, "%s/outbox", state_dir);
	enum err e = spool_open(&f->spool, path, why);
	if (!e)
		e = mailboxes_open(loop, f->outbox, &hooks, &f->boxes, why);
	return e ? e : dir_each(f->outbox, take_over, f, why);
}

void files_connect(struct files *f, struct link *link, struct uplink *uplink)
{
	const struct parcel_hooks hooks = { f, on_gone };
	parcel_init(&f->parcel, f->loop, link, uplink, &f->spool, &hooks);
}

void files_close(struct files *f)
{
	if (!f->loop)
		return;
	loop_disarm(f->loop, &f->timer);
	collector_end(&f->collector);
	parcel_close(&f->parcel);
	mailboxes_close(f->boxes);
	f->boxes = NULL;
}

struct json *files_report(const struct files *f)
{
	if (!f->spool.total.files && !f->sent && !f->dropped && !f->refusals)
		return NULL;
	struct json *j = json_new_object();
	json_set_integer(j, "waiting", f->spool.total.files);
	json_set_integer(j, "bytes", f->spool.total.bytes);
	json_set_integer(j, "sent", f->sent);
	json_set_integer(j, "dropped", f->dropped);
	json_set_integer(j, "refused", f->refusals);
	return j;
}
