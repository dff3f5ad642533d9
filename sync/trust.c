#include "sync/trust.h"

#include "base/base64.h"
#include "base/text.h"
#include "base/timestamp.h"

static const char *const role_names[TRUST_ROLES] = {
	[TRUST_ROOT] = "root",       [TRUST_STATE] = "state", [TRUST_ARTIFACT] = "artifact",
	[TRUST_COMMAND] = "command", [TRUST_FRESH] = "fresh",
};

const char *trust_role_name(enum trust_role role)
{
	return role_names[role];
}

/* --- reading --- */

static enum err read_key(const struct json *j, struct trust *t, struct why *why)
{
	char room[PUBLIC_KEY_SIZE / 3 * 4 + 8], id[KEY_ID_SIZE];
	const char *text = json_string(j);
	const struct bytes encoded = bytes_of(text ? text : "");
	size_t len = 0;
	if (t->key_count == TRUST_KEYS_MAX)
		return why_set(why, ERR_FULL, "keys: more than %d", TRUST_KEYS_MAX);
	if (base64_room(encoded) > sizeof room || base64_decode(encoded, room, &len) ||
	    !public_key_is_valid((struct bytes){ room, len }))
		return why_set(why, ERR_INVALID,
			       "keys.%.12s: base64 of a P-256 public key in DER is expected",
			       json_key(j));
	key_id_of((struct bytes){ room, len }, id);
	if (strcmp(id, json_key(j)) != 0)
		return why_set(why, ERR_INVALID, "keys.%.12s: the key's id is %.12s...",
			       json_key(j), id);
	struct trust_key *k = &t->keys[t->key_count++];
	memcpy(k->id, id, sizeof k->id);
	memcpy(k->der, room, sizeof k->der);
	return OK;
}

static enum err read_keys(const struct json *keys, struct trust *t, struct why *why)
{
	enum err e = OK;
	if (json_type_of(keys) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "keys: an object is expected");
	for (const struct json *j = json_first(keys); j && !e; j = json_next(j))
		e = read_key(j, t, why);
	return e;
}

static struct trust_key *find_key(const struct trust *t, const char *id)
{
	for (size_t i = 0; id && i < t->key_count; i++)
		if (strcmp(t->keys[i].id, id) == 0)
			return (struct trust_key *)(uintptr_t)&t->keys[i];
	return NULL;
}

/* A role that is left out is nobody's; root must be somebody's. */
static enum err read_role(const struct json *roles, enum trust_role role, struct trust *t,
			  struct why *why)
{
	const char *name = role_names[role];
	const struct json *j = json_member(roles, name), *keys = json_member(j, "keys");
	int64_t threshold = 0, count = 0;
	if (!j && role != TRUST_ROOT)
		return OK;
	for (const struct json *k = json_first(keys); k; k = json_next(k)) {
		struct trust_key *key = find_key(t, json_string(k));
		if (!key)
			return why_set(why, ERR_INVALID, "roles.%s: %.12s is not among the keys",
				       name, json_string(k) ? json_string(k) : "(no string)");
		count += !(key->roles & 1u << role);
		key->roles |= 1u << role;
	}
	if (!json_integer(json_member(j, "threshold"), &threshold) || threshold < 1 ||
	    threshold > count)
		return why_set(why, ERR_INVALID,
			       "roles.%s.threshold: 1 to the number of its keys is expected", name);
	t->threshold[role] = (unsigned)threshold;
	return OK;
}

static enum err expect(const struct json *doc, const char *key, const char *expected,
		       struct why *why)
{
	const char *s = json_string(json_member(doc, key));
	if (s && strcmp(s, expected) == 0)
		return OK;
	return why_set(why, ERR_INVALID, "%s: \"%s\" is expected", key, expected);
}

