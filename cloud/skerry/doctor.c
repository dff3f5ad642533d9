#include "cloud/skerry/doctor_fleet.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/verbs.h"
#include "ports/file.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a package or an image puts them. */
static const char CONFIG_FILE[] = "/etc/skerry/skerryd.conf",
		  FACTS_FILE[] = "/etc/skerry/board.json";

/* Nobody is told off for a configuration that is not written yet. */
static enum err read_config(const struct options *o, struct config *c, struct why *why)
{
	config_init(c);
	if (o->config)
		return config_read(c, o->config, why);
	return file_exists(CONFIG_FILE) ? config_read(c, CONFIG_FILE, why) : OK;
}

static enum err read_facts(const struct options *o, struct facts *f, struct doctor *d,
			   struct why *why)
{
	const char *path = o->word_count ? o->words[0] : FACTS_FILE;
	if (!o->word_count && !file_exists(path))
		return OK;
	d->facts = f;
	return facts_read(f, path, why);
}

static void print_table(const struct doctor *d)
{
	static const char *const titles[] = { "CHECK", "RESULT", "FOUND", NULL };
	struct table t;
	table_begin(&t, titles);
	for (size_t i = 0; i < d->count; i++) {
		table_add(&t, "%s", d->findings[i].check);
		table_add(&t, "%s", grade_name(d->findings[i].grade));
		table_add(&t, "%s", d->findings[i].found);
	}
	table_print(&t);
	for (size_t i = 0; i < d->count; i++)
		if (d->findings[i].grade != GRADE_OK)
			printf("\n%s: %s\n", d->findings[i].check, d->findings[i].remedy);
}

static void print_json(const struct doctor *d)
{
	struct json *answer = json_new_object(), *checks = json_new_array();
	json_set_integer(answer, "v", 1);
	for (size_t i = 0; i < d->count; i++) {
		const struct finding *f = &d->findings[i];
		struct json *check = json_new_object();
		json_set_string(check, "check", f->check);
		json_set_string(check, "result", grade_name(f->grade));
		json_set_string(check, "found", f->found);
		if (f->grade != GRADE_OK)
			json_set_string(check, "remedy", f->remedy);
		json_push(checks, check);
	}
	json_set(answer, "checks", checks);
	char *text = json_print_pretty(answer);
	puts(text);
	free(text);
	json_free(answer);
}

enum exit_code verb_doctor(struct options *o)
{
	static struct config config;
	static struct facts facts;
	static struct doctor d;
	struct why why = { "" };
	const bool of_fleet = o->word_count && strcmp(o->words[0], "fleet") == 0;
	enum err e = of_fleet ? doctor_examine_fleet(&d, o, &why) : read_config(o, &config, &why);
	if (!e && !of_fleet)
		e = read_facts(o, &facts, &d, &why);
	if (e)
		return exit_code_tell(e, &why);
	d.config = &config;
	if (!of_fleet)
		doctor_examine(&d);
	if (o->json)
		print_json(&d);
	else
		print_table(&d);
	for (size_t i = 0; i < d.count; i++)
		if (d.findings[i].grade == GRADE_FAIL)
			return EXIT_CODE_FAILED;
	return EXIT_CODE_OK;
}
