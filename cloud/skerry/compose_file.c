#include "cloud/skerry/compose_parts.h"

#include "base/label.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void compose_note(struct conversion *c, const char *field, const char *fmt, ...)
{
	char text[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	c->notes->take(c->notes->owner, field, text);
}

enum err compose_wrong(struct conversion *c, const char *field, const char *reason)
{
	return why_set(c->why, ERR_INVALID, "%s: %s", field, reason);
}

bool compose_text_of(const struct json *j, char *out, size_t cap)
{
	const char *s = json_string(j);
	int64_t n;
	double d;
	bool b;
	if (s)
		return text_copy(out, cap, bytes_of(s));
	if (json_integer(j, &n))
		return snprintf(out, cap, "%lld", (long long)n) > 0;
	if (json_number(j, &d))
		return snprintf(out, cap, "%g", d) > 0;
	if (json_bool(j, &b))
		return snprintf(out, cap, "%s", b ? "true" : "false") > 0;
	*out = '\0';
	return json_type_of(j) == JSON_NULL;
}

struct json *compose_object_in(struct json *parent, const char *key)
{
	struct json *child = json_detach(parent, key);
	child = child ? child : json_new_object();
	json_set(parent, key, child);
	return child;
}

struct json *compose_list_in(struct json *parent, const char *key)
{
	struct json *child = json_detach(parent, key);
	child = child ? child : json_new_array();
	json_set(parent, key, child);
	return child;
}

static enum err drop_depends_on(struct conversion *c, const char *field, const struct json *j)
{
	(void)j;
	compose_note(c, field,
		     "dropped: pods start together, and again until what they need is there");
	return OK;
}

static enum err drop_cap_add(struct conversion *c, const char *field, const struct json *j)
{
	(void)j;
	compose_note(c, field, "dropped: a workload has no capabilities on a board");
	return OK;
}

static enum err drop_env_file(struct conversion *c, const char *field, const struct json *j)
{
	(void)j;
	return compose_wrong(c, field,
			     "run it through docker compose config first, which reads it");
}

static const struct key {
	const char *name;
	compose_take *take;
} keys[] = {
	{ "image", compose_take_image },
	{ "build", compose_take_build },
	{ "command", compose_take_command },
	{ "entrypoint", compose_take_entrypoint },
	{ "environment", compose_take_environment },
	{ "env_file", drop_env_file },
	{ "working_dir", compose_take_working_dir },
	{ "user", compose_take_user },
	{ "read_only", compose_take_read_only },
	{ "restart", compose_take_restart },
	{ "stop_grace_period", compose_take_grace },
	{ "healthcheck", compose_take_healthcheck },
	{ "mem_limit", compose_take_mem_limit },
	{ "cpus", compose_take_cpus },
	{ "deploy", compose_take_deploy },
	{ "volumes", compose_take_volumes },
	{ "tmpfs", compose_take_tmpfs },
	{ "ports", compose_take_ports },
	{ "network_mode", compose_take_network_mode },
	{ "hostname", compose_take_hostname },
	{ "depends_on", drop_depends_on },
	{ "cap_add", drop_cap_add },
};

static enum err take_key(struct conversion *c, const struct json *member)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(json_key(member), keys[i].name) == 0)
			return keys[i].take(c, keys[i].name, member);
	compose_note(c, json_key(member), "dropped");
	return OK;
}

/* Empty lists say nothing. */
static void keep_volumes(struct conversion *c)
{
	if (json_count(c->mounts)) {
		json_set(c->container, "volumeMounts", c->mounts);
		json_set(c->spec, "volumes", c->volumes);
	} else {
		json_free(c->mounts);
		json_free(c->volumes);
	}
}

enum err compose_service(const char *name, const struct json *service,
			 const struct compose_notes *notes, struct json **out, struct why *why)
{
	struct json *pod = json_new_object(), *containers = json_new_array();
	struct conversion c = { .name = name,
				.notes = notes,
				.container = json_new_object(),
				.volumes = json_new_array(),
				.mounts = json_new_array(),
				.why = why };
	json_set_string(pod, "apiVersion", "v1");
	json_set_string(pod, "kind", "Pod");
	c.metadata = compose_object_in(pod, "metadata");
	json_set_string(c.metadata, "name", name);
	c.spec = compose_object_in(pod, "spec");
	json_set_string(c.container, "name", name);
	enum err e = label_is_valid(bytes_of(name)) ? OK : compose_wrong(&c, "", LABEL_RULE);
	if (!e && json_type_of(service) != JSON_OBJECT)
		e = compose_wrong(&c, "", "a service is expected");
	for (const struct json *x = e ? NULL : json_first(service); x && !e; x = json_next(x))
		e = take_key(&c, x);
	if (!e && !json_member(c.container, "image"))
		e = compose_wrong(&c, "image", "is missing, and so is build");
	keep_volumes(&c);
	json_push(containers, c.container);
	json_set(c.spec, "containers", containers);
	if (e)
		json_free(pod);
	else
		*out = pod;
	return e;
}
