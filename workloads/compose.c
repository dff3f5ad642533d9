#include "workloads/compose.h"

#include "base/text.h"
#include "ports/file.h"
#include "workloads/passwd.h"
#include "workloads/signo.h"
#include "workloads/uid.h"

#include <stdio.h>
#include <sys/stat.h>

enum { EXPANDED_MAX = 4096 };

/* The workload's side of its telemetry socket, docs/protocol.md. */
static const char SOCKET_INSIDE[] = "/run/skerry/telemetry.sock";

static enum err no_memory(struct why *why)
{
	return why_set(why, ERR_FULL, "command, environment and mounts are too large");
}

static const char *print(struct arena *a, const char *fmt, const char *first, const char *second)
{
	char text[PATH_LIMIT];
	struct text t = text_in(text, sizeof text);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	text_add(&t, fmt, first, second);
#pragma GCC diagnostic pop
	return text_is_cut(&t) ? NULL : arena_copy(a, text_bytes(&t));
}

static const char *value_of(const char *const *env, struct bytes name)
{
	const char *found = NULL; /* the last one wins */
	for (; *env; env++)
		if (strncmp(*env, name.at, name.len) == 0 && (*env)[name.len] == '=')
			found = *env + name.len + 1;
	return found;
}

/* What stands at `*at`, a '$': its replacement, and *at moves behind it. */
static struct bytes expand_one(const char **at, const char *const *env)
{
	const char *start = *at;
	if (start[1] == '$') {
		*at += 2;
		return (struct bytes){ start, 1 };
	}
	const char *end = start[1] == '(' ? strchr(start, ')') : NULL;
	const char *value = NULL;
	if (end)
		value = value_of(env, (struct bytes){ start + 2, (size_t)(end - start - 2) });
	if (!value) {
		*at += 1;
		return (struct bytes){ start, 1 };
	}
	*at = end + 1;
	return bytes_of(value);
}

const char *compose_expand(struct arena *arena, const char *text, const char *const *env)
{
	if (!strchr(text, '$'))
		return text;
	char *out = arena_take(arena, EXPANDED_MAX);
	if (!out)
		return NULL;
	struct text t = text_in(out, EXPANDED_MAX);
	while (*text) {
		size_t plain = strcspn(text, "$");
		text_add_bytes(&t, (struct bytes){ text, plain });
		text += plain;
		if (*text)
			text_add_bytes(&t, expand_one(&text, env));
	}
	return text_is_cut(&t) ? NULL : out;
}

static enum err add_env(struct launch *l, struct arena *arena, const char *name, const char *value,
			struct why *why)
{
	size_t n = 0;
	while (l->env[n])
		n++;
	if (n + 1 >= sizeof l->env / sizeof *l->env)
		return no_memory(why);
	l->env[n] = print(arena, "%s=%s", name, value);
	return l->env[n] ? OK : no_memory(why);
}

