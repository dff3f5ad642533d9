#include "sync/trust.h"

#include "tests/check.h"

#include <stdio.h>

/* Two keys that openssl made. What they sign is test_anchor.c's business. */
#define A "08e6994999ef6a765bf8dab6ab4e3a98bea795ff5f723c53125c873ff526050d"
#define A_KEY                                                                                      \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9K9kcBR9cxEDQS4LzddhLDogJgRwFpWDPWeQIJAvhOtFkF2Y"     \
	"J+0TfRFEmAuWImjqJuiJtbqQRO8Uh8EK0glTUw=="
#define B "1e840cad2e527c1fd413013ea773c2919ab13a7535f09f9c5fc0901a51692a26"
#define B_KEY                                                                                      \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5RtUz9/0MKEyOemWnYhxRhHPmV755sGuyJJxMKDom6ECicXq"     \
	"extqeOSR3yJS1z82wtb/EiZF2UvmijcW8ahrnA=="

#define HEAD "\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"Trust\",\"fleet\":\"main\",\"version\":1,"
#define DATES "\"issued\":\"2026-11-27T00:00:00Z\",\"expires\":\"2027-11-27T00:00:00Z\","
#define KEYS "\"keys\":{\"" A "\":\"" A_KEY "\",\"" B "\":\"" B_KEY "\"},"
#define ROOT "\"root\":{\"threshold\":1,\"keys\":[\"" A "\"]}"
#define STATE "\"state\":{\"threshold\":1,\"keys\":[\"" B "\"]}"
#define ROLES "\"roles\":{" ROOT "," STATE "}"

static void a_document_is_read(void **state)
{
	struct trust t;
	struct why why = { "" };
	(void)state;
	if (trust_read(BYTES_LIT("{" HEAD DATES KEYS ROLES ",\"later\":1}"), &t, &why))
		fail_msg("%s", why.text);
	assert_int_equal(t.version, 1);
	assert_string_equal(t.fleet, "main");
	assert_int_equal(t.expires_ms - t.issued_ms, 365LL * 24 * 3600 * 1000);
	assert_int_equal(t.key_count, 2);
	assert_string_equal(t.keys[0].id, A);
	assert_int_equal(t.keys[0].roles, 1 << TRUST_ROOT);
	assert_int_equal(t.keys[1].roles, 1 << TRUST_STATE);
	assert_int_equal(t.threshold[TRUST_ROOT], 1);
	assert_int_equal(t.threshold[TRUST_ARTIFACT], 0);
}

static void a_role_that_nobody_has_is_never_fulfilled(void **state)
{
	struct trust t;
	struct why why = { "" };
	const struct signatures none = { .count = 0 };
	(void)state;
	assert_ok(trust_read(BYTES_LIT("{" HEAD DATES KEYS ROLES "}"), &t, NULL));
	assert_err(ERR_DENIED, trust_quorum(&t, TRUST_ARTIFACT, "", &none, &why));
	assert_non_null(strstr(why.text, "role artifact"));
}

#define FLOORS                                                                                     \
	",\"floors\":[{\"epoch\":1,\"generation\":5},"                                             \
	"{\"device\":\"drone-07\",\"issued\":\"2026-12-01T00:00:00Z\"}]"

static void what_is_below_a_floor_is_not_taken(void **state)
{
	static const int64_t december_ms = 1796083200000; /* 2026-12-01T00:00:00Z */
	static const struct {
		const char *device;
		struct trust_floor state;
		enum err expected;
	} table[] = {
		{ "drone-08", { "", 1, 5, 0 }, OK },
		{ "drone-08", { "", 2, 0, 0 }, OK },
		{ "drone-08", { "", 1, 4, december_ms }, ERR_DENIED },
		{ "drone-08", { "", 0, 9, december_ms }, ERR_DENIED },
		{ "drone-07", { "", 1, 5, december_ms }, OK },
		{ "drone-07", { "", 1, 5, december_ms - 1 }, ERR_DENIED },
	};
	struct trust t;
	struct why why = { "" };
	(void)state;
	if (trust_read(BYTES_LIT("{" HEAD DATES KEYS ROLES FLOORS "}"), &t, &why))
		fail_msg("%s", why.text);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (trust_check_floors(&t, table[i].device, &table[i].state, &why) !=
		    table[i].expected)
			fail_msg("row %zu", i);
}

