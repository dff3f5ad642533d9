#include "sync/ack.h"

#include "sync/outbox.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char BUF[] = "k3f9x0ab";

/* What an ack told, as one line: "ok 1-2 bad 3:why hello ". */
struct told {
	char text[512];
};

static void add(struct told *t, const char *text)
{
	strncat(t->text, text, sizeof t->text - strlen(t->text) - 1);
}

static void on_ok(void *owner, int64_t from, int64_t to)
{
	char text[64];
	snprintf(text, sizeof text, "ok %lld-%lld ", (long long)from, (long long)to);
	add(owner, text);
}

static void on_bad(void *owner, int64_t seq, const char *reason)
{
	char text[64];
	snprintf(text, sizeof text, "bad %lld:%.30s ", (long long)seq, reason);
	add(owner, text);
}

static void on_hello(void *owner)
{
	add(owner, "hello ");
}

static enum err read(const char *payload, struct told *t)
{
	const struct ack_hooks hooks = { t, on_ok, on_bad, on_hello };
	struct why why = { "" };
	*t = (struct told){ "" };
	enum err e = ack_read(bytes_of(payload), BUF, &hooks, &why);
	if (e)
		assert_string_not_equal(why.text, "");
	return e;
}

static void assert_told(const char *payload, const char *expected)
{
	struct told t;
	assert_ok(read(payload, &t));
	assert_string_equal(t.text, expected);
}

static void assert_refused(enum err class, const char *payload)
{
	struct told t;
	enum err e = read(payload, &t);
	if (e != class)
		fail_msg("%s gives %s", payload, err_name(e));
	assert_string_equal(t.text, "");
}

static void the_example_of_the_contract_is_told(void **state)
{
	(void)state;
	assert_told("{\"buf\":\"k3f9x0ab\",\"ok\":[[1842,1850]],"
		    "\"bad\":[[1851,\"pts[3].f is empty\"]]}",
		    "ok 1842-1850 bad 1851:pts[3].f is empty ");
}

static void ranges_are_told_in_order(void **state)
{
	(void)state;
	assert_told("{\"buf\":\"k3f9x0ab\",\"ok\":[[1,1],[5,9],[3,3]],\"bad\":[]}",
		    "ok 1-1 ok 5-9 ok 3-3 ");
	assert_told("{\"buf\":\"k3f9x0ab\",\"bad\":[[2,\"x\"],[4,\"y\"]]}", "bad 2:x bad 4:y ");
}

static void one_that_names_nothing_is_a_hello(void **state)
{
	(void)state;
	assert_told("{\"buf\":\"k3f9x0ab\",\"ok\":[],\"bad\":[]}", "hello ");
	assert_told("{\"buf\":\"k3f9x0ab\"}", "hello ");
}

static void a_hub_that_knows_no_buf_says_hello_with_none(void **state)
{
	(void)state;
	assert_told("{\"buf\":\"\",\"ok\":[],\"bad\":[]}", "hello ");
}

static void without_a_buf_nothing_is_acknowledged(void **state)
{
	struct told t;
	(void)state;
	assert_int_not_equal(read("{\"buf\":\"\",\"ok\":[[1,100]],\"bad\":[]}", &t), OK);
	assert_string_equal(t.text, "");
}

static void another_outboxs_ack_says_nothing(void **state)
{
	(void)state;
	assert_refused(ERR_NOT_FOUND, "{\"buf\":\"aaaaaaaa\",\"ok\":[[1,2]]}");
	assert_refused(ERR_NOT_FOUND, "{\"buf\":\"k3f9x0a\",\"ok\":[]}");
	assert_refused(ERR_NOT_FOUND, "{\"buf\":\"k3f9x0abc\",\"bad\":[[1,\"x\"]]}");
}

