#include "cloud/skerry/manifest_file.h"

#include "base/scoped.h"
#include "base/text.h"
#include "cloud/fleet/object.h"
#include "ports/file.h"
#include "workloads/configs.h"
#include "workloads/manifest.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_DOCUMENTS_MAX = PODS_MAX + CONFIGS_MAX + OBJECTS_MAX };

enum err manifest_point_at(const struct pod_document *d, enum err e, struct why *why)
{
	char path[160], where[300];
	if (!d->yaml.lines)
		return e; /* it stands inside another document, which knows the line */
	text_copy(path, sizeof path, (struct bytes){ why->text, strcspn(why->text, ":") });
	snprintf(where, sizeof where, "%.200s:%d", d->file, yaml_line(&d->yaml, path));
	return why_in(why, e, where);
}

/* One warning for a document, however much of it says nothing to a board. */
static void warn_of_ignored(const struct pod_document *d, const struct ignored *ignored)
{
	if (!ignored->count)
		return;
	fprintf(stderr, "warning: %s:%d: %s %s: ignored, see docs/manifest.md: ", d->file,
		d->yaml.lines ? yaml_line(&d->yaml, ignored->paths[0]) : 1,
		json_string(json_member(d->yaml.tree, "kind")), d->name);
	for (size_t i = 0; i < ignored->count; i++)
		fprintf(stderr, "%s%s", i ? ", " : "", ignored->paths[i]);
	fprintf(stderr, "%s\n", ignored->count == IGNORED_MAX ? ", maybe more" : "");
}

static const char *name_of(const struct pod_document *d)
{
	return json_string(json_member(json_member(d->yaml.tree, "metadata"), "name"));
}

static enum err check_pod(struct manifest_files *m, struct pod_document *d, struct why *why)
{
	struct pod *pod;
	enum err e = manifest_read(d->yaml.tree, MANIFEST_DESK, &pod, why);
	if (e)
		return manifest_point_at(d, e, why);
	d->name = name_of(d);
	warn_of_ignored(d, &pod->ignored);
	pod_free(pod);
	for (size_t i = 0; i + 1 < m->count; i++) {
		if (strcmp(m->pods[i].name, d->name) != 0)
			continue;
		e = why_set(why, ERR_INVALID, "metadata.name: a second pod is called \"%s\"",
			    d->name);
		return manifest_point_at(d, e, why);
	}
	return OK;
}

/* All configs together: a second one of a name is found, too. */
static enum err check_config(const struct manifest_files *m, struct pod_document *d,
			     struct why *why)
{
	struct configs *all = calloc(1, sizeof *all);
	enum err e = all ? OK : why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; !e && i < m->config_count; i++)
		e = configs_add(all, m->configs[i].yaml.tree, why);
	d->name = name_of(d);
	if (!e)
		warn_of_ignored(d, &all->ignored);
	configs_free(all);
	return e ? manifest_point_at(d, e, why) : OK;
}

static enum err check_object(const struct pod_document *d, struct why *why)
{
	struct fleet_object fleet = { 0 };
	struct device_object device;
	struct rollout_object rollout = { 0 };
	enum err e = OK;
	switch (object_kind_of(d->yaml.tree)) {
	case OBJECT_FLEET:
		e = fleet_object_read(d->yaml.tree, &fleet, why);
		fleet_object_free(&fleet);
		break;
	case OBJECT_DEVICE:
		e = device_object_read(d->yaml.tree, &device, why);
		break;
	case OBJECT_ROLLOUT:
		e = rollout_object_read(d->yaml.tree, &rollout, why);
		rollout_object_free(&rollout);
		break;
	case OBJECT_NONE:
		break;
	}
	return e ? manifest_point_at(d, e, why) : OK;
}

static enum err check_object_name(const struct manifest_files *m, const struct pod_document *d,
				  struct why *why)
{
	const enum object_kind kind = object_kind_of(d->yaml.tree);
	for (size_t i = 0; i < m->object_count; i++)
		if (object_kind_of(m->objects[i].yaml.tree) == kind &&
		    strcmp(m->objects[i].name, d->name) == 0)
			return manifest_point_at(
				d,
				why_set(why, ERR_INVALID, "metadata.name: a second %s is \"%s\"",
					json_string(json_member(d->yaml.tree, "kind")), d->name),
				why);
	return OK;
}

static enum err grow(struct manifest_files *m, struct why *why)
{
	if (m->object_count < m->object_cap)
		return OK;
	const size_t cap = m->object_cap ? 2 * m->object_cap : 16;
	struct pod_document *grown = realloc(m->objects, cap * sizeof *grown);
	if (!grown)
		return why_set(why, ERR_SYSTEM, "no memory");
	m->objects = grown;
	m->object_cap = cap;
	return OK;
}

static enum err add_object(struct manifest_files *m, const struct pod_document *d, struct why *why)
{
	struct pod_document object = *d;
	enum err e = grow(m, why);
	if (!e)
		e = check_object(&object, why);
	object.name = name_of(&object);
	if (!e)
		e = check_object_name(m, &object, why);
	if (e)
		yaml_documents_free(&object.yaml, 1);
	else
		m->objects[m->object_count++] = object;
	return e;
}

