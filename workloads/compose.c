#include "workloads/compose.h"

#include "base/text.h"
#include "workloads/passwd.h"
#include "workloads/placement.h"
#include "workloads/qos.h"
#include "workloads/signo.h"
#include "workloads/uid.h"
#include "workloads/volume.h"

#include <stdio.h>
#include <sys/socket.h>

enum { EXPANDED_MAX = 4096 };

/* The workload's side of its telemetry socket, docs/protocol.md. */
static const char OUTBOX_INSIDE[] = "/run/skerry/outbox";
static const char SOCKET_INSIDE[] = "/run/skerry/telemetry.sock";
static const char NOTIFY_INSIDE[] = "/run/skerry/notify.sock";

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

static struct resolver resolver_of(const struct compose_order *o)
{
	return (struct resolver){ o->site, o->pod, o->container, o->configs };
}

static enum err config_error(enum err e, struct why *why)
{
	return e == ERR_NOT_FOUND ? why_in(why, e, RESOLVE_REASON) : e;
}

/* Every key of a config is a variable, but for binary ones. */
static enum err add_env_from(const struct compose_order *o, const struct env_from *from,
			     struct arena *arena, struct launch *l, struct why *why)
{
	const struct confmap *c = configs_find(o->configs, from->config.kind, from->config.name);
	enum err e = OK;
	if (!c && !from->config.optional)
		return config_error(why_set(why, ERR_NOT_FOUND, "%s \"%.80s\" is not there",
					    config_kind_name(from->config.kind), from->config.name),
				    why);
	for (size_t i = 0; c && !e && i < c->count; i++) {
		const struct confmap_entry *entry = &c->entries[i];
		const char *name = print(arena, "%s%s", from->prefix, entry->key);
		if (entry->is_binary || memchr(entry->value.at, '\0', entry->value.len))
			continue;
		e = name ? add_env(l, arena, name, entry->value.at, why) : no_memory(why);
	}
	return e;
}

/* Written values are expanded; values of a config or a field stand as they are. */
static enum err add_env_entry(const struct compose_order *o, const struct env_spec *env,
			      struct arena *arena, struct launch *l, struct why *why)
{
	const struct resolver r = resolver_of(o);
	struct bytes value;
	enum err e = resolve_value(&r, &env->value, arena, &value, why);
	if (e == ERR_NOT_FOUND && env->value.config.optional)
		return OK;
	if (e)
		return config_error(e, why);
	const char *text =
		env->value.kind == VALUE_TEXT ? compose_expand(arena, value.at, l->env) : value.at;
	return text ? add_env(l, arena, env->name, text, why) : no_memory(why);
}

static enum err add_watchdog(const struct compose_order *o, struct arena *arena, struct launch *l,
			     struct why *why)
{
	char us[32];
	snprintf(us, sizeof us, "%lld000", (long long)o->pod->board.watchdog_ms);
	return add_env(l, arena, "WATCHDOG_USEC", us, why);
}

