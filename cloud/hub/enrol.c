#include "cloud/hub/enrol.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/pem.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	CODE_OK = 200,
	CODE_BAD = 400,
	CODE_DENIED = 403,
	CODE_NOT_FOUND = 404,
	CODE_USED = 409,
	CODE_FULL = 429,
	CODE_FAILED = 500,
	CODE_NOBODY = 501,
};

static const char nobody_signs[] =
	"this hub signs no certificates: start it with --ca-cert and --ca-key, or --csr-command";

/* --- answering boards --- */

/* A board that has a link hears of it as of any command. */
static void tell_member(struct hub *h, const struct signing_order *o, struct json *args)
{
	const struct ledger_source to = { o->fleet, o->device };
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", o->key_name);
	json_set_string(j, "re", TOPIC_HUB);
	json_set(j, "args", args);
	char *text = json_print(j);
	json_free(j);
	hub_tell(h, &to, "dn/cmd/certificate", bytes_of(text));
	free(text);
}

static void tell_claimant(struct hub *h, const struct signing_order *o, struct json *answer)
{
	const struct ledger_source to = { o->fleet, TOPIC_CLAIM };
	char rest[TOPIC_MAX];
	snprintf(rest, sizeof rest, "dn/crt/%s", o->key_name);
	json_set_integer(answer, "v", 1);
	char *text = json_print(answer);
	json_free(answer);
	hub_tell(h, &to, rest, bytes_of(text));
	free(text);
}

/* `cert` is JSON; NULL: `message` says why there is none. */
static void tell_board(struct hub *h, const struct signing_order *o, int code,
		       const struct bytes *cert, const char *message)
{
	struct json *j = json_new_object();
	json_set_integer(j, "code", code);
	if (cert)
		json_set_raw(j, "cert", *cert);
	else
		json_set_string(j, "message", message);
	if (o->is_claim)
		tell_claimant(h, o, j);
	else
		tell_member(h, o, j);
}

static void refuse(struct hub *h, const struct signing_order *o, int code, const char *message)
{
	log_warn("no certificate device=%s/%s code=%d why=\"%s\"", o->fleet, o->device, code,
		 message);
	tell_board(h, o, code, NULL, message);
}

/* What was signed is judged here, whoever has signed it, and on flash before it leaves. */
static enum err keep_chain(struct hub *h, const struct signing_order *o, const struct json *json,
			   struct bytes text, struct why *why)
{
	const struct ledger_source who = { o->fleet, o->device };
	struct roll_certificate c = { .key = o->key_name, .chain = text };
	struct chain chain;
	if (!hub_has_control(h))
		return why_set(why, ERR_OFFLINE, "the database is away, or another hub's to write");
	enum err e = chain_read(json, &chain, why);
	if (e)
		return e;
	e = certificate_view_of(chain.der[0], &c.view, why);
	chain_free(&chain);
	if (!e && (strcmp(c.view.device, o->device) != 0 ||
		   memcmp(c.view.key, o->key, sizeof c.view.key) != 0))
		e = why_set(why, ERR_INVALID, "what was signed is for another device or key");
	if (!e)
		e = roll_certify(&h->roll, &who, &c, why);
	if (!e)
		e = hub_commit(h, why);
	if (!e)
		log_info("certificate issued device=%s/%s serial=%s key=%s", o->fleet, o->device,
			 c.view.serial, o->key_name);
	return e;
}

static void on_signed(void *owner, const struct signing_order *o, struct json *chain,
		      const struct why *trouble)
{
	struct hub *h = owner;
	struct why why = { "" };
	if (!chain) {
		refuse(h, o, CODE_FAILED, trouble->text);
		return;
	}
	char *text = json_print(chain);
	const struct bytes cert = bytes_of(text);
	if (keep_chain(h, o, chain, cert, &why))
		refuse(h, o, CODE_FAILED, why.text);
	else
		tell_board(h, o, CODE_OK, &cert, NULL);
	free(text);
	json_free(chain);
}

/* --- requests of boards --- */

/* The request inside: is it for whom the topic says, with the key that the topic names? */
static bool read_order(struct hub *h, const struct topic *t, const struct enrolment_request *r,
		       struct signing_order *o)
{
	char device[LABEL_SIZE], key_name[KEY_NAME_SIZE];
	struct why why;
	if (csr_read((struct bytes){ r->csr, r->csr_len }, device, o->key, &why)) {
		refuse(h, o, CODE_BAD, why.text);
		return false;
	}
	key_name_of(o->key, key_name);
	const bool fits = strcmp(device, o->device) == 0 && strcmp(key_name, t->a) == 0;
	if (!fits)
		refuse(h, o, CODE_BAD, "the request is for another device or key than it says");
	return fits;
}

