/*
 * A board is killed at every write between the first look at a signed state and the
 * moment when that state is its good one, before the write and in the middle of it.
 * Afterwards it has the old state or the new one, the order that goes with it, and
 * takes nothing again that it was past.
 *
 * The new state comes with new trust: the board keeps that first, and the key that had
 * signed the old state counts for nothing under it.
 */
#include "ports/clock.h"
#include "sync/anchor.h"
#include "sync/shelf.h"
#include "tests/contract/openssl.h"
#include "tests/fault/medium.h"
#include "tests/unit/sync/signing.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITES_MAX = 500, DATABASE_MAX = 4 * 1024 * 1024, OLD = 5, NEW = 6 };

static const char DEVICE[] = "drone-07";
static const int64_t NOVEMBER_MS = 1795700000000; /* 2026-11-26T13:33:20Z */

static struct signing signing;
static const char *earlier, *old_state, *new_state;

struct board {
	struct scratch scratch;
	struct store *store;
	struct anchor anchor;
	struct shelf shelf;
	struct desired_id newest;
	char kept[DIGEST_SIZE]; /* of the state on flash */
};

static const struct signing_trust first = {
	1,    2,    "r1 r2 r3 s1 a1",       "r1 r2 r3",
	"s1", "a1", "2026-11-26T00:00:00Z", "2027-11-26T00:00:00Z",
};
/* s1 is revoked. */
static const struct signing_trust second = {
	2,    2,    "r1 r2 r3 s2 a1",       "r1 r2 r3",
	"s2", "a1", "2026-11-26T01:00:00Z", "2028-11-26T00:00:00Z",
};

static const char *state(int generation, int trust, const char *key, const char *more)
{
	char *room = signing_room(&signing);
	snprintf(room, SIGNING_TEXT_MAX,
		 "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"DesiredState\",\"fleet\":\"main\","
		 "\"device\":\"drone-07\",\"epoch\":1,\"generation\":%d,\"trust\":%d,"
		 "\"issued\":\"2026-11-26T12:00:00Z\",\"expires\":\"2026-12-26T12:00:00Z\","
		 "\"workloads\":[]}",
		 generation, trust);
	return signing_envelope(&signing, room, key, more);
}

static void make_documents(void)
{
	static const char *const keys[] = { "r1", "r2", "r3", "s1", "s2", "a1" };
	char *chain;
	scratch_make(&signing.scratch);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		signing_key(&signing, keys[i], "prime256v1");
	chain = signing_room(&signing);
	snprintf(chain, SIGNING_TEXT_MAX, ",\"trust\":[%s]",
		 signing_envelope(&signing, signing_trust(&signing, &second), "r1 r2", ""));
	earlier = state(OLD - 1, 1, "s1", "");
	old_state = state(OLD, 1, "s1", "");
	new_state = state(NEW, 2, "s2", chain);
	const char *anchor =
		signing_envelope(&signing, signing_trust(&signing, &first), "r1 r2", "");
	assert_ok(file_replace(scratch_at(&signing.scratch, "anchor.json"), bytes_of(anchor), false,
			       NULL));
}

/* --- a board, as agent/deploy.c has it --- */

static enum err open_board(struct board *b, struct why *why)
{
	struct bytes kept;
	struct desired d;
	enum err e = store_open(scratch_at(&b->scratch, "store.db"), &b->store, why);
	if (!e)
		e = anchor_open(&b->anchor, scratch_at(&signing.scratch, "anchor.json"), "main",
				b->store, why);
	if (!e)
		e = shelf_open(&b->shelf, b->store, why);
	b->newest = (struct desired_id){ 0 };
	const enum shelf_slot slot = b->shelf.step == SHELF_NONE ? SHELF_GOOD : SHELF_NEXT;
	if (!e && shelf_get(&b->shelf, slot, &kept) == OK) {
		e = desired_open(kept, "main", DEVICE, &d, why);
		b->newest = d.id;
		strcpy(b->kept, d.id.digest);
		desired_free(&d);
	}
	if (!e)
		anchor_restore(&b->anchor, &b->newest);
	return e;
}

static void close_board(struct board *b)
{
	store_close(b->store);
	b->store = NULL;
}

/* ERR_CONFLICT: it is not newer. */
static enum err give(struct board *b, const char *message, struct why *why)
{
	struct desired d;
	struct json *artifacts;
	char room[ANCHOR_MARK_MAX];
	enum err e = anchor_read(&b->anchor, bytes_of(message), DEVICE, NOVEMBER_MS, &d, &artifacts,
				 why);
	if (e)
		return e;
	const struct bytes mark = anchor_mark(&b->anchor, &d, NOVEMBER_MS, room);
	if (desired_compare(&b->newest, &d.id) != DESIRED_NEWER)
		e = why_set(why, ERR_CONFLICT, "not newer");
	if (!e)
		e = shelf_accept(&b->shelf, bytes_of(message), mark, why);
	if (!e) {
		anchor_marked(&b->anchor, mark);
		b->newest = d.id;
		e = shelf_try(&b->shelf, why);
	}
	if (!e)
		e = shelf_promote(&b->shelf, why);
	json_free(artifacts);
	desired_free(&d);
	return e;
}

