/* What a state says that another does not. */
#include "tests/check.h"

#include "cloud/fleet/difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json *parse(const char *text)
{
	struct json *j;
	struct why why = { "" };
	if (json_parse(bytes_of(text), &j, &why))
		fail_msg("%s: %s", text, why.text);
	return j;
}

static void check(const char *before, const char *after, const char *want)
{
	struct json *a = before ? parse(before) : NULL, *b = after ? parse(after) : NULL;
	struct json *d = difference_of(a, b);
	char *text = json_print(d);
	assert_string_equal(text, want);
	free(text);
	json_free(d);
	json_free(a);
	json_free(b);
}

/* A state with one pod that has this spec. */
static const char *pod(char *out, size_t cap, const char *spec)
{
	snprintf(out, cap,
		 "{\"workloads\":[{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},"
		 "\"spec\":%s}]}",
		 spec);
	return out;
}

/* The fields that differ between two specs. */
static void check_spec(const char *before, const char *after, const char *fields)
{
	char a[1024], b[1024], want[2048] = "[]";
	if (*fields)
		snprintf(want, sizeof want,
			 "[{\"kind\":\"pod\",\"name\":\"p\",\"change\":\"changed\","
			 "\"fields\":[%s]}]",
			 fields);
	check(pod(a, sizeof a, before), pod(b, sizeof b, after), want);
}

static void test_the_same_is_no_difference(void **state)
{
	(void)state;
	check(NULL, NULL, "[]");
	check("{\"generation\":1,\"issued\":\"a\"}", "{\"generation\":2,\"issued\":\"b\"}", "[]");
	check_spec("{\"a\":{\"b\":1,\"c\":[1,2]}}", "{\"a\":{\"c\":[1,2],\"b\":1}}", "");
}

static void test_fields_have_paths(void **state)
{
	(void)state;
	check_spec("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}",
		   "{\"path\":\"spec.a.b\",\"change\":\"changed\",\"before\":1,\"after\":2}");
	check_spec("{\"a\":{\"x.dev/y\":\"1\"}}", "{\"a\":{}}",
		   "{\"path\":\"spec.a[x.dev/y]\",\"change\":\"removed\",\"before\":\"1\"}");
	check_spec("{\"a\":{\"x.dev/y\":\"1\",\"z\":1}}", "{\"a\":{\"z\":1}}",
		   "{\"path\":\"spec.a[x.dev/y]\",\"change\":\"removed\",\"before\":\"1\"}");
	/* An empty object is a value: emptyDir. */
	check_spec("{}", "{\"v\":{\"emptyDir\":{}}}",
		   "{\"path\":\"spec.v.emptyDir\",\"change\":\"added\",\"after\":{}}");
	check_spec("{\"a\":1}", "{\"a\":1,\"v\":{\"emptyDir\":{}}}",
		   "{\"path\":\"spec.v.emptyDir\",\"change\":\"added\",\"after\":{}}");
	check_spec("{\"a\":null}", "{\"b\":1}",
		   "{\"path\":\"spec.a\",\"change\":\"removed\",\"before\":null},"
		   "{\"path\":\"spec.b\",\"change\":\"added\",\"after\":1}");
}

static void test_lists_go_by_name_or_as_a_whole(void **state)
{
	(void)state;
	check_spec("{\"c\":[{\"name\":\"x\",\"i\":1},{\"name\":\"y\",\"i\":1}]}",
		   "{\"c\":[{\"name\":\"y\",\"i\":2},{\"name\":\"z\",\"i\":3}]}",
		   "{\"path\":\"spec.c[x].name\",\"change\":\"removed\",\"before\":\"x\"},"
		   "{\"path\":\"spec.c[x].i\",\"change\":\"removed\",\"before\":1},"
		   "{\"path\":\"spec.c[y].i\",\"change\":\"changed\",\"before\":1,\"after\":2},"
		   "{\"path\":\"spec.c[z].name\",\"change\":\"added\",\"after\":\"z\"},"
		   "{\"path\":\"spec.c[z].i\",\"change\":\"added\",\"after\":3}");
	check_spec("{\"args\":[\"a\",\"b\"]}", "{\"args\":[\"b\"]}",
		   "{\"path\":\"spec.args\",\"change\":\"changed\",\"before\":[\"a\",\"b\"],"
		   "\"after\":[\"b\"]}");
	/* The order in which init containers run. */
	check_spec("{\"c\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
		   "{\"c\":[{\"name\":\"y\"},{\"name\":\"x\"}]}",
		   "{\"path\":\"spec.c\",\"change\":\"changed\",\"before\":[\"x\",\"y\"],"
		   "\"after\":[\"y\",\"x\"]}");
	/* A name that stands twice names nothing. */
	check_spec("{\"c\":[{\"name\":\"x\",\"v\":1},{\"name\":\"x\",\"v\":2}]}",
		   "{\"c\":[{\"name\":\"x\",\"v\":1},{\"name\":\"x\",\"v\":3}]}",
		   "{\"path\":\"spec.c\",\"change\":\"changed\","
		   "\"before\":[{\"name\":\"x\",\"v\":1},{\"name\":\"x\",\"v\":2}],"
		   "\"after\":[{\"name\":\"x\",\"v\":1},{\"name\":\"x\",\"v\":3}]}");
}

