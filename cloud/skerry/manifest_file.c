#include "cloud/skerry/manifest_file.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "workloads/manifest.h"

#include <stdio.h>

/* "path: reason" becomes "file:line: path: reason". */
static enum err point_at(const struct pod_document *d, enum err e, struct why *why)
{
	char path[160], where[300];
	text_copy(path, sizeof path, (struct bytes){ why->text, strcspn(why->text, ":") });
	snprintf(where, sizeof where, "%.200s:%d", d->file, yaml_line(&d->yaml, path));
	return why_in(why, e, where);
}

static enum err check_kind(const struct pod_document *d, struct why *why)
{
	const char *kind = json_string(json_member(d->yaml.tree, "kind"));
	if (json_type_of(d->yaml.tree) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, ": an object is expected");
	if (kind && strcmp(kind, "Pod") != 0)
		return why_set(why, ERR_INVALID,
			       "kind: %.40s is not in this version yet; write it as a Pod", kind);
	return OK;
}

static void warn_of_ignored(const struct pod_document *d, const struct pod *pod)
{
	for (size_t i = 0; i < pod->ignored_count; i++)
		fprintf(stderr, "warning: %s:%d: %s: ignored, see docs/manifest.md\n", d->file,
			yaml_line(&d->yaml, pod->ignored[i]), pod->ignored[i]);
}

static enum err check_pod(struct manifest_files *m, struct pod_document *d, struct why *why)
{
	struct pod *pod;
	enum err e = check_kind(d, why);
	if (!e)
		e = manifest_read(d->yaml.tree, MANIFEST_DESK, &pod, why);
	if (e)
		return point_at(d, e, why);
	warn_of_ignored(d, pod);
	pod_free(pod);
	d->name = json_string(json_member(json_member(d->yaml.tree, "metadata"), "name"));
	for (size_t i = 0; i + 1 < m->count; i++) {
		if (strcmp(m->pods[i].name, d->name) != 0)
			continue;
		e = why_set(why, ERR_INVALID, "metadata.name: a second pod is called \"%s\"",
			    d->name);
		return point_at(d, e, why);
	}
	return OK;
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
		if (e || json_type_of(documents[i].tree) == JSON_NULL) {
			yaml_documents_free(&documents[i], 1);
			continue;
		}
		struct pod_document *d = &m->pods[m->count++];
		*d = (struct pod_document){ .file = file, .yaml = documents[i] };
		e = check_pod(m, d, why);
	}
	return e;
}

static enum err read_file(struct manifest_files *m, const char *file, struct why *why)
{
	struct yaml_document documents[PODS_MAX];
	SCOPED_MEMORY char *text = NULL;
	size_t len, count;
	enum err e = read_text(file, &text, &len, why);
	if (e)
		return e;
	e = yaml_parse((struct bytes){ text, len }, documents, PODS_MAX - m->count, &count, why);
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
	*m = (struct manifest_files){ 0 };
}
