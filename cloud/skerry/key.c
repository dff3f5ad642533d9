#include "base/base64.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "cloud/skerry/seal.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "ports/file.h"
#include "sync/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const long long WHOLE_MAX = 1LL << 53; /* of a number in a document */

/* --- new, id --- */

static enum err print_id(const char *path, struct why *why)
{
	char key[PUBLIC_KEY_SIZE], id[KEY_ID_SIZE];
	enum err e = public_key_read(path, key, why);
	if (e)
		return e;
	key_id_of((struct bytes){ key, sizeof key }, id);
	printf("%s\n", id);
	return OK;
}

static enum err write_keys(const char *secret_path, const char *shown_path, struct why *why)
{
	char secret[KEY_TEXT_MAX], shown[KEY_TEXT_MAX];
	enum err e = key_make(secret, shown, why);
	if (!e)
		e = file_replace(secret_path, bytes_of(secret), true, why);
	if (!e)
		e = file_replace(shown_path, bytes_of(shown), true, why);
	key_wipe(secret, sizeof secret);
	return e;
}

/* Nobody gets a lost key back: a file that is there stays. */
static enum err make_key(const struct options *o, struct why *why)
{
	char secret[PATH_LIMIT], shown[PATH_LIMIT];
	snprintf(secret, sizeof secret, "%s.pem", o->words[1]);
	snprintf(shown, sizeof shown, "%s.pub.pem", o->words[1]);
	if (file_exists(secret) || file_exists(shown))
		return why_set(why, ERR_CONFLICT, "%.100s or its .pub.pem is there already",
			       secret);
	enum err e = write_keys(secret, shown, why);
	if (e)
		return e;
	fprintf(stderr, "made        %s (keep it secret) and %s\n", secret, shown);
	return print_id(secret, why);
}

/* --- trust --- */

/* What a new document takes over from the one before it. */
struct draft {
	struct json *keys, *roles, *floors;
	int64_t version;
	char fleet[LABEL_SIZE];
};

static enum err add_key(struct draft *d, const char *path, struct json *ids, struct why *why)
{
	char key[PUBLIC_KEY_SIZE], id[KEY_ID_SIZE], text[PUBLIC_KEY_SIZE / 3 * 4 + 8];
	enum err e = public_key_read(path, key, why);
	if (e)
		return e;
	const struct bytes der = { key, sizeof key };
	key_id_of(der, id);
	base64_encode(der, text);
	if (!json_member(d->keys, id))
		json_set_string(d->keys, id, text);
	json_push(ids, json_new_string(id));
	return OK;
}

/* A role whose keys are given gets these and no others. */
static enum err set_role(struct draft *d, const char *role, const struct option_list *files,
			 int64_t threshold, struct why *why)
{
	struct json *j = json_new_object(), *ids = json_new_array();
	enum err e = OK;
	for (size_t i = 0; i < files->count && !e; i++)
		e = add_key(d, files->items[i], ids, why);
	json_set_integer(j, "threshold", threshold);
	json_set(j, "keys", ids);
	json_remove(d->roles, role);
	json_set(d->roles, role, j);
	return e;
}

/* Keys that no role names any more are revoked: they go. */
static void drop_unused(struct draft *d)
{
	struct json *kept = json_new_object();
	for (const struct json *r = json_first(d->roles); r; r = json_next(r)) {
		const struct json *ids = json_member(r, "keys");
		for (const struct json *k = json_first(ids); k; k = json_next(k)) {
			const char *id = json_string(k);
			const struct json *key = id ? json_member(d->keys, id) : NULL;
			if (key && !json_member(kept, id))
				json_set(kept, id, json_copy(key));
		}
	}
	json_free(d->keys);
	d->keys = kept;
}

static enum err begin_draft(const struct options *o, struct draft *d, struct why *why)
{
	struct json *envelope, *before;
	struct trust t;
	*d = (struct draft){ .version = 1 };
	snprintf(d->fleet, sizeof d->fleet, "%s", o->fleet);
	if (!o->file_count) {
		d->keys = json_new_object();
		d->roles = json_new_object();
		d->floors = json_new_array();
		return OK;
	}
	enum err e = seal_read_file(o->files[0], &envelope, why);
	if (e)
		return e;
	e = seal_open(envelope, &before, why);
	json_free(envelope);
	if (e)
		return why_in(why, e, o->files[0]);
	char *text = json_print(before);
	e = trust_read(bytes_of(text), &t, why);
	free(text);
	if (!e) {
		d->version = t.version + 1;
		memcpy(d->fleet, t.fleet, sizeof d->fleet);
		d->keys = json_detach(before, "keys");
		d->roles = json_detach(before, "roles");
		d->floors = json_detach(before, "floors");
		d->floors = d->floors ? d->floors : json_new_array();
	}
	json_free(before);
	return e ? why_in(why, e, o->files[0]) : OK;
}

/* [DEVICE=]2026-12-01T00:00:00Z or [DEVICE=]EPOCH.GENERATION. */
static enum err add_floor(struct draft *d, const char *text, struct why *why)
{
	const char *equals = strchr(text, '=');
	const char *rest = equals ? equals + 1 : text, *dot = strchr(rest, '.');
	long long epoch, generation;
	int64_t ms;
	struct json *j = json_new_object();
	if (equals)
		json_set_bytes(j, "device", (struct bytes){ text, (size_t)(equals - text) });
	if (timestamp_read(rest, &ms)) {
		json_set_string(j, "issued", rest);
	} else if (dot &&
		   text_number((struct bytes){ rest, (size_t)(dot - rest) }, 0, WHOLE_MAX,
			       &epoch) == OK &&
		   text_number(bytes_of(dot + 1), 0, WHOLE_MAX, &generation) == OK) {
		json_set_integer(j, "epoch", epoch);
		json_set_integer(j, "generation", generation);
	} else {
		json_free(j);
		return why_set(why, ERR_INVALID,
			       "--floor %.60s: a date such as 2026-12-01T00:00:00Z, or "
			       "EPOCH.GENERATION, is expected, perhaps behind DEVICE=",
			       text);
	}
	json_push(d->floors, j);
	return OK;
}

