#include "workloads/manifest_parts.h"

#include "base/label.h"

/* host, sha256:..., name@sha256:...; at a desk also a folder. */
static enum err read_image(struct reader *r, const struct json *j, void *into)
{
	struct container_spec *c = into;
	const char *s = json_string(j);
	if (!s || !*s)
		return field_refuse(r, "a string is expected");
	c->of_host = strcmp(s, "host") == 0;
	if (c->of_host || (r->use == MANIFEST_DESK && strpbrk(s, "./") == s))
		return OK;
	const char *at = strrchr(s, '@');
	const char *digest = at ? at + 1 : s;
	if (!label_is_digest(bytes_of(digest)))
		return field_refuse(
			r,
			"\"%.80s\" is neither host, nor a ./folder to pack, nor pinned as "
			"NAME@sha256:DIGEST",
			s);
	c->image_digest = arena_copy(r->arena, bytes_of(digest));
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
		{ "value", field_string, offsetof(struct env_spec, value.text) },
		{ "valueFrom", manifest_value_from, offsetof(struct env_spec, value) },
		{ 0 },
	};
	struct container_spec *c = into;
	struct env_spec env = { .value.text = "" };
	enum err e = field_object(r, j, fields, &env);
	if (!e && !env.name)
		return field_refuse(r, "name is missing");
	if (!e && json_member(j, "value") && json_member(j, "valueFrom"))
		return field_refuse(r, "one of value and valueFrom is expected");
	c->env[c->env_count++] = env;
	return e;
}

static enum err read_env(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, ENV_MAX, read_env_entry, into);
}

static enum err read_env_from(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, ENV_FROM_MAX, manifest_env_from, into);
}

static enum err read_mount_volume(struct reader *r, const struct json *j, void *into)
{
	struct volume_mount *m = into;
	const char *s = json_string(j);
	m->volume = s ? manifest_volume(r->pod, s) : NULL;
	return m->volume ? OK : field_refuse(r, "spec.volumes has no \"%.63s\"", s ? s : "");
}

static bool is_at_or_below(const char *path, const char *folder)
{
	const size_t n = strlen(folder);
	return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static enum err read_mount_path(struct reader *r, const struct json *j, void *into)
{
	static const char *const taken[] = { "/proc", "/sys", "/run/skerry" };
	const char **path = into;
	enum err e = field_path(r, j, path);
	if (!e && strcmp(*path, "/") == 0)
		return field_refuse(r, "nothing may be mounted at /");
	for (size_t i = 0; !e && i < sizeof taken / sizeof *taken; i++)
		if (is_at_or_below(*path, taken[i]))
			return field_refuse(r, "nothing may be mounted at %s", taken[i]);
	return e;
}

/* Nodes are made in the container's own /dev, and nothing else is put there. */
static enum err check_device(struct reader *r, const struct volume_mount *m)
{
	const enum host_type type = m->volume->host_type;
	if (type != HOST_CHARACTER && type != HOST_BLOCK)
		return is_at_or_below(m->path, "/dev")
			       ? field_refuse(r, "nothing but a device may be mounted below /dev")
			       : OK;
	if (!is_at_or_below(m->path, "/dev") || strcmp(m->path, "/dev") == 0)
		return field_refuse(r, "a device is mounted below /dev");
	return *m->below ? field_refuse(r, "a device has no subPath") : OK;
}

static enum err read_propagation(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "None", NULL };
	size_t which;
	(void)into;
	return field_choice(r, j, names, &which);
}

static enum err refuse_mount(struct reader *r, const struct json *j, void *into)
{
	(void)j;
	(void)into;
	return field_refuse(r, "is not supported on a board");
}

static enum err read_mount(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", read_mount_volume },
		{ "mountPath", read_mount_path, offsetof(struct volume_mount, path) },
		{ "readOnly", field_boolean, offsetof(struct volume_mount, read_only) },
		{ "subPath", field_relative, offsetof(struct volume_mount, below) },
		{ "mountPropagation", read_propagation },
		{ "subPathExpr", refuse_mount },
		{ "recursiveReadOnly", refuse_mount },
		{ 0 },
	};
	struct container_spec *c = into;
	struct volume_mount m = { .below = "" };
	enum err e = field_object(r, j, fields, &m);
	if (!e && (!m.volume || !m.path))
		return field_refuse(r, "name and mountPath are needed");
	if (!e && *m.below && m.volume->kind == VOLUME_MEMORY)
		return field_refuse(r, "subPath is not supported in an emptyDir in memory");
	if (!e)
		e = check_device(r, &m);
	c->mounts[c->mount_count++] = m;
	return e;
}

