#include "cloud/hub/files.h"

#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TELL_EVERY = 64 * 1024 }; /* bytes; a device sends 512 KiB ahead of what it was told */

/* --- answering --- */

static void answer(struct hub *h, const struct topic *t, struct json *j)
{
	const struct ledger_source to = { t->fleet, t->device };
	char rest[TOPIC_MAX];
	json_set_integer(j, "v", 1);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "dn/file/%s", t->a);
	hub_tell(h, &to, rest, bytes_of(text));
	free(text);
}

static void answer_yes(struct hub *h, const struct topic *t, const char *what)
{
	struct json *j = json_new_object();
	json_set_bool(j, what, true);
	answer(h, t, j);
}

static void answer_bad(struct hub *h, const struct topic *t, const char *reason)
{
	struct json *j = json_new_object();
	json_set_string(j, "bad", reason);
	log_warn("file refused device=%s/%s id=%s why=\"%s\"", t->fleet, t->device, t->a, reason);
	answer(h, t, j);
}

static void answer_have(struct hub *h, const struct topic *t, struct hub_file *f)
{
	struct json *j = json_new_object();
	json_set_integer(j, "have", f->file.have);
	f->told = f->file.have;
	answer(h, t, j);
}

/* --- files under way --- */

static struct hub_file *find(struct hub *h, const struct topic *t)
{
	for (size_t i = 0; i < HUB_FILES_MAX; i++) {
		const struct depot_file *f = &h->files[i].file;
		if (f->sum && strcmp(f->id, t->a) == 0 && strcmp(f->device, t->device) == 0 &&
		    strcmp(f->fleet, t->fleet) == 0)
			return &h->files[i];
	}
	return NULL;
}

/* A free place, else that of the one that has been quiet the longest. */
static struct hub_file *find_place(struct hub *h)
{
	struct hub_file *oldest = &h->files[0];
	for (size_t i = 0; i < HUB_FILES_MAX; i++) {
		if (!h->files[i].file.sum)
			return &h->files[i];
		if (h->files[i].moved_ms < oldest->moved_ms)
			oldest = &h->files[i];
	}
	depot_end(&oldest->file);
	return oldest;
}

static enum err keep_row(struct hub *h, const struct ledger_source *from,
			 const struct depot_file *f, const char *path, struct why *why)
{
	enum err e = ledger_begin(&h->ledger, why);
	if (!e)
		e = ledger_add_file(&h->ledger, from, f, path, clock_wall_ms(), why);
	if (e)
		hub_note_trouble(h, why);
	return e ? e : hub_commit(h, why);
}

static void finish(struct hub *h, const struct topic *t, struct hub_file *f)
{
	const struct ledger_source from = { t->fleet, t->device };
	char path[DEPOT_PATH_MAX];
	struct why why;
	enum err e = depot_finish(&h->depot, &f->file, path, &why);
	if (e == ERR_CORRUPT) {
		answer_bad(h, t, why.text);
		return;
	}
	if (!e)
		e = keep_row(h, &from, &f->file, path, &why);
	if (e) /* not acknowledged: the device sends it again */
		log_err("file not kept device=%s/%s id=%s why=\"%s\"", t->fleet, t->device, t->a,
			why.text);
	else
		answer_yes(h, t, "done");
}

/* --- what devices send --- */

static void welcome(struct hub *h, const struct topic *t, const struct depot_file *announced)
{
	struct hub_file *f = find(h, t);
	struct why why;
	if (!f) {
		f = find_place(h);
		*f = (struct hub_file){ .file = *announced };
	}
	f->moved_ms = clock_now_ms();
	if (depot_begin(&h->depot, &f->file, &why))
		log_err("file not taken device=%s/%s id=%s why=\"%s\"", t->fleet, t->device, t->a,
			why.text);
	else if (f->file.have == f->file.size)
		finish(h, t, f);
	else
		answer_have(h, t, f);
}

static void on_announcement(struct hub *h, const struct topic *t, struct bytes payload)
{
	const struct ledger_source from = { t->fleet, t->device };
	struct depot_file f = { 0 };
	struct json *j;
	struct why why;
	if (json_parse(payload, &j, &why)) {
		answer_bad(h, t, why.text);
		return;
	}
	strcpy(f.fleet, t->fleet);
	strcpy(f.device, t->device);
	strcpy(f.id, t->a);
	const enum err e = depot_read(j, &f, &why);
	json_free(j);
	if (e)
		answer_bad(h, t, why.text);
	else if (ledger_has_file(&h->ledger, &from, f.id))
		answer_yes(h, t, "done");
	else
		welcome(h, t, &f);
}

static void on_block(struct hub *h, const struct topic *t, struct bytes block)
{
	struct hub_file *f = find(h, t);
	struct why why;
	if (!f) {
		answer_yes(h, t, "again");
		return;
	}
	f->moved_ms = clock_now_ms();
	if (strtoll(t->b, NULL, 10) != f->file.have) {
		answer_have(h, t, f); /* came twice, or something is missing before it */
		return;
	}
	const enum err e = depot_append(&h->depot, &f->file, block, &why);
	if (e == ERR_INVALID)
		answer_bad(h, t, why.text);
	else if (e) /* no answer: the device asks again when it has waited */
		log_err("file not kept device=%s/%s id=%s why=\"%s\"", t->fleet, t->device, t->a,
			why.text);
	else if (f->file.have == f->file.size)
		finish(h, t, f);
	else if (f->file.have - f->told >= TELL_EVERY)
		answer_have(h, t, f);
}

void files_on_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	if (t->b[0])
		on_block(h, t, payload);
	else if (t->a[0])
		on_announcement(h, t, payload);
}

void files_close(struct hub *h)
{
	for (size_t i = 0; i < HUB_FILES_MAX; i++)
		depot_end(&h->files[i].file);
}
