/*
 * seal - envelopes at the desk: payloads, and the signatures of PEM files over them.
 *
 * What it makes can be made with `openssl dgst -sha256 -sign` and base64 as well,
 * docs/protocol.md.
 */
#pragma once

#include "ports/json.h"
#include "sync/signed.h"

/* {"payload":...,"sigs":[]}. The caller frees it. */
struct json *seal_new(struct bytes payload);

/* Add the signature of a PEM file over what has this digest to the member `sigs`; an
 * earlier one of the same key gives way. ERR_FULL: more than SIGNATURES_MAX. */
enum err seal_sign(struct json *envelope, const char *digest, const char *key_file,
		   struct why *why);

/* {"digest":...,"sigs":[]}: an image, before its builder has signed it. */
struct json *seal_new_artifact(const char *digest);

/* The entry of a digest in a list of artifacts, or NULL. */
const struct json *seal_find_artifact(const struct json *list, const char *digest);

/* Read a JSON file of at most MESSAGE_MAX bytes. */
enum err seal_read_file(const char *path, struct json **out, struct why *why);

/* Has the key of a PEM file signed this envelope? */
bool seal_is_signed_by(const struct json *envelope, const char *key_file);

/* What an envelope says. ERR_INVALID: it is none, or what is in it is no JSON. */
enum err seal_open(const struct json *envelope, struct json **out_payload, struct why *why);

/* What a message says, signed or not. */
enum err seal_open_any(struct bytes message, struct json **out, struct why *why);
