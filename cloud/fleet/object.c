#include "cloud/fleet/object.h"

#include "base/label.h"

#include <stdio.h>
#include <string.h>

static const char API_VERSION[] = "skerry.dev/v1";

static bool is_text(const struct json *j, const char *expected)
{
	const char *s = json_string(j);
	return s && strcmp(s, expected) == 0;
}

enum object_kind object_kind_of(const struct json *document)
{
	static const char *const kinds[] = {
		[OBJECT_FLEET] = "Fleet", [OBJECT_DEVICE] = "Device", [OBJECT_ROLLOUT] = "Rollout"
	};
	if (!is_text(json_member(document, "apiVersion"), API_VERSION))
		return OBJECT_NONE;
	for (int i = OBJECT_FLEET; i <= OBJECT_ROLLOUT; i++)
		if (is_text(json_member(document, "kind"), kinds[i]))
			return (enum object_kind)i;
	return OBJECT_NONE;
}

/* --- what all have --- */

static enum err check_strings(const struct json *object, const char *path, struct why *why)
{
	if (object && json_type_of(object) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "%s: an object is expected", path);
	for (const struct json *m = json_first(object); m; m = json_next(m))
		if (!json_string(m))
			return why_set(why, ERR_INVALID, "%s.%.60s: a string is expected", path,
				       json_key(m));
	return OK;
}

static enum err read_head(const struct json *document, const char **out_name, struct why *why)
{
	static const char *const known[] = { "apiVersion", "kind", "metadata", "spec", NULL };
	static const char *const inner[] = { "name", "labels", "annotations", NULL };
	const struct json *metadata = json_member(document, "metadata");
	enum err e = parse_known(document, "", known, why);
	if (!e)
		e = parse_known(metadata, "metadata", inner, why);
	*out_name = json_string(json_member(metadata, "name"));
	if (!e && (!*out_name || !label_is_valid(bytes_of(*out_name))))
		e = why_set(why, ERR_INVALID, "metadata.name: a name is expected: " LABEL_RULE);
	if (!e && selector_check_labels(json_member(metadata, "labels"), why))
		e = why_in(why, ERR_INVALID, "metadata.labels");
	if (!e)
		e = check_strings(json_member(metadata, "annotations"), "metadata.annotations",
				  why);
	return e;
}

static enum err read_list(const struct json *object, const char *path, const char *key,
			  enum json_type of, const struct json **out, struct why *why)
{
	const struct json *list = json_member(object, key);
	*out = list;
	if (list && json_type_of(list) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "%s.%s: a list is expected", path, key);
	for (const struct json *j = json_first(list); j; j = json_next(j))
		if (json_type_of(j) != of)
			return why_set(why, ERR_INVALID, "%s.%s: a list of %s is expected", path,
				       key, of == JSON_STRING ? "files" : "documents");
	return OK;
}

/* --- Fleet --- */

static enum err read_template(const struct json *t, struct fleet_object *out, struct why *why)
{
	static const char *const known[] = { "policy", "files", "workloads", "configs", NULL };
	static const char path[] = "spec.template";
	enum err e = parse_known(t, path, known, why);
	out->policy = json_member(t, "policy");
	if (!e && out->policy && json_type_of(out->policy) != JSON_OBJECT)
		e = why_set(why, ERR_INVALID, "spec.template.policy: an object is expected");
	if (!e)
		e = read_list(t, path, "files", JSON_STRING, &out->files, why);
	if (!e)
		e = read_list(t, path, "workloads", JSON_OBJECT, &out->workloads, why);
	return e ? e : read_list(t, path, "configs", JSON_OBJECT, &out->configs, why);
}

enum err fleet_object_read(const struct json *document, struct fleet_object *out, struct why *why)
{
	static const char *const known[] = { "selector", "template", NULL };
	const struct json *spec = json_member(document, "spec");
	*out = (struct fleet_object){ 0 };
	enum err e = read_head(document, &out->name, why);
	if (!e)
		e = parse_known(spec, "spec", known, why);
	if (!e)
		e = read_template(json_member(spec, "template"), out, why);
	if (e)
		return e;
	e = selector_read(json_member(spec, "selector"), &out->selector, why);
	return e ? why_in(why, e, "spec.selector") : OK;
}

