#include "sync/anchor.h"

#include "ports/digest.h"
#include "signing.h"

/* One set of keys for all tests: openssl takes its time. */
static struct signing signing;

enum { NO_CLOCK = 0 };
static const int64_t NOVEMBER_MS = 1795700000000; /* 2026-11-26T13:33:20Z */

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct anchor anchor;
};

/* --- documents --- */

static const struct signing_trust first = {
	1,    2,    "r1 r2 r3 s1 a1",       "r1 r2 r3",
	"s1", "a1", "2026-11-26T00:00:00Z", "2027-11-26T00:00:00Z",
};
/* r3 leaves, r4 comes; s1 is revoked. */
static const struct signing_trust second = {
	2,    2,    "r1 r2 r4 s2 a1",       "r1 r2 r4",
	"s2", "a1", "2026-11-26T01:00:00Z", "2028-11-26T00:00:00Z",
};

struct wish {
	const char *fleet, *device;
	long long generation;
	int trust;
	const char *issued, *expires;
};
static const struct wish plain = {
	"main", "drone-07", 5, 1, "2026-11-26T12:00:00Z", "2026-12-26T12:00:00Z",
};

static const char *print_state(const struct wish *w)
{
	char *room = signing_room(&signing);
	snprintf(room, SIGNING_TEXT_MAX,
		 "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"DesiredState\",\"fleet\":\"%s\","
		 "\"device\":\"%s\",\"epoch\":1,\"generation\":%lld,\"trust\":%d,"
		 "\"issued\":\"%s\",\"expires\":\"%s\",\"workloads\":[]}",
		 w->fleet, w->device, w->generation, w->trust, w->issued, w->expires);
	return room;
}

static const char *generation(long long n, int trust, const char *names)
{
	struct wish w = plain;
	w.generation = n;
	w.trust = trust;
	return signing_envelope(&signing, print_state(&w), names, "");
}

/* A state of generation 5 with trust documents beside it. */
static const char *with_chain(int trust, const char *statekey, const char *one, const char *two)
{
	struct wish w = plain;
	char *more = signing_room(&signing);
	w.trust = trust;
	snprintf(more, SIGNING_TEXT_MAX, ",\"trust\":[%s%s%s]", one, two ? "," : "",
		 two ? two : "");
	return signing_envelope(&signing, print_state(&w), statekey, more);
}

static const char *document(const struct signing_trust *w, const char *names)
{
	return signing_envelope(&signing, signing_trust(&signing, w), names, "");
}

/* --- a board --- */

static void open_board(struct fixture *f)
{
	struct why why = { "" };
	if (store_open(scratch_at(&f->scratch, "store.db"), &f->store, &why) ||
	    anchor_open(&f->anchor, scratch_at(&f->scratch, "trust.json"), "main", f->store, &why))
		fail_msg("%s", why.text);
}

