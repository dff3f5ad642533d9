/*
 * schema - what a manifest may have, as JSON Schema (draft-07), for editors and for CI.
 *
 * Made from the guide to the fields, which the readers are held to, so that the two cannot
 * part. What is refused is not there, and additionalProperties says so.
 */
#include "base/text.h"
#include "cloud/skerry/verbs.h"
#include "ports/json.h"
#include "workloads/guide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_MAX = 256 };

static const struct schema_kind {
	const char *kind, *path;
} kinds[] = {
	{ "Pod", "pod" },       { "Deployment", "deployment" }, { "DaemonSet", "daemonset" },
	{ "Job", "job" },       { "CronJob", "cronjob" },       { "ConfigMap", "configmap" },
	{ "Secret", "secret" },
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* Types by a field's own name, which means the same wherever it stands; text otherwise. */
static const struct type {
	const char *json, *items, *names;
} types[] = {
	{ "integer", NULL,
	  "terminationGracePeriodSeconds activeDeadlineSeconds runAsUser runAsGroup fsGroup "
	  "containerPort hostPort mode defaultMode seconds initialDelaySeconds periodSeconds "
	  "timeoutSeconds successThreshold failureThreshold replicas backoffLimit "
	  "ttlSecondsAfterFinished completions parallelism startingDeadlineSeconds" },
	{ "boolean", NULL,
	  "hostNetwork shareProcessNamespace hostPID hostIPC setHostnameAsFQDN runAsNonRoot "
	  "optional "
	  "readOnly allowPrivilegeEscalation readOnlyRootFilesystem privileged paused suspend "
	  "immutable stdin stdinOnce tty" },
	{ "array", "string", "command args hostnames nameservers searches drop add" },
	{ "array", "integer", "supplementalGroups" },
	{ "object", "string", "labels annotations nodeSelector data binaryData stringData" },
	{ "object", NULL, "selector status strategy" },
};
static const char TEXT_OR_NUMBER[] = "port memory cpu sizeLimit divisor";

/* What stands at one place is described at another: the path of the latter. */
static const struct {
	const char *path, *is;
} same[] = {
	{ "deployment.spec.template.metadata", "template.metadata" },
	{ "deployment.spec.template.spec", "pod.spec" },
	{ "daemonset.spec.template.metadata", "template.metadata" },
	{ "daemonset.spec.template.spec", "pod.spec" },
	{ "job.spec.template.metadata", "template.metadata" },
	{ "job.spec.template.spec", "pod.spec" },
	{ "cronjob.spec.jobTemplate.spec.template.metadata", "template.metadata" },
	{ "cronjob.spec.jobTemplate.spec.template.spec", "pod.spec" },
	{ "pod.spec.initContainers[]", "pod.spec.containers[]" },
};

enum { SAME = sizeof same / sizeof *same };

static struct json *of_type(const char *type)
{
	struct json *j = json_new_object();
	json_set_string(j, "type", type);
	return j;
}

static struct json *leaf_of(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (!text_list_has(types[i].names, name))
			continue;
		struct json *j = of_type(types[i].json);
		if (types[i].items)
			json_set(j, *types[i].json == 'a' ? "items" : "additionalProperties",
				 of_type(types[i].items));
		return j;
	}
	if (!text_list_has(TEXT_OR_NUMBER, name))
		return of_type("string");
	struct json *j = json_new_object(), *both = json_new_array();
	json_push(both, json_new_string("string"));
	json_push(both, json_new_string("number"));
	json_set(j, "type", both);
	return j;
}

static void describe(struct json *j, const struct guide_entry *e)
{
	char text[1024];
	snprintf(text, sizeof text, "%s%s%s%s%s%s", e->verdict == GUIDE_IGNORED ? "ignored: " : "",
		 e->sentence, *e->fallback ? " (default: " : "", e->fallback,
		 *e->fallback ? ")" : "", "");
	if (*text)
		json_set_string(j, "description", text);
}

/* "needed; v1": it is this and nothing else. */
static struct json *constant_of(const struct guide_entry *e)
{
	struct json *j = json_new_object();
	json_set_string(j, "const", e->sentence + strlen("needed; "));
	return j;
}

static bool is_needed(const struct guide_entry *e)
{
	return e && text_starts(e->sentence, "needed");
}

static const struct guide_entry *row(const char *path)
{
	size_t n;
	const struct guide_entry *all = guide_all(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].path, path) == 0)
			return &all[i];
	return NULL;
}

