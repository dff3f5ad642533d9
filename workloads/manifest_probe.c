#include "workloads/manifest_parts.h"

enum { PERIOD_DEFAULT_S = 10 };

static enum err read_port(struct reader *r, const struct json *j, void *into)
{
	int64_t *port = into;
	if (!json_integer(j, port) || *port < 1 || *port > 65535)
		return field_refuse(r, "a port number within 1-65535 is expected");
	return OK;
}

static enum err set_kind(struct reader *r, struct probe_spec *p, enum probe_kind kind)
{
	if (p->kind != PROBE_NONE)
		return field_refuse(r, "a probe has one of exec, httpGet and tcpSocket");
	p->kind = kind;
	return OK;
}

static enum err read_scheme(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	(void)into;
	return s && strcmp(s, "HTTP") == 0 ? OK : field_refuse(r, "only HTTP is supported");
}

static enum err read_exec(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "command", field_words, offsetof(struct probe_spec, argv) }, { 0 }
	};
	struct probe_spec *p = into;
	enum err e = set_kind(r, p, PROBE_EXEC);
	if (!e)
		e = field_object(r, j, fields, p);
	return e || p->argv[0] ? e : field_refuse(r, "command is missing");
}

static enum err read_http(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "host", field_string, offsetof(struct probe_spec, host) },
		{ "path", field_string, offsetof(struct probe_spec, path) },
		{ "port", read_port, offsetof(struct probe_spec, port) },
		{ "scheme", read_scheme },
		{ 0 },
	};
	struct probe_spec *p = into;
	enum err e = set_kind(r, p, PROBE_HTTP);
	if (!e)
		e = field_object(r, j, fields, p);
	if (!e && strpbrk(p->path, " \r\n"))
		return field_refuse(r, "the path has blanks in it");
	return e || p->port ? e : field_refuse(r, "port is missing");
}

static enum err read_tcp(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "host", field_string, offsetof(struct probe_spec, host) },
		{ "port", read_port, offsetof(struct probe_spec, port) },
		{ 0 },
	};
	struct probe_spec *p = into;
	enum err e = set_kind(r, p, PROBE_TCP);
	if (!e)
		e = field_object(r, j, fields, p);
	return e || p->port ? e : field_refuse(r, "port is missing");
}

static enum err read_probe(struct reader *r, const struct json *j, struct probe_spec *p,
			   bool only_once)
{
	static const struct field fields[] = {
		{ "exec", read_exec },
		{ "httpGet", read_http },
		{ "tcpSocket", read_tcp },
		{ "initialDelaySeconds", field_seconds,
		  offsetof(struct probe_spec, initial_delay_ms) },
		{ "periodSeconds", field_seconds, offsetof(struct probe_spec, period_ms) },
		{ "timeoutSeconds", field_seconds, offsetof(struct probe_spec, timeout_ms) },
		{ "successThreshold", field_threshold, offsetof(struct probe_spec, success) },
		{ "failureThreshold", field_threshold, offsetof(struct probe_spec, failure) },
		{ 0 },
	};
	*p = (struct probe_spec){
		.host = "127.0.0.1",
		.path = "/",
		.period_ms = INT64_C(1000) * PERIOD_DEFAULT_S,
		.timeout_ms = 1000,
		.success = 1,
		.failure = 3,
	};
	enum err e = field_object(r, j, fields, p);
	if (e)
		return e;
	if (p->kind == PROBE_NONE)
		return field_refuse(r, "one of exec, httpGet and tcpSocket is expected");
	if (p->period_ms == 0 || p->timeout_ms == 0)
		return field_refuse(r, "periodSeconds and timeoutSeconds are at least 1");
	if (only_once && p->success != 1)
		return field_refuse(r, "successThreshold must be 1 here");
	return OK;
}

enum err manifest_probe_once(struct reader *r, const struct json *j, void *into)
{
	return read_probe(r, j, into, true);
}

enum err manifest_probe(struct reader *r, const struct json *j, void *into)
{
	return read_probe(r, j, into, false);
}
