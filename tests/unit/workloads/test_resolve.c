#include "workloads/resolve.h"

#include "base/text.h"
#include "tests/check.h"
#include "workloads/manifest.h"

#define IMAGE "x@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* A pod whose variables and volumes are given, and what it names. */
struct fixture {
	struct pod *pod;
	struct configs *configs;
	struct arena arena;
	struct site site;
	struct why why;
};

static void read_configs(struct fixture *f)
{
	struct json *j;
	assert_ok(json_parse(
		BYTES_LIT("[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			  "\"c\"},\"data\":{\"k\":\"v\"},\"binaryData\":{\"bin\":\"AA==\"}}]"),
		&j, NULL));
	assert_ok(configs_read(j, &f->configs, NULL));
	json_free(j);
}

static void open_with(struct fixture *f, const char *container, const char *spec)
{
	char text[2048];
	struct json *j;
	struct text t = text_in(text, sizeof text);
	text_add(&t,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
		 "\"labels\":{\"app\":\"a\"},\"annotations\":{\"note\":\"one\\n\\\"two\\\"\"}},"
		 "\"spec\":{%s\"containers\":[{\"name\":\"c\",\"image\":\"" IMAGE
		 "\",\"resources\":"
		 "{\"limits\":{\"cpu\":\"250m\",\"memory\":\"64Mi\"}}%s}]}}",
		 spec, container);
	*f = (struct fixture){ .site = { .device = "board-1", .cpu_milli = 4000 } };
	assert_ok(json_parse(text_bytes(&t), &j, NULL));
	if (manifest_read(j, MANIFEST_BOARD, &f->pod, &f->why))
		fail_msg("%s", f->why.text);
	json_free(j);
	read_configs(f);
	arena_init(&f->arena, 64 * 1024);
}

static void close_it(struct fixture *f)
{
	pod_free(f->pod);
	configs_free(f->configs);
	arena_deinit(&f->arena);
}

static void assert_variable(const char *value_from, const char *expected)
{
	struct fixture f;
	char more[512];
	struct bytes value;
	struct text t = text_in(more, sizeof more);
	text_add(&t, ",\"env\":[{\"name\":\"A\",\"valueFrom\":%s}]", value_from);
	open_with(&f, more, "");
	const struct container_spec *c = &f.pod->containers[0];
	const struct resolver r = { &f.site, f.pod, c, f.configs };
	assert_ok(resolve_value(&r, &c->env[0].value, &f.arena, &value, &f.why));
	assert_string_equal(value.at, expected);
	close_it(&f);
}

static void fields_and_resources_are_what_kubernetes_says(void **state)
{
	(void)state;
	assert_variable("{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}", "p");
	assert_variable("{\"fieldRef\":{\"fieldPath\":\"metadata.namespace\"}}", "default");
	assert_variable("{\"fieldRef\":{\"fieldPath\":\"spec.nodeName\"}}", "board-1");
	assert_variable("{\"fieldRef\":{\"fieldPath\":\"metadata.labels['app']\"}}", "a");
	assert_variable("{\"fieldRef\":{\"fieldPath\":\"metadata.labels['none']\"}}", "");
	assert_variable("{\"fieldRef\":{\"fieldPath\":\"metadata.annotations['note']\"}}",
			"one\n\"two\"");
	assert_variable("{\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}}", "1");
	assert_variable("{\"resourceFieldRef\":{\"resource\":\"limits.cpu\",\"divisor\":\"1m\"}}",
			"250");
	assert_variable("{\"resourceFieldRef\":{\"resource\":\"limits.memory\"}}", "67108864");
	assert_variable(
		"{\"resourceFieldRef\":{\"resource\":\"requests.memory\",\"divisor\":\"1Mi\"}}",
		"64");
	assert_variable("{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"k\"}}", "v");
}

