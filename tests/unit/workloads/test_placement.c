#include "tests/check.h"

#include "workloads/manifest.h"
#include "workloads/placement.h"

#include <stdio.h>

/* A pod with this nodeSelector. */
static struct pod *pod_of(const char *selector)
{
	char text[1024];
	struct why why = { "" };
	struct json *j;
	struct pod *p = NULL;
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{"
		 "\"nodeSelector\":%s,\"containers\":[{\"name\":\"c\",\"image\":\"host\","
		 "\"command\":[\"/bin/true\"]}]}}",
		 selector);
	assert_ok(json_parse(bytes_of(text), &j, NULL));
	if (manifest_read(j, MANIFEST_DESK, &p, &why))
		fail_msg("%s", why.text);
	json_free(j);
	return p;
}

static struct json *labels_of(const char *given)
{
	struct json *own, *more;
	assert_ok(json_parse(bytes_of("{\"site\":\"north\",\"stage\":\"prod\"}"), &own, NULL));
	assert_ok(json_parse(bytes_of(given), &more, NULL));
	const struct placement_board b = {
		.device = "d1", .architecture = "arm64", .labels = own, .given = more
	};
	struct json *labels = placement_labels(&b);
	json_free(own);
	json_free(more);
	return labels;
}

static void assert_place(const char *selector, const char *given, const char *reason)
{
	struct why why = { "" };
	struct pod *p = pod_of(selector);
	struct json *labels = labels_of(given);
	assert_err(*reason ? ERR_INVALID : OK, placement_check(p, labels, &why));
	assert_string_equal(why.text, reason);
	json_free(labels);
	pod_free(p);
}

static void a_board_has_all_that_is_asked_for(void **state)
{
	(void)state;
	assert_place("{}", "{}", "");
	assert_place("{\"site\":\"north\",\"kubernetes.io/arch\":\"arm64\"}", "{}", "");
	assert_place("{\"site\":\"south\"}", "{\"site\":\"south\"}", "");
}

static void what_it_lacks_is_named(void **state)
{
	(void)state;
	assert_place("{\"stage\":\"prod\",\"site\":\"south\"}", "{}",
		     "spec.nodeSelector: site=south is asked for, the board has it as north");
	assert_place("{\"gpu\":\"\"}", "{}",
		     "spec.nodeSelector: gpu= is asked for, the board has no such label");
	/* Nobody can give a fact. */
	assert_place("{\"kubernetes.io/arch\":\"arm\"}", "{\"kubernetes.io/arch\":\"arm\"}",
		     "spec.nodeSelector: kubernetes.io/arch=arm is asked for, the board has it as "
		     "arm64");
}

static void the_board_s_own_root_is_not_for_everybody(void **state)
{
	struct why why = { "" };
	struct pod *p = pod_of("{}");
	(void)state;
	assert_ok(placement_check_images(p, true, &why));
	assert_err(ERR_DENIED, placement_check_images(p, false, &why));
	assert_string_equal(why.text,
			    "spec.containers[0].image: host is not allowed on this board; "
			    "set allow_host_image = true");
	pod_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_board_has_all_that_is_asked_for),
		cmocka_unit_test(what_it_lacks_is_named),
		cmocka_unit_test(the_board_s_own_root_is_not_for_everybody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