static void reopen(struct fixture *f)
{
	store_close(f->store);
	open_board(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(file_replace(scratch_at(&f->scratch, "trust.json"),
			       bytes_of(document(&first, "r1 r2")), false, NULL));
	open_board(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* As deploy does: verify, compare, put the mark on flash. ERR_CONFLICT: it is no newer. */
static enum err give_at(struct fixture *f, const char *message, int64_t wall_ms, struct why *why)
{
	struct desired d;
	struct json *artifacts;
	char room[ANCHOR_MARK_MAX];
	enum err e = anchor_read(&f->anchor, bytes_of(message), "drone-07", wall_ms, &d, &artifacts,
				 why);
	if (e)
		return e;
	if (desired_compare(&f->anchor.mark, &d.id) == DESIRED_NEWER) {
		const struct bytes mark = anchor_mark(&f->anchor, &d, wall_ms, room);
		assert_ok(store_put(f->store, ANCHOR_MARK_KEY, mark, NULL));
		anchor_marked(&f->anchor, mark);
	} else {
		e = why_set(why, ERR_CONFLICT, "not newer");
	}
	json_free(artifacts);
	desired_free(&d);
	return e;
}

static void assert_taken(struct fixture *f, const char *message)
{
	struct why why = { "" };
	if (give_at(f, message, NOVEMBER_MS, &why))
		fail_msg("refused: %s", why.text);
}

/* Refused with a hint in the reason, and nothing is different afterwards. */
static void assert_refused_at(struct fixture *f, const char *message, int64_t wall_ms,
			      enum err class, const char *hint)
{
	struct why why = { "" };
	const struct anchor before = f->anchor;
	assert_err(class, give_at(f, message, wall_ms, &why));
	if (!strstr(why.text, hint))
		fail_msg("the reason \"%s\" does not say \"%s\"", why.text, hint);
	assert_memory_equal(&f->anchor.trust, &before.trust, sizeof before.trust);
	assert_memory_equal(&f->anchor.mark, &before.mark, sizeof before.mark);
	assert_int_equal(f->anchor.floor_ms, before.floor_ms);
}

static void assert_refused(struct fixture *f, const char *message, enum err class, const char *hint)
{
	assert_refused_at(f, message, NOVEMBER_MS, class, hint);
}

/* Change one thing between two marks of an envelope. */
static const char *changed(const char *envelope, const char *from, const char *to)
{
	char *room = signing_room(&signing);
	const char *at = strstr(envelope, from);
	assert_non_null(at);
	snprintf(room, SIGNING_TEXT_MAX, "%.*s%s%s", (int)(at - envelope), envelope, to,
		 at + strlen(from));
	return room;
}

/* An envelope with this text for a signature by s1. */
static const char *with_signature(const char *payload, const char *sig)
{
	char *room = signing_room(&signing);
	snprintf(room, SIGNING_TEXT_MAX,
		 "{\"payload\":\"%s\",\"sigs\":[{\"key\":\"%s\",\"sig\":\"%s\"}]}",
		 signing_base64(&signing, bytes_of(payload)), signing_id(&signing, "s1"), sig);
	return room;
}

/* --- states --- */

static void a_good_state_is_taken(void **state)
{
	assert_taken(*state, generation(5, 1, "s1"));
}

static void a_replay_is_not_newer(void **state)
{
	const char *again = generation(5, 1, "s1");
	assert_taken(*state, again);
	assert_refused(*state, again, ERR_CONFLICT, "not newer");
	reopen(*state);
	assert_refused(*state, again, ERR_CONFLICT, "not newer");
}

static void a_rollback_is_not_newer(void **state)
{
	assert_taken(*state, generation(5, 1, "s1"));
	assert_refused(*state, generation(4, 1, "s1"), ERR_CONFLICT, "not newer");
	reopen(*state);
	assert_refused(*state, generation(4, 1, "s1"), ERR_CONFLICT, "not newer");
}

static void a_state_of_another_device_is_refused(void **state)
{
	struct wish w = plain;
	w.device = "drone-08";
	assert_refused(*state, signing_envelope(&signing, print_state(&w), "s1", ""), ERR_INVALID,
		       "drone-08");
}

static void a_state_of_another_fleet_is_refused(void **state)
{
	struct wish w = plain;
	w.fleet = "other";
	assert_refused(*state, signing_envelope(&signing, print_state(&w), "s1", ""), ERR_INVALID,
		       "other");
}

static void a_state_that_has_expired_by_the_clock_is_refused(void **state)
{
	struct wish w = plain;
	w.expires = "2026-11-26T13:00:00Z";
	const char *old = signing_envelope(&signing, print_state(&w), "s1", "");
	assert_refused(*state, old, ERR_INVALID, "expires");
	/* A clock that nobody has set says nothing. */
	assert_ok(give_at(*state, old, NO_CLOCK, NULL));
}

static void without_a_clock_accepted_documents_tell_the_time(void **state)
{
	struct wish w = plain;
	w.issued = "2027-01-01T00:00:00Z";
	w.expires = "2027-02-01T00:00:00Z";
	assert_ok(give_at(*state, signing_envelope(&signing, print_state(&w), "s1", ""), NO_CLOCK,
			  NULL));
	reopen(*state);
	w.generation = 6;
	w.issued = "2026-11-27T00:00:00Z";
	w.expires = "2026-12-31T00:00:00Z";
	assert_refused_at(*state, signing_envelope(&signing, print_state(&w), "s1", ""), NO_CLOCK,
			  ERR_INVALID, "expires");
}

static void what_expired_before_this_version_was_made_needs_no_clock(void **state)
{
	struct wish w = plain;
	w.issued = "2026-10-01T00:00:00Z";
	w.expires = "2026-11-01T00:00:00Z";
	assert_refused_at(*state, signing_envelope(&signing, print_state(&w), "s1", ""), NO_CLOCK,
			  ERR_INVALID, "expires");
}

static void a_state_without_an_end_is_refused(void **state)
{
	struct wish w = plain;
	w.expires = "never";
	assert_refused(*state, signing_envelope(&signing, print_state(&w), "s1", ""), ERR_INVALID,
		       "expires");
	w.expires = w.issued;
	assert_refused(*state, signing_envelope(&signing, print_state(&w), "s1", ""), ERR_INVALID,
		       "expires");
}

static void an_unknown_key_counts_for_nothing(void **state)
{
	assert_refused(*state, generation(5, 1, "evil"), ERR_DENIED, "0 of 1");
}

static void a_key_id_that_is_swapped_is_seen(void **state)
{
	const char *own = generation(5, 1, "evil");
	assert_refused(*state,
		       changed(own, signing_id(&signing, "evil"), signing_id(&signing, "s1")),
		       ERR_DENIED, "0 of 1");
}

static void a_root_key_does_not_say_what_runs(void **state)
{
	assert_refused(*state, generation(5, 1, "r1"), ERR_DENIED, "role state");
	assert_refused(*state, generation(5, 1, "r1 r2 r3 a1"), ERR_DENIED, "0 of 4");
}

static void a_flipped_bit_of_the_payload_is_seen(void **state)
{
	const char *good = generation(5, 1, "s1");
	char *bad = signing_room(&signing);
	strcpy(bad, good);
	char *at = strstr(bad, "payload\":\"") + strlen("payload\":\"") + 40;
	*at = *at == 'A' ? 'B' : 'A';
	assert_refused(*state, bad, ERR_DENIED, "0 of 1");
}

static void a_byte_behind_the_signature_is_seen(void **state)
{
	char longer[SIGNATURE_MAX + 1] = { 0 };
	const char *payload = print_state(&plain);
	signing_list(&signing, bytes_of(payload), "s1");
	const struct bytes sig = signing_file(&signing, "sig");
	assert_true(sig.len < sizeof longer);
	memcpy(longer, sig.at, sig.len);
	if (sig.len < SIGNATURE_MAX)
		assert_refused(
			*state,
			with_signature(
				payload,
				signing_base64(&signing, (struct bytes){ longer, sig.len + 1 })),
			ERR_DENIED, "0 of 1");
	assert_taken(*state, with_signature(payload, signing_base64(&signing, sig)));
}

static void a_signature_of_zeroes_is_none(void **state)
{
	/* 30 06 02 01 00 02 01 00 */
	assert_refused(*state, with_signature(print_state(&plain), "MAYCAQACAQA="), ERR_DENIED,
		       "0 of 1");
}

static void a_duplicate_key_in_what_is_signed_is_refused(void **state)
{
	const char *twice = changed(print_state(&plain), "\"device\":\"drone-07\"",
				    "\"device\":\"drone-07\",\"device\":\"drone-08\"");
	assert_refused(*state, signing_envelope(&signing, twice, "s1", ""), ERR_INVALID, "twice");
}

static void a_generation_beyond_2_to_the_53_is_refused(void **state)
{
	assert_refused(*state, generation(9007199254740993, 1, "s1"), ERR_INVALID, "2^53");
}

static void a_state_that_needs_newer_trust_is_refused(void **state)
{
	assert_refused(*state, generation(5, 2, "s1"), ERR_INVALID, "version 2 is needed");
}

static void a_trust_document_is_no_state(void **state)
{
	assert_refused(*state, document(&first, "s1"), ERR_INVALID, "kind");
}

static void a_state_that_nobody_signed_is_refused(void **state)
{
	assert_refused(*state, print_state(&plain), ERR_DENIED, "nobody has signed it");
	assert_refused(*state, generation(5, 1, ""), ERR_DENIED, "0 of 0");
	assert_refused(*state, "[]", ERR_DENIED, "nobody has signed it");
	assert_refused(*state, "{\"sigs\":[]}", ERR_INVALID, "payload");
	assert_refused(*state, "x", ERR_INVALID, "JSON");
}

static void two_signatures_of_one_key_are_one(void **state)
{
	/* The second key decides; the first does not count twice. */
	assert_refused(*state, generation(5, 1, "evil evil a1"), ERR_DENIED, "0 of 3");
	assert_taken(*state, generation(5, 1, "evil s1"));
}

/* --- trust --- */

static void one_root_of_two_is_not_enough(void **state)
{
	assert_refused(*state, with_chain(2, "s2", document(&second, "r1"), NULL), ERR_DENIED,
		       "1 of 1 signatures count for the role root");
}

static void the_same_root_twice_is_one(void **state)
{
	assert_refused(*state, with_chain(2, "s2", document(&second, "r1 r1"), NULL), ERR_DENIED,
		       "1 of 2 signatures count for the role root");
}

static void the_old_quorum_alone_is_not_enough(void **state)
{
	/* r3 is a root of version 1 and none of version 2. */
	assert_refused(*state, with_chain(2, "s2", document(&second, "r1 r3"), NULL), ERR_DENIED,
		       "role root of trust version 2");
}

static void the_new_quorum_alone_is_not_enough(void **state)
{
	assert_refused(*state, with_chain(2, "s2", document(&second, "r1 r4"), NULL), ERR_DENIED,
		       "role root of trust version 1");
}

static void a_version_cannot_be_left_out(void **state)
{
	struct signing_trust third = second;
	third.version = 3;
	assert_refused(*state, with_chain(3, "s2", document(&third, "r1 r2"), NULL), ERR_DENIED,
		       "cannot follow");
}

static void both_quorums_bring_new_trust(void **state)
{
	struct fixture *f = *state;
	assert_taken(f, with_chain(2, "s2", document(&second, "r1 r2"), NULL));
	assert_int_equal(f->anchor.trust.version, 2);
	reopen(f);
	assert_int_equal(f->anchor.trust.version, 2);
	assert_int_equal(f->anchor.mark.trust, 2);
}

static void a_chain_leads_over_several_versions(void **state)
{
	struct fixture *f = *state;
	struct signing_trust third = second;
	third.version = 3;
	third.root = "r2 r4 r3";
	third.keys = "r2 r3 r4 s2 a1";
	char two[SIGNING_TEXT_MAX], three[SIGNING_TEXT_MAX];
	strcpy(two, document(&second, "r1 r2"));
	strcpy(three, document(&third, "r2 r4"));
	assert_taken(f, with_chain(3, "s2", two, three));
	assert_int_equal(f->anchor.trust.version, 3);
	/* Shown again with its whole chain, whose roots are none any more. */
	assert_refused(f, with_chain(3, "s2", two, three), ERR_CONFLICT, "not newer");
}

static void replayed_trust_changes_nothing(void **state)
{
	struct fixture *f = *state;
	char two[SIGNING_TEXT_MAX];
	strcpy(two, document(&second, "r1 r2"));
	assert_taken(f, with_chain(2, "s2", two, NULL));
	struct wish w = plain;
	char *more = signing_room(&signing);
	w.generation = 6;
	snprintf(more, SIGNING_TEXT_MAX, ",\"trust\":[%s]", document(&first, "r1 r2"));
	assert_refused(f, signing_envelope(&signing, print_state(&w), "s1", more), ERR_DENIED,
		       "role state of trust version 2");
	assert_refused(f, with_chain(2, "s2", two, NULL), ERR_CONFLICT, "not newer");
}

static void a_revoked_key_counts_for_nothing(void **state)
{
	assert_taken(*state, with_chain(2, "s2", document(&second, "r1 r2"), NULL));
	assert_refused(*state, generation(8, 1, "s1"), ERR_DENIED, "0 of 1");
	assert_refused(*state, generation(8, 2, "s1"), ERR_DENIED, "0 of 1");
	assert_taken(*state, generation(8, 2, "s2"));
}

static void new_trust_begins_to_count_anew(void **state)
{
	/* A stolen key burned all generations; the next trust frees the board. */
	assert_taken(*state, generation(9007199254740991, 1, "s1"));
	assert_refused(*state, generation(6, 1, "s1"), ERR_CONFLICT, "not newer");
	assert_taken(*state, with_chain(2, "s2", document(&second, "r1 r2"), NULL));
	assert_refused(*state, generation(9007199254740991, 1, "s2"), ERR_CONFLICT, "not newer");
}

static void trust_of_another_fleet_is_refused(void **state)
{
	const char *other = changed(signing_trust(&signing, &second), "\"main\"", "\"else\"");
	assert_refused(*state,
		       with_chain(2, "s2", signing_envelope(&signing, other, "r1 r2", ""), NULL),
		       ERR_DENIED, "else");
}

static void trust_that_has_expired_is_refused(void **state)
{
	struct signing_trust old = second;
	old.expires = "2026-11-26T02:00:00Z";
	assert_refused(*state, with_chain(2, "s2", document(&old, "r1 r2"), NULL), ERR_DENIED,
		       "has expired");
}

static void a_key_of_p_384_is_no_key(void **state)
{
	struct signing_trust odd = second;
	odd.keys = "r1 r2 r4 p384 a1";
	odd.state = "p384";
	assert_refused(*state, with_chain(2, "s2", document(&odd, "r1 r2"), NULL), ERR_DENIED,
		       "P-256");
	assert_refused(*state, generation(5, 1, "p384"), ERR_INVALID, "sigs[0].sig");
}

static void a_clock_cannot_age_a_board_beyond_its_trust(void **state)
{
	struct fixture *f = *state;
	const int64_t far = 4102444800000; /* 2100 */
	struct wish w = plain;
	w.expires = "2099-01-01T00:00:00Z";
	assert_int_equal(anchor_floor(&f->anchor, far), f->anchor.trust.expires_ms);
	assert_refused_at(f, signing_envelope(&signing, print_state(&w), "s1", ""), far,
			  ERR_INVALID, "the trust document");
	/* The roots mend it, under the same clock. */
	struct why why = { "" };
	if (give_at(f, with_chain(2, "s2", document(&second, "r1 r2"), NULL), far, &why) != OK)
		assert_non_null(strstr(why.text, "expires"));
	assert_int_equal(f->anchor.trust.version, 2);
}

static void a_state_cannot_age_a_board_beyond_its_trust(void **state)
{
	struct fixture *f = *state;
	struct wish w = plain;
	w.issued = "2098-01-01T00:00:00Z";
	w.expires = "2099-01-01T00:00:00Z";
	assert_taken(f, signing_envelope(&signing, print_state(&w), "s1", ""));
	assert_int_equal(f->anchor.floor_ms, f->anchor.trust.expires_ms);
	reopen(f);
	assert_int_equal(f->anchor.floor_ms, f->anchor.trust.expires_ms);
}

static void more_documents_than_a_chain_holds_are_refused(void **state)
{
	assert_refused(*state,
		       signing_envelope(&signing, print_state(&plain), "s1",
					",\"trust\":[{},{},{},{},{},{},{},{},{}]"),
		       ERR_FULL, "more than 8");
	assert_refused(*state,
		       signing_envelope(&signing, print_state(&plain), "s1", ",\"trust\":{}"),
		       ERR_INVALID, "a list");
}

/* --- images --- */

static struct json *artifacts_of(const char *digest, const char *manifest, const char *names)
{
	char *room = signing_room(&signing);
	struct json *j;
	snprintf(room, SIGNING_TEXT_MAX, "[{\"digest\":\"%s\",\"sigs\":%s}]", digest,
		 signing_list(&signing, bytes_of(manifest), names));
	assert_ok(json_parse(bytes_of(room), &j, NULL));
	return j;
}

static void assert_artifact(struct fixture *f, enum err e, const char *signed_text,
			    const char *names, const char *hint)
{
	char digest[DIGEST_SIZE];
	struct why why = { "" };
	digest_of(BYTES_LIT("the manifest"), digest);
	struct json *list = artifacts_of(digest, signed_text, names);
	assert_err(e, anchor_check_artifact(&f->anchor, list, digest, &why));
	if (!strstr(why.text, hint))
		fail_msg("the reason \"%s\" does not say \"%s\"", why.text, hint);
	json_free(list);
}

static void an_image_that_its_builder_signed_is_good(void **state)
{
	assert_artifact(*state, OK, "the manifest", "a1", "");
}

static void a_changed_image_is_not(void **state)
{
	assert_artifact(*state, ERR_DENIED, "the manifestx", "a1", "0 of 1");
}

static void an_image_that_another_key_signed_is_not(void **state)
{
	assert_artifact(*state, ERR_DENIED, "the manifest", "evil", "0 of 1");
	assert_artifact(*state, ERR_DENIED, "the manifest", "s1", "role artifact");
	assert_artifact(*state, ERR_DENIED, "the manifest", "", "0 of 0");
}

static void an_image_that_is_not_listed_is_not(void **state)
{
	struct fixture *f = *state;
	struct why why;
	assert_err(ERR_DENIED,
		   anchor_check_artifact(&f->anchor, NULL,
					 "sha256:00000000000000000000000000000000000000000000000000"
					 "00000000000000",
					 &why));
	assert_non_null(strstr(why.text, "nobody"));
}

/* --- opening --- */

static void write_anchor(struct fixture *f, const char *text)
{
	assert_ok(file_replace(scratch_at(&f->scratch, "other.json"), bytes_of(text), false, NULL));
}

static void assert_no_anchor(struct fixture *f, enum err class, const char *hint)
{
	struct anchor a;
	struct why why = { "" };
	assert_err(class,
		   anchor_open(&a, scratch_at(&f->scratch, "other.json"), "main", f->store, &why));
	if (!strstr(why.text, hint))
		fail_msg("the reason \"%s\" does not say \"%s\"", why.text, hint);
}

static void an_anchor_is_signed_by_its_own_roots(void **state)
{
	assert_no_anchor(*state, ERR_NOT_FOUND, "other.json");
	write_anchor(*state, document(&first, "r1"));
	assert_no_anchor(*state, ERR_DENIED, "1 of 1");
	write_anchor(*state, "{}");
	assert_no_anchor(*state, ERR_INVALID, "payload");
	write_anchor(*state, signing_envelope(&signing,
					      changed(signing_trust(&signing, &first), "\"main\"",
						      "\"else\""),
					      "r1 r2", ""));
	assert_no_anchor(*state, ERR_INVALID, "else");
}

static void a_newer_image_brings_newer_trust(void **state)
{
	struct fixture *f = *state;
	assert_ok(file_replace(scratch_at(&f->scratch, "trust.json"),
			       bytes_of(document(&second, "r1 r2")), false, NULL));
	reopen(f);
	assert_int_equal(f->anchor.trust.version, 2);
}

static void a_state_from_before_the_anchor_is_older_than_any_signed_one(void **state)
{
	struct fixture *f = *state;
	struct desired_id newest = { 0, 9, 9, "sha256:x" };
	const struct desired_id signed_one = { 1, 1, 1, "sha256:y" };
	anchor_restore(&f->anchor, &newest);
	assert_int_equal(desired_compare(&newest, &signed_one), DESIRED_NEWER);
}

static void the_mark_counts_if_the_shelf_has_lost_its_state(void **state)
{
	struct fixture *f = *state;
	struct desired_id newest = { 0 };
	assert_taken(f, generation(5, 1, "s1"));
	reopen(f);
	anchor_restore(&f->anchor, &newest);
	assert_int_equal(newest.generation, 5);
	assert_int_equal(newest.trust, 1);
}

static int make_keys(void **state)
{
	static const char *const names[] = { "r1", "r2", "r3", "r4", "s1", "s2", "a1", "evil" };
	(void)state;
	scratch_make(&signing.scratch);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		signing_key(&signing, names[i], "prime256v1");
	signing_key(&signing, "p384", "secp384r1");
	return 0;
}

static int remove_keys(void **state)
{
	(void)state;
	signing_end(&signing);
	return 0;
}

static void a_floor_outlaws_what_a_key_has_signed_before(void **state)
{
	struct fixture *f = *state;
	struct signing_trust next = second;
	next.state = "s1 s2"; /* the key stays: what it has signed until then does not count */
	next.keys = "r1 r2 r4 s1 s2 a1";
	next.floors = "[{\"device\":\"drone-07\",\"epoch\":1,\"generation\":7},"
		      "{\"issued\":\"2026-11-26T12:00:00Z\"}]";
	assert_taken(f, generation(5, 1, "s1"));
	struct wish w = plain;
	w.generation = 6;
	w.trust = 2;
	char chain[SIGNING_TEXT_MAX], more[SIGNING_TEXT_MAX + 64];
	snprintf(chain, sizeof chain, "%s", document(&next, "r1 r2"));
	snprintf(more, sizeof more, ",\"trust\":[%s]", chain);
	struct why why = { "" };
	/* The document is taken, the state beside it is not. */
	assert_err(ERR_DENIED, give_at(f, signing_envelope(&signing, print_state(&w), "s1", more),
				       NOVEMBER_MS, &why));
	assert_non_null(strstr(why.text, "floors[0]"));
	assert_int_equal(f->anchor.trust.version, 2);
	w.generation = 7;
	w.issued = "2026-11-26T11:59:59Z";
	assert_refused(f, signing_envelope(&signing, print_state(&w), "s1", ""), ERR_DENIED,
		       "floors[1]");
	/* What was accepted before goes on. */
	assert_refused(f, generation(5, 1, "s1"), ERR_CONFLICT, "not newer");
	w.issued = plain.issued;
	assert_taken(f, signing_envelope(&signing, print_state(&w), "s1", ""));
}

int main(void)
{
#define ANCHOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ANCHOR_TEST(a_good_state_is_taken),
		ANCHOR_TEST(a_replay_is_not_newer),
		ANCHOR_TEST(a_rollback_is_not_newer),
		ANCHOR_TEST(a_state_of_another_device_is_refused),
		ANCHOR_TEST(a_state_of_another_fleet_is_refused),
		ANCHOR_TEST(a_state_that_has_expired_by_the_clock_is_refused),
		ANCHOR_TEST(without_a_clock_accepted_documents_tell_the_time),
		ANCHOR_TEST(what_expired_before_this_version_was_made_needs_no_clock),
		ANCHOR_TEST(a_state_without_an_end_is_refused),
		ANCHOR_TEST(an_unknown_key_counts_for_nothing),
		ANCHOR_TEST(a_key_id_that_is_swapped_is_seen),
		ANCHOR_TEST(a_root_key_does_not_say_what_runs),
		ANCHOR_TEST(a_flipped_bit_of_the_payload_is_seen),
		ANCHOR_TEST(a_byte_behind_the_signature_is_seen),
		ANCHOR_TEST(a_signature_of_zeroes_is_none),
		ANCHOR_TEST(a_duplicate_key_in_what_is_signed_is_refused),
		ANCHOR_TEST(a_generation_beyond_2_to_the_53_is_refused),
		ANCHOR_TEST(a_state_that_needs_newer_trust_is_refused),
		ANCHOR_TEST(a_trust_document_is_no_state),
		ANCHOR_TEST(a_state_that_nobody_signed_is_refused),
		ANCHOR_TEST(two_signatures_of_one_key_are_one),
		ANCHOR_TEST(one_root_of_two_is_not_enough),
		ANCHOR_TEST(the_same_root_twice_is_one),
		ANCHOR_TEST(the_old_quorum_alone_is_not_enough),
		ANCHOR_TEST(the_new_quorum_alone_is_not_enough),
		ANCHOR_TEST(a_version_cannot_be_left_out),
		ANCHOR_TEST(both_quorums_bring_new_trust),
		ANCHOR_TEST(a_chain_leads_over_several_versions),
		ANCHOR_TEST(replayed_trust_changes_nothing),
		ANCHOR_TEST(a_revoked_key_counts_for_nothing),
		ANCHOR_TEST(new_trust_begins_to_count_anew),
		ANCHOR_TEST(trust_of_another_fleet_is_refused),
		ANCHOR_TEST(trust_that_has_expired_is_refused),
		ANCHOR_TEST(a_key_of_p_384_is_no_key),
		ANCHOR_TEST(a_clock_cannot_age_a_board_beyond_its_trust),
		ANCHOR_TEST(a_state_cannot_age_a_board_beyond_its_trust),
		ANCHOR_TEST(more_documents_than_a_chain_holds_are_refused),
		ANCHOR_TEST(an_image_that_its_builder_signed_is_good),
		ANCHOR_TEST(a_changed_image_is_not),
		ANCHOR_TEST(an_image_that_another_key_signed_is_not),
		ANCHOR_TEST(an_image_that_is_not_listed_is_not),
		ANCHOR_TEST(an_anchor_is_signed_by_its_own_roots),
		ANCHOR_TEST(a_newer_image_brings_newer_trust),
		ANCHOR_TEST(a_state_from_before_the_anchor_is_older_than_any_signed_one),
		ANCHOR_TEST(the_mark_counts_if_the_shelf_has_lost_its_state),
		ANCHOR_TEST(a_floor_outlaws_what_a_key_has_signed_before),
	};
	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
