#include "cloud/hub/receipts.h"

#include "base/text.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct receipts receipts;
	char told[64 * 1024]; /* "fleet/device text\n" ... */
	size_t acks;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	assert_non_null(*state);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void on_ack(void *owner, const char *fleet, const char *device, const char *text)
{
	struct fixture *f = owner;
	size_t len = strlen(f->told);
	f->acks++;
	snprintf(f->told + len, sizeof f->told - len, "%s/%s %s\n", fleet, device, text);
}

static bool add_range(struct fixture *f, const char *device, const char *buf, int64_t from,
		      int64_t to)
{
	struct receipt r = { .fleet = "main", .from = from, .to = to };
	strcpy(r.device, device);
	strcpy(r.buf, buf);
	return receipts_add(&f->receipts, &r);
}

static void add(struct fixture *f, const char *device, int64_t seq)
{
	assert_true(add_range(f, device, "k3", seq, seq));
}

static void add_bad(struct fixture *f, const char *device, int64_t seq, const char *reason)
{
	struct receipt r = { .fleet = "main", .buf = "k3", .from = seq, .to = seq };
	strcpy(r.device, device);
	strcpy(r.bad, reason);
	assert_true(receipts_add(&f->receipts, &r));
}

static void assert_told(struct fixture *f, const char *expected)
{
	f->told[0] = '\0';
	receipts_tell(&f->receipts, on_ack, f);
	assert_string_equal(f->told, expected);
}

static void nothing_is_told_of_nothing(void **state)
{
	assert_told(*state, "");
}

static void one_batch_is_one_range(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 7);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[7,7]],\"bad\":[]}\n");
}

static void neighbours_become_one_range(void **state)
{
	struct fixture *f = *state;
	for (int64_t seq = 1842; seq <= 1850; seq++)
		add(f, "a", seq);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[1842,1850]],\"bad\":[]}\n");
}

static void neighbours_become_one_range_in_whatever_order_they_come(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 3);
	add(f, "a", 1);
	add(f, "a", 2);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[1,3]],\"bad\":[]}\n");
}

static void live_and_backlog_are_two_ranges(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 100);
	add(f, "a", 1);
	add(f, "a", 101);
	add(f, "a", 2);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[100,101],[1,2]],\"bad\":[]}\n");
}

static void what_comes_twice_is_told_once(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 5);
	add(f, "a", 6);
	add(f, "a", 5);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[5,6]],\"bad\":[]}\n");
}

static void each_device_gets_one_message(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 1);
	add(f, "b", 1);
	add(f, "a", 2);
	add(f, "b", 5);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[1,2]],\"bad\":[]}\n"
		       "main/b {\"buf\":\"k3\",\"ok\":[[1,1],[5,5]],\"bad\":[]}\n");
}

static void fleets_and_outboxes_are_kept_apart(void **state)
{
	struct fixture *f = *state;
	struct receipt other = { .fleet = "other", .device = "a", .buf = "k3", .from = 2, .to = 2 };
	add(f, "a", 1);
	assert_true(receipts_add(&f->receipts, &other));
	assert_true(add_range(f, "a", "x9", 2, 2));
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[1,1]],\"bad\":[]}\n"
		       "other/a {\"buf\":\"k3\",\"ok\":[[2,2]],\"bad\":[]}\n"
		       "main/a {\"buf\":\"x9\",\"ok\":[[2,2]],\"bad\":[]}\n");
}

static void a_refusal_carries_its_reason(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 1);
	add_bad(f, "a", 2, "pts[3].f is \"empty\"");
	add(f, "a", 3);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[1,1],[3,3]],"
		       "\"bad\":[[2,\"pts[3].f is \\\"empty\\\"\"]]}\n");
}

static void refusals_are_never_joined(void **state)
{
	struct fixture *f = *state;
	add_bad(f, "a", 1, "x");
	add_bad(f, "a", 2, "x");
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[],\"bad\":[[1,\"x\"],[2,\"x\"]]}\n");
}

static void what_was_told_is_forgotten(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 1);
	receipts_tell(&f->receipts, on_ack, f);
	assert_told(f, "");
	add(f, "a", 2);
	assert_told(f, "main/a {\"buf\":\"k3\",\"ok\":[[2,2]],\"bad\":[]}\n");
}

static void after_a_failed_commit_nothing_is_told(void **state)
{
	struct fixture *f = *state;
	add(f, "a", 1);
	add_bad(f, "a", 2, "x");
	receipts_forget(&f->receipts);
	assert_told(f, "");
}

static void a_full_list_says_so_and_still_joins(void **state)
{
	struct fixture *f = *state;
	char device[16];
	for (int i = 0; i < RECEIPTS_MAX; i++) {
		snprintf(device, sizeof device, "d%d", i);
		add(f, device, 1);
	}
	assert_false(add_range(f, "more", "k3", 1, 1));
	assert_true(add_range(f, "d7", "k3", 2, 2));
	receipts_tell(&f->receipts, on_ack, f);
	assert_int_equal(f->acks, RECEIPTS_MAX);
	assert_non_null(strstr(f->told, "main/d7 {\"buf\":\"k3\",\"ok\":[[1,2]],\"bad\":[]}\n"));
	assert_true(add_range(f, "more", "k3", 1, 1));
}

int main(void)
{
#define RECEIPTS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		RECEIPTS_TEST(nothing_is_told_of_nothing),
		RECEIPTS_TEST(one_batch_is_one_range),
		RECEIPTS_TEST(neighbours_become_one_range),
		RECEIPTS_TEST(neighbours_become_one_range_in_whatever_order_they_come),
		RECEIPTS_TEST(live_and_backlog_are_two_ranges),
		RECEIPTS_TEST(what_comes_twice_is_told_once),
		RECEIPTS_TEST(each_device_gets_one_message),
		RECEIPTS_TEST(fleets_and_outboxes_are_kept_apart),
		RECEIPTS_TEST(a_refusal_carries_its_reason),
		RECEIPTS_TEST(refusals_are_never_joined),
		RECEIPTS_TEST(what_was_told_is_forgotten),
		RECEIPTS_TEST(after_a_failed_commit_nothing_is_told),
		RECEIPTS_TEST(a_full_list_says_so_and_still_joins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
