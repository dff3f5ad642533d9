#include "workloads/manifest_parts.h"

#include "base/label.h"

/* host, sha256:..., name@sha256:...; at a desk also a folder. */
static enum err read_image(struct reader *r, const struct json *j, void *into)
{
	struct container_spec *c = into;
	const char *s = json_string(j);
	if (!s || !*s)
		return field_refuse(r, "a string is expected");
	if (strcmp(s, "host") == 0 || (r->use == MANIFEST_DESK && strpbrk(s, "./") == s))
		return OK;
	const char *at = strrchr(s, '@');
	const char *digest = at ? at + 1 : s;
	if (!label_is_digest(bytes_of(digest)))
		return field_refuse(
			r,
			"\"%.80s\" is neither host, nor a ./folder to pack, nor pinned as "
			"NAME@sha256:DIGEST",
			s);
	c->image_digest = arena_copy(&r->pod->arena, bytes_of(digest));
	return c->image_digest ? OK : field_refuse(r, "the manifest is too large");
}

static enum err read_env_name(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !*s || strchr(s, '=') || strlen(s) > 255)
		return field_refuse(r, "a name without '=' is expected");
	return field_text(r, j, into);
}

static enum err read_env_entry(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", read_env_name, offsetof(struct env_spec, name) },
		{ "value", field_string, offsetof(struct env_spec, value) },
		{ 0 },
	};
	struct container_spec *c = into;
	struct env_spec env = { .value = "" };
	enum err e = field_object(r, j, fields, &env);
	if (!e && !env.name)
		return field_refuse(r, "name is missing");
	c->env[c->env_count++] = env;
	return e;
}

static enum err read_env(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, ENV_MAX, read_env_entry, into);
}

static enum err read_mount_volume(struct reader *r, const struct json *j, void *into)
{
	struct volume_mount *m = into;
	const char *s = json_string(j);
	m->volume = s ? manifest_volume(r->pod, s) : NULL;
	return m->volume ? OK : field_refuse(r, "spec.volumes has no \"%.63s\"", s ? s : "");
}

static enum err read_mount_path(struct reader *r, const struct json *j, void *into)
{
	static const char *const taken[] = { "/", "/proc", "/dev", "/sys", "/run/skerry" };
	const char **path = into;
	enum err e = field_path(r, j, path);
	for (size_t i = 0; !e && i < sizeof taken / sizeof *taken; i++) {
		size_t n = strlen(taken[i]);
		bool below = n > 1 && strncmp(*path, taken[i], n) == 0 &&
			     ((*path)[n] == '/' || (*path)[n] == '\0');
		if (below || strcmp(*path, taken[i]) == 0)
			return field_refuse(r, "nothing may be mounted at %s", taken[i]);
	}
	return e;
}

static enum err read_mount(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", read_mount_volume },
		{ "mountPath", read_mount_path, offsetof(struct volume_mount, path) },
		{ "readOnly", field_boolean, offsetof(struct volume_mount, read_only) },
		{ 0 },
	};
	struct container_spec *c = into;
	struct volume_mount m = { 0 };
	enum err e = field_object(r, j, fields, &m);
	if (!e && (!m.volume || !m.path))
		return field_refuse(r, "name and mountPath are needed");
	c->mounts[c->mount_count++] = m;
	return e;
}

static enum err read_mounts(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, VOLUMES_MAX - 1, read_mount, into);
}

static enum err check_container(struct reader *r, const struct json *j,
				const struct container_spec *c)
{
	bool of_host = !c->image_digest;
	if (!c->name)
		return field_refuse(r, "name is missing");
	if (!json_member(j, "image"))
		return field_refuse(r, "image is missing");
	if (r->use == MANIFEST_BOARD && of_host && !c->command[0])
		return field_refuse(r, "image host needs a command");
	for (const struct container_spec *other = r->pod->containers; other != c; other++)
		if (strcmp(other->name, c->name) == 0)
			return field_refuse(r, "a second container is called \"%s\"", c->name);
	return OK;
}

enum err manifest_container(struct reader *r, const struct json *j, void *into)
{
	/* imagePullPolicy and ports say nothing new: an image is pinned by its
	 * digest, and the network is the host's. */
	static const struct field fields[] = {
		{ "name", field_name, offsetof(struct container_spec, name) },
		{ "image", read_image },
		{ "command", field_words, offsetof(struct container_spec, command) },
		{ "args", field_words, offsetof(struct container_spec, args) },
		{ "workingDir", field_path, offsetof(struct container_spec, workdir) },
		{ "env", read_env },
		{ "resources", manifest_resources },
		{ "volumeMounts", read_mounts },
		{ "startupProbe", manifest_probe_once,
		  offsetof(struct container_spec, probes[PROBE_STARTUP]) },
		{ "livenessProbe", manifest_probe_once,
		  offsetof(struct container_spec, probes[PROBE_LIVENESS]) },
		{ "readinessProbe", manifest_probe,
		  offsetof(struct container_spec, probes[PROBE_READINESS]) },
		{ "imagePullPolicy", field_ignored },
		{ "ports", field_ignored },
		{ 0 },
	};
	struct pod *p = into;
	struct container_spec *c = &p->containers[p->container_count];
	c->limits.pids = PIDS_PER_WORKLOAD;
	enum err e = field_object(r, j, fields, c);
	if (!e)
		e = check_container(r, j, c);
	p->container_count++;
	return e;
}
