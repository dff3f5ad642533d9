#include "tests/check.h"

#include "cloud/fleet/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json *parse(const char *kind, const char *rest)
{
	char text[1200];
	struct json *j;
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"skerry.dev/"
		 "v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"x\"}%s}",
		 kind, rest);
	assert_ok(json_parse(bytes_of(text), &j, NULL));
	return j;
}

static enum err read(const struct json *j, struct why *why)
{
	struct fleet_object f = { 0 };
	struct device_object d;
	struct rollout_object r = { 0 };
	enum err e = OK;
	switch (object_kind_of(j)) {
	case OBJECT_FLEET:
		e = fleet_object_read(j, &f, why);
		fleet_object_free(&f);
		return e;
	case OBJECT_DEVICE:
		return device_object_read(j, &d, why);
	case OBJECT_ROLLOUT:
		e = rollout_object_read(j, &r, why);
		rollout_object_free(&r);
		return e;
	default:
		return ERR_NOT_FOUND;
	}
}

static void kinds_are_ours_or_nobodys(void **state)
{
	struct json *j = parse("Fleet", "");
	(void)state;
	assert_int_equal(object_kind_of(j), OBJECT_FLEET);
	json_remove(j, "apiVersion");
	assert_int_equal(object_kind_of(j), OBJECT_NONE);
	json_free(j);
	j = parse("Pod", "");
	assert_int_equal(object_kind_of(j), OBJECT_NONE);
	json_free(j);
}

static void good_ones_are_read(void **state)
{
	static const char *const good[][2] = {
		{ "Fleet", ",\"spec\":{\"template\":{}}" },
		{ "Fleet",
		  ",\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{"
		  "\"policy\":{},\"files\":[\"a.yaml\"],\"workloads\":[{}],\"configs\":[{}]}}" },
		{ "Device", "" },
		{ "Device", ",\"spec\":{\"pinned\":\"repair\",\"overrides\":{\"pod/a\":{},"
			    "\"Secret/b\":{}}}" },
		{ "Rollout", ",\"spec\":{\"to\":{\"fleet\":\"a\"}}" },
		{ "Rollout",
		  ",\"spec\":{\"to\":{\"files\":[\"a\"],\"prune\":true},\"success\":\"9%\"}" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct json *j = parse(good[i][0], good[i][1]);
		struct why why = { "" };
		if (read(j, &why))
			fail_msg("%s: %s", good[i][1], why.text);
		json_free(j);
	}
}

static void bad_ones_are_refused_with_their_path(void **state)
{
	static const char *const bad[][3] = {
		{ "Fleet", "", "spec: an object" },
		{ "Fleet", ",\"spec\":{}", "spec.template: an object" },
		{ "Fleet", ",\"spec\":{\"templates\":{}}", "spec.templates: is not known" },
		{ "Fleet", ",\"spec\":{\"template\":{\"files\":[1]}}",
		  "spec.template.files: a list of files" },
		{ "Fleet", ",\"spec\":{\"template\":{\"workloads\":[\"a\"]}}",
		  "spec.template.workloads: a list of documents" },
		{ "Fleet", ",\"spec\":{\"template\":{},\"selector\":{\"a\":1}}",
		  "spec.selector: a: " },
		{ "Device", ",\"spec\":{\"pinned\":true}", "spec.pinned: the reason" },
		{ "Device", ",\"spec\":{\"overrides\":{\"inspect\":{}}}",
		  "spec.overrides.inspect: pod/NAME" },
		{ "Device", ",\"spec\":{\"overrides\":{\"pod/a\":1}}", "spec.overrides.pod/a: " },
		{ "Device", ",\"status\":{}", "status: is not known" },
		{ "Rollout", "", "spec: an object" },
		{ "Rollout", ",\"spec\":{}", "spec.to: an object" },
		{ "Rollout", ",\"spec\":{\"to\":{}}", "spec.to: either fleet or files" },
		{ "Rollout", ",\"spec\":{\"to\":{\"fleet\":\"a\",\"files\":[]}}",
		  "spec.to: either fleet or files" },
		{ "Rollout", ",\"spec\":{\"to\":{\"fleet\":\"A\"}}", "spec.to.fleet: " },
		{ "Rollout", ",\"spec\":{\"to\":{\"fleet\":\"a\",\"prune\":true}}",
		  "spec.to.prune: " },
		{ "Rollout", ",\"spec\":{\"to\":{\"fleet\":\"a\"},\"success\":1}",
		  "spec.success: " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct json *j = parse(bad[i][0], bad[i][1]);
		struct why why = { "" };
		if (read(j, &why) != ERR_INVALID)
			fail_msg("%s%s was taken", bad[i][0], bad[i][1]);
		if (strncmp(why.text, bad[i][2], strlen(bad[i][2])) != 0)
			fail_msg("%s%s: %s", bad[i][0], bad[i][1], why.text);
		json_free(j);
	}
}

static void labels_are_the_boards_the_desks_and_facts(void **state)
{
	struct json *report, *given;
	(void)state;
	assert_ok(json_parse(bytes_of("{\"labels\":{\"site\":\"north\",\"stage\":\"prod\","
				      "\"kubernetes.io/arch\":\"lie\"},"
				      "\"features\":{\"imageArch\":\"arm64\",\"kernel\":\"6.1.0\","
				      "\"hostImage\":true,"
				      "\"cgroup\":\"v1: memory cpu, v2: "
				      "kill\",\"sandbox\":\"seccomp, landlock 2\"},"
				      "\"capacity\":{\"memBytes\":1017331712,\"cpuMilli\":4000}}"),
			     &report, NULL));
	assert_ok(json_parse(bytes_of("{\"stage\":\"canary\"}"), &given, NULL));
	const struct device_object d = { .labels = given };
	struct json *labels = object_labels("drone-07", report, &d);
	char *text = json_print(labels);
	assert_string_equal(
		text,
		"{\"site\":\"north\",\"stage\":\"canary\",\"kubernetes.io/hostname\":\"drone-07\","
		"\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"arm64\","
		"\"skerry.dev/kernel\":\"6.1.0\",\"skerry.dev/memory\":\"970\","
		"\"skerry.dev/cpu\":\"4000\",\"skerry.dev/host-image\":\"true\","
		"\"skerry.dev/cgroup.memory\":\"v1\",\"skerry.dev/cgroup.cpu\":\"v1\","
		"\"skerry.dev/cgroup.kill\":\"v2\",\"skerry.dev/landlock\":\"2\","
		"\"skerry.dev/seccomp\":\"true\"}");
	free(text);
	json_free(labels);
	labels = object_labels("new", NULL, NULL); /* one that nobody has heard of */
	assert_string_equal(json_string(json_member(labels, "kubernetes.io/hostname")), "new");
	assert_null(json_member(labels, "kubernetes.io/arch"));
	json_free(labels);
	json_free(report);
	json_free(given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_ours_or_nobodys),
		cmocka_unit_test(good_ones_are_read),
		cmocka_unit_test(bad_ones_are_refused_with_their_path),
		cmocka_unit_test(labels_are_the_boards_the_desks_and_facts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