/* The same again: an answer was lost. True: it is answered. */
static bool repeat(struct hub *h, const struct signing_order *o)
{
	const struct ledger_source who = { o->fleet, o->device };
	struct roll_certificate c;
	if (roll_get(&h->roll, &who, o->key_name, &c, NULL))
		return false;
	if (c.revoked_ms)
		refuse(h, o, CODE_DENIED, "this key's certificate is revoked");
	else
		tell_board(h, o, CODE_OK, &c.chain, NULL);
	return true;
}

static void sign(struct hub *h, const struct signing_order *o, const struct enrolment_request *r)
{
	struct why why;
	if (!authority_is_there(&h->authority)) {
		refuse(h, o, CODE_NOBODY, nobody_signs);
		return;
	}
	enum err e = authority_sign(&h->authority, o, (struct bytes){ r->csr, r->csr_len }, &why);
	if (e == ERR_AGAIN)
		log_debug("not signed now, the board asks again why=\"%s\"", why.text);
	else if (e)
		refuse(h, o, CODE_FAILED, why.text);
}

static struct signing_order order_for(const struct topic *t, const char *device, bool is_claim)
{
	struct signing_order o = { .is_claim = is_claim };
	text_copy(o.fleet, sizeof o.fleet, bytes_of(t->fleet));
	text_copy(o.device, sizeof o.device, bytes_of(device));
	text_copy(o.key_name, sizeof o.key_name, bytes_of(t->a));
	return o;
}

void enrol_on_claim(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct enrolment_request r;
	struct roll_invitation open;
	struct why why;
	if (!t->is_up || strcmp(t->channel, "csr") != 0 || !t->a[0] || t->b[0] ||
	    !hub_has_control(h))
		return; /* the claim's credential may publish here, and nothing else is read */
	enum err e = enrolment_read(payload, &r, &why);
	struct signing_order o = order_for(t, r.device, true);
	const struct ledger_source who = { o.fleet, o.device };
	if (e || !r.device[0]) {
		refuse(h, &o, CODE_BAD, e ? why.text : "device and mac are needed");
		return;
	}
	/* Before anything of the request is parsed: it is from somebody whom we have invited. */
	if (roll_find(&h->roll, &who, clock_wall_ms(), &open) ||
	    !enrolment_has_token(&r, open.token)) {
		refuse(h, &o, CODE_DENIED,
		       "no invitation fits: it is wrong, revoked, replaced or older than 24 h; "
		       "skerry device add makes a new one");
		return;
	}
	if (!read_order(h, t, &r, &o))
		return;
	if (open.key[0] && strcmp(open.key, o.key_name) != 0) {
		refuse(h, &o, CODE_USED,
		       "the token was used already, by another key: if that was not this board, "
		       "skerry device rm revokes its certificate");
		return;
	}
	if (repeat(h, &o))
		return;
	/* Bound to this key before anybody signs: a second key never gets as far. */
	if (roll_bind(&h->roll, &who, o.key_name, &why) || hub_commit(h, &why))
		log_err("token not marked, the board asks again why=\"%s\"", why.text);
	else
		sign(h, &o, &r);
	enrol_show_awaited(h, t->fleet);
}

void enrol_on_renewal(struct hub *h, const struct topic *t, struct bytes payload)
{
	const struct ledger_source who = { t->fleet, t->device };
	struct signing_order o = order_for(t, t->device, false);
	struct enrolment_request r;
	struct roll_certificate present;
	struct why why;
	if (!t->a[0] || t->b[0])
		return;
	if (enrolment_read(payload, &r, &why) || !r.by[0]) {
		refuse(h, &o, CODE_BAD, "csr, by and sig are needed");
		return;
	}
	if (roll_get(&h->roll, &who, r.by, &present, NULL) || present.revoked_ms ||
	    present.view.to_ms < clock_wall_ms() ||
	    !enrolment_has_signature(&r, present.view.key)) {
		refuse(h, &o, CODE_DENIED,
		       "the present certificate is not one that this hub knows, or revoked, or "
		       "expired: invite the board again with skerry device add");
		return;
	}
	if (read_order(h, t, &r, &o) && !repeat(h, &o))
		sign(h, &o, &r);
}

/* --- who is awaited --- */