/* In memory where that can be: a kill asks nothing of the medium. */
static void make_folder(struct scratch *s)
{
	*s = (struct scratch){ .folder = "/dev/shm/skerry-test-XXXXXX" };
	if (!mkdtemp(s->folder))
		scratch_make(s);
}

/* The database of a board with the old state; made once. */
static struct bytes old_database;

static void make_old_board(void)
{
	struct board b;
	struct why why = { "" };
	char *text = NULL;
	make_folder(&b.scratch);
	if (open_board(&b, &why) || give(&b, old_state, &why))
		fail_msg("%s", why.text);
	close_board(&b);
	assert_ok(file_read(scratch_at(&b.scratch, "store.db"), DATABASE_MAX, &text,
			    &old_database.len, NULL));
	old_database.at = text;
	scratch_remove(&b.scratch);
}

static int begin_all(void **unused)
{
	(void)unused;
	make_documents();
	make_old_board();
	return 0;
}

static int end_all(void **unused)
{
	(void)unused;
	free((char *)(uintptr_t)old_database.at);
	signing_end(&signing);
	return 0;
}

static void begin_board(struct board *b)
{
	make_folder(&b->scratch);
	assert_ok(file_replace(scratch_at(&b->scratch, "store.db"), old_database, false, NULL));
}

/* --- the kill, and what is there afterwards --- */

/* False: it got to the end before the n-th write. */
static bool is_killed(struct board *b, enum medium_fault how, size_t n)
{
	int status;
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct why why = { "" };
		if (open_board(b, &why))
			_exit(2);
		medium_arm(how, n);
		_exit(give(b, new_state, &why) ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert_int_equal(status, 0);
	return false;
}

/* State and order never part, and no state is there without the trust that it needs. */
static void check_whole(struct board *b)
{
	assert_true(b->newest.generation == OLD || b->newest.generation == NEW);
	assert_int_equal(b->anchor.mark.generation, b->newest.generation);
	assert_string_equal(b->anchor.mark.digest, b->kept);
	assert_true(b->anchor.trust.version == 1 || b->anchor.trust.version == 2);
	if (b->newest.generation == NEW)
		assert_int_equal(b->anchor.trust.version, 2);
}

static void check_no_replay(struct board *b)
{
	static const char *const *const replays[] = { &earlier, &old_state };
	const struct desired_id before = b->newest;
	for (size_t i = 0; i < sizeof replays / sizeof *replays; i++) {
		enum err e = give(b, *replays[i], NULL);
		assert_true(e == ERR_CONFLICT || e == ERR_DENIED);
	}
	assert_memory_equal(&before, &b->newest, sizeof before);
}

/* What the broker still has is what the board comes to. */
static void check_arrival(struct board *b)
{
	enum err e = give(b, new_state, NULL);
	assert_true(!e || e == ERR_CONFLICT);
	assert_int_equal(b->newest.generation, NEW);
	assert_int_equal(b->anchor.trust.version, 2);
	assert_err(ERR_DENIED, give(b, old_state, NULL));
}

static void check_after(struct board *b, size_t counts[2])
{
	struct why why = { "" };
	if (open_board(b, &why))
		fail_msg("%s", why.text);
	check_whole(b);
	counts[b->newest.generation == NEW]++;
	check_no_replay(b);
	check_arrival(b);
	close_board(b);
}

static void kill_at_every_write(enum medium_fault how)
{
	size_t n = 1, counts[2] = { 0 }; /* boards with the old state, and with the new one */
	for (bool killed = true; killed; n++) {
		struct board b = { .store = NULL };
		assert_true(n < WRITES_MAX);
		begin_board(&b);
		killed = is_killed(&b, how, n);
		check_after(&b, counts);
		scratch_remove(&b.scratch);
	}
	/* Both have been seen, or the kills came at the wrong time. */
	assert_true(counts[0] > 2 && counts[1] > 2);
}

static void killed_before_any_write_it_has_the_old_state_or_the_new_one(void **state)
{
	(void)state;
	kill_at_every_write(MEDIUM_KILLED);
}

static void killed_within_any_write_it_has_the_old_state_or_the_new_one(void **state)
{
	(void)state;
	kill_at_every_write(MEDIUM_KILLED_TORN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_before_any_write_it_has_the_old_state_or_the_new_one),
		cmocka_unit_test(killed_within_any_write_it_has_the_old_state_or_the_new_one),
	};
	if (openssl_is_missing())
		return SKIPPED;
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