static enum err read_head(const struct json *doc, struct trust *t, struct why *why)
{
	const char *fleet = json_string(json_member(doc, "fleet"));
	enum err e = expect(doc, "apiVersion", "skerry.dev/v1", why);
	if (!e)
		e = expect(doc, "kind", "Trust", why);
	if (e)
		return e;
	if (!fleet || !label_is_valid(bytes_of(fleet)))
		return why_set(why, ERR_INVALID, "fleet: the name of a fleet is expected");
	text_copy(t->fleet, sizeof t->fleet, bytes_of(fleet));
	if (!json_integer(json_member(doc, "version"), &t->version) || t->version < 1)
		return why_set(why, ERR_INVALID, "version: a whole number from 1 is expected");
	if (!timestamp_read(json_string(json_member(doc, "issued")), &t->issued_ms) ||
	    !timestamp_read(json_string(json_member(doc, "expires")), &t->expires_ms) ||
	    t->expires_ms <= t->issued_ms)
		return why_set(why, ERR_INVALID,
			       "issued, expires: two dates such as 2026-11-27T00:00:00Z are "
			       "expected, in this order");
	return OK;
}

/* One that says nothing, or something that is not understood, must not look kept. */
static enum err read_floor(const struct json *j, struct trust *t, struct why *why)
{
	struct trust_floor *f = &t->floors[t->floor_count];
	const struct json *device = json_member(j, "device"), *issued = json_member(j, "issued");
	const struct json *epoch = json_member(j, "epoch"),
			  *generation = json_member(j, "generation");
	const int known = !!device + !!issued + !!epoch + !!generation;
	const char *name = json_string(device);
	if (t->floor_count == TRUST_FLOORS_MAX)
		return why_set(why, ERR_FULL, "floors: more than %d", TRUST_FLOORS_MAX);
	*f = (struct trust_floor){ .issued_ms = INT64_MIN };
	if (device && (!name || !label_is_valid(bytes_of(name))))
		return why_set(why, ERR_INVALID,
			       "floors[%zu].device: the name of a device is expected",
			       t->floor_count);
	text_copy(f->device, sizeof f->device, bytes_of(name ? name : ""));
	const bool has_order = json_integer(epoch, &f->epoch) &&
			       json_integer(generation, &f->generation) && f->epoch >= 0 &&
			       f->generation >= 0;
	const bool has_date = timestamp_read(json_string(issued), &f->issued_ms);
	if (known != (int)json_count(j) || !has_order != (!epoch && !generation) ||
	    !has_date != !issued || (!has_order && !has_date))
		return why_set(why, ERR_INVALID,
			       "floors[%zu]: epoch and generation, or issued, or both, and perhaps "
			       "device are expected, and nothing else",
			       t->floor_count);
	t->floor_count++;
	return OK;
}

static enum err read_floors(const struct json *floors, struct trust *t, struct why *why)
{
	enum err e = OK;
	if (floors && json_type_of(floors) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "floors: a list is expected");
	for (const struct json *j = json_first(floors); j && !e; j = json_next(j))
		e = read_floor(j, t, why);
	return e;
}

enum err trust_read(struct bytes payload, struct trust *out, struct why *why)
{
	struct json *doc;
	*out = (struct trust){ 0 };
	enum err e = json_parse(payload, &doc, why);
	if (e)
		return e;
	const struct json *roles = json_member(doc, "roles");
	e = read_head(doc, out, why);
	if (!e)
		e = read_keys(json_member(doc, "keys"), out, why);
	for (enum trust_role r = TRUST_ROOT; r < TRUST_ROLES && !e; r++)
		e = read_role(roles, r, out, why);
	if (!e)
		e = read_floors(json_member(doc, "floors"), out, why);
	json_free(doc);
	return e;
}

/* --- deciding --- */

