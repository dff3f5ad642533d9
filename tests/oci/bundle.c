#include "tests/oci/bundle.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "ports/json.h"

#include <stdio.h>

enum { CONFIG_MAX = 1024 * 1024, TMPFS_BYTES = 16 * 1024 * 1024 };

static const char *text_at(struct arena *arena, const struct json *j, const char *key)
{
	const char *s = json_string(json_member(j, key));
	return s ? arena_copy(arena, bytes_of(s)) : NULL;
}

static int64_t number_at(const struct json *j, const char *key, int64_t fallback)
{
	int64_t n;
	return json_integer(json_member(j, key), &n) ? n : fallback;
}

static void read_words(struct arena *arena, const struct json *j, const char **out, size_t max)
{
	size_t n = 0;
	for (const struct json *x = json_first(j); x && n < max; x = json_next(x))
		if (json_string(x))
			out[n++] = arena_copy(arena, bytes_of(json_string(x)));
}

static void read_process(const struct json *p, struct arena *arena, struct launch *l)
{
	const struct json *user = json_member(p, "user");
	read_words(arena, json_member(p, "args"), l->argv, ARGS_MAX);
	read_words(arena, json_member(p, "env"), l->env, ENV_MAX);
	l->workdir = text_at(arena, p, "cwd");
	l->uid = number_at(user, "uid", 0);
	l->gid = number_at(user, "gid", 0);
	l->uid = l->uid ? l->uid : BUNDLE_USER;
	l->gid = l->gid ? l->gid : BUNDLE_USER;
	for (const struct json *g = json_first(json_member(user, "additionalGids")); g;
	     g = json_next(g))
		if (l->group_count < GROUPS_MAX && json_integer(g, &l->groups[l->group_count]) &&
		    l->groups[l->group_count] > 0)
			l->group_count++;
	l->oom_score_adj = number_at(p, "oomScoreAdj", 0);
}

/* What the sandbox puts there itself. */
static bool is_ours(const char *target)
{
	static const char *const ours[] = { "/proc", "/dev", "/sys", "/tmp", "/run" };
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		const size_t n = strlen(ours[i]);
		if (strncmp(target, ours[i], n) == 0 && (target[n] == '/' || !target[n]))
			return true;
	}
	return false;
}

static bool has_option(const struct json *options, const char *word)
{
	for (const struct json *o = json_first(options); o; o = json_next(o))
		if (json_string(o) && strcmp(json_string(o), word) == 0)
			return true;
	return false;
}

static void read_mount(const struct json *j, struct arena *arena, struct launch *l)
{
	const char *target = text_at(arena, j, "destination"), *type = text_at(arena, j, "type");
	const struct json *options = json_member(j, "options");
	const bool is_tmpfs = type && strcmp(type, "tmpfs") == 0;
	const bool is_bind = has_option(options, "bind") || has_option(options, "rbind");
	if (!target || is_ours(target) || (!is_tmpfs && !is_bind) ||
	    l->mount_count == LAUNCH_MOUNTS_MAX)
		return;
	l->mounts[l->mount_count++] = (struct launch_mount){
		.kind = is_tmpfs ? MOUNT_TMPFS : MOUNT_BIND,
		.root = text_at(arena, j, "source"),
		.source = "",
		.target = target,
		.bytes = TMPFS_BYTES,
		.read_only = has_option(options, "ro"),
	};
}

static void read_linux(const struct json *j, struct bundle *b)
{
	const struct json *r = json_member(j, "resources"), *cpu = json_member(r, "cpu");
	const int64_t quota = number_at(cpu, "quota", 0), period = number_at(cpu, "period", 100000);
	b->limits.memory_bytes = number_at(json_member(r, "memory"), "limit", 0);
	b->limits.pids = number_at(json_member(r, "pids"), "limit", 0);
	b->limits.cpu_milli = quota > 0 && period > 0 ? quota * 1000 / period : 0;
	b->limits.cpu_request_milli = number_at(cpu, "shares", 0) * 1000 / 1024;
	for (const struct json *n = json_first(json_member(j, "namespaces")); n; n = json_next(n)) {
		const char *type = json_string(json_member(n, "type"));
		b->has_network |= type && strcmp(type, "network") == 0 && !json_member(n, "path");
	}
}

static const char *root_of(const char *folder, const struct json *config, struct arena *arena)
{
	char path[PATH_LIMIT];
	const char *root = json_string(json_member(json_member(config, "root"), "path"));
	if (!root)
		return NULL;
	snprintf(path, sizeof path, "%s%s%s", *root == '/' ? "" : folder, *root == '/' ? "" : "/",
		 root);
	return arena_copy(arena, bytes_of(path));
}

enum err bundle_read(const char *folder, struct arena *arena, struct bundle *out, struct why *why)
{
	char path[PATH_LIMIT];
	SCOPED_MEMORY char *text = NULL;
	struct json *config;
	size_t len;
	*out = (struct bundle){ 0 };
	snprintf(path, sizeof path, "%s/config.json", folder);
	enum err e = file_read(path, CONFIG_MAX, &text, &len, why);
	if (!e)
		e = json_parse((struct bytes){ text, len }, &config, why);
	if (e)
		return e;
	struct launch *l = &out->launch;
	read_process(json_member(config, "process"), arena, l);
	for (const struct json *m = json_first(json_member(config, "mounts")); m; m = json_next(m))
		read_mount(m, arena, l);
	read_linux(json_member(config, "linux"), out);
	l->hostname = text_at(arena, config, "hostname");
	l->hostname = l->hostname ? l->hostname : "oci";
	l->root = root_of(folder, config, arena);
	l->tmp_bytes = TMPFS_BYTES;
	l->workload = "oci/main";
	json_free(config);
	return l->root ? OK : why_set(why, ERR_INVALID, "%s: root.path is missing", path);
}
