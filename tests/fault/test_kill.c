/*
 * An agent is killed at any instruction, again and again: what it had heard to
 * be kept is there, and nothing is half.
 *
 * Transaction i keeps two letters, numbers 2i-1 and 2i, writes down i, and drops
 * every fourth time all that is older than four transactions. So i says all.
 */
#include "ports/store.h"

#include "base/scoped.h"
#include "ports/clock.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum {
	ROUNDS_USUAL = 40,
	DROP_EVERY = 4,
	BODY_MAX = 3000,
	SEQ_END = 1 << 30,
	PATIENCE_MS = 90 * 1000
};

/* The body of letter `seq`: its length and all its bytes follow from the number. */
static struct bytes body_of(int64_t seq)
{
	static char body[BODY_MAX];
	const size_t len = (size_t)(seq * 7919 % BODY_MAX);
	memset(body, 'a' + (int)(seq % 26), len);
	return (struct bytes){ body, len };
}

/* Letters up to this number are dropped after transaction i. */
static int64_t dropped_to(int64_t i)
{
	const int64_t last = i - i % DROP_EVERY;
	return last > DROP_EVERY ? 2 * (last - DROP_EVERY) : 0;
}

static bool append(struct store *s, enum letter_class class, int64_t seq)
{
	const struct letter l = { .class = class, .items = 1, .stream = "s", .body = body_of(seq) };
	int64_t got;
	return store_append(s, &l, &got, NULL) == OK && got == seq;
}

static bool transact(struct store *s, int64_t i)
{
	const struct bytes count = { (const char *)&i, sizeof i };
	int64_t unused;
	return store_begin(s, NULL) == OK && append(s, LETTER_EVENT, 2 * i - 1) &&
	       append(s, LETTER_TELEMETRY, 2 * i) && store_put(s, "count", count, NULL) == OK &&
	       (i % DROP_EVERY || store_drop(s, 0, dropped_to(i), &unused, NULL) == OK) &&
	       store_commit(s, NULL) == OK;
}

static int64_t read_count(struct store *s)
{
	struct bytes kept;
	int64_t i = 0;
	if (store_get(s, "count", &kept) == OK && kept.len == sizeof i)
		memcpy(&i, kept.at, sizeof i);
	return i;
}

/* The child: until it is killed. It says each number when it is kept. */
static void work(const char *path, int out)
{
	struct store *s;
	if (store_open(path, &s, NULL))
		_exit(1);
	for (int64_t i = read_count(s) + 1; transact(s, i); i++)
		if (write(out, &i, sizeof i) != sizeof i)
			break;
	_exit(2);
}

/* Start, wait for some transactions, and kill somewhere behind; the last one that
 * was said to be kept. */
static int64_t work_and_kill(const char *path, unsigned *seed)
{
	int ends[2];
	int64_t i = 0, heard = 0;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		work(path, ends[1]);
	close(ends[1]);
	SCOPED_FD in = ends[0];
	for (int left = rand_r(seed) % 30; left >= 0 && read(in, &i, sizeof i) == sizeof i; left--)
		heard = i;
	const int64_t until = clock_now_us() + rand_r(seed) % 1500;
	while (clock_now_us() < until)
		; /* any instruction is as good as another */
	kill(pid, SIGKILL);
	int status;
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFSIGNALED(status)); /* not by itself */
	while (read(in, &i, sizeof i) == sizeof i)
		heard = i;
	return heard;
}

static void assert_letters(struct store *s, enum letter_class class, int64_t from, int64_t to)
{
	struct letter l = { 0 };
	for (int64_t seq = from; seq <= to; seq += 2) {
		assert_ok(store_next(s, class, l.seq, SEQ_END, &l));
		assert_int_equal(l.seq, seq);
		assert_true(bytes_equal(l.body, body_of(seq)));
	}
	assert_err(ERR_NOT_FOUND, store_next(s, class, l.seq, SEQ_END, &l));
}

static void assert_whole(const char *path, int64_t heard)
{
	struct store *s;
	struct why why = { "" };
	if (store_open(path, &s, &why))
		fail_msg("%s", why.text);
	const int64_t i = read_count(s), from = dropped_to(i) + 1;
	/* What was kept but not said any more may be there: one at most. */
	if (i < heard || i > heard + 1)
		fail_msg("%lld was kept, %lld is there", (long long)heard, (long long)i);
	assert_int_equal(store_last_seq(s), 2 * i);
	assert_letters(s, LETTER_EVENT, from, 2 * i - 1);
	assert_letters(s, LETTER_TELEMETRY, from + 1, 2 * i);
	struct store_total events, telemetry;
	store_total(s, LETTER_EVENT, &events);
	store_total(s, LETTER_TELEMETRY, &telemetry);
	assert_int_equal(events.letters, telemetry.letters);
	assert_int_equal(2 * events.letters, 2 * i - dropped_to(i));
	store_close(s);
}

/* $SKERRY_KILL_ROUNDS, for a long look: 1,000 take two minutes. */
static int rounds(void)
{
	const char *text = getenv("SKERRY_KILL_ROUNDS");
	const int n = text ? atoi(text) : 0;
	return n > 0 ? n : ROUNDS_USUAL;
}

static int set_up(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);
	assert_non_null(s);
	scratch_make(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static void what_was_kept_survives_every_kill(void **state)
{
	unsigned seed = 20261124;
	int64_t heard = 0;
	const char *path = scratch_at(*state, "store.db");
	for (int round = 0; round < rounds(); round++) {
		int64_t now = work_and_kill(path, &seed);
		if (now)
			heard = now;
		assert_whole(path, heard);
		struct store *s;
		assert_ok(store_open(path, &s, NULL));
		heard = read_count(s);
		store_close(s);
	}
	assert_true(heard > rounds());
}

/* While the store is being made for the first time. */
static void a_kill_at_the_very_beginning_does_no_harm(void **state)
{
	unsigned seed = 7;
	for (int round = 0; round < rounds(); round++) {
		char name[16];
		snprintf(name, sizeof name, "%d.db", round);
		const char *path = scratch_at(*state, name);
		pid_t pid = fork();
		if (pid == 0) {
			struct store *s;
			_exit(store_open(path, &s, NULL) ? 1 : 0);
		}
		const int64_t until = clock_now_us() + rand_r(&seed) % 20000;
		while (clock_now_us() < until)
			;
		kill(pid, SIGKILL);
		assert_true(waitpid(pid, NULL, 0) == pid);
		assert_whole(path, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_kept_survives_every_kill, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_kill_at_the_very_beginning_does_no_harm, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
