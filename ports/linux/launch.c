#include "ports/launch.h"

#include "base/text.h"

#include <stddef.h>
#include <stdlib.h>

static const char HEAD[] = "skerry-launch";

/* The plain members, by name: one table for writing and for reading. */
enum member_type { STRING, INTEGER };

static const struct member {
	const char *key;
	enum member_type type;
	size_t offset;
} members[] = {
	{ "workload", STRING, offsetof(struct launch, workload) },
	{ "spec", STRING, offsetof(struct launch, spec) },
	{ "generation", INTEGER, offsetof(struct launch, generation) },
	{ "instance", INTEGER, offsetof(struct launch, instance) },
	{ "workdir", STRING, offsetof(struct launch, workdir) },
	{ "hostname", STRING, offsetof(struct launch, hostname) },
	{ "root", STRING, offsetof(struct launch, root) },
	{ "uid", INTEGER, offsetof(struct launch, uid) },
	{ "gid", INTEGER, offsetof(struct launch, gid) },
	{ "stop-signal", INTEGER, offsetof(struct launch, stop_signal) },
	{ "oom-score-adj", INTEGER, offsetof(struct launch, oom_score_adj) },
	{ "idle", INTEGER, offsetof(struct launch, idle) },
	{ "tmp-bytes", INTEGER, offsetof(struct launch, tmp_bytes) },
	{ "log-bytes", INTEGER, offsetof(struct launch, log_bytes) },
	{ "files", INTEGER, offsetof(struct launch, files) },
	{ "network", INTEGER, offsetof(struct launch, network) },
	{ "listeners", INTEGER, offsetof(struct launch, listeners) },
	{ "notify", INTEGER, offsetof(struct launch, notify) },
	{ "termination", STRING, offsetof(struct launch, termination) },
	{ "hold", INTEGER, offsetof(struct launch, hold) },
	{ "families", INTEGER, offsetof(struct launch, families) },
};

enum { MEMBERS = sizeof members / sizeof *members };

static void put(struct text *t, const char *key, const char *value)
{
	text_add_bytes(t, bytes_of(key));
	text_add_bytes(t, (struct bytes){ "=", 1 });
	text_add_bytes(t, (struct bytes){ value, strlen(value) + 1 });
}

static void put_number(struct text *t, const char *key, int64_t n)
{
	char digits[24];
	struct text d = text_in(digits, sizeof digits);
	text_add(&d, "%lld", (long long)n);
	put(t, key, digits);
}

static void put_all(struct text *t, const char *key, const char *const *values)
{
	for (; *values; values++)
		put(t, key, *values);
}

static const char *const mount_kinds[] = {
	[MOUNT_BIND] = "bind",
	[MOUNT_TMPFS] = "tmpfs",
	[MOUNT_DEVICE] = "device",
};

/* A mount begins with its kind; the keys behind it are about that mount. */
static void put_mount(struct text *t, const struct launch_mount *m)
{
	put(t, "mount", mount_kinds[m->kind]);
	put(t, "mount-target", m->target);
	if (m->kind == MOUNT_DEVICE) {
		put(t, "mount-device", m->is_block ? "block" : "character");
		put_number(t, "mount-major", m->major);
		put_number(t, "mount-minor", m->minor);
	}
	if (m->kind == MOUNT_BIND) {
		put(t, "mount-root", m->root);
		put(t, "mount-source", m->source ? m->source : "");
	}
	put_number(t, "mount-bytes", m->bytes);
	put_number(t, "mount-read-only", m->read_only);
}

static void put_join(struct text *t, const struct cgroup_join *j)
{
	if (j->into[0])
		put(t, "cgroup-into", j->into);
	for (size_t i = 0; i < CGROUP_JOINS_MAX && j->tasks[i][0]; i++)
		put(t, "cgroup-tasks", j->tasks[i]);
	if (j->oom[0])
		put(t, "cgroup-oom", j->oom);
}

enum err launch_write(const struct launch *l, char *out, size_t cap, size_t *out_len,
		      struct why *why)
{
	struct text t = text_in(out, cap);
	put_number(&t, HEAD, LAUNCH_VERSION);
	for (size_t i = 0; i < MEMBERS; i++) {
		const void *at = (const char *)l + members[i].offset;
		if (members[i].type == INTEGER)
			put_number(&t, members[i].key, *(const int64_t *)at);
		else if (*(const char *const *)at)
			put(&t, members[i].key, *(const char *const *)at);
	}
	put_all(&t, "arg", l->argv);
	put_all(&t, "env", l->env);
	put_all(&t, "hide", l->hides);
	for (size_t i = 0; i < l->group_count; i++)
		put_number(&t, "group", l->groups[i]);
	for (size_t i = 0; i < l->mount_count; i++)
		put_mount(&t, &l->mounts[i]);
	put_join(&t, &l->join);
	if (text_is_cut(&t))
		return why_set(why, ERR_FULL,
			       "command, environment and mounts take more than %zu bytes", cap);
	*out_len = t.len;
	return OK;
}

static bool append(const char **list, size_t cap, const char *value)
{
	size_t n = 0;
	while (list[n])
		n++;
	if (n + 1 >= cap)
		return false;
	list[n] = value;
	return true;
}