void fleet_object_free(struct fleet_object *f)
{
	selector_free(&f->selector);
}

/* --- Device --- */

static enum err read_overrides(const struct json *overrides, struct why *why)
{
	if (overrides && json_type_of(overrides) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "spec.overrides: an object is expected");
	for (const struct json *o = json_first(overrides); o; o = json_next(o)) {
		const char *slash = strchr(json_key(o), '/');
		const size_t len = slash ? (size_t)(slash - json_key(o)) : 0;
		const struct bytes kind = { json_key(o), len };
		if (json_type_of(o) != JSON_OBJECT ||
		    !(bytes_are(kind, "pod") || bytes_are(kind, "ConfigMap") ||
		      bytes_are(kind, "Secret")))
			return why_set(why, ERR_INVALID,
				       "spec.overrides.%.80s: pod/NAME, ConfigMap/NAME or "
				       "Secret/NAME, and what differs in it, is expected",
				       json_key(o));
	}
	return OK;
}

enum err device_object_read(const struct json *document, struct device_object *out, struct why *why)
{
	static const char *const known[] = { "overrides", "pinned", NULL };
	const struct json *spec = json_member(document, "spec");
	const struct json *pinned = json_member(spec, "pinned");
	*out = (struct device_object){
		.labels = json_member(json_member(document, "metadata"), "labels"),
		.overrides = json_member(spec, "overrides"),
		.pinned = json_string(pinned),
	};
	enum err e = read_head(document, &out->name, why);
	if (!e && spec)
		e = parse_known(spec, "spec", known, why);
	if (!e && pinned && (!out->pinned || !*out->pinned))
		e = why_set(why, ERR_INVALID, "spec.pinned: the reason, in words, is expected");
	return e ? e : read_overrides(out->overrides, why);
}

/* --- Rollout --- */

static enum err read_to(const struct json *to, struct rollout_object *out, struct why *why)
{
	static const char *const known[] = { "fleet", "files", "prune", NULL };
	const struct json *fleet = json_member(to, "fleet"), *prune = json_member(to, "prune");
	enum err e = parse_known(to, "spec.to", known, why);
	if (!e)
		e = read_list(to, "spec.to", "files", JSON_STRING, &out->files, why);
	out->fleet = json_string(fleet);
	if (!e && (fleet != NULL) == (out->files != NULL))
		e = why_set(why, ERR_INVALID, "spec.to: either fleet or files is expected");
	if (!e && fleet && (!out->fleet || !label_is_valid(bytes_of(out->fleet))))
		e = why_set(why, ERR_INVALID, "spec.to.fleet: the name of a Fleet is expected");
	if (!e && prune && (fleet || !json_bool(prune, &out->prune)))
		e = why_set(why, ERR_INVALID,
			    "spec.to.prune: true or false is expected, and files beside it");
	return e;
}

enum err rollout_object_read(const struct json *document, struct rollout_object *out,
			     struct why *why)
{
	const struct json *spec = json_member(document, "spec");
	*out = (struct rollout_object){ 0 };
	enum err e = read_head(document, &out->name, why);
	if (!e && json_type_of(spec) != JSON_OBJECT)
		e = why_set(why, ERR_INVALID, "spec: an object is expected");
	if (!e)
		e = read_to(json_member(spec, "to"), out, why);
	return e ? e : rollout_spec_read(spec, &out->spec, why);
}

void rollout_object_free(struct rollout_object *r)
{
	rollout_spec_free(&r->spec);
}

/* --- labels --- */

struct json *object_labels(const char *device, const struct json *report,
			   const struct device_object *d)
{
	const struct json *features = json_member(report, "features");
	const struct json *capacity = json_member(report, "capacity");
	struct placement_board b = {
		.device = device,
		.architecture = json_string(json_member(features, "imageArch")),
		.kernel = json_string(json_member(features, "kernel")),
		.cgroup = json_string(json_member(features, "cgroup")),
		.sandbox = json_string(json_member(features, "sandbox")),
		.labels = json_member(report, "labels"),
		.given = d ? d->labels : NULL,
	};
	json_integer(json_member(capacity, "memBytes"), &b.memory_bytes);
	json_integer(json_member(capacity, "cpuMilli"), &b.cpu_milli);
	json_bool(json_member(features, "hostImage"), &b.host_image);
	return placement_labels(&b);
}
