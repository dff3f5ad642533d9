#include "cloud/skerry/manifest_file.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "workloads/configs.h"
#include "workloads/manifest.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_DOCUMENTS_MAX = PODS_MAX + CONFIGS_MAX };

/* "path: reason" becomes "file:line: path: reason". */
static enum err point_at(const struct pod_document *d, enum err e, struct why *why)
{
	char path[160], where[300];
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
		yaml_line(&d->yaml, ignored->paths[0]),
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
		return point_at(d, e, why);
	d->name = name_of(d);
	warn_of_ignored(d, &pod->ignored);
	pod_free(pod);
	for (size_t i = 0; i + 1 < m->count; i++) {
		if (strcmp(m->pods[i].name, d->name) != 0)
			continue;
		e = why_set(why, ERR_INVALID, "metadata.name: a second pod is called \"%s\"",
			    d->name);
		return point_at(d, e, why);
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
	return e ? point_at(d, e, why) : OK;
}

static enum err add_document(struct manifest_files *m, const struct pod_document *d,
			     struct why *why)
{
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
	struct yaml_document documents[FILE_DOCUMENTS_MAX];
	SCOPED_MEMORY char *text = NULL;
	size_t len, count;
	enum err e = read_text(file, &text, &len, why);
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
	*m = (struct manifest_files){ 0 };
}