enum err trust_quorum(const struct trust *t, enum trust_role role, const char *digest,
		      const struct signatures *by, struct why *why)
{
	unsigned tried = 0, good = 0;
	const unsigned wanted = t->threshold[role];
	for (size_t i = 0; i < by->count && (!wanted || good < wanted); i++) {
		const struct signature *s = &by->list[i];
		const struct trust_key *k = find_key(t, s->key);
		if (!k || !(k->roles & 1u << role) || tried & 1u << (k - t->keys))
			continue;
		/* Once for each key: repeating it neither counts nor costs. */
		tried |= 1u << (k - t->keys);
		/* None of ours signs wrongly: the first that does not hold ends the work. */
		if (!signature_is_valid((struct bytes){ k->der, sizeof k->der }, digest,
					(struct bytes){ s->der, s->len }))
			break;
		good++;
	}
	if (wanted && good >= wanted)
		return OK;
	return why_set(why, ERR_DENIED,
		       "%u of %zu signatures count for the role %s of trust version %lld, %u are "
		       "needed",
		       good, by->count, role_names[role], (long long)t->version,
		       wanted ? wanted : 1);
}

enum trust_role trust_commander(const struct trust *t)
{
	return t->threshold[TRUST_COMMAND] ? TRUST_COMMAND : TRUST_STATE;
}

/* A quorum ends at the first signature that does not hold: the first ones of the role are
 * those that have made it. */
void trust_signers(const struct trust *t, enum trust_role role, const struct signatures *by,
		   char out[TRUST_SIGNERS_SIZE])
{
	struct text text = text_in(out, TRUST_SIGNERS_SIZE);
	unsigned named = 0, count = 0;
	for (size_t i = 0; i < by->count && count < t->threshold[role]; i++) {
		const struct trust_key *k = find_key(t, by->list[i].key);
		if (!k || !(k->roles & 1u << role) || named & 1u << (k - t->keys))
			continue;
		named |= 1u << (k - t->keys);
		text_add(&text, "%s%.12s", count++ ? "," : "", k->id);
	}
}

static bool is_below(const struct trust_floor *state, const struct trust_floor *f)
{
	return state->epoch < f->epoch ||
	       (state->epoch == f->epoch && state->generation < f->generation) ||
	       state->issued_ms < f->issued_ms;
}

enum err trust_check_floors(const struct trust *t, const char *device,
			    const struct trust_floor *state, struct why *why)
{
	for (size_t i = 0; i < t->floor_count; i++) {
		const struct trust_floor *f = &t->floors[i];
		if ((*f->device && strcmp(f->device, device) != 0) || !is_below(state, f))
			continue;
		return why_set(why, ERR_DENIED,
			       "it is below floors[%zu] of trust version %lld: at least generation "
			       "%lld of epoch %lld%s are taken",
			       i, (long long)t->version, (long long)f->generation,
			       (long long)f->epoch,
			       f->issued_ms > INT64_MIN ? ", issued no earlier than it says," : "");
	}
	return OK;
}

enum err trust_first(const struct signed_text *s, struct trust *out, struct why *why)
{
	enum err e = trust_read(signed_payload(s), out, why);
	return e ? e : trust_quorum(out, TRUST_ROOT, s->digest, &s->by, why);
}

enum err trust_next(const struct trust *now, const struct signed_text *s, struct trust *out,
		    struct why *why)
{
	enum err e = trust_quorum(now, TRUST_ROOT, s->digest, &s->by, why);
	if (!e)
		e = trust_read(signed_payload(s), out, why);
	if (e)
		return e;
	if (strcmp(out->fleet, now->fleet) != 0)
		return why_set(why, ERR_INVALID, "fleet: \"%s\", but this is \"%s\"", out->fleet,
			       now->fleet);
	if (out->version <= now->version)
		return why_set(why, ERR_CONFLICT, "version %lld is here, this is %lld",
			       (long long)now->version, (long long)out->version);
	if (out->version != now->version + 1)
		return why_set(why, ERR_INVALID, "version %lld cannot follow %lld: one is left out",
			       (long long)out->version, (long long)now->version);
	return trust_quorum(out, TRUST_ROOT, s->digest, &s->by, why);
}