static void what_is_no_ack_is_refused(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID, "");
	assert_refused(ERR_INVALID, "{");
	assert_refused(ERR_INVALID, "[]");
	assert_refused(ERR_INVALID, "{\"ok\":[[1,2]]}");
	assert_refused(ERR_INVALID, "{\"buf\":7,\"ok\":[[1,2]]}");
}

static void one_bad_range_spoils_the_whole_ack(void **state)
{
	static const char *const ranges[] = {
		"[2,1]",     "[1]",     "[1,2,3]", "[]",        "7",
		"[\"1\",2]", "[1,2.5]", "[-1,2]",  "{\"a\":1}", "null",
	};
	char payload[128];
	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		snprintf(payload, sizeof payload, "{\"buf\":\"%s\",\"ok\":[[1,1],%s]}", BUF,
			 ranges[i]);
		assert_refused(ERR_INVALID, payload);
	}
}

static void one_bad_refusal_spoils_the_whole_ack(void **state)
{
	static const char *const refusals[] = { "[1]", "[1,2]", "[\"1\",\"x\"]", "[1,\"x\",2]",
						"\"x\"" };
	char payload[128];
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		snprintf(payload, sizeof payload, "{\"buf\":\"%s\",\"ok\":[[1,1]],\"bad\":[%s]}",
			 BUF, refusals[i]);
		assert_refused(ERR_INVALID, payload);
	}
}

static void lists_that_are_no_lists_are_no_hello(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID, "{\"buf\":\"k3f9x0ab\",\"ok\":\"all\"}");
	assert_refused(ERR_INVALID, "{\"buf\":\"k3f9x0ab\",\"ok\":5}");
	assert_refused(ERR_INVALID, "{\"buf\":\"k3f9x0ab\",\"bad\":true}");
	assert_refused(ERR_INVALID, "{\"buf\":\"k3f9x0ab\",\"ok\":{\"a\":[1,2]}}");
}

static char *ack_of(size_t ranges)
{
	char *payload = malloc(64 + ranges * 16);
	assert_non_null(payload);
	size_t n = (size_t)sprintf(payload, "{\"buf\":\"%s\",\"ok\":[", BUF);
	for (size_t i = 0; i < ranges; i++)
		n += (size_t)sprintf(payload + n, "%s[%zu,%zu]", i ? "," : "", 2 * i, 2 * i);
	strcpy(payload + n, "]}");
	return payload;
}

static void count_ok(void *owner, int64_t from, int64_t to)
{
	size_t *n = owner;
	assert_true(from == to);
	(*n)++;
}

static void an_ack_of_too_many_ranges_is_refused(void **state)
{
	size_t n = 0;
	const struct ack_hooks hooks = { &n, count_ok, NULL, NULL };
	char *fits = ack_of(OUTBOX_RANGES_MAX), *too_many = ack_of(OUTBOX_RANGES_MAX + 1);
	(void)state;
	assert_ok(ack_read(bytes_of(fits), BUF, &hooks, NULL));
	assert_int_equal(n, OUTBOX_RANGES_MAX);
	assert_err(ERR_INVALID, ack_read(bytes_of(too_many), BUF, &hooks, NULL));
	assert_int_equal(n, OUTBOX_RANGES_MAX);
	free(fits);
	free(too_many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_contract_is_told),
		cmocka_unit_test(ranges_are_told_in_order),
		cmocka_unit_test(one_that_names_nothing_is_a_hello),
		cmocka_unit_test(a_hub_that_knows_no_buf_says_hello_with_none),
		cmocka_unit_test(without_a_buf_nothing_is_acknowledged),
		cmocka_unit_test(another_outboxs_ack_says_nothing),
		cmocka_unit_test(what_is_no_ack_is_refused),
		cmocka_unit_test(one_bad_range_spoils_the_whole_ack),
		cmocka_unit_test(one_bad_refusal_spoils_the_whole_ack),
		cmocka_unit_test(lists_that_are_no_lists_are_no_hello),
		cmocka_unit_test(an_ack_of_too_many_ranges_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
