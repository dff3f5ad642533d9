/* What probes and hooks do: exec, httpGet, tcpSocket, sleep. */
#include "workloads/manifest_parts.h"

#include "base/text.h"

/* A name stands for the containerPort of that name. */
static bool find_port(const struct reader *r, const char *name, int64_t *out)
{
	const struct json *p = json_first(json_member(r->container, "ports"));
	for (; p; p = json_next(p)) {
		const char *s = json_string(json_member(p, "name"));
		if (s && strcmp(s, name) == 0)
			return json_integer(json_member(p, "containerPort"), out);
	}
	return false;
}

static enum err read_port(struct reader *r, const struct json *j, void *into)
{
	int64_t *port = into;
	const char *name = json_string(j);
	if (name && !find_port(r, name, port))
		return field_refuse(r, "the container has no port called \"%.20s\"", name);
	if (!name && !json_integer(j, port))
		*port = 0;
	if (*port < 1 || *port > 65535)
		return field_refuse(r, "a port number within 1-65535 is expected");
	return OK;
}

static enum err set_kind(struct reader *r, struct action_spec *a, enum action_kind kind)
{
	if (a->kind != ACTION_NONE)
		return field_refuse(r, "only one of exec, httpGet, tcpSocket and sleep is allowed");
	a->kind = kind;
	return OK;
}

static enum err read_scheme(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	(void)into;
	return s && strcmp(s, "HTTP") == 0 ? OK : field_refuse(r, "only HTTP is supported");
}

/* --- headers --- */

struct header {
	const char *name, *value;
};

static enum err read_header_text(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || strpbrk(s, "\r\n"))
		return field_refuse(r, "a string of one line is expected");
	return field_text(r, j, into);
}

static enum err read_header_name(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !*s || strpbrk(s, " :\t\r\n"))
		return field_refuse(r, "the name of a header is expected");
	return field_text(r, j, into);
}

static enum err read_header(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", read_header_name, offsetof(struct header, name) },
		{ "value", read_header_text, offsetof(struct header, value) },
		{ 0 },
	};
	struct header h = { .value = "" };
	enum err e = field_object(r, j, fields, &h);
	if (!e && !h.name)
		return field_refuse(r, "name is missing");
	if (!e)
		text_add(into, "%s: %s\r\n", h.name, h.value);
	return e;
}

static enum err read_headers(struct reader *r, const struct json *j, void *into)
{
	char lines[ACTION_HEADERS_MAX];
	struct text t = text_in(lines, sizeof lines);
	const char **headers = into;
	enum err e = field_list(r, j, ACTION_HEADERS_MAX / 4, read_header, &t);
	if (!e && text_is_cut(&t))
		return field_refuse(r, "the headers take more than %d bytes", ACTION_HEADERS_MAX);
	*headers = arena_copy(r->arena, text_bytes(&t));
	return e || *headers ? e : field_refuse(r, "the manifest is too large");
}

/* --- kinds --- */

static enum err read_exec(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "command", field_words, offsetof(struct action_spec, argv) }, { 0 }
	};
	struct action_spec *a = into;
	enum err e = set_kind(r, a, ACTION_EXEC);
	if (!e)
		e = field_object(r, j, fields, a);
	return e || a->argv[0] ? e : field_refuse(r, "command is missing");
}

static enum err read_http(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "host", field_string, offsetof(struct action_spec, host) },
		{ "path", field_string, offsetof(struct action_spec, path) },
		{ "port", read_port, offsetof(struct action_spec, port) },
		{ "scheme", read_scheme },
		{ "httpHeaders", read_headers, offsetof(struct action_spec, headers) },
		{ 0 },
	};
	struct action_spec *a = into;
	enum err e = set_kind(r, a, ACTION_HTTP);
	if (!e)
		e = field_object(r, j, fields, a);
	if (!e && strpbrk(a->path, " \r\n"))
		return field_refuse(r, "the path has blanks in it");
	return e || a->port ? e : field_refuse(r, "port is missing");
}

