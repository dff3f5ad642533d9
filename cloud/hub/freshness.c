#include "cloud/hub/freshness.h"

#include "base/log.h"
#include "cloud/skerry/seal.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "sync/desired.h"

#include <stdlib.h>
#include <string.h>

enum { NONCE_LEAST = 16, NONCE_MAX = 64 };

enum err freshness_check(const char *key_file, struct why *why)
{
	char der[SIGNATURE_MAX], digest[DIGEST_SIZE];
	size_t len;
	digest_of(BYTES_LIT(""), digest);
	enum err e = signature_make(key_file, digest, der, &len, why);
	return e ? why_in(why, e, "--fresh-key") : OK;
}

static char *print_answer(struct hub *h, const struct topic *t, const char *nonce)
{
	const struct ledger_source from = { t->fleet, t->device };
	struct bytes document;
	struct desired_id id;
	struct json *j = json_new_object();
	if (ledger_get_desired(&h->ledger, &from, &document, &id))
		id = (struct desired_id){ 0 };
	json_set_string(j, "apiVersion", "skerry.dev/v1");
	json_set_string(j, "kind", "Fresh");
	json_set_string(j, "fleet", t->fleet);
	json_set_string(j, "device", t->device);
	json_set_string(j, "nonce", nonce);
	json_set_integer(j, "trust", id.trust);
	json_set_integer(j, "epoch", id.epoch);
	json_set_integer(j, "generation", id.generation);
	json_set_integer(j, "now", clock_wall_ms());
	char *text = json_print(j);
	json_free(j);
	return text;
}

static void answer(struct hub *h, const struct topic *t, const char *nonce)
{
	const struct ledger_source to = { t->fleet, t->device };
	char digest[DIGEST_SIZE];
	struct why why;
	char *text = print_answer(h, t, nonce);
	struct json *envelope = seal_new(bytes_of(text));
	digest_of(bytes_of(text), digest);
	free(text);
	if (seal_sign(envelope, digest, h->options.fresh_key, &why)) {
		log_err("nobody tells a board what is new device=%s/%s why=\"%s\"", t->fleet,
			t->device, why.text);
	} else {
		char *sealed = json_print(envelope);
		hub_tell(h, &to, "dn/cmd/fresh", bytes_of(sealed));
		free(sealed);
	}
	json_free(envelope);
}

void freshness_on_question(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct json *j;
	struct why why = { "" };
	enum err e = json_parse(payload, &j, &why);
	const char *nonce = e ? NULL : json_string(json_member(j, "nonce"));
	const size_t len = nonce ? strlen(nonce) : 0;
	if (len >= NONCE_LEAST && len <= NONCE_MAX)
		answer(h, t, nonce);
	else
		log_warn("a question for what is new was not understood device=%s/%s why=\"%s\"",
			 t->fleet, t->device, e ? why.text : "nonce: 16-64 bytes are expected");
	if (!e)
		json_free(j);
}