static enum err fill_env(const struct compose_order *o, const struct image_config *image,
			 struct arena *arena, struct launch *l, struct why *why)
{
	const struct container_spec *c = o->container;
	size_t n = 0;
	enum err e = OK;
	for (; image->env[n] && n + 1 < sizeof l->env / sizeof *l->env; n++)
		l->env[n] = image->env[n];
	if (!value_of(l->env, bytes_of("PATH")))
		e = add_env(l, arena, "PATH",
			    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", why);
	if (!e)
		e = add_env(l, arena, "HOSTNAME", o->pod->name, why);
	if (!e)
		e = add_env(l, arena, "SKERRY_DEVICE", o->site->device, why);
	if (!e)
		e = add_env(l, arena, "SKERRY_WORKLOAD", o->workload, why);
	if (!e)
		e = add_env(l, arena, "SKERRY_SOCKET", SOCKET_INSIDE, why);
	for (size_t i = 0; !e && i < c->env_count; i++) {
		const char *value = compose_expand(arena, c->env[i].value, l->env);
		e = value ? add_env(l, arena, c->env[i].name, value, why) : no_memory(why);
	}
	return e;
}

static enum err append_words(struct launch *l, const char *const *words, struct arena *arena,
			     struct why *why)
{
	size_t n = 0;
	while (l->argv[n])
		n++;
	for (; *words; words++, n++) {
		if (n == ARGS_MAX)
			return why_set(why, ERR_FULL, "command and args have more than %d words",
				       ARGS_MAX);
		l->argv[n] = compose_expand(arena, *words, l->env);
		if (!l->argv[n])
			return no_memory(why);
	}
	return OK;
}

/* Kubernetes: command replaces Entrypoint and drops Cmd, args replaces Cmd. */
static enum err fill_argv(const struct container_spec *c, const struct image_config *image,
			  struct arena *arena, struct launch *l, struct why *why)
{
	static const char *const none[] = { NULL };
	bool own = c->command[0] != NULL;
	const char *const *args = c->args[0] ? c->args : own ? none : image->cmd;
	enum err e = append_words(l, own ? c->command : image->entrypoint, arena, why);
	if (!e)
		e = append_words(l, args, arena, why);
	if (!e && !l->argv[0])
		e = why_set(why, ERR_INVALID, "neither the manifest nor the image names a command");
	return e;
}

/* The entry of the list that allows a path: the path itself or a folder above. */
static const char *allowed_by(const struct site *site, const char *path)
{
	for (const char *const *p = site->host_paths; p && *p; p++) {
		size_t n = strlen(*p);
		if (strncmp(path, *p, n) == 0 && (path[n] == '\0' || path[n] == '/'))
			return *p;
	}
	return NULL;
}

static enum err bind_disk(const struct compose_order *o, const char *name, struct arena *arena,
			  struct launch_mount *m, struct why *why)
{
	char path[PATH_LIMIT];
	if ((size_t)snprintf(path, sizeof path, "%s/volumes/%s/%s", o->site->state_dir,
			     o->pod->name, name) >= sizeof path)
		return why_set(why, ERR_INVALID, "%s: the path is too long", o->site->state_dir);
	enum err e = dir_make(path, 0700, why);
	/* Open to every container of the pod; what is above is closed to all. */
	if (!e && chmod(path, 0777))
		e = why_set(why, ERR_SYSTEM, "chmod %s failed", path);
	m->root = arena_copy(arena, bytes_of(path));
	m->source = "";
	return e || m->root ? e : no_memory(why);
}

static enum err fill_mount(const struct compose_order *o, const struct volume_mount *v,
			   struct arena *arena, struct launch_mount *m, struct why *why)
{
	*m = (struct launch_mount){ .target = v->path, .read_only = v->read_only };
	switch (v->volume->kind) {
	case VOLUME_MEMORY:
		m->kind = MOUNT_TMPFS;
		m->bytes = v->volume->bytes ? v->volume->bytes : TMP_DEFAULT;
		return OK;
	case VOLUME_DISK:
		return bind_disk(o, v->volume->name, arena, m, why);
	case VOLUME_HOST:
	default:
		m->root = allowed_by(o->site, v->volume->host_path);
		if (!m->root)
			return why_set(why, ERR_DENIED, "hostPath %s is not in allow_host_path",
				       v->volume->host_path);
		m->source = v->volume->host_path + strlen(m->root);
		m->source += *m->source == '/';
		return OK;
	}
}

static enum err fill_mounts(const struct compose_order *o, struct arena *arena, struct launch *l,
			    struct why *why)
{
	const struct container_spec *c = o->container;
	enum err e = OK;
	for (size_t i = 0; !e && i < c->mount_count; i++)
		e = fill_mount(o, &c->mounts[i], arena, &l->mounts[l->mount_count++], why);
	if (e)
		return e;
	l->mounts[l->mount_count++] = (struct launch_mount){ .root = o->folder,
							     .source = "telemetry.sock",
							     .target = SOCKET_INSIDE };
	return OK;
}

int64_t compose_oom_score_adj(const struct container_spec *c, int64_t memory_bytes)
{
	/* Kubernetes gives Guaranteed -997; here nothing a user runs comes before
	 * the agent and its keepers. */
	enum { GUARANTEED = 200, BEST_EFFORT = 1000 };
	if (!c->memory_request && !c->limits.cpu_request_milli)
		return BEST_EFFORT;
	if (c->limits.memory_bytes && c->limits.cpu_milli &&
	    c->memory_request == c->limits.memory_bytes &&
	    c->limits.cpu_request_milli == c->limits.cpu_milli)
		return GUARANTEED;
	int64_t score = memory_bytes > 0 ? 1000 - 1000 * c->memory_request / memory_bytes : 999;
	return score < GUARANTEED + 1 ? GUARANTEED + 1 : score > 999 ? 999 : score;
}

static enum err read_image(const struct compose_order *o, struct arena *arena,
			   struct image_config *image, struct launch *l, struct why *why)
{
	const char *digest = o->container->image_digest;
	char root[PATH_LIMIT];
	*image = (struct image_config){ 0 };
	if (!digest) {
		l->root = "/";
		l->hides[0] = o->site->state_dir;
		l->hides[1] = o->site->run_dir;
		return OK;
	}
	image_root(o->site->images, digest, root, sizeof root);
	l->root = arena_copy(arena, bytes_of(root));
	return l->root ? image_read_config(o->site->images, digest, arena, image, why)
		       : no_memory(why);
}

/* Another container's user is not an image's to be. */
static enum err check_user(const struct user *u, struct why *why)
{
	bool taken = uid_is_ours(u->uid) || uid_is_ours(u->gid);
	for (size_t i = 0; i < u->group_count; i++)
		taken = taken || uid_is_ours(u->groups[i]);
	return taken ? why_set(why, ERR_DENIED,
			       "the image's user or group is within %d-%d, which are workloads' "
			       "own",
			       UID_FIRST, UID_FIRST + UID_COUNT - 1)
		     : OK;
}

/* A workload is never root: root, or nobody said, leaves it to the caller. */
static enum err fill_user(const struct image_config *image, struct launch *l, struct why *why)
{
	struct user u;
	if (!image->user)
		return OK;
	enum err e = passwd_resolve(l->root, image->user, &u, why);
	if (!e)
		e = check_user(&u, why);
	if (e || !u.uid)
		return e;
	l->uid = u.uid;
	l->gid = u.gid ? u.gid : u.uid;
	memcpy(l->groups, u.groups, sizeof u.groups);
	l->group_count = u.group_count;
	return OK;
}

static enum err fill_stop_signal(const struct image_config *image, struct launch *l,
				 struct why *why)
{
	int signo;
	if (!image->stop_signal)
		return OK;
	enum err e = signo_read(image->stop_signal, &signo, why);
	if (e)
		return why_in(why, e, "image: StopSignal");
	l->stop_signal = signo;
	return OK;
}

enum err compose_launch(const struct compose_order *o, struct arena *arena, struct launch *out,
			struct why *why)
{
	const struct container_spec *c = o->container;
	struct image_config *image = arena_take(arena, sizeof *image);
	if (!image)
		return no_memory(why);
	*out = (struct launch){
		.workload = o->workload,
		.spec = o->pod->digest,
		.hostname = o->pod->name,
		.workdir = c->workdir,
		.oom_score_adj = compose_oom_score_adj(c, o->site->memory_bytes),
		.tmp_bytes = TMP_DEFAULT,
		.log_bytes = LOG_FILE_BYTES,
		.files = FILES_DEFAULT,
	};
	enum err e = read_image(o, arena, image, out, why);
	if (!out->workdir)
		out->workdir = image->workdir;
	if (!e)
		e = fill_user(image, out, why);
	if (!e)
		e = fill_stop_signal(image, out, why);
	if (!e)
		e = fill_env(o, image, arena, out, why);
	if (!e)
		e = fill_argv(c, image, arena, out, why);
	if (!e)
		e = fill_mounts(o, arena, out, why);
	return e;
}

enum err compose_admit(const struct site *site, const struct pod *pod, struct why *why)
{
	for (size_t i = 0; i < pod->volume_count; i++) {
		const struct volume_spec *v = &pod->volumes[i];
		if (v->kind == VOLUME_HOST && !allowed_by(site, v->host_path))
			return why_set(
				why, ERR_DENIED,
				"spec.volumes[%zu].hostPath: %s is not in allow_host_path of "
				"this board",
				i, v->host_path);
	}
	for (size_t i = 0; i < pod->container_count; i++)
		if (!pod->containers[i].image_digest && !site->allow_host_image)
			return why_set(
				why, ERR_DENIED,
				"spec.containers[%zu].image: host is not allowed on this board; "
				"set allow_host_image = true",
				i);
	return OK;
}

enum err compose_remove_volumes(const struct site *site, const char *pod, struct why *why)
{
	char path[PATH_LIMIT];
	if ((size_t)snprintf(path, sizeof path, "%s/volumes/%s", site->state_dir, pod) >=
	    sizeof path)
		return why_set(why, ERR_INVALID, "%s: the path is too long", site->state_dir);
	return dir_remove(path, why);
}
