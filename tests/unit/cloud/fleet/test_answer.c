#include "tests/check.h"

#include "cloud/fleet/answer.h"

#include <stdio.h>
#include <string.h>

static const struct state_id OURS = { 2, 7, "sha256:message", "sha256:document" };

/* What a report says about ours; `conditions` and the rest of its members as JSON. */
static enum answer ask(const char *members)
{
	char text[600], note[MEMBER_NOTE_SIZE];
	struct json *j;
	snprintf(text, sizeof text, "{%s}", members);
	assert_ok(json_parse(bytes_of(text), &j, NULL));
	const enum answer a = answer_of(j, &OURS, note);
	assert_true(a == ANSWER_FAILED || !note[0]);
	json_free(j);
	return a;
}

static void order_decides_first(void **state)
{
	char note[MEMBER_NOTE_SIZE];
	(void)state;
	assert_int_equal(answer_of(NULL, &OURS, note), ANSWER_NONE);
	assert_int_equal(ask(""), ANSWER_NONE);
	assert_int_equal(ask("\"epoch\":2,\"observed\":6,\"phase\":\"Available\""), ANSWER_NONE);
	assert_int_equal(ask("\"epoch\":1,\"observed\":9,\"phase\":\"Available\""), ANSWER_NONE);
	assert_int_equal(ask("\"epoch\":2,\"observed\":8,\"phase\":\"Available\""), ANSWER_OTHER);
	assert_int_equal(ask("\"epoch\":3,\"observed\":1,\"phase\":\"Available\""), ANSWER_OTHER);
}

static void phases_are_answers(void **state)
{
	static const struct {
		const char *phase;
		enum answer answer;
	} cases[] = {
		{ "Downloading", ANSWER_UPDATING }, { "Progressing", ANSWER_UPDATING },
		{ "Available", ANSWER_HEALTHY },    { "RolledBack", ANSWER_FAILED },
		{ "Degraded", ANSWER_FAILED },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char members[200];
		snprintf(members, sizeof members, "\"epoch\":2,\"observed\":7,\"phase\":\"%s\"",
			 cases[i].phase);
		assert_int_equal(ask(members), cases[i].answer);
	}
}

static void the_reason_comes_along(void **state)
{
	char note[MEMBER_NOTE_SIZE];
	struct json *j;
	(void)state;
	assert_ok(json_parse(
		bytes_of("{\"epoch\":2,\"observed\":7,\"phase\":\"RolledBack\",\"conditions\":[{"
			 "\"type\":\"Available\",\"message\":\"app/main: exit code 7\"}]}"),
		&j, NULL));
	assert_int_equal(answer_of(j, &OURS, note), ANSWER_FAILED);
	assert_string_equal(note, "app/main: exit code 7");
	json_free(j);
}

static void refusals_are_of_this_state_or_none_of_its_business(void **state)
{
	(void)state;
	assert_int_equal(ask("\"epoch\":2,\"observed\":6,\"conditions\":[{\"type\":\"Rejected\","
			     "\"epoch\":2,\"generation\":7,\"message\":\"no\"}]"),
			 ANSWER_FAILED);
	assert_int_equal(ask("\"epoch\":2,\"observed\":6,\"conditions\":[{\"type\":\"Rejected\","
			     "\"epoch\":2,\"generation\":5}]"),
			 ANSWER_NONE);
	assert_int_equal(ask("\"epoch\":2,\"observed\":6,\"conditions\":[{\"type\":\"Rejected\","
			     "\"epoch\":1,\"generation\":7}]"),
			 ANSWER_NONE);
	/* Nobody has looked into it: by the digest of the message. */
	assert_int_equal(ask("\"epoch\":2,\"observed\":6,\"conditions\":[{\"type\":\"Rejected\","
			     "\"epoch\":0,\"generation\":0,\"document\":\"sha256:message\"}]"),
			 ANSWER_FAILED);
	assert_int_equal(ask("\"epoch\":2,\"observed\":6,\"conditions\":[{\"type\":\"Rejected\","
			     "\"epoch\":0,\"generation\":0,\"document\":\"sha256:other\"}]"),
			 ANSWER_NONE);
}

static void another_document_of_our_generation_is_not_ours(void **state)
{
	(void)state;
	assert_int_equal(ask("\"epoch\":2,\"observed\":7,\"phase\":\"Available\","
			     "\"document\":\"sha256:document\""),
			 ANSWER_HEALTHY);
	assert_int_equal(ask("\"epoch\":2,\"observed\":7,\"phase\":\"Available\","
			     "\"document\":\"sha256:other\""),
			 ANSWER_OTHER);
	/* Ours was first; what came later is what conflicts. */
	assert_int_equal(ask("\"epoch\":2,\"observed\":7,\"phase\":\"Available\","
			     "\"document\":\"sha256:document\",\"conditions\":[{\"type\":"
			     "\"Conflict\",\"epoch\":2,\"generation\":7}]"),
			 ANSWER_HEALTHY);
	/* A board that does not say which one it has. */
	assert_int_equal(ask("\"epoch\":2,\"observed\":7,\"phase\":\"Available\",\"conditions\":[{"
			     "\"type\":\"Conflict\",\"epoch\":2,\"generation\":7}]"),
			 ANSWER_OTHER);
}

static void messages_are_read_signed_or_not(void **state)
{
	static const char plain[] = "{\"kind\":\"DesiredState\",\"epoch\":1,\"generation\":4}";
	/* base64 of the line above */
	static const char envelope[] =
		"{\"payload\":\"eyJraW5kIjoiRGVzaXJlZFN0YXRlIiwiZXBvY2giOjEsImdlbmVyYXRpb24iOjR9\","
		"\"sigs\":[]}";
	struct state_id a, b;
	struct why why = { "" };
	(void)state;
	assert_ok(state_id_read(bytes_of(plain), &a, &why));
	enum err e = state_id_read(bytes_of(envelope), &b, &why);
	if (e)
		fail_msg("%s", why.text);
	assert_int_equal(a.generation, 4);
	assert_int_equal(b.generation, 4);
	assert_string_equal(a.document, b.document);
	assert_string_not_equal(a.message, b.message);
	assert_err(ERR_INVALID, state_id_read(bytes_of("{}"), &a, &why));
	assert_err(ERR_INVALID, state_id_read(bytes_of("x"), &a, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_decides_first),
		cmocka_unit_test(phases_are_answers),
		cmocka_unit_test(the_reason_comes_along),
		cmocka_unit_test(refusals_are_of_this_state_or_none_of_its_business),
		cmocka_unit_test(another_document_of_our_generation_is_not_ours),
		cmocka_unit_test(messages_are_read_signed_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