static enum err read_tcp(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "host", field_string, offsetof(struct action_spec, host) },
		{ "port", read_port, offsetof(struct action_spec, port) },
		{ 0 },
	};
	struct action_spec *a = into;
	enum err e = set_kind(r, a, ACTION_TCP);
	if (!e)
		e = field_object(r, j, fields, a);
	return e || a->port ? e : field_refuse(r, "port is missing");
}

static enum err read_sleep(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "seconds", field_seconds, offsetof(struct action_spec, sleep_ms) }, { 0 }
	};
	struct action_spec *a = into;
	enum err e = set_kind(r, a, ACTION_SLEEP);
	return e ? e : field_object(r, j, fields, a);
}

/* --- probes --- */

enum { PERIOD_DEFAULT_S = 10 };

#define ACTION_DEFAULTS                                                                            \
	{                                                                                          \
		.host = "127.0.0.1", .path = "/", .headers = ""                                    \
	}

static enum err check_probe(struct reader *r, const struct probe_spec *p, enum probe_role role)
{
	if (p->action.kind == ACTION_NONE)
		return field_refuse(r, "one of exec, httpGet and tcpSocket is expected");
	if (p->period_ms == 0 || p->timeout_ms == 0)
		return field_refuse(r, "periodSeconds and timeoutSeconds are at least 1");
	if (role != PROBE_READINESS && p->success != 1)
		return field_refuse(r, "successThreshold must be 1 here");
	if (role == PROBE_READINESS && p->grace_ms >= 0)
		return field_refuse(r, "terminationGracePeriodSeconds has no meaning here: a "
				       "readiness probe ends nothing");
	return OK;
}

static enum err read_probe(struct reader *r, const struct json *j, struct probe_spec *p,
			   enum probe_role role)
{
	static const struct field fields[] = {
		{ "exec", read_exec, offsetof(struct probe_spec, action) },
		{ "httpGet", read_http, offsetof(struct probe_spec, action) },
		{ "tcpSocket", read_tcp, offsetof(struct probe_spec, action) },
		{ "initialDelaySeconds", field_seconds,
		  offsetof(struct probe_spec, initial_delay_ms) },
		{ "periodSeconds", field_seconds, offsetof(struct probe_spec, period_ms) },
		{ "timeoutSeconds", field_seconds, offsetof(struct probe_spec, timeout_ms) },
		{ "successThreshold", field_threshold, offsetof(struct probe_spec, success) },
		{ "failureThreshold", field_threshold, offsetof(struct probe_spec, failure) },
		{ "terminationGracePeriodSeconds", field_seconds,
		  offsetof(struct probe_spec, grace_ms) },
		{ 0 },
	};
	*p = (struct probe_spec){
		.action = ACTION_DEFAULTS,
		.period_ms = INT64_C(1000) * PERIOD_DEFAULT_S,
		.timeout_ms = 1000,
		.success = 1,
		.failure = 3,
		.grace_ms = -1,
	};
	enum err e = field_object(r, j, fields, p);
	return e ? e : check_probe(r, p, role);
}

enum err manifest_startup_probe(struct reader *r, const struct json *j, void *into)
{
	return read_probe(r, j, into, PROBE_STARTUP);
}

enum err manifest_liveness_probe(struct reader *r, const struct json *j, void *into)
{
	return read_probe(r, j, into, PROBE_LIVENESS);
}

enum err manifest_readiness_probe(struct reader *r, const struct json *j, void *into)
{
	return read_probe(r, j, into, PROBE_READINESS);
}

/* --- hooks --- */

static enum err read_hook(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "exec", read_exec },
		{ "httpGet", read_http },
		{ "sleep", read_sleep },
		{ 0 },
	};
	struct action_spec *a = into;
	*a = (struct action_spec)ACTION_DEFAULTS;
	enum err e = field_object(r, j, fields, a);
	if (!e && a->kind == ACTION_NONE)
		return field_refuse(r, "one of exec, httpGet and sleep is expected");
	return e;
}

enum err manifest_lifecycle(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "postStart", read_hook, offsetof(struct container_spec, hooks[HOOK_START]) },
		{ "preStop", read_hook, offsetof(struct container_spec, hooks[HOOK_STOP]) },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}
