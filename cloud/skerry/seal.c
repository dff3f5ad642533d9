#include "cloud/skerry/seal.h"

#include "base/base64.h"
#include "base/limits.h"
#include "ports/file.h"

#include <stdlib.h>

static char *encode(struct bytes b)
{
	char *text = malloc(base64_size(b.len));
	if (text)
		base64_encode(b, text);
	return text;
}

struct json *seal_new(struct bytes payload)
{
	struct json *j = json_new_object();
	char *text = encode(payload);
	json_set_string(j, "payload", text ? text : "");
	json_set(j, "sigs", json_new_array());
	free(text);
	return j;
}

struct json *seal_new_artifact(const char *digest)
{
	struct json *j = json_new_object();
	json_set_string(j, "digest", digest);
	json_set(j, "sigs", json_new_array());
	return j;
}

static bool is_string(const struct json *j, const char *key, const char *expected)
{
	const char *s = json_string(json_member(j, key));
	return s && strcmp(s, expected) == 0;
}

const struct json *seal_find_artifact(const struct json *list, const char *digest)
{
	const struct json *j = json_first(list);
	while (j && !is_string(j, "digest", digest))
		j = json_next(j);
	return j;
}

enum err seal_sign(struct json *envelope, const char *digest, const char *key_file, struct why *why)
{
	char key[PUBLIC_KEY_SIZE], id[KEY_ID_SIZE], der[SIGNATURE_MAX];
	char text[SIGNATURE_MAX / 3 * 4 + 8];
	size_t len = 0;
	enum err e = public_key_read(key_file, key, why);
	if (!e)
		e = signature_make(key_file, digest, der, &len, why);
	if (e)
		return e;
	key_id_of((struct bytes){ key, sizeof key }, id);
	base64_encode((struct bytes){ der, len }, text);
	struct json *old = json_detach(envelope, "sigs"), *list = json_new_array();
	for (const struct json *j = json_first(old); j; j = json_next(j))
		if (!is_string(j, "key", id))
			json_push(list, json_copy(j));
	struct json *own = json_new_object();
	json_set_string(own, "key", id);
	json_set_string(own, "sig", text);
	json_push(list, own);
	json_free(old);
	e = json_count(list) > SIGNATURES_MAX
		    ? why_set(why, ERR_FULL, "more than %d signatures", SIGNATURES_MAX)
		    : OK;
	json_set(envelope, "sigs", list);
	return e;
}

enum err seal_read_file(const char *path, struct json **out, struct why *why)
{
	char *text = NULL;
	size_t len = 0;
	enum err e = file_read(path, MESSAGE_MAX, &text, &len, why);
	if (e)
		return e;
	e = json_parse((struct bytes){ text, len }, out, why);
	free(text);
	return e ? why_in(why, e, path) : OK;
}

bool seal_is_signed_by(const struct json *envelope, const char *key_file)
{
	char key[PUBLIC_KEY_SIZE], id[KEY_ID_SIZE];
	struct signed_text s;
	bool found = false;
	if (public_key_read(key_file, key, NULL) || signed_read(envelope, &s, NULL))
		return false;
	key_id_of((struct bytes){ key, sizeof key }, id);
	for (size_t i = 0; i < s.by.count && !found; i++) {
		const struct signature *sig = &s.by.list[i];
		found = strcmp(sig->key, id) == 0 &&
			signature_is_valid((struct bytes){ key, sizeof key }, s.digest,
					   (struct bytes){ sig->der, sig->len });
	}
	signed_free(&s);
	return found;
}

enum err seal_open(const struct json *envelope, struct json **out_payload, struct why *why)
{
	struct signed_text s;
	enum err e = signed_read(envelope, &s, why);
	if (e)
		return e;
	e = json_parse(signed_payload(&s), out_payload, why);
	signed_free(&s);
	return e;
}

enum err seal_open_any(struct bytes message, struct json **out, struct why *why)
{
	struct json *j;
	enum err e = json_parse(message, &j, why);
	if (e || !json_member(j, "sigs")) {
		*out = e ? NULL : j;
		return e;
	}
	e = seal_open(j, out, why);
	json_free(j);
	return e;
}
