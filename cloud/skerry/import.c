/* What a stick has brought from boards, into the hub's database: as the link would have. */
#include "base/text.h"
#include "cloud/hub/depot.h"
#include "cloud/hub/intake.h"
#include "cloud/hub/receipts.h"
#include "cloud/skerry/stick.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <errno.h>
#include <string.h>

enum { COMMIT_EVERY = 256 }; /* letters */

struct import {
	struct ledger ledger;
	struct intake intake;
	struct depot depot;
	struct receipts receipts;
	const struct option_list *keys; /* one of them has signed it; none: that is not asked for */
	const char *folder;             /* of one export */
	char fleet[LABEL_SIZE], device[LABEL_SIZE];
	FILE *receipt;
	int64_t open; /* letters since the last commit */
	int64_t letters, refused, files, folders;
};

/* --- receipts --- */

static void write_ack(void *owner, const char *fleet, const char *device, const char *text)
{
	struct import *m = owner;
	(void)fleet;
	(void)device;
	fprintf(m->receipt, "%s\n", text);
}

static void note(struct import *m, const char *buf, int64_t seq, const char *bad)
{
	struct receipt r = { .from = seq, .to = seq };
	strcpy(r.fleet, m->fleet);
	strcpy(r.device, m->device);
	strcpy(r.buf, buf);
	text_copy(r.bad, sizeof r.bad, bytes_of(bad));
	receipts_add(&m->receipts, &r); /* RECEIPTS_MAX is twice what one commit takes */
}

static void on_settled(void *owner, const struct letter_fate *fate)
{
	note(owner, fate->letter->buf, fate->letter->seq, fate->bad ? fate->bad : "");
}

/* What is durable is receipted, also when the rest failed. */
static enum err commit(struct import *m, struct why *why)
{
	m->open = 0;
	enum err e = ledger_commit(&m->ledger, why);
	receipts_tell(&m->receipts, write_ack, m);
	return e;
}

/* --- letters --- */

static enum err take_letter(void *owner, const char *rest, struct bytes payload, struct why *why)
{
	struct import *m = owner;
	struct intake_receipt receipt;
	struct why bad = { "" };
	struct topic t;
	char topic[TOPIC_MAX + 1];
	topic_make(topic, m->fleet, m->device, rest);
	enum err e = topic_parse(topic, &t);
	if (e || !t.is_up)
		return why_set(why, ERR_CORRUPT, "%s is no topic of a device", rest);
	e = intake_batch(&m->intake, &t, payload, &receipt, &bad);
	if (e && e != ERR_INVALID) {
		*why = bad;
		return e;
	}
	m->letters++;
	m->refused += e == ERR_INVALID;
	if (e)
		fprintf(stderr, "warning: %s seq %lld is refused: %s\n", rest,
			(long long)receipt.seq, bad.text);
	if (e && receipt.seq)
		note(m, receipt.buf, receipt.seq, bad.text);
	return ++m->open >= COMMIT_EVERY || letters_are_heavy(&m->ledger.letters) ? commit(m, why)
										  : OK;
}

/* --- files --- */

static bool take_text(const struct json *j, const char *member, char *out, size_t cap)
{
	const char *text = json_string(json_member(j, member));
	return text && text_copy(out, cap, bytes_of(text));
}

static enum err read_file(const struct import *m, const struct json *j, struct depot_file *f,
			  struct why *why)
{
	*f = (struct depot_file){ 0 };
	strcpy(f->fleet, m->fleet);
	strcpy(f->device, m->device);
	if (!take_text(j, "id", f->id, sizeof f->id))
		return why_set(why, ERR_CORRUPT, "index: a file without id");
	return depot_read(j, f, why);
}

static enum err copy_in(struct import *m, struct depot_file *f, struct why *why)
{
	static char block[64 * 1024];
	char below[LABEL_SIZE + 8], path[STICK_PATH_MAX];
	int64_t total;
	size_t len = 0;
	snprintf(below, sizeof below, "files/%s", f->id);
	stick_path(m->folder, below, path);
	enum err e = depot_begin(&m->depot, f, why);
	while (!e && f->have < f->size) {
		e = file_read_part(path, f->have, block, sizeof block, &len, &total, why);
		if (!e && !len)
			e = why_set(why, ERR_CORRUPT, "%s is shorter than it was", path);
		if (!e)
			e = depot_append(&m->depot, f, (struct bytes){ block, len }, why);
	}
	return e;
}

static enum err keep_file(struct import *m, struct depot_file *f, struct why *why)
{
	const struct ledger_source from = { m->fleet, m->device };
	char path[DEPOT_PATH_MAX];
	enum err e = copy_in(m, f, why);
	if (!e)
		e = depot_finish(&m->depot, f, path, why);
	depot_end(f);
	if (!e)
		e = ledger_begin(&m->ledger, why);
	if (!e)
		e = ledger_add_file(&m->ledger, &from, f, path, clock_wall_ms(), why);
	return e ? e : commit(m, why);
}

