/* Template x device, beside files that a person has read: tests/unit/cloud/fleet/golden. With
 * GOLDEN_WRITE set in the environment they are written anew; look at the difference. */
#include "tests/check.h"

#include "cloud/fleet/render.h"
#include "ports/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENTS_MAX = 8 };

static struct json *read_golden(const char *name)
{
	char path[300];
	char *text;
	size_t len;
	struct json *j;
	struct why why = { "" };
	snprintf(path, sizeof path, GOLDEN "/%s", name);
	assert_ok(file_read(path, 65536, &text, &len, &why));
	enum err e = json_parse((struct bytes){ text, len }, &j, &why);
	if (e)
		fail_msg("%s: %s", path, why.text);
	free(text);
	return j;
}

static size_t collect(const struct json *list, const struct json *out[DOCUMENTS_MAX])
{
	size_t n = 0;
	for (const struct json *j = json_first(list); j; j = json_next(j))
		out[n++] = j;
	return n;
}

static struct json *render_one(const struct json *template, const struct json *device)
{
	const struct json *pods[DOCUMENTS_MAX], *configs[DOCUMENTS_MAX];
	struct render_source s = { .pods = pods, .configs = configs, .healthy_ms = -1 };
	struct content c;
	struct why why = { "" };
	s.pod_count = collect(json_member(template, "pods"), pods);
	s.config_count = collect(json_member(template, "configs"), configs);
	s.is_whole = true;
	json_bool(json_member(device, "whole"), &s.is_whole);
	json_integer(json_member(device, "healthyMs"), &s.healthy_ms);
	s.policy = json_member(template, "policy");
	s.overrides = json_member(device, "overrides");
	enum err e = render_content(json_member(device, "before"), &s, &c, &why);
	if (e)
		fail_msg("%s", why.text);
	struct json *out = json_new_object();
	const char *name = json_string(json_member(device, "case"));
	json_set_string(out, "case", name ? name : "");
	json_set(out, "policy", c.policy);
	json_set(out, "workloads", c.workloads);
	json_set(out, "configs", c.configs);
	return out;
}

static void every_device_renders_as_it_was_read_by_a_person(void **state)
{
	struct json *template = read_golden("template.json"),
		    *devices = read_golden("devices.json");
	struct json *all = json_new_array();
	char *want;
	size_t len;
	(void)state;
	for (const struct json *d = json_first(devices); d; d = json_next(d))
		json_push(all, render_one(template, d));
	char *got = json_print_pretty(all);
	if (getenv("GOLDEN_WRITE"))
		assert_ok(file_replace(GOLDEN "/rendered.json", bytes_of(got), false, NULL));
	assert_ok(file_read(GOLDEN "/rendered.json", 65536, &want, &len, NULL));
	assert_string_equal(got, want);
	free(got);
	free(want);
	json_free(all);
	json_free(template);
	json_free(devices);
}

static void the_same_input_is_the_same_and_no_change(void **state)
{
	struct json *template = read_golden("template.json"), *device = json_new_object();
	(void)state;
	struct json *once = render_one(template, device);
	const struct content c = { (struct json *)(uintptr_t)json_member(once, "policy"),
				   (struct json *)(uintptr_t)json_member(once, "workloads"),
				   (struct json *)(uintptr_t)json_member(once, "configs") };
	assert_true(content_is_same(&c, once));
	json_set(device, "before", json_copy(once));
	struct json *twice = render_one(template, device);
	assert_true(content_is_same(&c, twice));
	assert_false(content_is_same(&c, template));
	json_free(once);
	json_free(twice);
	json_free(device);
	json_free(template);
}

static void an_override_of_nothing_is_refused(void **state)
{
	struct json *overrides = json_new_object();
	struct content c;
	struct why why;
	(void)state;
	json_set(overrides, "pod/inspekt", json_new_object());
	struct render_source s = { .is_whole = true, .overrides = overrides, .healthy_ms = -1 };
	assert_err(ERR_NOT_FOUND, render_content(NULL, &s, &c, &why));
	assert_string_equal(why.text, "overrides: there is no pod/inspekt in what it shall run");
	/* Where a device keeps what it runs, one of its overrides may be about that. */
	s.is_whole = false;
	assert_ok(render_content(NULL, &s, &c, &why));
	content_free(&c);
	json_free(overrides);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_renders_as_it_was_read_by_a_person),
		cmocka_unit_test(the_same_input_is_the_same_and_no_change),
		cmocka_unit_test(an_override_of_nothing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
