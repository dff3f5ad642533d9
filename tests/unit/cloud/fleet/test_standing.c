#include "cloud/fleet/standing.h"

#include "tests/check.h"

#include <stdio.h>
#include <string.h>

static const struct state_id OURS = { 1, 7, "sha256:message", "" };
static const char DESIRED[] = "{\"workloads\":[{\"metadata\":{\"name\":\"app\"}}]}";

static struct json *parse(const char *text)
{
	struct json *j;
	struct why why = { "" };
	if (json_parse(bytes_of(text), &j, &why))
		fail_msg("%s: %s", why.text, text);
	return j;
}

/* "WORKLOAD STATE REASON: WHY" of each, a line each. */
static void assert_standing(const char *desired, const char *report, const char *expected)
{
	char text[1024] = "";
	struct standing s[STANDINGS_MAX];
	struct json *d = parse(desired), *r = report ? parse(report) : NULL;
	const struct standing_device about = { r, d, &OURS };
	const size_t n = standing_of(&about, "app", s);
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s %s: %s",
			 i ? "\n" : "", s[i].workload, s[i].state, s[i].reason, s[i].why.text);
	assert_string_equal(text, expected);
	json_free(d);
	json_free(r);
}

/* A report that follows ours, of these workloads. */
static void assert_workloads(const char *phase, const char *workloads, const char *expected)
{
	char report[1024];
	snprintf(report, sizeof report,
		 "{\"epoch\":1,\"observed\":7,\"phase\":\"%s\",\"workloads\":{%s},\"conditions\":"
		 "[{\"type\":\"Available\",\"message\":\"its probe fails\"}]}",
		 phase, workloads);
	assert_standing(DESIRED, report, expected);
}

static void what_is_well_has_no_reason(void **state)
{
	(void)state;
	assert_workloads(
		"Available",
		"\"app/a\":{\"state\":\"running\",\"ready\":true},"
		"\"app/b\":{\"state\":\"completed\",\"ready\":false,\"lastExit\":{\"reason\":"
		"\"Completed\",\"message\":\"exit code 0\"}},"
		"\"apple/a\":{\"state\":\"failed\"}",
		"app/a running : \napp/b completed : ");
}

static void a_container_says_why_itself(void **state)
{
	(void)state;
	assert_workloads("Available",
			 "\"app/a\":{\"state\":\"waiting\",\"trouble\":\"Preempted: needs 64Mi\"}",
			 "app/a waiting Preempted: needs 64Mi");
	assert_workloads(
		"Degraded",
		"\"app/a\":{\"state\":\"waiting\",\"trouble\":\"no such file\"},"
		"\"app/b\":{\"state\":\"failed\",\"lastExit\":{\"reason\":\"Error\","
		"\"message\":\"exit code 7\"}},"
		"\"app/c\":{\"state\":\"running\",\"ready\":false,\"status\":\"warming up\"}",
		"app/a waiting Trouble: no such file\napp/b failed Error: exit code 7\n"
		"app/c running NotReady: warming up");
}

static void the_state_says_why_nothing_is_there(void **state)
{
	(void)state;
	assert_standing(DESIRED, NULL,
			"app unknown NeverReported: generation 7 has not reached it");
	assert_standing(DESIRED, "{\"epoch\":1,\"observed\":6,\"phase\":\"Available\"}",
			"app absent NotSeen: generation 7 has not reached it");
	assert_standing(DESIRED, "{\"epoch\":1,\"observed\":8,\"phase\":\"Available\"}",
			"app absent OtherState: it follows another state than the broker has");
	assert_standing(DESIRED,
			"{\"epoch\":1,\"observed\":6,\"phase\":\"Available\",\"conditions\":[{"
			"\"type\":\"Rejected\",\"message\":\"workloads[0]: no\",\"epoch\":1,"
			"\"generation\":7}]}",
			"app absent Rejected: workloads[0]: no");
	assert_workloads("Downloading", "", "app absent Downloading: its probe fails");
}

/* The one before may run: that is not what was asked for. */
static void what_runs_may_be_another_than_was_asked_for(void **state)
{
	static const char runs[] = "\"app/a\":{\"state\":\"running\",\"ready\":true}";
	(void)state;
	assert_workloads("RolledBack", runs, "app/a running RolledBack: its probe fails");
	char report[256];
	snprintf(report, sizeof report,
		 "{\"epoch\":1,\"observed\":7,\"phase\":\"Available\",\"workloads\":{%s}}", runs);
	assert_standing("{\"workloads\":[]}", report,
			"app/a running NotWanted: no state asks for it any more");
}

static void a_device_without_it_has_none(void **state)
{
	(void)state;
	assert_standing("{\"workloads\":[]}", "{\"workloads\":{\"apple/a\":{}}}", "");
	assert_standing("{}", NULL, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_well_has_no_reason),
		cmocka_unit_test(a_container_says_why_itself),
		cmocka_unit_test(the_state_says_why_nothing_is_there),
		cmocka_unit_test(what_runs_may_be_another_than_was_asked_for),
		cmocka_unit_test(a_device_without_it_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
