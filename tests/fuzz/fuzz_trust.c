/* fuzz_trust - trust documents, as their roots have signed them: what is read keeps its bounds. */
#include "sync/trust.h"
#include "tests/fuzz/fuzz.h"

static void check_role(const struct trust *t, enum trust_role role)
{
	unsigned keys = 0;
	for (size_t i = 0; i < t->key_count; i++)
		keys += t->keys[i].roles >> role & 1u;
	assert(t->threshold[role] <= keys); /* else nobody could ever fulfil it */
	assert(t->threshold[role] || role != TRUST_ROOT);
	assert(trust_role_name(role)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct trust t;
	struct why why = { "" };
	if (trust_read((struct bytes){ (const char *)at, len }, &t, &why)) {
		assert(why.text[0]);
		return 0;
	}
	assert(t.key_count <= TRUST_KEYS_MAX && t.version > 0 && t.fleet[0]);
	assert(t.issued_ms < t.expires_ms);
	for (size_t i = 0; i < t.key_count; i++) {
		char id[KEY_ID_SIZE];
		const struct bytes der = { t.keys[i].der, PUBLIC_KEY_SIZE };
		key_id_of(der, id);
		assert(strcmp(id, t.keys[i].id) == 0 && public_key_is_valid(der));
	}
	for (int role = 0; role < TRUST_ROLES; role++)
		check_role(&t, (enum trust_role)role);
	return 0;
}