static enum err add_own_env(const struct compose_order *o, struct arena *arena, struct launch *l,
			    struct why *why)
{
	enum err e = OK;
	if (!value_of(l->env, bytes_of("PATH")))
		e = add_env(l, arena, "PATH",
			    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", why);
	if (!e)
		e = add_env(l, arena, "HOSTNAME", o->pod->hostname, why);
	if (!e)
		e = add_env(l, arena, "SKERRY_DEVICE", o->site->device, why);
	if (!e)
		e = add_env(l, arena, "SKERRY_WORKLOAD", o->workload, why);
	if (!e)
		e = add_env(l, arena, "SKERRY_SOCKET", SOCKET_INSIDE, why);
	if (!e)
		e = add_env(l, arena, "NOTIFY_SOCKET", NOTIFY_INSIDE, why);
	if (!e && o->pod->board.outbox_bytes)
		e = add_env(l, arena, "SKERRY_OUTBOX", OUTBOX_INSIDE, why);
	return e || !o->pod->board.watchdog_ms ? e : add_watchdog(o, arena, l, why);
}

static enum err fill_env(const struct compose_order *o, const struct image_config *image,
			 struct arena *arena, struct launch *l, struct why *why)
{
	const struct container_spec *c = o->container;
	for (size_t n = 0; image->env[n] && n + 1 < sizeof l->env / sizeof *l->env; n++)
		l->env[n] = image->env[n];
	enum err e = add_own_env(o, arena, l, why);
	for (size_t i = 0; !e && i < c->env_from_count; i++)
		e = add_env_from(o, &c->env_from[i], arena, l, why);
	for (size_t i = 0; !e && i < c->env_count; i++)
		e = add_env_entry(o, &c->env[i], arena, l, why);
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

/* --- files that a pod has beside its image --- */

enum { ETC_MAX = 8 * 1024 };

static enum err add_own_file(const struct volume_order *v, const char *target, const struct text *t,
			     struct arena *arena, struct launch *l, struct why *why)
{
	if (text_is_cut(t))
		return why_set(why, ERR_FULL, "%s would be larger than %d bytes", target, ETC_MAX);
	if (l->mount_count == LAUNCH_MOUNTS_MAX)
		return no_memory(why);
	return volume_bind_own(v, target, text_bytes(t), arena, &l->mounts[l->mount_count++], why);
}

static enum err fill_hosts(const struct volume_order *v, struct arena *arena, struct launch *l,
			   struct why *why)
{
	const struct pod *p = v->resolver.pod;
	if (!p->alias_count)
		return OK;
	char *content = arena_take(arena, ETC_MAX);
	if (!content)
		return no_memory(why);
	struct text t = text_in(content, ETC_MAX);
	text_add(&t,
		 "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
		 "127.0.1.1 %s\n",
		 p->hostname);
	for (size_t i = 0; i < p->alias_count; i++) {
		text_add(&t, "%s", p->aliases[i].address);
		for (size_t k = 0; k < p->aliases[i].name_count; k++)
			text_add(&t, " %s", p->aliases[i].names[k]);
		text_add(&t, "\n");
	}
	return add_own_file(v, "/etc/hosts", &t, arena, l, why);
}

static enum err fill_resolv_conf(const struct volume_order *v, struct arena *arena,
				 struct launch *l, struct why *why)
{
	const struct dns_spec *d = &v->resolver.pod->dns;
	if (!d->is_own)
		return OK;
	char *content = arena_take(arena, ETC_MAX);
	if (!content)
		return no_memory(why);
	struct text t = text_in(content, ETC_MAX);
	for (size_t i = 0; i < d->server_count; i++)
		text_add(&t, "nameserver %s\n", d->servers[i]);
	for (size_t i = 0; i < d->search_count; i++)
		text_add(&t, "%s %s%s", i ? "" : "search", d->searches[i],
			 i + 1 < d->search_count ? "" : "\n");
	for (size_t i = 0; i < d->option_count; i++)
		text_add(&t, "options %s%s%s\n", d->options[i].name, d->options[i].value ? ":" : "",
			 d->options[i].value ? d->options[i].value : "");
	return add_own_file(v, "/etc/resolv.conf", &t, arena, l, why);
}

static enum err fill_mounts(const struct compose_order *o, struct arena *arena, struct launch *l,
			    struct why *why)
{
	const struct container_spec *c = o->container;
	const struct volume_order order = { resolver_of(o), o->folder, l->uid, l->gid };
	enum err e = OK;
	for (size_t i = 0; !e && i < c->mount_count; i++)
		e = volume_mount(&order, &c->mounts[i], arena, &l->mounts[l->mount_count++], why);
	if (!e)
		e = fill_hosts(&order, arena, l, why);
	if (!e)
		e = fill_resolv_conf(&order, arena, l, why);
	if (!e && o->pod->board.outbox_bytes && l->mount_count < LAUNCH_MOUNTS_MAX)
		e = volume_bind_outbox(&order, OUTBOX_INSIDE, arena, &l->mounts[l->mount_count++],
				       why);
	if (e || l->mount_count == LAUNCH_MOUNTS_MAX)
		return e ? e : no_memory(why);
	l->mounts[l->mount_count++] = (struct launch_mount){ .root = o->folder,
							     .source = "telemetry.sock",
							     .target = SOCKET_INSIDE };
	if (l->mount_count == LAUNCH_MOUNTS_MAX)
		return no_memory(why);
	l->mounts[l->mount_count++] = (struct launch_mount){ .root = o->folder,
							     .source = "notify.sock",
							     .target = NOTIFY_INSIDE };
	return OK;
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

static enum err add_group(struct launch *l, int64_t group, struct why *why)
{
	if (!group)
		return OK;
	for (size_t i = 0; i < l->group_count; i++)
		if (l->groups[i] == group)
			return OK;
	if (l->group_count == GROUPS_MAX)
		return why_set(why, ERR_FULL, "more than %d supplementary groups", GROUPS_MAX);
	l->groups[l->group_count++] = group;
	return OK;
}

/* A workload is never root: root, or nobody said, is a user of its own. */
static enum err take_image_user(const struct image_config *image, struct launch *l, struct why *why)
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

/* The container's word counts before the pod's, the pod's before the image's. */
static enum err fill_user(const struct compose_order *o, const struct image_config *image,
			  struct launch *l, struct why *why)
{
	const struct security_spec *c = &o->container->security, *p = &o->pod->security;
	const int64_t uid = c->uid ? c->uid : p->uid, gid = c->gid ? c->gid : p->gid;
	enum err e = uid ? OK : take_image_user(image, l, why);
	if (uid)
		l->uid = uid;
	if (gid)
		l->gid = gid;
	l->uid = l->uid ? l->uid : o->own_id;
	l->gid = l->gid ? l->gid : o->own_id;
	for (size_t i = 0; !e && i < o->pod->group_count; i++)
		e = add_group(l, o->pod->groups[i], why);
	return e ? e : add_group(l, o->pod->fs_group, why);
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

enum err compose_listeners(const struct container_spec *c, size_t count, struct arena *arena,
			   struct launch *l, struct why *why)
{
	char names[LISTENERS_MAX * LABEL_SIZE], number[16];
	struct text t = text_in(names, sizeof names);
	for (size_t i = 0; i < count; i++)
		text_add(&t, "%s%s", i ? ":" : "", c->ports[i].name);
	snprintf(number, sizeof number, "%zu", count);
	/* The keeper writes the pid over these digits. */
	enum err e = add_env(l, arena, "LISTEN_PID", "0000000000", why);
	if (!e)
		e = add_env(l, arena, "LISTEN_FDS", number, why);
	return e ? e : add_env(l, arena, "LISTEN_FDNAMES", names, why);
}

enum network_mode compose_network(const struct site *site, const struct pod *pod)
{
	return pod->board.network == NETWORK_BOARD ? site->network : pod->board.network;
}

/* Without a network there is nothing that other sockets could be for. */
static int64_t families_of(const struct compose_order *o)
{
	if (compose_network(o->site, o->pod) == NETWORK_NONE)
		return (INT64_C(1) << AF_UNIX) | o->pod->board.families;
	return o->pod->board.families ? (int64_t)LAUNCH_FAMILIES | o->pod->board.families : 0;
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
		.hostname = o->pod->hostname,
		.workdir = c->workdir,
		.oom_score_adj = qos_oom_score_adj(o->pod, c, o->site->memory_bytes),
		.idle = o->pod->priority == PRIORITY_IDLE,
		.tmp_bytes = TMP_DEFAULT,
		.log_bytes = LOG_FILE_BYTES,
		.files = FILES_DEFAULT,
		.notify = 1,
		.termination = c->termination,
		.network = compose_network(o->site, o->pod) != NETWORK_HOST,
		.families = families_of(o),
	};
	enum err e = read_image(o, arena, image, out, why);
	if (!out->workdir)
		out->workdir = image->workdir;
	if (!e)
		e = fill_user(o, image, out, why);
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

enum err compose_admit(const struct site *site, const struct pod *pod,
		       const struct configs *configs, struct why *why)
{
	for (size_t i = 0; i < pod->volume_count; i++) {
		const struct volume_spec *v = &pod->volumes[i];
		if (v->kind == VOLUME_HOST && !volume_allowed_by(site, v->host_path))
			return why_set(why, ERR_DENIED,
				       "%s.volumes[%zu].hostPath: %s is not in allow_host_path of "
				       "this board",
				       pod->where, i, v->host_path);
	}
	enum err e = placement_check_images(pod, site->allow_host_image, why);
	return e ? e : resolve_check(pod, configs, why);
}
