#include "sync/signed.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/text.h"
#include "ports/digest.h"

#include <stdio.h>
#include <stdlib.h>

bool signed_is_likely(struct bytes message)
{
	return message.len && memmem(message.at, message.len, "\"sigs\"", 6) != NULL;
}

void key_id_of(struct bytes public_key, char out[KEY_ID_SIZE])
{
	char digest[DIGEST_SIZE];
	digest_of(public_key, digest);
	memcpy(out, digest + (DIGEST_SIZE - KEY_ID_SIZE), KEY_ID_SIZE);
}

static bool read_key_id(const char *s, char out[KEY_ID_SIZE])
{
	char digest[DIGEST_SIZE + 1];
	if (!s)
		return false;
	snprintf(digest, sizeof digest, "sha256:%s", s);
	return label_is_digest(bytes_of(digest)) && text_copy(out, KEY_ID_SIZE, bytes_of(s));
}

static enum err read_one(const struct json *j, size_t at, struct signature *out, struct why *why)
{
	char room[SIGNATURE_MAX / 3 * 4 + 8];
	const char *sig = json_string(json_member(j, "sig"));
	if (!read_key_id(json_string(json_member(j, "key")), out->key))
		return why_set(why, ERR_INVALID,
			       "sigs[%zu].key: 64 lower-case hex digits are expected", at);
	const struct bytes text = bytes_of(sig ? sig : "");
	if (!text.len || base64_room(text) > sizeof room || base64_decode(text, room, &out->len) ||
	    out->len > SIGNATURE_MAX)
		return why_set(why, ERR_INVALID,
			       "sigs[%zu].sig: base64 of at most %d bytes is expected", at,
			       SIGNATURE_MAX);
	memcpy(out->der, room, out->len);
	return OK;
}

enum err signatures_read(const struct json *list, struct signatures *out, struct why *why)
{
	*out = (struct signatures){ 0 };
	if (json_type_of(list) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "sigs: a list is expected");
	if (json_count(list) > SIGNATURES_MAX)
		return why_set(why, ERR_FULL, "sigs: more than %d", SIGNATURES_MAX);
	enum err e = OK;
	for (const struct json *j = json_first(list); j && !e; j = json_next(j)) {
		e = read_one(j, out->count, &out->list[out->count], why);
		out->count += !e;
	}
	return e;
}

enum err signed_read(const struct json *envelope, struct signed_text *out, struct why *why)
{
	*out = (struct signed_text){ 0 };
	const char *payload = json_string(json_member(envelope, "payload"));
	if (!payload)
		return why_set(why, ERR_INVALID, "payload: a base64 string is expected");
	const struct bytes text = bytes_of(payload);
	if (text.len > MESSAGE_MAX)
		return why_set(why, ERR_FULL, "payload: more than %d bytes", MESSAGE_MAX);
	enum err e = signatures_read(json_member(envelope, "sigs"), &out->by, why);
	if (e)
		return e;
	out->payload = malloc(base64_room(text) + 1);
	if (!out->payload)
		return why_set(why, ERR_SYSTEM, "no memory");
	if (base64_decode(text, out->payload, &out->len)) {
		signed_free(out);
		return why_set(why, ERR_INVALID, "payload: this is no base64");
	}
	out->payload[out->len] = '\0';
	digest_of(signed_payload(out), out->digest);
	return OK;
}

void signed_free(struct signed_text *s)
{
	free(s->payload);
	*s = (struct signed_text){ 0 };
}
