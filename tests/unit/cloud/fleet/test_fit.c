#include "cloud/fleet/fit.h"

#include "tests/check.h"
#include "workloads/manifest.h"

#include <stdio.h>
#include <string.h>

/* A board of 100 MiB and one processor. */
static const char BOARD[] = "{\"capacity\":{\"memBytes\":104857600,\"cpuMilli\":1000},"
			    "\"allocatable\":{\"memBytes\":0,\"cpuMilli\":0},"
			    "\"features\":{\"imageArch\":\"arm64\",\"hostImage\":true},"
			    "\"labels\":{\"site\":\"north\"},\"workloads\":{%s}}";

static struct json *parse(const char *text)
{
	struct json *j;
	struct why why = { "" };
	if (json_parse(bytes_of(text), &j, &why))
		fail_msg("%s: %s", why.text, text);
	return j;
}

/* With `more` inside its spec. */
static void add(struct json *list, const char *name, const char *priority, const char *memory,
		const char *more)
{
	char text[1024];
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"},\"spec\":"
		 "{%s\"priorityClassName\":\"%s\",\"containers\":[{\"name\":\"c\",\"image\":"
		 "\"host\",\"command\":[\"/bin/true\"],\"resources\":{\"requests\":{\"memory\":"
		 "\"%s\"}}}]}}",
		 name, more, priority, memory);
	json_push(list, parse(text));
}

static struct fit *judge(const char *workloads, const struct json *pods)
{
	char text[1024];
	snprintf(text, sizeof text, BOARD, workloads);
	struct json *report = parse(text);
	const struct fit_device d = { "d1", report, NULL };
	struct fit *f = fit_judge(&d, pods);
	json_free(report);
	return f;
}

static void assert_pod(const struct fit *f, size_t i, const char *verdict, const char *reason)
{
	assert_string_equal(fit_verdict_name(f->pods[i].verdict), verdict);
	assert_string_equal(f->pods[i].why.text, reason);
}

static void what_runs_now_does_not_count_against_its_successor(void **state)
{
	struct json *pods = json_new_array();
	(void)state;
	add(pods, "app", "normal", "100Mi", "");
	struct fit *f = judge("\"app/c\":{\"state\":\"running\",\"digest\":\"\"}", pods);
	assert_pod(f, 0, "runs", "it requests 100Mi of 100Mi and 0m of 1000m cpu");
	assert_string_equal(f->refused.text, "");
	fit_free(f);
	json_free(pods);
}

static void too_large_for_the_empty_board_is_refused(void **state)
{
	struct json *pods = json_new_array();
	(void)state;
	add(pods, "small", "normal", "1Mi", "");
	add(pods, "app", "high", "101Mi", "");
	struct fit *f = judge("", pods);
	assert_string_equal(f->refused.text,
			    "app: it requests 101 MiB of memory, this board has 100 MiB");
	assert_pod(f, 1, "refused", "it requests 101 MiB of memory, this board has 100 MiB");
	assert_int_equal(f->pods[0].verdict, FIT_RUNS);
	fit_free(f);
	json_free(pods);
}

static void a_lower_one_waits_and_who_displaces_it_is_known(void **state)
{
	struct json *pods = json_new_array();
	(void)state;
	add(pods, "low", "low", "60Mi", "");
	add(pods, "tiny", "normal", "1Mi", "");
	add(pods, "high", "high", "60Mi", "");
	struct fit *f = judge("", pods);
	assert_string_equal(f->refused.text, "");
	assert_pod(f, 0, "waits", "needs 60Mi, 39Mi are free beside pods of higher priority");
	assert_int_equal(f->pods[2].verdict, FIT_RUNS);
	assert_true(fit_displaces(f, 2, 0));
	assert_false(fit_displaces(f, 1, 0));
	assert_false(fit_displaces(f, 0, 2));
	fit_free(f);
	json_free(pods);
}

static void among_equals_the_state_is_refused(void **state)
{
	struct json *pods = json_new_array();
	(void)state;
	add(pods, "a", "normal", "60Mi", "");
	add(pods, "b", "normal", "60Mi", "");
	struct fit *f = judge("", pods);
	assert_string_equal(f->refused.text, "all of one priorityClassName, they request 120 MiB "
					     "of memory, this board has 100 MiB");
	assert_pod(f, 1, "refused", f->refused.text);
	fit_free(f);
	json_free(pods);
}

static void a_job_that_is_done_needs_no_room(void **state)
{
	char workloads[256];
	struct pod *p;
	struct json *pods = json_new_array();
	(void)state;
	add(pods, "once", "high", "60Mi", "\"restartPolicy\":\"Never\",");
	add(pods, "app", "low", "60Mi", "");
	struct fit *f = judge("", pods);
	assert_int_equal(f->pods[1].verdict, FIT_WAITS);
	fit_free(f);
	assert_ok(manifest_read(json_first(pods), MANIFEST_DESK, &p, NULL));
	snprintf(workloads, sizeof workloads,
		 "\"once/c\":{\"state\":\"completed\",\"digest\":\"%s\"}", p->digest);
	pod_free(p);
	f = judge(workloads, pods);
	assert_pod(f, 0, "runs", "it has done its work");
	assert_int_equal(f->pods[1].verdict, FIT_RUNS);
	fit_free(f);
	/* Another pod of that name is to be run yet. */
	f = judge("\"once/c\":{\"state\":\"completed\",\"digest\":\"sha256:0\"}", pods);
	assert_int_equal(f->pods[1].verdict, FIT_WAITS);
	fit_free(f);
	json_free(pods);
}