static void push_awaited(void *owner, const char *device, int64_t until_ms)
{
	struct json *j = json_new_object();
	json_set_string(j, "device", device);
	json_set_integer(j, "until", until_ms);
	json_push(owner, j);
}

void enrol_show_awaited(struct hub *h, const char *fleet)
{
	const struct ledger_source us = { fleet, TOPIC_HUB };
	struct json *j = json_new_object(), *list = json_new_array();
	roll_each_awaited(&h->roll, fleet, clock_wall_ms(), push_awaited, list);
	json_set_integer(j, "v", 1);
	json_set(j, "devices", list);
	char *text = json_print(j);
	json_free(j);
	hub_tell_retained(h, &us, "up/awaited", bytes_of(text));
	free(text);
}

static void show_awaited(void *owner, const char *fleet)
{
	enrol_show_awaited(owner, fleet);
}

void enrol_on_up(struct hub *h)
{
	roll_each_fleet(&h->roll, show_awaited, h);
}

/* --- revoked certificates --- */

static enum err write_list(struct hub *h, struct why *why)
{
	const struct enrol_options *o = &h->options.enrol;
	const struct authority_files ca = { o->authority.cert, o->authority.key };
	const int64_t now = clock_wall_ms();
	struct revocation r = { .number = now, .now_ms = now, .next_ms = now + REVOCATION_LIFE_MS };
	SCOPED_MEMORY struct revoked *all = NULL;
	SCOPED_MEMORY char *text = NULL;
	if (!o->crl_file)
		return OK;
	enum err e = roll_list_revoked(&h->roll, &all, &r.count, why);
	r.all = all;
	if (!e)
		e = revocation_make(&ca, &r, &text, why);
	if (!e)
		e = file_replace(o->crl_file, bytes_of(text), true, why);
	/* The broker reads it, and is somebody else. */
	if (!e && chmod(o->crl_file, 0644))
		e = why_set(why, ERR_SYSTEM, "chmod %s: %s", o->crl_file, strerror(errno));
	return e;
}

static void on_look(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	struct why why;
	loop_arm(h->loop, &h->enrol_look, now_ms + ENROL_LOOK_MS);
	if (!hub_has_control(h))
		return;
	enum err e = roll_expire(&h->roll, clock_wall_ms(), &why);
	if (!e)
		e = hub_commit(h, &why);
	if (!e)
		e = write_list(h, &why);
	if (e)
		log_err("the list of revoked certificates is not renewed why=\"%s\"", why.text);
}

/* --- commands of desks --- */

/* A block's base64 without its line breaks. */
static void push_flat(struct json *list, struct bytes base64)
{
	SCOPED_MEMORY char *flat = malloc(base64.len + 1);
	size_t len = 0;
	if (!flat)
		return;
	for (size_t i = 0; i < base64.len; i++)
		if (base64.at[i] != '\n' && base64.at[i] != '\r')
			flat[len++] = base64.at[i];
	flat[len] = '\0';
	json_push(list, json_new_string(flat));
}

static bool ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);
	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* The blocks of a PEM file with a label that ends so: certificates, or a key of any kind. */
static struct json *read_pem(const char *path, const char *label_end, struct why *why)
{
	SCOPED_MEMORY char *text = NULL;
	size_t len = 0;
	struct pem_block b;
	if (file_read(path, TLS_FILE_MAX, &text, &len, why))
		return NULL;
	struct bytes rest = { text, len };
	struct json *list = json_new_array();
	while (pem_next(&rest, &b))
		if (ends_with(b.label, label_end))
			push_flat(list, b.base64);
	key_wipe(text, len);
	return list;
}

static enum err add_pem(struct json *into, const char *member, const char *path,
			const char *label_end, struct why *why)
{
	struct json *list = read_pem(path, label_end, why);
	if (!list)
		return ERR_INVALID;
	json_set(into, member, list);
	return OK;
}

/* What the board needs to know whom to trust, and to claim with. */
static enum err add_files(struct hub *h, struct json *body, struct why *why)
{
	const struct enrol_options *o = &h->options.enrol;
	const char *ca = o->board_ca ? o->board_ca : h->options.tls.ca;
	if (!ca)
		return why_set(why, ERR_INVALID,
			       "which CA shall the board trust? Start the hub with --board-ca");
	enum err e = add_pem(body, "ca", ca, "CERTIFICATE", why);
	if (!e && o->authority.cert)
		e = add_pem(body, "issuer", o->authority.cert, "CERTIFICATE", why);
	if (e || !o->claim_cert)
		return e;
	struct json *claim = json_new_object();
	json_set(body, "claim", claim);
	e = add_pem(claim, "cert", o->claim_cert, "CERTIFICATE", why);
	return e ? e : add_pem(claim, "key", o->claim_key, "PRIVATE KEY", why);
}