static void a_uid_is_one_and_stays(void **state)
{
	struct fixture f;
	struct bytes a, b, c;
	const struct value_spec uid = { .kind = VALUE_FIELD, .text = "metadata.uid" };
	(void)state;
	open_with(&f, "", "");
	struct resolver r = { &f.site, f.pod, &f.pod->containers[0], f.configs };
	assert_ok(resolve_value(&r, &uid, &f.arena, &a, NULL));
	assert_ok(resolve_value(&r, &uid, &f.arena, &b, NULL));
	f.site.device = "board-2";
	assert_ok(resolve_value(&r, &uid, &f.arena, &c, NULL));
	assert_int_equal(a.len, 36);
	assert_int_equal(a.at[14], '8');
	assert_string_equal(a.at, b.at);
	assert_string_not_equal(a.at, c.at);
	close_it(&f);
}

static void a_map_is_a_line_for_each_entry(void **state)
{
	struct fixture f;
	struct bytes value;
	const struct value_spec all = { .kind = VALUE_FIELD, .text = "metadata.annotations" };
	(void)state;
	open_with(&f, "", "");
	const struct resolver r = { &f.site, f.pod, &f.pod->containers[0], f.configs };
	assert_ok(resolve_value(&r, &all, &f.arena, &value, NULL));
	assert_string_equal(value.at, "note=\"one\\n\\\"two\\\"\"");
	close_it(&f);
}

static void assert_check(enum err expected, const char *reason, const char *container,
			 const char *spec)
{
	struct fixture f;
	open_with(&f, container, spec);
	assert_err(expected, resolve_check(f.pod, f.configs, &f.why));
	if (expected && !text_starts(f.why.text, reason))
		fail_msg("\"%s\" does not begin with \"%s\"", f.why.text, reason);
	close_it(&f);
}

static void what_is_missing_is_refused_with_its_path(void **state)
{
#define KEY(rest) ",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":{" rest "}}}]"
#define VOLUME(rest) "\"volumes\":[{\"name\":\"v\"," rest "}],"
	(void)state;
	assert_check(OK, "", KEY("\"name\":\"c\",\"key\":\"k\""), "");
	assert_check(ERR_INVALID,
		     "spec.containers[0].env[0].valueFrom: CreateContainerConfigError: ConfigMap "
		     "\"c\" has no key \"x\"",
		     KEY("\"name\":\"c\",\"key\":\"x\""), "");
	assert_check(ERR_INVALID, "spec.containers[0].env[0].valueFrom: CreateContainerConfigError",
		     KEY("\"name\":\"d\",\"key\":\"k\""), "");
	assert_check(OK, "", KEY("\"name\":\"d\",\"key\":\"k\",\"optional\":true"), "");
	assert_check(ERR_INVALID,
		     "spec.containers[0].env[0].valueFrom: ", KEY("\"name\":\"c\",\"key\":\"bin\""),
		     "");
	assert_check(ERR_INVALID, "spec.containers[0].envFrom[0]: CreateContainerConfigError",
		     ",\"envFrom\":[{\"secretRef\":{\"name\":\"c\"}}]", "");
	assert_check(OK, "", ",\"envFrom\":[{\"secretRef\":{\"name\":\"c\",\"optional\":true}}]",
		     "");
	assert_check(ERR_INVALID, "spec.volumes[0]: CreateContainerConfigError", "",
		     VOLUME("\"secret\":{\"secretName\":\"c\"}"));
	assert_check(OK, "", "", VOLUME("\"secret\":{\"secretName\":\"c\",\"optional\":true}"));
	assert_check(ERR_INVALID, "spec.volumes[0]: CreateContainerConfigError", "",
		     VOLUME("\"configMap\":{\"name\":\"c\",\"items\":[{\"key\":\"x\",\"path\":"
			    "\"x\"}]}"));
	assert_check(ERR_INVALID, "spec.volumes[0]: CreateContainerConfigError", "",
		     VOLUME("\"downwardAPI\":{\"items\":[{\"path\":\"x\",\"resourceFieldRef\":"
			    "{\"containerName\":\"no\",\"resource\":\"limits.cpu\"}}]}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_resources_are_what_kubernetes_says),
		cmocka_unit_test(a_uid_is_one_and_stays),
		cmocka_unit_test(a_map_is_a_line_for_each_entry),
		cmocka_unit_test(what_is_missing_is_refused_with_its_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
