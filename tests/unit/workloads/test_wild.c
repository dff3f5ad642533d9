/*
 * Manifests as they are found in the wild, and what becomes of every field of them.
 *
 * wild/golden.txt is the answer; `unit.workloads.wild --write` writes it anew, to be
 * read before it is committed.
 */
#include "base/text.h"
#include "ports/file.h"
#include "ports/yaml.h"
#include "tests/check.h"
#include "workloads/configs.h"
#include "workloads/guide.h"
#include "workloads/manifest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 256 * 1024, DOCUMENTS_MAX = 8 };

static const char GOLDEN[] = WILD "/golden.txt";

/* One document while it is described. */
struct document {
	struct text *out;
	const char *kind;
	const struct ignored *ignored; /* by the reader; NULL: it refused the document */
};

static bool is_listed(const struct ignored *list, const char *path)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (strcmp(list->paths[i], path) == 0)
			return true;
	return false;
}

/* The guide says what becomes of a field, and the reader must have done just that. */
static void describe_field(const struct document *d, const char *path)
{
	const struct guide_entry *e = guide_of_document(d->kind, path);
	const bool ignored = is_listed(d->ignored, path);
	if (!e) {
		if (d->ignored)
			fail_msg("%s %s was taken, but the guide does not know it", d->kind, path);
		text_add(d->out, "  %s: unknown\n", path);
		return;
	}
	if (d->ignored && e->verdict == GUIDE_REFUSED)
		fail_msg("%s %s was taken, but the guide says refused", d->kind, path);
	if (d->ignored && e->verdict == GUIDE_IGNORED && !ignored)
		fail_msg("%s %s is not told as ignored", d->kind, path);
	/* A value may be ignored where others are not, such as dnsPolicy: ClusterFirst. */
	text_add(d->out, "  %s: %s\n", path,
		 guide_verdict_name(ignored ? GUIDE_IGNORED : e->verdict));
}

// NOLINTNEXTLINE(misc-no-recursion): test data is as deep as it is
static void describe(const struct document *d, const char *path, const struct json *j)
{
	char below[300];
	size_t index = 0;
	const bool is_list = json_type_of(j) == JSON_ARRAY;
	const bool is_branch = is_list || json_type_of(j) == JSON_OBJECT;
	if (*path && (!is_branch || !guide_has_parts(d->kind, path))) {
		describe_field(d, path);
		return;
	}
	for (const struct json *m = json_first(j); m; m = json_next(m)) {
		if (is_list)
			snprintf(below, sizeof below, "%s[%zu]", path, index++);
		else
			snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "",
				 json_key(m));
		describe(d, below, m);
	}
}

static void describe_config(struct text *out, const struct json *j, const char *kind)
{
	struct configs *c = calloc(1, sizeof *c);
	struct why why = { "" };
	enum err e = configs_add(c, j, &why);
	struct document d = { out, kind, e ? NULL : &c->ignored };
	describe(&d, "", j);
	text_add(out, "  = %s\n", e ? why.text : "taken");
	configs_free(c);
}

static void describe_pod(struct text *out, const struct json *j, const char *kind)
{
	struct pod *p = NULL;
	struct why why = { "" };
	enum err e = manifest_read(j, MANIFEST_BOARD, &p, &why);
	struct document d = { out, kind, e ? NULL : &p->ignored };
	describe(&d, "", j);
	if (e)
		text_add(out, "  = refused: %s\n", why.text);
	else
		text_add(out, "  = taken: %zu containers, %zu volumes, %zu fields ignored\n",
			 p->container_count, p->volume_count, p->ignored.count);
	pod_free(p);
}

static void describe_file(struct text *out, const char *name)
{
	struct yaml_document documents[DOCUMENTS_MAX];
	char path[512], *text;
	size_t len, count;
	struct why why;
	snprintf(path, sizeof path, WILD "/%s", name);
	assert_ok(file_read(path, TEXT_MAX, &text, &len, NULL));
	if (yaml_parse((struct bytes){ text, len }, documents, DOCUMENTS_MAX, &count, &why))
		fail_msg("%s: %s", name, why.text);
	for (size_t i = 0; i < count; i++) {
		const struct json *j = documents[i].tree;
		const char *kind = json_string(json_member(j, "kind"));
		if (!kind)
			continue; /* between two --- */
		text_add(out, "%s: %s\n", name, kind);
		if (configs_is_document(j))
			describe_config(out, j, kind);
		else
			describe_pod(out, j, kind);
	}
	yaml_documents_free(documents, count);
	free(text);
}

static int is_manifest(const struct dirent *entry)
{
	return strstr(entry->d_name, ".yaml") != NULL;
}

static void describe_all(struct text *out)
{
	struct dirent **names;
	int n = scandir(WILD, &names, is_manifest, alphasort);
	assert_true(n >= 12);
	for (int i = 0; i < n; i++) {
		describe_file(out, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	assert_false(text_is_cut(out));
}

static void fail_at_the_first_difference(const char *got, const char *want)
{
	int line = 1;
	while (*got && *got == *want) {
		line += *got == '\n';
		got++;
		want++;
	}
	fail_msg("golden.txt:%d: got \"%.120s\", want \"%.120s\"", line, got, want);
}

static void every_field_becomes_what_the_golden_file_says(void **state)
{
	char *want, *got = calloc(1, TEXT_MAX);
	struct text t = text_in(got, TEXT_MAX);
	size_t len;
	(void)state;
	describe_all(&t);
	assert_ok(file_read(GOLDEN, TEXT_MAX, &want, &len, NULL));
	if (strcmp(got, want) != 0)
		fail_at_the_first_difference(got, want);
	free(want);
	free(got);
}

static void write_golden(void **state)
{
	char *got = calloc(1, TEXT_MAX);
	struct text t = text_in(got, TEXT_MAX);
	(void)state;
	describe_all(&t);
	assert_ok(file_replace(GOLDEN, text_bytes(&t), false, NULL));
	free(got);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest writing[] = { cmocka_unit_test(write_golden) };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_becomes_what_the_golden_file_says),
	};
	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return cmocka_run_group_tests(writing, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
