#include "workloads/manifest.h"

#include "ports/digest.h"
#include "workloads/manifest_parts.h"
#include "workloads/qos.h"

#include <stdlib.h>

enum { POD_ARENA = 512 * 1024, GRACE_DEFAULT_S = 30, DEADLINE_MAX_S = 2147483647 };

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

static enum err read_priority(struct reader *r, const struct json *j, void *into)
{
	struct why why;
	const char *s = json_string(j);
	return priority_find(s ? s : "", into, &why) ? field_refuse(r, "%s", why.text) : OK;
}

static enum err read_host_network(struct reader *r, const struct json *j, void *into)
{
	bool on = false;
	enum network_mode *mode = into;
	enum err e = field_boolean(r, j, &on);
	if (!e && on)
		*mode = NETWORK_HOST;
	return e;
}

enum err manifest_deadline(struct reader *r, const struct json *j, void *into)
{
	int64_t s = 0, *ms = into;
	enum err e = field_integer(r, j, 1, DEADLINE_MAX_S, &s);
	*ms = s * 1000;
	return e;
}

static enum err read_init_containers(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, CONTAINERS_MAX - 1, manifest_init_container, into);
}

static enum err read_containers(struct reader *r, const struct json *j, void *into)
{
	const struct pod *p = into;
	if (json_count(j) == 0)
		return field_refuse(r, "1 to %d containers are expected", CONTAINERS_MAX);
	return field_list(r, j, CONTAINERS_MAX - p->init_count, manifest_container, into);
}

static enum err read_false(struct reader *r, const struct json *j, void *into)
{
	bool on;
	(void)into;
	enum err e = field_boolean(r, j, &on);
	return e || !on ? e : field_refuse(r, "only false is supported on a board");
}

static enum err read_os_name(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "linux", NULL };
	size_t which;
	(void)into;
	return field_choice(r, j, names, &which);
}

static enum err read_os(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = { { "name", read_os_name }, { 0 } };
	return field_object(r, j, fields, into);
}

static enum err refuse_field(struct reader *r, const struct json *j, void *into)
{
	(void)j;
	(void)into;
	return field_refuse(r, "is not supported on a board");
}

/* Read before the others: mounts name volumes, and init containers start first. */
static enum err read_early(struct reader *r, const struct json *spec, const char *key,
			   enum err (*read)(struct reader *r, const struct json *j, void *into))
{
	const struct json *j = json_member(spec, key);
	if (!j)
		return OK;
	size_t was = field_enter(r, key);
	enum err e = read(r, j, r->pod);
	if (!e)
		field_leave(r, was);
	return e;
}

struct string_map {
	struct pair *pairs;
	size_t *count;
};

static enum err read_string_map(struct reader *r, const struct json *j, const struct string_map *m)
{
	enum err e = OK;
	if (json_type_of(j) != JSON_OBJECT)
		return field_refuse(r, "an object is expected");
	if (json_count(j) > LABELS_MAX)
		return field_refuse(r, "more than %d entries", LABELS_MAX);
	for (const struct json *x = json_first(j); x && !e; x = json_next(x)) {
		struct pair *pair = &m->pairs[(*m->count)++];
		if (!json_string(x))
			return field_refuse(r, "\"%.60s\" is not a string", json_key(x));
		pair->name = arena_copy(r->arena, bytes_of(json_key(x)));
		e = pair->name ? field_text(r, x, &pair->value)
			       : field_refuse(r, "the manifest is too large");
	}
	return e;
}

static enum err read_node_selector(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = r->pod;
	enum err e = OK;
	(void)into;
	const size_t count = json_count(j) <= LABELS_MAX ? json_count(j) : 0;
	p->selector = field_room(r, count, sizeof *p->selector, &e);
	return e ? e
		 : read_string_map(r, j, &(struct string_map){ p->selector, &p->selector_count });
}

