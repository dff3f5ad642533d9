#include "agent/renewal.h"

#include "base/log.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { CODE_OK = 200, CODE_BAD = 400, JITTER_SHARE = 12, REST_SHARE = 4, LOOK_MS = 3600 * 1000 };

/* --- time --- */

int64_t renewal_due_ms(const struct certificate_view *v)
{
	const int64_t life = v->to_ms - v->from_ms;
	uint64_t draw = 0;
	/* The key is as random as anything, and the same after a restart. */
	memcpy(&draw, v->key + PUBLIC_KEY_SIZE - sizeof draw, sizeof draw);
	return v->from_ms + life / 3 * 2 + (int64_t)(draw % (uint64_t)(life / JITTER_SHARE + 1));
}

static bool is_due(const struct renewal *r)
{
	const int64_t wall = clock_wall_ms();
	return clock_is_set(wall) && wall >= renewal_due_ms(&r->view);
}

static void arm(struct renewal *r)
{
	const int64_t now = clock_now_ms(), left = renewal_due_ms(&r->view) - clock_wall_ms();
	/* Looked at again and again: somebody may set the clock meanwhile. */
	int64_t due = now + (left < 0 ? 0 : left < LOOK_MS ? left : LOOK_MS);
	if (due < r->not_before_ms)
		due = r->not_before_ms;
	loop_arm(r->loop, &r->timer, due);
}

static void wait_for(struct renewal *r, int64_t ms)
{
	r->not_before_ms = clock_now_ms() + ms;
	arm(r);
}

/* --- asking --- */

static enum err make_request(struct renewal *r, char name[KEY_NAME_SIZE], char **out,
			     struct why *why)
{
	char key[IDENTITY_PATH_MAX], csr[CSR_MAX], device[LABEL_SIZE], public[PUBLIC_KEY_SIZE];
	char by[KEY_NAME_SIZE];
	size_t len = 0;
	enum err e = identity_begin(&r->identity, why);
	identity_key_path(&r->identity, r->identity.next, key);
	if (!e)
		e = csr_make(key, r->device, csr, &len, why);
	if (!e)
		e = csr_read((struct bytes){ csr, len }, device, public, why);
	if (e)
		return e;
	key_name_of(public, name);
	key_name_of(r->view.key, by);
	return enrolment_print_renewal((struct bytes){ csr, len }, r->key, by, out, why);
}

static void ask(struct renewal *r)
{
	char name[KEY_NAME_SIZE], rest[64], *text = NULL;
	int64_t again = RENEWAL_AGAIN_MS;
	struct why why;
	for (unsigned i = 0; i < r->asked && again < RENEWAL_AGAIN_MAX_MS; i++)
		again *= 2;
	r->asked++;
	wait_for(r, again < RENEWAL_AGAIN_MAX_MS ? again : RENEWAL_AGAIN_MAX_MS);
	if (make_request(r, name, &text, &why)) {
		log_err("the next certificate cannot be asked for why=\"%s\"", why.text);
		r->why = why;
		return;
	}
	snprintf(rest, sizeof rest, "up/csr/%s", name);
	if (!link_publish(r->link, rest, bytes_of(text), 1, false, NULL))
		log_info("asked for the next certificate key=%s", name);
	free(text);
}

static void on_timer(void *owner, int64_t now_ms)
{
	struct renewal *r = owner;
	(void)now_ms;
	/* What can be done at once would be done for ever, if it does not help. */
	wait_for(r, RENEWAL_TRY_MS);
	if (!r->link->is_up || r->shown != r->identity.current || !is_due(r))
		return;
	if (identity_is_ready(&r->identity))
		link_redial(r->link);
	else
		ask(r);
}

/* --- which one is shown --- */

static enum err look(struct renewal *r, char slot, struct why *why)
{
	identity_cert_path(&r->identity, slot, r->cert);
	identity_key_path(&r->identity, slot, r->key);
	r->shown = slot;
	return certificate_read(r->cert, &r->view, why);
}

static char choose(struct renewal *r)
{
	const struct identity *i = &r->identity;
	if (!i->current)
		return i->next;
	const bool tries_new = identity_is_ready(i) && !r->old_next;
	r->old_next = tries_new;
	if (tries_new)
		return i->next;
	return i->current;
}

static enum err say_expired(struct renewal *r, struct why *why)
{
	enum { DAY = 10 };
	char until[24];
	clock_print(until, r->view.to_ms);
	until[DAY] = '\0';
	return why_set(why, ERR_DENIED,
		       "this board's certificate has expired on %s: join again, at a desk with "
		       "`skerry device add %s`, here with the `skerryd join` that it prints",
		       until, r->device);
}

enum err renewal_on_dial(struct renewal *r, struct tls_files *files, struct why *why)
{
	const int64_t wall = clock_wall_ms();
	enum err e = look(r, choose(r), why);
	if (e)
		return e;
	if (clock_is_set(wall) && wall > r->view.to_ms)
		return say_expired(r, why);
	files->cert = r->cert;
	files->key = r->key;
	return OK;
}

