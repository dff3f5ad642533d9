/* securityContext of pods and containers: what may be asked for, and what a board never gives. */
#include "workloads/manifest_parts.h"

#define ID_MAX 2147483647LL /* Kubernetes'; above it numbers have wrapped to root elsewhere */

static enum err read_id(struct reader *r, const struct json *j, void *into)
{
	int64_t *id = into;
	enum err e = field_integer(r, j, 0, ID_MAX, id);
	if (!e && *id == 0)
		return field_refuse(r, "0 is root, which no workload of a board is");
	return e;
}

static enum err push_group(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	return read_id(r, j, &p->groups[p->group_count++]);
}

static enum err read_groups(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, POD_GROUPS_MAX, push_group, into);
}

/* --- what is so in any case --- */

static enum err expect_boolean(struct reader *r, const struct json *j, bool expected,
			       const char *reason)
{
	bool on;
	enum err e = field_boolean(r, j, &on);
	return e || on == expected ? e : field_refuse(r, "%s", reason);
}

static enum err read_root_is_read_only(struct reader *r, const struct json *j, void *into)
{
	(void)into;
	return expect_boolean(r, j, true,
			      "a workload's root is read-only; mount an emptyDir where it writes");
}

static enum err read_escalation(struct reader *r, const struct json *j, void *into)
{
	(void)into;
	return expect_boolean(r, j, false, "no workload of a board may gain privileges");
}

static enum err read_privileged(struct reader *r, const struct json *j, void *into)
{
	(void)into;
	return expect_boolean(r, j, false, "no workload of a board is privileged");
}

static enum err read_proc_mount(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "Default", NULL };
	size_t which;
	(void)into;
	return field_choice(r, j, names, &which);
}

static enum err read_seccomp_type(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	(void)into;
	return s && strcmp(s, "RuntimeDefault") == 0
		       ? OK
		       : field_refuse(r, "only RuntimeDefault is supported: every workload has it");
}

static enum err read_seccomp(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = { { "type", read_seccomp_type }, { 0 } };
	return field_object(r, j, fields, into);
}

static enum err read_capability(struct reader *r, const struct json *j, void *into)
{
	(void)into;
	return json_string(j) ? OK : field_refuse(r, "a string is expected");
}

static enum err read_drops(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, ARGS_MAX, read_capability, into);
}

static enum err read_adds(struct reader *r, const struct json *j, void *into)
{
	(void)into;
	return json_type_of(j) == JSON_ARRAY && json_count(j) == 0
		       ? OK
		       : field_refuse(r, "no workload of a board has capabilities");
}

static enum err read_capabilities(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "drop", read_drops },
		{ "add", read_adds },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

/* --- */

enum err manifest_pod_security(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "runAsUser", read_id, offsetof(struct pod, security.uid) },
		{ "runAsGroup", read_id, offsetof(struct pod, security.gid) },
		{ "runAsNonRoot", field_boolean, offsetof(struct pod, security.non_root) },
		{ "supplementalGroups", read_groups },
		{ "fsGroup", read_id, offsetof(struct pod, fs_group) },
		{ "fsGroupChangePolicy", field_ignored },
		{ "seccompProfile", read_seccomp },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

enum err manifest_security(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "runAsUser", read_id, offsetof(struct container_spec, security.uid) },
		{ "runAsGroup", read_id, offsetof(struct container_spec, security.gid) },
		{ "runAsNonRoot", field_boolean,
		  offsetof(struct container_spec, security.non_root) },
		{ "readOnlyRootFilesystem", read_root_is_read_only },
		{ "allowPrivilegeEscalation", read_escalation },
		{ "privileged", read_privileged },
		{ "procMount", read_proc_mount },
		{ "capabilities", read_capabilities },
		{ "seccompProfile", read_seccomp },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

static enum err check_host_id(struct reader *r, const char *where, const char *field, int64_t id)
{
	if (id == 0 || id >= HOST_ID_MIN)
		return OK;
	return why_set(r->why, ERR_INVALID,
		       "%s.securityContext.%s: %lld would be the board's own with image: host; %d "
		       "and above are free",
		       where, field, (long long)id, HOST_ID_MIN);
}

enum err manifest_check_host_ids(struct reader *r, const struct pod *p,
				 const struct container_spec *c)
{
	enum err e = check_host_id(r, c->where, "runAsUser", c->security.uid);
	if (!e)
		e = check_host_id(r, c->where, "runAsGroup", c->security.gid);
	if (!e)
		e = check_host_id(r, p->where, "runAsUser", p->security.uid);
	if (!e)
		e = check_host_id(r, p->where, "runAsGroup", p->security.gid);
	if (!e)
		e = check_host_id(r, p->where, "fsGroup", p->fs_group);
	for (size_t i = 0; !e && i < p->group_count; i++)
		e = check_host_id(r, p->where, "supplementalGroups", p->groups[i]);
	return e;
}