static enum err read_mounts(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, VOLUMES_MAX - 1, read_mount, into);
}

static enum err check_roles(struct reader *r, const struct json *j, const struct container_spec *c)
{
	if (c->role != CONTAINER_INIT)
		return OK;
	static const char *const not_here[] = { "startupProbe", "livenessProbe", "readinessProbe",
						"lifecycle" };
	for (size_t i = 0; i < sizeof not_here / sizeof *not_here; i++)
		if (json_member(j, not_here[i]))
			return field_refuse(r, "%s needs restartPolicy: Always here", not_here[i]);
	return OK;
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
	return check_roles(r, j, c);
}

static enum err read_own_restart(struct reader *r, const struct json *j, void *into)
{
	struct container_spec *c = into;
	const char *s = json_string(j);
	if (c->role == CONTAINER_MAIN || !s || strcmp(s, "Always") != 0)
		return field_refuse(r, "only Always is supported, in spec.initContainers");
	c->role = CONTAINER_SIDECAR;
	return OK;
}

static enum err refuse_terminal(struct reader *r, const struct json *j, void *into)
{
	bool on;
	(void)into;
	enum err e = field_boolean(r, j, &on);
	return e || !on ? e : field_refuse(r, "a workload of a board has no terminal");
}

static enum err refuse_devices(struct reader *r, const struct json *j, void *into)
{
	(void)j;
	(void)into;
	return field_refuse(r, "block volumes are not supported on a board");
}

/* FallbackToLogsOnError is what an event of a bad end has in any case. */
static enum err read_message_policy(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "File", "FallbackToLogsOnError", NULL };
	size_t which;
	(void)into;
	enum err e = field_choice(r, j, names, &which);
	return e || which == 0 ? e : field_ignored(r, j, into);
}

static enum err read_container(struct reader *r, const struct json *j, struct container_spec *c)
{
	c->termination = "/dev/termination-log";
	/* imagePullPolicy says nothing new: an image is pinned by its digest. */
	static const struct field fields[] = {
		{ "name", field_name, offsetof(struct container_spec, name) },
		{ "image", read_image },
		{ "command", field_words, offsetof(struct container_spec, command) },
		{ "args", field_words, offsetof(struct container_spec, args) },
		{ "workingDir", field_path, offsetof(struct container_spec, workdir) },
		{ "env", read_env },
		{ "envFrom", read_env_from },
		{ "resources", manifest_resources },
		{ "volumeMounts", read_mounts },
		{ "startupProbe", manifest_startup_probe,
		  offsetof(struct container_spec, probes[PROBE_STARTUP]) },
		{ "livenessProbe", manifest_liveness_probe,
		  offsetof(struct container_spec, probes[PROBE_LIVENESS]) },
		{ "readinessProbe", manifest_readiness_probe,
		  offsetof(struct container_spec, probes[PROBE_READINESS]) },
		{ "lifecycle", manifest_lifecycle },
		{ "securityContext", manifest_security },
		{ "restartPolicy", read_own_restart },
		{ "imagePullPolicy", field_ignored },
		{ "ports", manifest_ports },
		{ "terminationMessagePath", field_path,
		  offsetof(struct container_spec, termination) },
		{ "terminationMessagePolicy", read_message_policy },
		{ "stdin", refuse_terminal },
		{ "stdinOnce", refuse_terminal },
		{ "tty", refuse_terminal },
		{ "volumeDevices", refuse_devices },
		{ 0 },
	};
	c->limits.pids = PIDS_PER_WORKLOAD;
	c->where = arena_copy(r->arena, bytes_of(r->path));
	r->container = j;
	enum err e = c->where ? field_object(r, j, fields, c)
			      : field_refuse(r, "the manifest is too large");
	r->container = NULL;
	return e ? e : check_container(r, j, c);
}

enum err manifest_container(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	return read_container(r, j, &p->containers[p->container_count++]);
}

enum err manifest_init_container(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	p->containers[p->container_count].role = CONTAINER_INIT;
	p->init_count++;
	return manifest_container(r, j, into);
}