static void give_up(struct renewal *r)
{
	struct why why;
	log_err("the next certificate connects nowhere, and is given up; the present one stays");
	event_add(r->events, true, "CertificateRefused", "device",
		  "the next certificate does not connect; the present one stays in use", NULL);
	if (identity_give_up(&r->identity, &why))
		log_err("identity not written why=\"%s\"", why.text);
	r->tries = 0;
	wait_for(r, RENEWAL_AGAIN_MAX_MS);
}

void renewal_on_up(struct renewal *r)
{
	const bool has_failed = r->shown == r->identity.current && identity_is_ready(&r->identity);
	r->old_next = false;
	if (!has_failed) {
		arm(r);
		return;
	}
	if (++r->tries >= RENEWAL_TRIES_MAX)
		give_up(r);
	else
		wait_for(r, RENEWAL_TRY_MS);
}

void renewal_on_proved(struct renewal *r)
{
	struct why why;
	char until[24];
	if (r->shown != r->identity.next)
		return;
	const bool is_first = !r->identity.current;
	if (identity_commit(&r->identity, &why)) {
		log_err("identity not written, the old certificate stays in use why=\"%s\"",
			why.text);
		return;
	}
	clock_print(until, r->view.to_ms);
	r->tries = r->asked = 0;
	r->why.text[0] = '\0';
	log_info("certificate in use slot=%c serial=%s until=%s", r->shown, r->view.serial, until);
	if (!is_first)
		event_add(r->events, false, "CertificateRenewed", "device", until, NULL);
	/* Where our clock is far ahead of the hub's, every certificate is due at once. */
	const int64_t rest = (r->view.to_ms - r->view.from_ms) / REST_SHARE;
	wait_for(r, rest < RENEWAL_AGAIN_MAX_MS ? rest : RENEWAL_AGAIN_MAX_MS);
}

/* --- answers --- */

const char *renewal_on_answer(struct renewal *r, const struct json *args, int *out_code)
{
	struct chain chain;
	int64_t code = 0;
	*out_code = CODE_BAD;
	if (!r->identity.next || identity_is_ready(&r->identity))
		return "no certificate was asked for";
	json_integer(json_member(args, "code"), &code);
	if (code != CODE_OK) {
		const char *text = json_string(json_member(args, "message"));
		(void)why_set(&r->why, ERR_DENIED, "the hub refuses to renew: %.200s",
			      text ? text : "");
		log_err("%s", r->why.text);
		wait_for(r, RENEWAL_AGAIN_MAX_MS);
		*out_code = CODE_OK;
		return "noted";
	}
	enum err e = chain_read(json_member(args, "cert"), &chain, &r->why);
	if (!e) {
		e = identity_take(&r->identity, r->device, &chain, &r->why);
		chain_free(&chain);
	}
	if (e) {
		log_warn("a certificate was not taken why=\"%s\"", r->why.text);
		return r->why.text;
	}
	r->why.text[0] = '\0';
	/* Later: the answer to this goes out on the connection that it came on. */
	wait_for(r, 0);
	*out_code = CODE_OK;
	return "taken";
}

/* --- opening, telling --- */

static enum err open_identity(struct renewal *r, const struct config *c, struct why *why)
{
	enum err e = identity_open(&r->identity, c, why);
	if (!e && !r->identity.current && !identity_is_ready(&r->identity))
		e = why_set(why, ERR_DENIED,
			    "joining was cut off: give the same line to `skerryd join` again");
	if (!e)
		e = identity_tidy(&r->identity, why);
	return e ? e : look(r, identity_slot(&r->identity), why);
}

enum err renewal_open(struct renewal **out, struct loop *l, const struct config *c, struct why *why)
{
	*out = NULL;
	if (!identity_is_wanted(c))
		return OK;
	struct renewal *r = calloc(1, sizeof *r);
	if (!r)
		return why_set(why, ERR_SYSTEM, "no memory");
	r->loop = l;
	r->device = c->device;
	enum err e = open_identity(r, c, why);
	if (e) {
		free(r);
		return e == ERR_NOT_FOUND ? OK : e;
	}
	r->timer = (struct timer){ .owner = r, .on_due = on_timer };
	*out = r;
	return OK;
}

void renewal_close(struct renewal *r)
{
	if (!r)
		return;
	loop_disarm(r->loop, &r->timer);
	free(r);
}

struct json *renewal_report(const struct renewal *r)
{
	const char slot[] = { r->shown, '\0' };
	const int64_t wall = clock_wall_ms();
	struct json *j = json_new_object();
	json_set_string(j, "slot", slot);
	json_set_string(j, "serial", r->view.serial);
	json_set_integer(j, "expires", r->view.to_ms);
	json_set_integer(j, "renewal", renewal_due_ms(&r->view));
	json_set_bool(j, "expired", clock_is_set(wall) && wall > r->view.to_ms);
	if (r->why.text[0])
		json_set_string(j, "why", r->why.text);
	return j;
}
