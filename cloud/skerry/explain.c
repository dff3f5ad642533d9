#include "cloud/skerry/table.h"
#include "cloud/skerry/verbs.h"
#include "ports/json.h"
#include "workloads/guide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A field and all below it. */
struct choice {
	const char *path; /* "" for everything */
	size_t count;
};

static bool is_chosen(const struct choice *c, const struct guide_entry *e)
{
	return !*c->path || guide_is_below(e, c->path);
}

static void print_json(const struct choice *c)
{
	size_t n;
	const struct guide_entry *all = guide_all(&n);
	struct json *list = json_new_array();
	for (size_t i = 0; i < n; i++) {
		if (!is_chosen(c, &all[i]))
			continue;
		struct json *j = json_new_object();
		json_set_string(j, "field", all[i].path);
		json_set_string(j, "what", guide_verdict_name(all[i].verdict));
		json_set_string(j, "default", all[i].fallback);
		json_set_string(j, "sentence", all[i].sentence);
		json_push(list, j);
	}
	char *text = json_print_pretty(list);
	puts(text);
	free(text);
	json_free(list);
}

static void print_field(const struct guide_entry *e)
{
	printf("%s: %s\n", e->path, guide_verdict_name(e->verdict));
	if (*e->fallback)
		printf("  default: %s\n", e->fallback);
	if (*e->sentence)
		printf("  %s\n", e->sentence);
}

static void print_below(const struct choice *c)
{
	static const char *const titles[] = { "FIELD", "", "DEFAULT", "", NULL };
	struct table t;
	size_t n;
	const struct guide_entry *all = guide_all(&n), *self = guide_find(c->path);
	table_begin(&t, titles);
	for (size_t i = 0; i < n; i++) {
		if (!is_chosen(c, &all[i]) || &all[i] == self)
			continue;
		table_add(&t, "%s", all[i].path);
		table_add(&t, "%s", guide_verdict_name(all[i].verdict));
		table_add(&t, "%s", *all[i].fallback ? all[i].fallback : "-");
		table_add(&t, "%s", all[i].sentence);
	}
	table_print(&t);
}

static size_t count_below(const struct choice *c)
{
	size_t n, found = 0;
	const struct guide_entry *all = guide_all(&n), *self = guide_find(c->path);
	for (size_t i = 0; i < n; i++)
		found += is_chosen(c, &all[i]) && &all[i] != self;
	return found;
}

enum exit_code verb_explain(struct options *o)
{
	struct choice c = { .path = o->word_count ? o->words[0] : "" };
	const struct guide_entry *self = guide_find(c.path);
	struct why why;
	c.count = count_below(&c);
	if (!self && c.count == 0)
		return exit_code_tell(
			why_set(&why, ERR_NOT_FOUND,
				"no field \"%.100s\" is known; they begin with the kind, such as "
				"pod.spec.containers",
				c.path),
			&why);
	if (o->json) {
		print_json(&c);
		return EXIT_CODE_OK;
	}
	if (self)
		print_field(self);
	if (c.count)
		print_below(&c);
	return EXIT_CODE_OK;
}