static enum err fill_draft(const struct options *o, struct draft *d, struct why *why)
{
	enum err e = OK;
	if (o->root_keys.count)
		e = set_role(d, "root", &o->root_keys, o->threshold ? o->threshold : 1, why);
	if (!e && o->state_keys.count)
		e = set_role(d, "state", &o->state_keys, 1, why);
	if (!e && o->artifact_keys.count)
		e = set_role(d, "artifact", &o->artifact_keys, 1, why);
	if (!e && o->command_keys.count)
		e = set_role(d, "command", &o->command_keys, 1, why);
	if (!e && o->fresh_keys.count)
		e = set_role(d, "fresh", &o->fresh_keys, 1, why);
	for (size_t i = 0; i < o->floors.count && !e; i++)
		e = add_floor(d, o->floors.items[i], why);
	drop_unused(d);
	return e;
}

static char *print_draft(const struct options *o, struct draft *d)
{
	const int64_t years = INT64_C(3600000) * 24 * 365 * 2;
	const int64_t now = clock_wall_ms();
	const int64_t span = o->valid_ms > 0 ? o->valid_ms : years;
	char issued[24], expires[24];
	struct json *j = json_new_object();
	clock_print(issued, now);
	clock_print(expires, now + span);
	json_set_string(j, "apiVersion", "skerry.dev/v1");
	json_set_string(j, "kind", "Trust");
	json_set_string(j, "fleet", d->fleet);
	json_set_integer(j, "version", d->version);
	json_set_string(j, "issued", issued);
	json_set_string(j, "expires", expires);
	json_set(j, "keys", d->keys);
	json_set(j, "roles", d->roles);
	if (json_count(d->floors))
		json_set(j, "floors", d->floors);
	else
		json_free(d->floors);
	d->keys = d->roles = d->floors = NULL;
	char *text = json_print(j);
	json_free(j);
	return text;
}

static enum err write_json(const struct json *j, const char *path, struct why *why)
{
	char *text = json_print(j);
	enum err e = OK;
	if (path)
		e = file_replace(path, bytes_of(text), true, why);
	else
		printf("%s\n", text);
	free(text);
	return e;
}

static enum err make_trust(const struct options *o, struct why *why)
{
	struct draft d;
	struct trust check;
	enum err e = begin_draft(o, &d, why);
	if (!e)
		e = fill_draft(o, &d, why);
	char *text = e ? NULL : print_draft(o, &d);
	if (!e)
		e = trust_read(bytes_of(text), &check, why);
	if (!e) {
		struct json *envelope = seal_new(bytes_of(text));
		e = write_json(envelope, o->output, why);
		json_free(envelope);
		fprintf(stderr,
			"trust       version %lld of fleet %s; its roots sign it with: "
			"skerry key sign FILE ROOT.pem\n",
			(long long)check.version, check.fleet);
	}
	json_free(d.keys);
	json_free(d.roles);
	json_free(d.floors);
	free(text);
	return e;
}

/* --- sign --- */

/* An envelope gets one more signature, in its place; an image's digest and any other file begin
 * one. */
static enum err begin_signing(const char *what, struct json **out, char digest[DIGEST_SIZE],
			      bool *out_is_envelope, struct why *why)
{
	struct signed_text s;
	char *text = NULL;
	size_t len = 0;
	*out_is_envelope = false;
	if (label_is_digest(bytes_of(what))) {
		strcpy(digest, what);
		*out = seal_new_artifact(what);
		return OK;
	}
	enum err e = file_read(what, MESSAGE_MAX, &text, &len, why);
	if (e)
		return e;
	const struct bytes content = { text, len };
	e = json_parse(content, out, why);
	*out_is_envelope = !e && json_member(*out, "payload");
	if (!e && !*out_is_envelope) {
		json_free(*out);
		*out = seal_new(content);
	}
	free(text);
	if (!e)
		e = signed_read(*out, &s, why);
	if (e)
		return why_in(why, e, what);
	strcpy(digest, s.digest);
	signed_free(&s);
	return OK;
}

static enum err sign(const struct options *o, struct why *why)
{
	char digest[DIGEST_SIZE];
	struct json *j = NULL;
	bool is_envelope;
	const char *what = o->words[1];
	enum err e = begin_signing(what, &j, digest, &is_envelope, why);
	for (size_t i = 2; i < o->word_count && !e; i++)
		e = seal_sign(j, digest, o->words[i], why);
	if (!e)
		e = write_json(j, is_envelope && !o->output ? what : o->output, why);
	json_free(j);
	return e;
}

enum exit_code verb_key(struct options *o)
{
	struct why why;
	const char *word = o->word_count ? o->words[0] : "";
	enum err e;
	if (strcmp(word, "new") == 0 && o->word_count == 2)
		e = make_key(o, &why);
	else if (strcmp(word, "id") == 0 && o->word_count == 2)
		e = print_id(o->words[1], &why);
	else if (strcmp(word, "trust") == 0 && o->word_count == 1)
		e = make_trust(o, &why);
	else if (strcmp(word, "sign") == 0 && o->word_count > 2)
		e = sign(o, &why);
	else
		e = why_set(
			&why, ERR_INVALID,
			"new NAME, id FILE, trust, or sign FILE|DIGEST KEY.pem ... is expected");
	return exit_code_tell(e, &why);
}
