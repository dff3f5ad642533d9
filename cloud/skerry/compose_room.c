/* compose_room - what it may use: memory, processors, files. */
#include "cloud/skerry/compose_parts.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- what it may use --- */

/* 512m and 1gb, in Kubernetes' words. */
static enum err bytes_in(struct conversion *c, const char *field, const struct json *j,
			 struct json *into)
{
	static const struct {
		const char *compose, *ours;
	} units[] = { { "b", "" },    { "k", "Ki" }, { "kb", "Ki" }, { "m", "Mi" },
		      { "mb", "Mi" }, { "g", "Gi" }, { "gb", "Gi" }, { "", "" } };
	char text[32], out[40];
	if (!compose_text_of(j, text, sizeof text) || !*text)
		return compose_wrong(c, field, "an amount such as 64m is expected");
	const size_t digits = strspn(text, "0123456789.");
	for (size_t i = 0; i < sizeof units / sizeof *units && digits; i++) {
		if (strcasecmp(text + digits, units[i].compose) != 0)
			continue;
		snprintf(out, sizeof out, "%.*s%s", (int)digits, text, units[i].ours);
		json_set_string(into, "memory", out);
		return OK;
	}
	return compose_wrong(c, field, "an amount such as 64m is expected");
}

static enum err cpus_in(struct conversion *c, const char *field, const struct json *j,
			struct json *into)
{
	char text[32];
	if (!compose_text_of(j, text, sizeof text) || !*text || text[strspn(text, "0123456789.")])
		return compose_wrong(c, field, "a number such as 0.5 is expected");
	json_set_string(into, "cpu", text);
	return OK;
}

static struct json *limits_of(struct conversion *c)
{
	return compose_object_in(compose_object_in(c->container, "resources"), "limits");
}

enum err compose_take_mem_limit(struct conversion *c, const char *field, const struct json *j)
{
	return bytes_in(c, field, j, limits_of(c));
}

enum err compose_take_cpus(struct conversion *c, const char *field, const struct json *j)
{
	return cpus_in(c, field, j, limits_of(c));
}

static enum err take_amounts(struct conversion *c, const char *field, const struct json *from,
			     const char *key)
{
	enum err e = OK;
	if (!from)
		return OK;
	struct json *into = compose_object_in(compose_object_in(c->container, "resources"), key);
	for (const struct json *x = json_first(from); x && !e; x = json_next(x)) {
		if (strcmp(json_key(x), "cpus") == 0)
			e = cpus_in(c, field, x, into);
		else if (strcmp(json_key(x), "memory") == 0)
			e = bytes_in(c, field, x, into);
		else
			compose_note(c, field, "resources.%s is dropped", json_key(x));
	}
	return e;
}

enum err compose_take_deploy(struct conversion *c, const char *field, const struct json *j)
{
	const struct json *resources = json_member(j, "resources");
	const struct json *restart = json_member(json_member(j, "restart_policy"), "condition");
	enum err e = take_amounts(c, field, json_member(resources, "limits"), "limits");
	if (!e)
		e = take_amounts(c, field, json_member(resources, "reservations"), "requests");
	const char *when = json_string(restart);
	if (!e && when)
		json_set_string(c->spec, "restartPolicy",
				strcmp(when, "none") == 0         ? "Never"
				: strcmp(when, "on-failure") == 0 ? "OnFailure"
								  : "Always");
	for (const struct json *x = json_first(j); x; x = json_next(x))
		if (!text_list_has("resources restart_policy", json_key(x)))
			compose_note(c, field, "%s is dropped", json_key(x));
	return e;
}

/* --- files --- */

static void add_volume(struct conversion *c, struct json *volume, const char *at, bool read_only)
{
	char name[32];
	struct json *mount = json_new_object();
	snprintf(name, sizeof name, "v%zu", json_count(c->volumes) + 1);
	json_set_string(volume, "name", name);
	json_push(c->volumes, volume);
	json_set_string(mount, "name", name);
	json_set_string(mount, "mountPath", at);
	if (read_only)
		json_set_bool(mount, "readOnly", true);
	json_push(c->mounts, mount);
}

static enum err add_source(struct conversion *c, const char *field, const char *source,
			   const char *at, bool read_only)
{
	struct json *volume = json_new_object(), *what = json_new_object();
	if (*source == '/') {
		json_set_string(what, "path", source);
		json_set(volume, "hostPath", what);
		compose_note(c, field, "the board's allow_host_path must have %.100s", source);
	} else if (*source == '.' || *source == '~') {
		json_free(what);
		json_free(volume);
		return compose_wrong(c, field,
				     "a folder of the desk is not on a board: put it into the "
				     "image, or into a ConfigMap");
	} else {
		json_set(volume, "emptyDir", what);
		if (*source)
			compose_note(c, field, "volume %.60s: its content goes when the pod goes",
				     source);
	}
	add_volume(c, volume, at, read_only);
	return OK;
}

/* SOURCE:AT[:ro], or AT alone; or the long form. */
static enum err take_volume(struct conversion *c, const char *field, const struct json *j)
{
	char text[512], *at, *mode = NULL;
	if (json_type_of(j) == JSON_OBJECT) {
		const char *source = json_string(json_member(j, "source"));
		const char *target = json_string(json_member(j, "target"));
		bool read_only = false;
		json_bool(json_member(j, "read_only"), &read_only);
		if (!target)
			return compose_wrong(c, field, "target is missing");
		return add_source(c, field, source ? source : "", target, read_only);
	}
	if (!compose_text_of(j, text, sizeof text) || !*text)
		return compose_wrong(c, field, "SOURCE:PATH is expected");
	at = strchr(text, ':');
	if (!at)
		return add_source(c, field, "", text, false);
	*at++ = '\0';
	mode = strchr(at, ':');
	if (mode)
		*mode++ = '\0';
	return add_source(c, field, text, at, mode && strstr(mode, "ro"));
}

enum err compose_take_volumes(struct conversion *c, const char *field, const struct json *j)
{
	enum err e = OK;
	for (const struct json *x = json_first(j); x && !e; x = json_next(x))
		e = take_volume(c, field, x);
	return e;
}

enum err compose_take_tmpfs(struct conversion *c, const char *field, const struct json *j)
{
	const struct json *one = json_string(j) ? j : json_first(j);
	for (; one; one = json_string(j) ? NULL : json_next(one)) {
		struct json *volume = json_new_object(), *dir = json_new_object();
		if (!json_string(one)) {
			json_free(volume);
			json_free(dir);
			return compose_wrong(c, field, "a path is expected");
		}
		json_set_string(dir, "medium", "Memory");
		json_set(volume, "emptyDir", dir);
		add_volume(c, volume, json_string(one), false);
	}
	return OK;
}
