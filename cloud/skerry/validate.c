#include "cloud/skerry/manifest_file.h"
#include "cloud/skerry/verbs.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>

static const char *kind_of(const struct pod_document *d)
{
	return json_string(json_member(d->yaml.tree, "kind"));
}

static struct json *print_list(const struct pod_document *list, size_t count)
{
	struct json *out = json_new_array();
	for (size_t i = 0; i < count; i++) {
		struct json *j = json_new_object();
		json_set_string(j, "file", list[i].file);
		json_set_string(j, "kind", kind_of(&list[i]));
		json_set_string(j, "name", list[i].name);
		json_push(out, j);
	}
	return out;
}

static void print_json(const struct manifest_files *m)
{
	struct json *j = json_new_object(), *pods = json_new_array();
	for (size_t i = 0; i < m->count; i++) {
		struct json *pod = json_new_object();
		json_set_string(pod, "file", m->pods[i].file);
		json_set_string(pod, "pod", m->pods[i].name);
		json_push(pods, pod);
	}
	json_set(j, "pods", pods);
	json_set(j, "configs", print_list(m->configs, m->config_count));
	json_set(j, "objects", print_list(m->objects, m->object_count));
	char *text = json_print_pretty(j);
	puts(text);
	free(text);
	json_free(j);
}

static void print_lines(const struct pod_document *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%s: %s %s is fine\n", list[i].file, kind_of(&list[i]), list[i].name);
}

static void print(const struct options *o, const struct manifest_files *m)
{
	if (o->json) {
		print_json(m);
		return;
	}
	for (size_t i = 0; i < m->count; i++)
		printf("%s: pod %s is fine\n", m->pods[i].file, m->pods[i].name);
	print_lines(m->configs, m->config_count);
	print_lines(m->objects, m->object_count);
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
