#include "workloads/configs.h"

#include "base/text.h"
#include "tests/check.h"

static struct configs *configs_of(const char *list)
{
	struct why why = { "" };
	struct configs *c = NULL;
	struct json *j;
	assert_ok(json_parse(bytes_of(list), &j, &why));
	if (configs_read(j, &c, &why))
		fail_msg("%s", why.text);
	json_free(j);
	return c;
}

static void assert_refused(const char *list, const char *reason)
{
	struct why why = { "" };
	struct configs *c = NULL;
	struct json *j;
	assert_ok(json_parse(bytes_of(list), &j, &why));
	enum err e = configs_read(j, &c, &why);
	json_free(j);
	configs_free(c);
	if (e != ERR_INVALID || !text_starts(why.text, reason))
		fail_msg("\"%s\" does not begin with \"%s\"", why.text, reason);
}

static const struct confmap_entry *entry_of(const struct configs *c, enum config_kind kind,
					    const char *name, const char *key)
{
	return confmap_find(configs_find(c, kind, name), key);
}

static void maps_and_secrets_of_one_name_are_two(void **state)
{
	struct configs *c = configs_of(
		"[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a.b\"},"
		"\"data\":{\"k\":\"map\"}},"
		"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a.b\"},"
		"\"type\":\"Opaque\",\"data\":{\"k\":\"c2VjcmV0\"}}]");
	(void)state;
	assert_string_equal(entry_of(c, CONFIG_MAP, "a.b", "k")->value.at, "map");
	assert_string_equal(entry_of(c, CONFIG_SECRET, "a.b", "k")->value.at, "secret");
	assert_null(entry_of(c, CONFIG_SECRET, "a.b", "other"));
	assert_null(entry_of(c, CONFIG_SECRET, "other", "k"));
	configs_free(c);
}

static void binary_values_keep_every_byte(void **state)
{
	struct configs *c = configs_of(
		"[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
		"\"binaryData\":{\"b\":\"AAEC\"},\"data\":{\"t\":\"x\"},\"immutable\":true}]");
	const struct confmap_entry *e = entry_of(c, CONFIG_MAP, "a", "b");
	(void)state;
	assert_int_equal(e->value.len, 3);
	assert_memory_equal(e->value.at, "\0\1\2", 3);
	assert_true(e->is_binary);
	assert_false(entry_of(c, CONFIG_MAP, "a", "t")->is_binary);
	configs_free(c);
}

static void string_data_wins_wherever_it_stands(void **state)
{
	static const char *const both[] = {
		"\"data\":{\"k\":\"b2xk\"},\"stringData\":{\"k\":\"new\"}",
		"\"stringData\":{\"k\":\"new\"},\"data\":{\"k\":\"b2xk\"}",
	};
	char text[256];
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct text t = text_in(text, sizeof text);
		text_add(
			&t,
			"[{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
			"%s}]",
			both[i]);
		struct configs *c = configs_of(text);
		assert_string_equal(entry_of(c, CONFIG_SECRET, "s", "k")->value.at, "new");
		assert_int_equal(configs_find(c, CONFIG_SECRET, "s")->count, 1);
		configs_free(c);
	}
}

static void what_is_wrong_is_refused_with_its_path(void **state)
{
	static const struct {
		const char *document, *reason;
	} bad[] = {
		{ "{}", "configs[0]: kind: " },
		{ "{\"kind\":\"Pod\"}", "configs[0]: kind: " },
		{ "{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}",
		  "configs[0]: apiVersion: " },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}", "configs[0]: metadata.name: " },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"../a\"}}",
		  "configs[0]: metadata.name: " },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"..\":\"\"}}",
		  "configs[0]: data...: " },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a/b\":\"\"}}",
		  "configs[0]: data.a/b: " },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":1}}",
		  "configs[0]: data.a: " },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"?\"}}",
		  "configs[0]: data.a: base64" },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"stringData\":{}}",
		  "configs[0]: stringData: " },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
		  "\"binaryData\":{\"k\":\"\"},\"data\":{\"k\":\"\"}}",
		  "configs[0]: binaryData: " },
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct text t = text_in(text, sizeof text);
		text_add(&t, "[%s]", bad[i].document);
		assert_refused(text, bad[i].reason);
	}
	assert_refused("{}", "configs: a list");
	assert_refused(
		"[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}},"
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}]",
		"configs[1]: metadata.name: a second ConfigMap");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_and_secrets_of_one_name_are_two),
		cmocka_unit_test(binary_values_keep_every_byte),
		cmocka_unit_test(string_data_wins_wherever_it_stands),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