static enum err add_document(struct manifest_files *m, const struct pod_document *d,
			     struct why *why)
{
	if (object_kind_of(d->yaml.tree) != OBJECT_NONE)
		return add_object(m, d, why);
	if (configs_is_document(d->yaml.tree)) {
		struct pod_document *config = &m->configs[m->config_count++];
		*config = *d;
		return check_config(m, config, why);
	}
	struct pod_document *pod = &m->pods[m->count++];
	*pod = *d;
	return check_pod(m, pod, why);
}

static enum err check_room(const struct manifest_files *m, const struct yaml_document *y,
			   struct why *why)
{
	const bool is_config = configs_is_document(y->tree);
	if (object_kind_of(y->tree) != OBJECT_NONE)
		return m->object_count < OBJECTS_MAX
			       ? OK
			       : why_set(why, ERR_FULL, "more than %d Devices and Fleets",
					 OBJECTS_MAX);
	if (is_config ? m->config_count < CONFIGS_MAX : m->count < PODS_MAX)
		return OK;
	return is_config
		       ? why_set(why, ERR_FULL, "more than %d ConfigMaps and Secrets", CONFIGS_MAX)
		       : why_set(why, ERR_FULL, "more than %d pods", PODS_MAX);
}

static enum err read_text(const char *file, char **out, size_t *out_len, struct why *why)
{
	const char *path = strcmp(file, "-") == 0 ? "/dev/stdin" : file;
	enum err e = file_read(path, MANIFEST_FILE_BYTES, out, out_len, why);
	return e;
}

static enum err add_documents(struct manifest_files *m, const char *file,
			      struct yaml_document *documents, size_t count, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; i < count; i++) {
		/* Two --- in a row make an empty document, as kubectl allows. */
		const bool is_empty = json_type_of(documents[i].tree) == JSON_NULL;
		if (!e && !is_empty)
			e = check_room(m, &documents[i], why);
		if (e || is_empty) {
			yaml_documents_free(&documents[i], 1);
			continue;
		}
		const struct pod_document d = { .file = file, .yaml = documents[i] };
		e = add_document(m, &d, why);
	}
	return e;
}

static enum err read_file(struct manifest_files *m, const char *file, struct why *why)
{
	SCOPED_MEMORY struct yaml_document *documents = NULL;
	SCOPED_MEMORY char *text = NULL;
	size_t len, count;
	enum err e = read_text(file, &text, &len, why);
	documents = calloc(FILE_DOCUMENTS_MAX, sizeof *documents);
	if (!e && !documents)
		e = why_set(why, ERR_SYSTEM, "no memory");
	if (e)
		return e;
	e = yaml_parse((struct bytes){ text, len }, documents, FILE_DOCUMENTS_MAX, &count, why);
	if (e) {
		/* "line 3: reason" becomes "file:3: reason". */
		const struct why inner = *why;
		const char *rest = text_starts(inner.text, "line ") ? inner.text + 5 : inner.text;
		return why_set(why, e, "%.100s:%.150s", file, rest);
	}
	return add_documents(m, file, documents, count, why);
}

enum err manifest_files_read(struct manifest_files *m, const char *const *files, size_t count,
			     struct why *why)
{
	enum err e = OK;
	*m = (struct manifest_files){ 0 };
	for (size_t i = 0; i < count && !e; i++)
		e = read_file(m, files[i], why);
	if (e)
		manifest_files_free(m);
	return e;
}

void manifest_files_free(struct manifest_files *m)
{
	for (size_t i = 0; i < m->count; i++)
		yaml_documents_free(&m->pods[i].yaml, 1);
	for (size_t i = 0; i < m->config_count; i++)
		yaml_documents_free(&m->configs[i].yaml, 1);
	for (size_t i = 0; i < m->object_count; i++)
		yaml_documents_free(&m->objects[i].yaml, 1);
	free(m->objects);
	*m = (struct manifest_files){ 0 };
}

enum err manifest_files_add(struct manifest_files *m, const struct pod_document *around,
			    const char *path, const struct json *tree, struct why *why)
{
	const struct pod_document d = { .file = around->file, .yaml.tree = json_copy(tree) };
	const struct json *kind = json_member(tree, "kind");
	enum err e = check_room(m, &d.yaml, why);
	if (!e && (object_kind_of(tree) != OBJECT_NONE || !json_string(kind)))
		e = why_set(why, ERR_INVALID, "kind: a pod, a ConfigMap or a Secret is expected");
	if (e)
		json_free(d.yaml.tree);
	else
		e = add_document(m, &d, why);
	return e ? manifest_point_at(around, why_in(why, e, path), why) : OK;
}

enum err manifest_files_refuse_objects(const struct manifest_files *m, struct why *why)
{
	if (!m->object_count)
		return OK;
	const struct pod_document *d = &m->objects[0];
	return manifest_point_at(d,
				 why_set(why, ERR_INVALID,
					 "kind: a %s is for skerry rollout start and skerry diff",
					 json_string(json_member(d->yaml.tree, "kind"))),
				 why);
}

void manifest_path_beside(const char *file, const char *name, char *out)
{
	const char *slash = name[0] == '/' ? NULL : strrchr(file, '/');
	if (slash)
		snprintf(out, PATH_LIMIT, "%.*s/%s", (int)(slash - file), file, name);
	else
		snprintf(out, PATH_LIMIT, "%s", name);
}
