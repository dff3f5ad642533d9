/*
 * fuzz_json - what the guard lets through, cJSON takes, prints, and reads back the same.
 *
 * The bounds that the guard promises are counted in cJSON's own tree.
 */
#include "base/json_guard.h"
#include "ports/json.h"
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <math.h>

static void measure(const cJSON *j, size_t depth, size_t *values)
{
	const bool nests = cJSON_IsArray(j) || cJSON_IsObject(j);
	(*values)++;
	assert(depth + nests <= JSON_DEPTH_MAX);
	assert(!cJSON_IsNumber(j) || isfinite(j->valuedouble));
	const cJSON *child;
	cJSON_ArrayForEach(child, j) measure(child, depth + 1, values);
}

static cJSON *parse(struct bytes text)
{
	const char *end = NULL;
	cJSON *j = cJSON_ParseWithLengthOpts(text.at, text.len, &end, false);
	assert(j);
	for (const char *at = end; at < text.at + text.len; at++)
		assert(strchr(" \t\r\n", *at)); /* nothing that only one of them has read */
	return j;
}

/* Beside a duplicate key cJSON's comparison looks at the first alone. */
static void compare(struct bytes text, bool has_duplicates)
{
	size_t values = 0;
	cJSON *one = parse(text);
	measure(one, 0, &values);
	assert(values <= JSON_VALUES_MAX);
	char *printed = cJSON_PrintUnformatted(one);
	assert(printed);
	cJSON *two = parse(bytes_of(printed));
	assert(has_duplicates || cJSON_Compare(one, two, true));
	cJSON_free(printed);
	cJSON_Delete(one);
	cJSON_Delete(two);
}

static void check_port(const struct json *j)
{
	struct json *again;
	char *printed = json_print(j);
	struct why why;
	if (json_parse(bytes_of(printed), &again, &why))
		abort();
	char *same = json_print(again);
	assert(strcmp(printed, same) == 0);
	json_free(again);
	free(same);
	free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct bytes text = { (const char *)at, len };
	struct why why;
	struct json *j = NULL;
	const bool is_let_through = json_guard(text, &why) == OK;
	const bool is_parsed = json_parse(text, &j, &why) == OK;
	assert(!is_parsed || is_let_through);
	if (is_let_through) {
		assert(json_is_well_formed(text));
		compare(text, !is_parsed);
	}
	if (is_parsed)
		check_port(j);
	json_free(j);
	return 0;
}