static void invite(struct hub *h, const struct hub_caller *c, const char *device)
{
	const struct ledger_source who = { c->fleet, device };
	const int64_t now = clock_wall_ms();
	char token[TOKEN_SIZE];
	struct why why;
	struct json *body = json_new_object();
	random_name(token, TOKEN_LEN);
	enum err e = authority_is_there(&h->authority)
			     ? OK
			     : why_set(&why, ERR_INVALID, "%s", nobody_signs);
	if (!e)
		e = add_files(h, body, &why);
	if (!e)
		e = roll_expire(&h->roll, now, &why);
	if (!e)
		e = roll_invite(&h->roll, &who, token, now, &why);
	if (!e)
		e = hub_commit(h, &why);
	if (e) {
		json_free(body);
		hub_answer(h, c, e == ERR_INVALID ? CODE_NOBODY : CODE_FULL,
			   json_new_string(why.text));
		return;
	}
	json_set_string(body, "token", token);
	json_set_integer(body, "until", now + TOKEN_LIFE_MS);
	hub_answer(h, c, CODE_OK, body);
	log_info("device awaited device=%s/%s", c->fleet, device);
	enrol_show_awaited(h, c->fleet);
}

static void dismiss(struct hub *h, const struct hub_caller *c, const char *device)
{
	const struct ledger_source who = { c->fleet, device };
	const char *crl = h->options.enrol.crl_file;
	int64_t count = 0;
	struct why why = { "" };
	const bool was_awaited = roll_forget(&h->roll, &who, &why);
	enum err e = roll_revoke(&h->roll, &who, clock_wall_ms(), &count, &why);
	if (!e)
		e = hub_commit(h, &why);
	if (!e && count)
		e = write_list(h, &why);
	enrol_show_awaited(h, c->fleet);
	if (e || (!was_awaited && !count)) {
		hub_answer(h, c, e ? CODE_FAILED : CODE_NOT_FOUND,
			   json_new_string(
				   e ? why.text
				     : "it is not awaited, and has no certificate of this hub"));
		return;
	}
	struct json *body = json_new_object();
	json_set_bool(body, "awaited", was_awaited);
	json_set_integer(body, "certificates", count);
	if (crl)
		json_set_string(body, "crl", crl);
	else
		json_set_null(body, "crl");
	hub_answer(h, c, CODE_OK, body);
	log_info("device dismissed device=%s/%s certificates=%lld", c->fleet, device,
		 (long long)count);
}

void enrol_on_command(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct hub_caller caller;
	struct json *j;
	struct why why;
	if (json_parse(payload, &j, &why)) {
		log_warn("a command was not understood verb=%.20s why=\"%s\"", t->a, why.text);
		return;
	}
	const char *device = json_string(json_member(json_member(j, "args"), "device"));
	if (!hub_read_caller(j, t, &caller))
		log_warn("a command without id or a usable requester was dropped verb=%.20s", t->a);
	else if (!device || !topic_is_device(bytes_of(device)))
		hub_answer(h, &caller, CODE_BAD,
			   json_new_string("device is no name of one: " LABEL_RULE
					   "; hub and claim are taken"));
	else if (strcmp(t->a, "invite") == 0)
		invite(h, &caller, device);
	else
		dismiss(h, &caller, device);
	json_free(j);
}

/* --- opening --- */

enum err enrol_open(struct hub *h, struct why *why)
{
	const struct enrol_options *o = &h->options.enrol;
	h->enrol_look = (struct timer){ .owner = h, .on_due = on_look };
	h->authority.owner = h;
	h->authority.on_signed = on_signed;
	if (!o->claim_cert != !o->claim_key)
		return why_set(why, ERR_INVALID, "--claim-cert and --claim-key go together");
	if (o->crl_file && !o->authority.key)
		return why_set(
			why, ERR_INVALID,
			"--crl-file needs --ca-key: only who signs certificates revokes them");
	enum err e = authority_open(&h->authority, h->loop, &o->authority, h->options.run_dir, why);
	if (!e)
		on_look(h, clock_now_ms());
	return e;
}

void enrol_close(struct hub *h)
{
	if (h->loop)
		authority_close(&h->authority);
}
