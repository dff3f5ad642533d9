#include "workloads/manifest.h"

#include "ports/digest.h"
#include "workloads/manifest_parts.h"

#include <stdlib.h>

enum { POD_ARENA = 256 * 1024, GRACE_DEFAULT_S = 30 };

const struct volume_spec *manifest_volume(const struct pod *p, const char *name)
{
	for (size_t i = 0; i < p->volume_count; i++)
		if (strcmp(p->volumes[i].name, name) == 0)
			return &p->volumes[i];
	return NULL;
}

static enum err read_medium(struct reader *r, const struct json *j, void *into)
{
	struct volume_spec *v = into;
	const char *s = json_string(j);
	if (!s || (*s && strcmp(s, "Memory") != 0))
		return field_refuse(r, "\"\" or \"Memory\" is expected");
	v->kind = *s ? VOLUME_MEMORY : VOLUME_DISK;
	return OK;
}

static enum err read_empty_dir(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "medium", read_medium },
		{ "sizeLimit", manifest_bytes, offsetof(struct volume_spec, bytes) },
		{ 0 },
	};
	struct volume_spec *v = into;
	v->kind = VOLUME_DISK;
	enum err e = field_object(r, j, fields, v);
	if (!e && v->bytes && v->kind == VOLUME_DISK)
		return field_refuse(r, "sizeLimit is kept only with medium: Memory");
	return e;
}

static enum err read_host_path_type(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	(void)into;
	if (!s || (*s && strcmp(s, "Directory") != 0 && strcmp(s, "File") != 0 &&
		   strcmp(s, "Socket") != 0))
		return field_refuse(r, "\"\", Directory, File or Socket is expected");
	return OK;
}

static enum err read_host_path(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "path", field_path, offsetof(struct volume_spec, host_path) },
		{ "type", read_host_path_type },
		{ 0 },
	};
	struct volume_spec *v = into;
	v->kind = VOLUME_HOST;
	enum err e = field_object(r, j, fields, v);
	return e || v->host_path ? e : field_refuse(r, "path is missing");
}

static enum err read_volume_name(struct reader *r, const struct json *j, void *into)
{
	const char **name = into;
	enum err e = field_name(r, j, name);
	if (!e && manifest_volume(r->pod, *name))
		return field_refuse(r, "a second volume is called \"%s\"", *name);
	return e;
}

static enum err read_volume(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", read_volume_name, offsetof(struct volume_spec, name) },
		{ "emptyDir", read_empty_dir },
		{ "hostPath", read_host_path },
		{ 0 },
	};
	struct pod *p = into;
	struct volume_spec v = { 0 };
	enum err e = field_object(r, j, fields, &v);
	if (!e && (!v.name || json_count(j) != 2))
		return field_refuse(r, "name and one of emptyDir and hostPath are expected");
	p->volumes[p->volume_count++] = v;
	return e;
}

static enum err read_volumes(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, VOLUMES_MAX, read_volume, into);
}

static enum err read_containers(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	size_t n = json_count(j);
	if (n == 0 || n > CONTAINERS_MAX)
		return field_refuse(r, "1 to %d containers are expected", CONTAINERS_MAX);
	p->containers = arena_take_many(&p->arena, n, sizeof *p->containers);
	if (!p->containers)
		return field_refuse(r, "the manifest is too large");
	return field_list(r, j, CONTAINERS_MAX, manifest_container, p);
}

static enum err read_restart(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = {
		[RESTART_ALWAYS] = "Always",
		[RESTART_ON_FAILURE] = "OnFailure",
		[RESTART_NEVER] = "Never",
	};
	struct pod *p = into;
	const char *s = json_string(j);
	for (size_t i = 0; s && i < sizeof names / sizeof *names; i++) {
		if (strcmp(s, names[i]) != 0)
			continue;
		p->restart = (enum restart_policy)i;
		return OK;
	}
	return field_refuse(r, "Always, OnFailure or Never is expected");
}

static enum err read_host_network(struct reader *r, const struct json *j, void *into)
{
	bool on = false;
	(void)into;
	enum err e = field_boolean(r, j, &on);
	return e || on ? e
		       : field_refuse(r,
				      "only true is supported: workloads use the host's network");
}

static enum err was_read_before(struct reader *r, const struct json *j, void *into)
{
	(void)r;
	(void)j;
	(void)into;
	return OK;
}

static enum err read_spec(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "containers", read_containers },
		{ "volumes", was_read_before }, /* mounts name them */
		{ "restartPolicy", read_restart },
		{ "terminationGracePeriodSeconds", field_seconds, offsetof(struct pod, grace_ms) },
		{ "hostNetwork", read_host_network },
		{ 0 },
	};
	const struct json *volumes = json_member(j, "volumes");
	if (volumes) {
		size_t was = field_enter(r, "volumes");
		enum err e = read_volumes(r, volumes, into);
		if (e)
			return e;
		field_leave(r, was);
	}
	return field_object(r, j, fields, into);
}

static enum err read_string_map(struct reader *r, const struct json *j, void *into)
{
	(void)into;
	if (json_type_of(j) != JSON_OBJECT)
		return field_refuse(r, "an object is expected");
	for (const struct json *m = json_first(j); m; m = json_next(m))
		if (!json_string(m))
			return field_refuse(r, "\"%.60s\" is not a string", json_key(m));
	return OK;
}

static enum err read_metadata(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", field_name, offsetof(struct pod, name) },
		{ "namespace", field_ignored },
		{ "labels", read_string_map },
		{ "annotations", read_string_map },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

static enum err read_api_version(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	(void)into;
	return s && strcmp(s, "v1") == 0 ? OK : field_refuse(r, "v1 is expected");
}

static enum err read_kind(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	(void)into;
	return s && strcmp(s, "Pod") == 0 ? OK : field_refuse(r, "Pod is expected");
}

static enum err read_pod(struct reader *r, const struct json *j)
{
	static const struct field fields[] = {
		{ "apiVersion", read_api_version }, { "kind", read_kind },
		{ "metadata", read_metadata },      { "spec", read_spec },
		{ "status", field_ignored },        { 0 },
	};
	struct pod *p = r->pod;
	p->grace_ms = INT64_C(1000) * GRACE_DEFAULT_S;
	enum err e = field_object(r, j, fields, p);
	if (e)
		return e;
	if (!json_member(j, "apiVersion") || !json_member(j, "kind"))
		return why_set(r->why, ERR_INVALID, "apiVersion: v1 and kind: Pod are expected");
	if (!p->name)
		return why_set(r->why, ERR_INVALID, "metadata.name: is missing");
	if (!p->container_count)
		return why_set(r->why, ERR_INVALID, "spec.containers: is missing");
	return OK;
}

static void take_digest(const struct json *j, struct pod *p)
{
	char *text = json_print(j);
	digest_of(bytes_of(text), p->digest);
	free(text);
}

enum err manifest_read(const struct json *pod, enum manifest_use use, struct pod **out,
		       struct why *why)
{
	struct pod *p = calloc(1, sizeof *p);
	if (!p)
		return why_set(why, ERR_SYSTEM, "manifest: no memory");
	arena_init(&p->arena, POD_ARENA);
	struct reader r = { .pod = p, .use = use, .why = why };
	enum err e = read_pod(&r, pod);
	if (e) {
		pod_free(p);
		return e;
	}
	take_digest(pod, p);
	*out = p;
	return OK;
}

void pod_free(struct pod *p)
{
	if (!p)
		return;
	arena_deinit(&p->arena);
	free(p);
}