static void more_containers_than_a_board_takes_are_refused(void **state)
{
	char more[768] = "\"initContainers\":[";
	struct json *pods = json_new_array();
	(void)state;
	for (int i = 1; i < CONTAINERS_MAX; i++)
		snprintf(more + strlen(more), sizeof more - strlen(more),
			 "{\"name\":\"i%d\",\"image\":\"host\",\"command\":[\"/bin/true\"]}%s", i,
			 i < CONTAINERS_MAX - 1 ? "," : "],");
	for (int i = 0; i < WORKLOADS_MAX / CONTAINERS_MAX; i++) {
		char name[8];
		snprintf(name, sizeof name, "app-%d", i);
		add(pods, name, "normal", "1Mi", more);
	}
	struct fit *f = judge("", pods);
	assert_string_equal(f->refused.text, "");
	assert_int_equal(f->pods[0].verdict, FIT_RUNS);
	fit_free(f);
	add(pods, "one-more", "normal", "1Mi", "");
	f = judge("", pods);
	assert_string_equal(f->refused.text, "65 containers; this board takes 64");
	assert_pod(f, 0, "refused", f->refused.text);
	fit_free(f);
	json_free(pods);
}

static void labels_and_images_are_looked_at(void **state)
{
	struct json *pods = json_new_array();
	(void)state;
	add(pods, "app", "normal", "1Mi", "\"nodeSelector\":{\"site\":\"south\"},");
	struct fit *f = judge("", pods);
	assert_string_equal(f->refused.text,
			    "app: spec.nodeSelector: site=south is asked for, the board has it as "
			    "north");
	fit_free(f);
	struct json *report = parse("{\"features\":{\"hostImage\":false},\"labels\":{}}");
	struct json *given = parse("{\"site\":\"south\"}");
	const struct fit_device d = { "d1", report, given };
	f = fit_judge(&d, pods);
	assert_string_equal(f->refused.text,
			    "app: spec.containers[0].image: host is not allowed on this board; "
			    "set allow_host_image = true");
	fit_free(f);
	json_free(given);
	json_free(report);
	json_free(pods);
}

static void what_is_not_known_is_not_refused(void **state)
{
	struct json *pods = json_new_array();
	const struct fit_device never = { "d1", NULL, NULL };
	(void)state;
	add(pods, "app", "normal", "900Gi", "");
	struct fit *f = fit_judge(&never, pods);
	assert_pod(f, 0, "unknown", "the device has never reported, and judges by itself");
	assert_string_equal(f->refused.text, "");
	fit_free(f);
	json_free(pods);
	/* Of a pod that only another version reads nobody knows the priority. */
	pods = json_new_array();
	add(pods, "a", "normal", "60Mi", "");
	add(pods, "b", "normal", "60Mi", "");
	json_push(pods, parse("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"new\"},\"spec\":[]}"));
	f = judge("", pods);
	assert_int_equal(f->pods[2].verdict, FIT_UNKNOWN);
	assert_string_equal(f->pods[2].name, "new");
	assert_string_equal(f->refused.text, "");
	fit_free(f);
	json_free(pods);
}

static void a_folder_without_an_image_for_the_device_is_refused(void **state)
{
	struct json *pods = json_new_array();
	(void)state;
	add(pods, "app", "normal", "1Mi", "");
	json_push(pods, parse("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":"
			      "\"own\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
			      "\"./folder\"}]}}"));
	struct fit *f = judge("", pods);
	assert_string_equal(f->refused.text, "");
	fit_refuse_unpacked(f, "no image for arm64");
	assert_int_equal(f->pods[0].verdict, FIT_RUNS);
	assert_pod(f, 1, "refused", "no image for arm64");
	assert_string_equal(f->refused.text, "own: no image for arm64");
	fit_free(f);
	json_free(pods);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_runs_now_does_not_count_against_its_successor),
		cmocka_unit_test(too_large_for_the_empty_board_is_refused),
		cmocka_unit_test(a_lower_one_waits_and_who_displaces_it_is_known),
		cmocka_unit_test(among_equals_the_state_is_refused),
		cmocka_unit_test(a_job_that_is_done_needs_no_room),
		cmocka_unit_test(more_containers_than_a_board_takes_are_refused),
		cmocka_unit_test(labels_and_images_are_looked_at),
		cmocka_unit_test(what_is_not_known_is_not_refused),
		cmocka_unit_test(a_folder_without_an_image_for_the_device_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
