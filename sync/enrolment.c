#include "sync/enrolment.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/pem.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/digest.h"

#include <stdlib.h>

static const char DIGEST_PREFIX[] = "sha256:";

/* --- certificates in JSON --- */

enum err chain_read(const struct json *array, struct chain *out, struct why *why)
{
	size_t room = 0, at = 0;
	const size_t count = json_count(array);
	*out = (struct chain){ 0 };
	if (json_type_of(array) != JSON_ARRAY || !count || count > CHAIN_MAX)
		return why_set(why, ERR_INVALID, "a list of 1 to %d certificates is expected",
			       CHAIN_MAX);
	for (const struct json *j = json_first(array); j; j = json_next(j))
		room += json_string(j) ? base64_room(bytes_of(json_string(j))) : 0;
	out->room = malloc(room + 1);
	for (const struct json *j = json_first(array); out->room && j; j = json_next(j)) {
		size_t len = 0;
		if (!json_string(j) ||
		    base64_decode(bytes_of(json_string(j)), out->room + at, &len) || !len ||
		    len > CERTIFICATE_MAX) {
			chain_free(out);
			return why_set(why, ERR_INVALID, "a certificate is no base64 of DER");
		}
		out->der[out->count++] = (struct bytes){ out->room + at, len };
		at += len;
	}
	return out->room ? OK : why_set(why, ERR_SYSTEM, "no memory");
}

void chain_free(struct chain *c)
{
	/* One of them may be a key. */
	for (size_t i = 0; i < c->count; i++)
		explicit_bzero(c->room + (c->der[i].at - c->room), c->der[i].len);
	free(c->room);
	*c = (struct chain){ 0 };
}

char *chain_print(const struct chain *c)
{
	size_t cap = 1;
	for (size_t i = 0; i < c->count; i++)
		cap += pem_size(c->der[i].len);
	char *out = malloc(cap);
	if (!out)
		return NULL;
	struct text t = text_in(out, cap);
	for (size_t i = 0; i < c->count; i++)
		pem_add(&t, "CERTIFICATE", c->der[i]);
	return out;
}

/* --- requests --- */

static void set_base64(struct json *j, const char *key, struct bytes b)
{
	SCOPED_MEMORY char *text = malloc(base64_size(b.len));
	if (!text)
		return;
	base64_encode(b, text);
	json_set_string(j, key, text);
}

static char *print(struct json *j)
{
	char *text = json_print(j);
	json_free(j);
	return text;
}

char *enrolment_print_claim(const char *device, struct bytes csr, const char *token)
{
	char mac[DIGEST_SIZE];
	struct json *j = json_new_object();
	digest_keyed(bytes_of(token), csr, mac);
	json_set_integer(j, "v", 1);
	json_set_string(j, "device", device);
	set_base64(j, "csr", csr);
	json_set_string(j, "mac", mac + strlen(DIGEST_PREFIX));
	return print(j);
}

enum err enrolment_print_renewal(struct bytes csr, const char *key_path, const char *by, char **out,
				 struct why *why)
{
	char digest[DIGEST_SIZE], signature[SIGNATURE_MAX];
	size_t len = 0;
	digest_of(csr, digest);
	enum err e = signature_make(key_path, digest, signature, &len, why);
	if (e)
		return e;
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	set_base64(j, "csr", csr);
	json_set_string(j, "by", by);
	set_base64(j, "sig", (struct bytes){ signature, len });
	*out = print(j);
	return OK;
}

static bool read_base64(const struct json *j, char *out, size_t cap, size_t *out_len)
{
	const char *text = json_string(j);
	if (!text || strlen(text) >= base64_size(cap))
		return false;
	SCOPED_MEMORY char *room = malloc(base64_room(bytes_of(text)));
	if (!room || base64_decode(bytes_of(text), room, out_len) || *out_len > cap)
		return false;
	memcpy(out, room, *out_len);
	return true;
}

static bool read_text(const struct json *j, char *out, size_t size)
{
	const char *text = json_string(j);
	return text && text_copy(out, size, bytes_of(text));
}

static const char *read_request(const struct json *j, struct enrolment_request *out)
{
	if (!read_base64(json_member(j, "csr"), out->csr, sizeof out->csr, &out->csr_len))
		return "csr is no base64 of a request, or too long";
	if (json_member(j, "device")) {
		strcpy(out->mac, DIGEST_PREFIX);
		if (!read_text(json_member(j, "device"), out->device, sizeof out->device) ||
		    !label_is_valid(bytes_of(out->device)))
			return "device is no name";
		if (!read_text(json_member(j, "mac"), out->mac + strlen(DIGEST_PREFIX),
			       sizeof out->mac - strlen(DIGEST_PREFIX)) ||
		    !label_is_digest(bytes_of(out->mac)))
			return "mac is no HMAC-SHA256 in hexadecimal";
		return NULL;
	}
	if (!read_text(json_member(j, "by"), out->by, sizeof out->by) ||
	    !read_base64(json_member(j, "sig"), out->signature, sizeof out->signature,
			 &out->signature_len))
		return "device and mac, or by and sig are needed";
	return NULL;
}