static enum err take_file(void *owner, const struct json *line, struct why *why)
{
	struct import *m = owner;
	const struct ledger_source from = { m->fleet, m->device };
	struct depot_file f;
	enum err e = read_file(m, line, &f, why);
	if (!e && !ledger_has_file(&m->ledger, &from, f.id))
		e = keep_file(m, &f, why);
	if (e)
		return e;
	m->files++;
	fprintf(m->receipt, "{\"file\":\"%s\"}\n", f.id);
	return OK;
}

/* --- folders --- */

static enum err read_manifest(struct import *m, struct why *why)
{
	struct json *j;
	enum err e = stick_read(m->folder, &j, why);
	if (e)
		return e;
	const bool good = take_text(j, "fleet", m->fleet, sizeof m->fleet) &&
			  take_text(j, "device", m->device, sizeof m->device) &&
			  label_is_valid(bytes_of(m->fleet)) && label_is_valid(bytes_of(m->device));
	json_free(j);
	return good ? OK
		    : why_set(why, ERR_CORRUPT, "%s/manifest.json names no fleet and device",
			      m->folder);
}

static enum err close_receipt(struct import *m, enum err e, const char *partial, const char *path,
			      struct why *why)
{
	const bool well = fclose(m->receipt) == 0;
	if (!e && (!well || rename(partial, path)))
		e = why_set(why, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	return e;
}

static enum err import_folder(struct import *m, const char *folder, struct why *why)
{
	char partial[STICK_PATH_MAX], path[STICK_PATH_MAX];
	m->folder = folder;
	enum err e =
		m->keys->count ? stick_verify(folder, m->keys->items, m->keys->count, why) : OK;
	if (!e)
		e = read_manifest(m, why);
	if (e)
		return e;
	stick_path(folder, ".receipt", partial);
	stick_path(folder, "receipt", path);
	m->receipt = fopen(partial, "w");
	if (!m->receipt)
		return why_set(why, ERR_SYSTEM, "%s: %s", partial, strerror(errno));
	e = stick_each_letter(folder, take_letter, m, why);
	if (!e)
		e = commit(m, why);
	if (!e)
		e = stick_each_line(folder, "index", take_file, m, why);
	ledger_rollback(&m->ledger);
	m->folders += !e;
	return close_receipt(m, e, partial, path, why);
}

struct folders {
	struct import *import;
	const char *where;
	enum err err;
	struct why *why;
};

static void import_each(void *owner, const char *name)
{
	struct folders *f = owner;
	char folder[STICK_PATH_MAX];
	stick_path(f->where, name, folder);
	if (!f->err && name[0] != '.' && stick_is_one(folder))
		f->err = import_folder(f->import, folder, f->why);
}

/* The folder of one export, or one that holds several. */
static enum err import_all(struct import *m, const char *where, struct why *why)
{
	struct folders f = { m, where, OK, why };
	if (stick_is_one(where))
		return import_folder(m, where, why);
	enum err e = dir_each(where, import_each, &f, why);
	if (!e)
		e = f.err;
	if (!e && !m->folders)
		e = why_set(why, ERR_NOT_FOUND, "nothing in %s was written by skerry export",
			    where);
	return e;
}

static enum err open_hub(struct import *m, const struct options *o, struct why *why)
{
	char files[STICK_PATH_MAX];
	enum err e = options_need_database(o, why);
	if (e)
		return e;
	if (sql_is_address(o->database) && !o->depot)
		return why_set(why, ERR_INVALID,
			       "--depot is needed beside a server: the folder that is --files "
			       "of the hub");
	snprintf(files, sizeof files, "%.900s.files", o->database);
	e = ledger_open(&m->ledger, o->database, why);
	m->ledger.letters.owner = m;
	m->ledger.letters.on_settled = on_settled;
	if (!e)
		e = intake_open(&m->intake, &m->ledger, why);
	return e ? e : depot_open(&m->depot, o->depot ? o->depot : files, why);
}

enum exit_code verb_import(struct options *o)
{
	static struct import m;
	struct why why;
	if (o->word_count != 1)
		return exit_code_tell(why_set(&why, ERR_INVALID,
					      "from where? the folder that skerry export wrote"),
				      &why);
	m.keys = &o->public_keys;
	if (!m.keys->count)
		fprintf(stderr,
			"warning: whose exports these are is not verified; --public FILE.pem "
			"asks for a signature\n");
	enum err e = open_hub(&m, o, &why);
	if (!e)
		e = import_all(&m, o->words[0], &why);
	char place[SQL_PLACE_SIZE];
	if (!e) {
		sql_print_place(o->database, place);
		printf("%lld messages (%lld refused) and %lld files of %lld exports are in %s\n"
		       "Plug it into the board once more: the next skerry export there lets the "
		       "board forget them.\n",
		       (long long)m.letters, (long long)m.refused, (long long)m.files,
		       (long long)m.folders, place);
	}
	intake_close(&m.intake);
	ledger_close(&m.ledger);
	return exit_code_tell(e, &why);
}