static void the_state_role_commands_where_nobody_else_does(void **state)
{
	struct trust t;
	(void)state;
	assert_ok(trust_read(BYTES_LIT("{" HEAD DATES KEYS ROLES "}"), &t, NULL));
	assert_int_equal(trust_commander(&t), TRUST_STATE);
	assert_ok(trust_read(BYTES_LIT("{" HEAD DATES KEYS "\"roles\":{" ROOT "," STATE
				       ",\"command\":{\"threshold\":1,\"keys\":[\"" A "\"]}}}"),
			     &t, NULL));
	assert_int_equal(trust_commander(&t), TRUST_COMMAND);
	assert_int_equal(t.keys[0].roles, 1 << TRUST_ROOT | 1 << TRUST_COMMAND);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *hint;
	} table[] = {
		{ "[]", "apiVersion" },
		{ "{\"apiVersion\":\"skerry.dev/v2\"}", "apiVersion" },
		{ "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"DesiredState\"}", "kind" },
		{ "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"Trust\"}", "fleet" },
		{ "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"Trust\",\"fleet\":\"main\","
		  "\"version\":0}",
		  "version" },
		{ "{" HEAD KEYS ROLES "}", "issued" },
		{ "{" HEAD "\"issued\":\"2027-11-27T00:00:00Z\",\"expires\":\"2026-11-27T00:00:00Z"
		  "\"," KEYS ROLES "}",
		  "issued" },
		{ "{" HEAD DATES "\"floors\":{\"camera\":3}," KEYS ROLES "}", "floors" },
		{ "{" HEAD DATES KEYS ROLES ",\"floors\":[{}]}", "floors[0]" },
		{ "{" HEAD DATES KEYS ROLES ",\"floors\":[{\"device\":\"a\"}]}", "floors[0]" },
		{ "{" HEAD DATES KEYS ROLES ",\"floors\":[{\"epoch\":1}]}", "floors[0]" },
		{ "{" HEAD DATES KEYS ROLES ",\"floors\":[{\"epoch\":1,\"generation\":-1}]}",
		  "floors[0]" },
		{ "{" HEAD DATES KEYS ROLES ",\"floors\":[{\"issued\":\"today\"}]}", "floors[0]" },
		/* What is not understood is not kept: it may say which states it is for. */
		{ "{" HEAD DATES KEYS ROLES
		  ",\"floors\":[{\"issued\":\"2026-11-27T00:00:00Z\",\"pod\":\"a\"}]}",
		  "floors[0]" },
		{ "{" HEAD DATES KEYS ROLES
		  ",\"floors\":[{\"device\":\"A b\",\"issued\":\"2026-11-27T00:00:00Z\"}]}",
		  "floors[0].device" },
		{ "{" HEAD DATES ROLES "}", "keys" },
		{ "{" HEAD DATES "\"keys\":{\"" A "\":\"" B_KEY "\"}," ROLES "}", "key's id" },
		{ "{" HEAD DATES "\"keys\":{\"" A "\":\"AAAA\"}," ROLES "}", "P-256" },
		{ "{" HEAD DATES "\"keys\":{\"" A "\":1}," ROLES "}", "P-256" },
		{ "{" HEAD DATES KEYS "\"roles\":{}}", "roles.root" },
		{ "{" HEAD DATES KEYS "\"roles\":{\"root\":{\"threshold\":1,\"keys\":[\"aa\"]}}}",
		  "roles.root: aa is not" },
		{ "{" HEAD DATES KEYS "\"roles\":{\"root\":{\"threshold\":1,\"keys\":[7]}}}",
		  "roles.root: (no string)" },
		{ "{" HEAD DATES KEYS "\"roles\":{\"root\":{\"threshold\":0,\"keys\":[\"" A
		  "\"]}}}",
		  "threshold" },
		/* The same key twice is one key. */
		{ "{" HEAD DATES KEYS "\"roles\":{\"root\":{\"threshold\":2,\"keys\":[\"" A
		  "\",\"" A "\"]}}}",
		  "threshold" },
		{ "{" HEAD DATES KEYS "\"roles\":{" ROOT ",\"state\":{\"keys\":[\"" B "\"]}}}",
		  "roles.state.threshold" },
	};
	struct trust t;
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct why why = { "" };
		assert_err(ERR_INVALID, trust_read(bytes_of(table[i].text), &t, &why));
		if (!strstr(why.text, table[i].hint))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, why.text, table[i].hint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_is_read),
		cmocka_unit_test(a_role_that_nobody_has_is_never_fulfilled),
		cmocka_unit_test(what_is_below_a_floor_is_not_taken),
		cmocka_unit_test(the_state_role_commands_where_nobody_else_does),
		cmocka_unit_test(what_is_wrong_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