static bool has_parts(const char *path)
{
	size_t n;
	const struct guide_entry *all = guide_all(&n);
	const size_t len = strlen(path);
	for (size_t i = 0; i < n; i++)
		if (text_starts(all[i].path, path) && all[i].path[len] == '.')
			return true;
	for (size_t i = 0; i < SAME; i++)
		if (text_starts(same[i].path, path) &&
		    (!same[i].path[len] || same[i].path[len] == '.'))
			return true;
	return false;
}

/* An object that is being written, and the path of its fields. */
struct place {
	const char *path;
	struct json *properties, *required;
};

static struct json *object_of(const char *path);

static struct json *list_of(const char *item)
{
	struct json *j = of_type("array");
	json_set(j, "items", object_of(item));
	return j;
}

/* Annotations that the board reads stand in a list of their own in the guide. */
static void add_annotations(struct json *annotations)
{
	size_t n;
	const struct guide_entry *all = guide_all(&n);
	struct json *properties = json_new_object();
	for (size_t i = 0; i < n; i++)
		if (strchr(all[i].path, '/')) {
			struct json *one = of_type("string");
			describe(one, &all[i]);
			json_set(properties, all[i].path, one);
		}
	json_set(annotations, "properties", properties);
}

static struct json *field_of(const struct guide_entry *e, const char *path, const char *name)
{
	char item[FIELD_MAX + 2];
	snprintf(item, sizeof item, "%s[]", path);
	if (e && e->verdict == GUIDE_IGNORED)
		return json_new_object();
	if (has_parts(item))
		return list_of(item);
	if (has_parts(path))
		return object_of(path);
	if (e && is_needed(e) && text_list_has("apiVersion kind", name))
		return constant_of(e);
	struct json *j = leaf_of(name);
	if (strcmp(path, "pod.metadata.annotations") == 0 ||
	    strcmp(path, "template.metadata.annotations") == 0)
		add_annotations(j);
	return j;
}

static void add_field(struct place *to, const char *name, size_t len)
{
	char path[FIELD_MAX], own[FIELD_MAX];
	if (len > 2 && strncmp(name + len - 2, "[]", 2) == 0)
		len -= 2;
	snprintf(own, sizeof own, "%.*s", (int)len, name);
	snprintf(path, sizeof path, "%s.%s", to->path, own);
	const struct guide_entry *e = row(path);
	if (json_member(to->properties, own) || (e && e->verdict == GUIDE_REFUSED))
		return;
	struct json *field = field_of(e, path, own);
	if (e)
		describe(field, e);
	json_set(to->properties, own, field);
	if (is_needed(e))
		json_push(to->required, json_new_string(own));
}

static void add_fields(struct place *to)
{
	size_t n;
	const struct guide_entry *all = guide_all(&n);
	const size_t len = strlen(to->path);
	for (size_t i = 0; i < n; i++)
		if (text_starts(all[i].path, to->path) && all[i].path[len] == '.')
			add_field(to, all[i].path + len + 1, strcspn(all[i].path + len + 1, "."));
	for (size_t i = 0; i < SAME; i++) {
		if (text_starts(same[i].path, to->path) && same[i].path[len] == '.')
			add_field(to, same[i].path + len + 1, strcspn(same[i].path + len + 1, "."));
		else if (strcmp(same[i].path, to->path) == 0)
			add_fields(&(struct place){ same[i].is, to->properties, to->required });
	}
}

static struct json *object_of(const char *path)
{
	struct json *j = of_type("object");
	struct place p = { path, json_new_object(), json_new_array() };
	add_fields(&p);
	json_set(j, "properties", p.properties);
	if (json_count(p.required))
		json_set(j, "required", p.required);
	else
		json_free(p.required);
	json_set_bool(j, "additionalProperties", false);
	return j;
}

static void print_schema(const struct schema_kind *k)
{
	struct json *j = object_of(k->path);
	json_set_string(j, "$schema", "http://json-schema.org/draft-07/schema#");
	json_set_string(j, "title", k->kind);
	char *text = json_print_pretty(j);
	puts(text);
	free(text);
	json_free(j);
}

enum exit_code verb_schema(struct options *o)
{
	struct why why;
	if (!o->word_count)
		for (size_t i = 0; i < KINDS; i++)
			puts(kinds[i].kind);
	for (size_t i = 0; i < KINDS && o->word_count; i++)
		if (strcmp(o->words[0], kinds[i].kind) == 0 ||
		    strcmp(o->words[0], kinds[i].path) == 0) {
			print_schema(&kinds[i]);
			return EXIT_CODE_OK;
		}
	if (!o->word_count)
		return EXIT_CODE_OK;
	return exit_code_tell(why_set(&why, ERR_NOT_FOUND,
				      "no kind \"%.60s\"; skerry schema lists them", o->words[0]),
			      &why);
}