enum err enrolment_read(struct bytes payload, struct enrolment_request *out, struct why *why)
{
	struct json *j;
	*out = (struct enrolment_request){ 0 };
	enum err e = json_parse(payload, &j, why);
	if (e)
		return e;
	const char *wrong = read_request(j, out);
	json_free(j);
	return wrong ? why_set(why, ERR_INVALID, "%s", wrong) : OK;
}

bool enrolment_has_token(const struct enrolment_request *r, const char *token)
{
	char mac[DIGEST_SIZE];
	digest_keyed(bytes_of(token), (struct bytes){ r->csr, r->csr_len }, mac);
	return r->mac[0] && digest_equal(mac, r->mac);
}

bool enrolment_has_signature(const struct enrolment_request *r, const char *key)
{
	char digest[DIGEST_SIZE];
	digest_of((struct bytes){ r->csr, r->csr_len }, digest);
	return signature_is_valid((struct bytes){ key, PUBLIC_KEY_SIZE }, digest,
				  (struct bytes){ r->signature, r->signature_len });
}

/* --- invitations --- */

char *invitation_print(const struct json *j)
{
	char *text = json_print(j);
	const size_t len = strlen(INVITATION_PREFIX), text_len = strlen(text);
	char *line = malloc(len + base64_size(text_len));
	if (line) {
		strcpy(line, INVITATION_PREFIX);
		base64url_encode((struct bytes){ text, text_len }, line + len);
	}
	key_wipe(text, text_len);
	free(text);
	return line;
}

static bool read_label(const struct json *j, char out[LABEL_SIZE])
{
	return read_text(j, out, LABEL_SIZE) && label_is_valid(bytes_of(out));
}

static enum err read_chains(const struct json *j, struct invitation *out, struct why *why)
{
	const struct json *issuer = json_member(j, "issuer"), *claim = json_member(j, "claim");
	enum err e = chain_read(json_member(j, "ca"), &out->ca, why);
	if (!e && issuer)
		e = chain_read(issuer, &out->issuer, why);
	if (!e && claim)
		e = chain_read(json_member(claim, "cert"), &out->claim_cert, why);
	if (!e && claim)
		e = chain_read(json_member(claim, "key"), &out->claim_key, why);
	return e;
}

static enum err read_members(const struct json *j, struct invitation *out, struct why *why)
{
	const struct json *labels = json_member(j, "labels");
	if (!read_text(json_member(j, "broker"), out->broker, sizeof out->broker))
		return why_set(why, ERR_INVALID, "it names no broker");
	if (!read_label(json_member(j, "fleet"), out->fleet) ||
	    !read_label(json_member(j, "device"), out->device))
		return why_set(why, ERR_INVALID, "it names no device of a fleet");
	if (!read_text(json_member(j, "token"), out->token, sizeof out->token) ||
	    strlen(out->token) != TOKEN_LEN)
		return why_set(why, ERR_INVALID, "it has no token");
	if (labels && !read_text(labels, out->labels, sizeof out->labels))
		return why_set(why, ERR_INVALID, "its labels are too long");
	return read_chains(j, out, why);
}

enum err invitation_read(const char *line, struct invitation *out, struct why *why)
{
	const size_t prefix = strlen(INVITATION_PREFIX);
	struct json *j;
	size_t len = 0;
	*out = (struct invitation){ 0 };
	if (!text_starts(line, INVITATION_PREFIX) || strlen(line) > INVITATION_MAX)
		return why_set(why, ERR_INVALID,
			       "this is no invitation: it begins with %s, as `skerry device add` "
			       "prints it",
			       INVITATION_PREFIX);
	const struct bytes coded = bytes_of(line + prefix);
	SCOPED_MEMORY char *text = malloc(base64_room(coded));
	if (!text || base64url_decode(coded, text, &len) ||
	    json_parse((struct bytes){ text, len }, &j, NULL))
		return why_set(why, ERR_INVALID,
			       "the invitation is damaged: is the whole line here, without a "
			       "break?");
	enum err e = read_members(j, out, why);
	json_free(j);
	key_wipe(text, len);
	if (e)
		invitation_free(out);
	return e ? why_in(why, e, "the invitation") : OK;
}

void invitation_free(struct invitation *i)
{
	chain_free(&i->ca);
	chain_free(&i->issuer);
	chain_free(&i->claim_cert);
	chain_free(&i->claim_key);
}