static void test_pods_come_and_go(void **state)
{
	char a[256];
	(void)state;
	check(NULL, pod(a, sizeof a, "{\"x\":1}"),
	      "[{\"kind\":\"pod\",\"name\":\"p\",\"change\":\"added\",\"fields\":["
	      "{\"path\":\"kind\",\"change\":\"added\",\"after\":\"Pod\"},"
	      "{\"path\":\"metadata.name\",\"change\":\"added\",\"after\":\"p\"},"
	      "{\"path\":\"spec.x\",\"change\":\"added\",\"after\":1}]}]");
	check(pod(a, sizeof a, "{}"), "{\"workloads\":[]}",
	      "[{\"kind\":\"pod\",\"name\":\"p\",\"change\":\"removed\",\"fields\":["
	      "{\"path\":\"kind\",\"change\":\"removed\",\"before\":\"Pod\"},"
	      "{\"path\":\"metadata.name\",\"change\":\"removed\",\"before\":\"p\"},"
	      "{\"path\":\"spec\",\"change\":\"removed\",\"before\":{}}]}]");
}

static void test_what_is_beside_the_pods(void **state)
{
	(void)state;
	check("{\"policy\":{\"healthyFor\":\"1s\"},\"labels\":{\"a\":\"b\"}}",
	      "{\"policy\":{\"healthyFor\":\"2s\"},\"agent\":{\"image\":\"package\"}}",
	      "[{\"kind\":\"labels\",\"name\":\"\",\"change\":\"removed\",\"fields\":["
	      "{\"path\":\"a\",\"change\":\"removed\",\"before\":\"b\"}]},"
	      "{\"kind\":\"policy\",\"name\":\"\",\"change\":\"changed\",\"fields\":["
	      "{\"path\":\"healthyFor\",\"change\":\"changed\",\"before\":\"1s\",\"after\":\"2s\"}"
	      "]},"
	      "{\"kind\":\"agent\",\"name\":\"\",\"change\":\"added\",\"fields\":["
	      "{\"path\":\"image\",\"change\":\"added\",\"after\":\"package\"}]}]");
	/* A state from before there were any. */
	check("{}", "{\"policy\":{},\"workloads\":[],\"configs\":[]}", "[]");
}

static void test_a_secret_stays_one(void **state)
{
	static const char before[] =
		"{\"configs\":[{\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
		"\"data\":{\"a\":\"b25l\"},\"stringData\":{\"b\":\"two\"}},"
		"{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"s\"},\"data\":{\"a\":\"1\"}}]}";
	static const char after[] =
		"{\"configs\":[{\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
		"\"data\":{\"a\":\"dHdv\"},\"stringData\":{\"c\":\"three\"}},"
		"{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"s\"},\"data\":{\"a\":\"2\"}}]}";
	(void)state;
	check(before, after,
	      "[{\"kind\":\"Secret\",\"name\":\"s\",\"change\":\"changed\",\"fields\":["
	      "{\"path\":\"data.a\",\"change\":\"changed\"},"
	      "{\"path\":\"stringData.b\",\"change\":\"removed\"},"
	      "{\"path\":\"stringData.c\",\"change\":\"added\"}]},"
	      "{\"kind\":\"ConfigMap\",\"name\":\"s\",\"change\":\"changed\",\"fields\":["
	      "{\"path\":\"data.a\",\"change\":\"changed\",\"before\":\"1\",\"after\":\"2\"}]}]");
	/* Nor through a member that is no object any more. */
	check("{\"configs\":[{\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},\"data\":\"x\"}]}",
	      "{\"configs\":[{\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
	      "\"data\":{\"k\":\"y\"}}]}",
	      "[{\"kind\":\"Secret\",\"name\":\"s\",\"change\":\"changed\",\"fields\":["
	      "{\"path\":\"data\",\"change\":\"changed\"}]}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_is_no_difference),
		cmocka_unit_test(test_fields_have_paths),
		cmocka_unit_test(test_lists_go_by_name_or_as_a_whole),
		cmocka_unit_test(test_pods_come_and_go),
		cmocka_unit_test(test_what_is_beside_the_pods),
		cmocka_unit_test(test_a_secret_stays_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