static bool begin_mount(struct launch *l, const char *kind)
{
	if (l->mount_count == LAUNCH_MOUNTS_MAX)
		return false;
	struct launch_mount *m = &l->mounts[l->mount_count++];
	for (enum mount_kind k = MOUNT_BIND; k <= MOUNT_DEVICE; k++)
		if (strcmp(kind, mount_kinds[k]) == 0)
			m->kind = k;
	return true;
}

static bool read_mount(struct launch *l, const char *key, const char *value)
{
	if (strcmp(key, "mount") == 0)
		return begin_mount(l, value);
	if (l->mount_count == 0)
		return false;
	struct launch_mount *m = &l->mounts[l->mount_count - 1];
	const struct {
		const char *key;
		const char **text;
		int64_t *number;
	} parts[] = {
		{ "mount-target", &m->target, NULL }, { "mount-root", &m->root, NULL },
		{ "mount-source", &m->source, NULL }, { "mount-bytes", NULL, &m->bytes },
		{ "mount-major", NULL, &m->major },   { "mount-minor", NULL, &m->minor },
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (strcmp(key, parts[i].key) != 0)
			continue;
		if (parts[i].text)
			*parts[i].text = value;
		else
			*parts[i].number = strtoll(value, NULL, 10);
	}
	if (strcmp(key, "mount-device") == 0)
		m->is_block = strcmp(value, "block") == 0;
	else if (strcmp(key, "mount-read-only") == 0)
		m->read_only = *value == '1';
	return true;
}

static bool read_join(struct cgroup_join *j, const char *key, const char *value)
{
	char *into = NULL;
	if (strcmp(key, "cgroup-into") == 0)
		into = j->into;
	else if (strcmp(key, "cgroup-oom") == 0)
		into = j->oom;
	else if (strcmp(key, "cgroup-tasks") != 0)
		return true; /* a younger agent's */
	for (size_t i = 0; !into && i < CGROUP_JOINS_MAX; i++)
		if (!j->tasks[i][0])
			into = j->tasks[i];
	return into && text_copy(into, CGROUP_PATH_MAX, bytes_of(value));
}

static bool read_member(struct launch *l, const char *key, const char *value)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		if (strcmp(key, members[i].key) != 0)
			continue;
		void *at = (char *)l + members[i].offset;
		if (members[i].type == INTEGER)
			*(int64_t *)at = strtoll(value, NULL, 10);
		else
			*(const char **)at = value;
	}
	return true; /* unknown keys come from a younger agent */
}

static bool read_group(struct launch *l, const char *value)
{
	if (l->group_count == GROUPS_MAX)
		return false;
	l->groups[l->group_count++] = strtoll(value, NULL, 10);
	return true;
}

static bool read_entry(struct launch *l, const char *key, const char *value)
{
	if (strcmp(key, "arg") == 0)
		return append(l->argv, sizeof l->argv / sizeof *l->argv, value);
	if (strcmp(key, "env") == 0)
		return append(l->env, sizeof l->env / sizeof *l->env, value);
	if (strcmp(key, "hide") == 0)
		return append(l->hides, sizeof l->hides / sizeof *l->hides, value);
	if (strcmp(key, "group") == 0)
		return read_group(l, value);
	if (text_starts(key, "mount"))
		return read_mount(l, key, value);
	if (text_starts(key, "cgroup-"))
		return read_join(&l->join, key, value);
	return read_member(l, key, value);
}

static const char *missing_part(const struct launch *l)
{
	if (!l->argv[0])
		return "a command";
	if (!l->workload)
		return "a name";
	if (!l->root)
		return "a root";
	return l->hostname ? NULL : "a host name";
}

static enum err check(const struct launch *l, struct why *why)
{
	const char *missing = missing_part(l);
	if (missing)
		return why_set(why, ERR_INVALID, "the launch file lacks %s", missing);
	if (l->uid <= 0 || l->gid <= 0)
		return why_set(why, ERR_INVALID, "the launch file gives no uid and gid above 0");
	for (size_t i = 0; i < l->group_count; i++)
		if (l->groups[i] <= 0)
			return why_set(why, ERR_INVALID, "the launch file gives a group of 0");
	for (size_t i = 0; i < l->mount_count; i++) {
		const struct launch_mount *m = &l->mounts[i];
		if (!m->target || !strchr(m->target, '/') ||
		    (m->kind == MOUNT_BIND && (!m->root || !m->source)))
			return why_set(why, ERR_INVALID,
				       "mount %zu of the launch file is not whole", i);
	}
	return OK;
}

enum err launch_take(char *text, size_t len, struct launch *out, struct why *why)
{
	*out = (struct launch){ 0 };
	if (len == 0 || text[len - 1] != '\0' || !text_starts(text, HEAD))
		return why_set(why, ERR_INVALID, "this is no launch file");
	for (char *entry = text, *end = text + len; entry < end;) {
		char *next = entry + strlen(entry) + 1;
		char *value = strchr(entry, '=');
		if (!value)
			return why_set(why, ERR_INVALID,
				       "the launch file has an entry without '='");
		*value++ = '\0';
		if (!read_entry(out, entry, value))
			return why_set(why, ERR_INVALID, "the launch file has too many of %.40s",
				       entry);
		entry = next;
	}
	return check(out, why);
}

enum err launch_read(struct bytes written, struct arena *arena, struct launch *out, struct why *why)
{
	char *text = arena_copy(arena, written);
	if (!text)
		return why_set(why, ERR_SYSTEM, "the launch file: no memory");
	return launch_take(text, written.len, out, why);
}