enum err manifest_pod_spec(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "volumes", field_done },
		{ "initContainers", field_done },
		{ "containers", field_done },
		{ "restartPolicy", read_restart },
		{ "terminationGracePeriodSeconds", field_seconds, offsetof(struct pod, grace_ms) },
		{ "activeDeadlineSeconds", manifest_deadline, offsetof(struct pod, deadline_ms) },
		{ "hostNetwork", read_host_network, offsetof(struct pod, board.network) },
		{ "securityContext", manifest_pod_security },
		{ "hostname", field_name, offsetof(struct pod, hostname) },
		{ "hostAliases", manifest_host_aliases },
		{ "dnsPolicy", manifest_dns_policy },
		{ "dnsConfig", manifest_dns_config },
		{ "shareProcessNamespace", read_false },
		{ "hostPID", read_false },
		{ "hostIPC", read_false },
		{ "setHostnameAsFQDN", read_false },
		{ "os", read_os },
		{ "nodeSelector", read_node_selector },
		/* Another has chosen this node. */
		{ "nodeName", field_ignored },
		{ "affinity", field_ignored },
		{ "tolerations", field_ignored },
		{ "topologySpreadConstraints", field_ignored },
		{ "schedulerName", field_ignored },
		{ "priority", field_ignored },
		{ "priorityClassName", read_priority, offsetof(struct pod, priority) },
		{ "preemptionPolicy", field_ignored },
		{ "overhead", field_ignored },
		/* There is no API server to speak to, and no registry to pull from. */
		{ "serviceAccount", field_ignored },
		{ "serviceAccountName", field_ignored },
		{ "automountServiceAccountToken", field_ignored },
		{ "imagePullSecrets", field_ignored },
		{ "enableServiceLinks", field_ignored },
		{ "subdomain", field_ignored },
		{ "hostUsers", refuse_field },
		{ "runtimeClassName", refuse_field },
		{ "ephemeralContainers", refuse_field },
		{ "resourceClaims", refuse_field },
		{ "schedulingGates", refuse_field },
		{ "readinessGates", refuse_field },
		{ 0 },
	};
	struct pod *p = r->pod;
	enum err e = OK;
	/* More than CONTAINERS_MAX are refused before they are read. */
	const size_t count = json_count(json_member(j, "initContainers")) +
			     json_count(json_member(j, "containers"));
	p->containers = field_room(r, count < CONTAINERS_MAX ? count : CONTAINERS_MAX,
				   sizeof *p->containers, &e);
	if (!e)
		e = read_early(r, j, "volumes", manifest_volumes);
	if (!e)
		e = read_early(r, j, "initContainers", read_init_containers);
	if (!e)
		e = read_early(r, j, "containers", read_containers);
	return e ? e : field_object(r, j, fields, into);
}

enum err manifest_labels(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	return read_string_map(r, j, &(struct string_map){ p->labels, &p->label_count });
}

enum err manifest_annotations(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	return read_string_map(r, j, &(struct string_map){ p->annotations, &p->annotation_count });
}

static enum err read_namespace(struct reader *r, const struct json *j, void *into)
{
	enum err e = field_name(r, j, into);
	return e ? e : field_ignored(r, j, into);
}

static enum err read_metadata(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", field_name, offsetof(struct pod, name) },
		{ "namespace", read_namespace, offsetof(struct pod, name_space) },
		{ "labels", manifest_labels },
		{ "annotations", manifest_annotations },
		{ "creationTimestamp", field_ignored },
		{ 0 },
	};
	/* A pod is labelled by its template: what is around it is data. */
	static const struct field around[] = {
		{ "name", field_name, offsetof(struct pod, name) },
		{ "namespace", read_namespace, offsetof(struct pod, name_space) },
		{ "labels", field_done },
		{ "annotations", field_done },
		{ "creationTimestamp", field_ignored },
		{ 0 },
	};
	bool is_pod = strcmp(r->pod->where, "spec") == 0;
	return field_object(r, j, is_pod ? fields : around, into);
}

enum err manifest_version_v1(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	(void)into;
	return s && strcmp(s, "v1") == 0 ? OK : field_refuse(r, "v1 is expected");
}

static enum err read_spec(struct reader *r, const struct json *j, void *into)
{
	return r->read_spec(r, j, into);
}

/* Nothing is reserved for what only takes what is over: its limits are no requests either. */
static enum err check_idle(struct reader *r, struct pod *p)
{
	for (size_t i = 0; p->priority == PRIORITY_IDLE && i < p->container_count; i++) {
		struct container_spec *c = &p->containers[i];
		if (c->has_requests)
			return why_set(r->why, ERR_INVALID,
				       "%s.resources.requests: a pod of the class idle has nothing "
				       "reserved: leave them out",
				       c->where);
		c->memory_request = c->limits.cpu_request_milli = 0;
	}
	return OK;
}

/* What one field alone does not show. */
static enum err check_pod(struct reader *r, struct pod *p)
{
	enum err e = manifest_board(r, p);
	if (!e)
		e = manifest_check_dns(r, p);
	if (!e)
		e = check_idle(r, p);
	for (size_t i = 0; !e && i < p->container_count; i++)
		if (p->containers[i].of_host)
			e = manifest_check_host_ids(r, p, &p->containers[i]);
	return e;
}

static enum err read_document(struct reader *r, const struct json *j)
{
	static const struct field fields[] = {
		{ "apiVersion", field_done },  { "kind", field_done },
		{ "metadata", read_metadata }, { "spec", read_spec },
		{ "status", field_ignored },   { 0 },
	};
	struct pod *p = r->pod;
	p->grace_ms = INT64_C(1000) * GRACE_DEFAULT_S;
	p->name_space = "default";
	if (json_type_of(j) != JSON_OBJECT)
		return why_set(r->why, ERR_INVALID, ": an object is expected");
	enum err e = manifest_kind(r, j);
	if (!e)
		e = field_object(r, j, fields, p);
	if (e)
		return e;
	if (!p->name)
		return why_set(r->why, ERR_INVALID, "metadata.name: is missing");
	if (!p->hostname)
		p->hostname = p->name;
	if (p->container_count == p->init_count)
		return why_set(r->why, ERR_INVALID, "%s.containers: is missing", p->where);
	return check_pod(r, p);
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
	struct reader r = {
		.arena = &p->arena, .ignored = &p->ignored, .pod = p, .use = use, .why = why
	};
	enum err e = read_document(&r, pod);
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
