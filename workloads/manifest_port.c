/* spec.containers[].ports: TCP alone can be listened at for a workload. */
#include "workloads/manifest_parts.h"

enum { PORT_MAX = 65535 };

static enum err read_number(struct reader *r, const struct json *j, void *into)
{
	return field_integer(r, j, 1, PORT_MAX, into);
}

/* Without address translation the two can only be one. */
struct port_draft {
	struct port_spec spec;
	int64_t host_port;
};

static enum err read_protocol(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "TCP", "UDP", "SCTP", NULL };
	size_t which;
	(void)into;
	return field_choice(r, j, names, &which);
}

static enum err read_port(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "containerPort", read_number, offsetof(struct port_draft, spec.number) },
		{ "hostPort", read_number, offsetof(struct port_draft, host_port) },
		{ "hostIP", field_string, offsetof(struct port_draft, spec.host) },
		{ "name", field_name, offsetof(struct port_draft, spec.name) },
		{ "protocol", read_protocol },
		{ 0 },
	};
	struct container_spec *c = into;
	struct port_draft d = { .spec.name = "" };
	const char *protocol = json_string(json_member(j, "protocol"));
	enum err e = field_object(r, j, fields, &d);
	if (e)
		return e;
	if (!d.spec.number)
		return field_refuse(r, "containerPort is missing");
	if (d.host_port && d.host_port != d.spec.number)
		return field_refuse(r, "hostPort must be containerPort: a board translates no "
				       "addresses");
	if (!protocol || strcmp(protocol, "TCP") == 0)
		c->ports[c->port_count++] = d.spec;
	return OK;
}

enum err manifest_ports(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, PORTS_MAX, read_port, into);
}
