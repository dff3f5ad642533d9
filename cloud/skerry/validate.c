#include "cloud/skerry/manifest_file.h"
#include "cloud/skerry/verbs.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>

static const char *kind_of(const struct pod_document *d)
{
	return json_string(json_member(d->yaml.tree, "kind"));
}

static void print_json(const struct manifest_files *m)
{
	struct json *j = json_new_object(), *pods = json_new_array(), *configs = json_new_array();
	for (size_t i = 0; i < m->count; i++) {
		struct json *pod = json_new_object();
		json_set_string(pod, "file", m->pods[i].file);
		json_set_string(pod, "pod", m->pods[i].name);
		json_push(pods, pod);
	}
	for (size_t i = 0; i < m->config_count; i++) {
		struct json *config = json_new_object();
		json_set_string(config, "file", m->configs[i].file);
		json_set_string(config, "kind", kind_of(&m->configs[i]));
		json_set_string(config, "name", m->configs[i].name);
		json_push(configs, config);
	}
	json_set(j, "pods", pods);
	json_set(j, "configs", configs);
	char *text = json_print_pretty(j);
	puts(text);
	free(text);
	json_free(j);
}

static void print(const struct options *o, const struct manifest_files *m)
{
	if (o->json)
		print_json(m);
	for (size_t i = 0; !o->json && i < m->count; i++)
		printf("%s: pod %s is fine\n", m->pods[i].file, m->pods[i].name);
	for (size_t i = 0; !o->json && i < m->config_count; i++)
		printf("%s: %s %s is fine\n", m->configs[i].file, kind_of(&m->configs[i]),
		       m->configs[i].name);
}

enum exit_code verb_validate(struct options *o)
{
	struct manifest_files *m = calloc(1, sizeof *m);
	struct why why;
	enum err e = m ? OK : why_set(&why, ERR_SYSTEM, "no memory");
	if (!e && !o->file_count)
		e = why_set(&why, ERR_INVALID, "which files? give -f FILE");
	if (!e)
		e = manifest_files_read(m, o->files, o->file_count, &why);
	if (!e)
		print(o, m);
	if (m)
		manifest_files_free(m);
	free(m);
	return exit_code_tell(e, &why);
}
