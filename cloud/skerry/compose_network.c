/* compose_network - how it is reached. */
#include "cloud/skerry/compose_parts.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err take_port(struct conversion *c, const char *field, const struct json *j)
{
	char text[64], host[16] = "";
	struct json *port = json_new_object();
	json_push(compose_list_in(c->container, "ports"), port);
	if (json_type_of(j) == JSON_OBJECT) {
		if (!compose_text_of(json_member(j, "target"), text, sizeof text))
			return compose_wrong(c, field, "target is missing");
		compose_text_of(json_member(j, "published"), host, sizeof host);
	} else if (!compose_text_of(j, text, sizeof text)) {
		return compose_wrong(c, field, "a port is expected");
	}
	char *protocol = strchr(text, '/');
	if (protocol)
		*protocol++ = '\0';
	char *inner = strrchr(text, ':');
	if (inner)
		snprintf(host, sizeof host, "%.*s", (int)(inner - text), text);
	long long number;
	if (text_number(bytes_of(inner ? inner + 1 : text), 1, 65535, &number))
		return compose_wrong(c, field, "one port is expected; a range is not known");
	json_set_integer(port, "containerPort", number);
	if (protocol && strcmp(protocol, "udp") == 0)
		json_set_string(port, "protocol", "UDP");
	const char *outer = strrchr(host, ':') ? strrchr(host, ':') + 1 : host;
	if (*outer && atoll(outer) != number)
		compose_note(c, field,
			     "no addresses are translated: it is reached at %lld, not at %.10s",
			     number, outer);
	return OK;
}

enum err compose_take_ports(struct conversion *c, const char *field, const struct json *j)
{
	enum err e = OK;
	for (const struct json *x = json_first(j); x && !e; x = json_next(x))
		e = take_port(c, field, x);
	return e;
}

enum err compose_take_network_mode(struct conversion *c, const char *field, const struct json *j)
{
	const char *mode = json_string(j);
	if (mode && strcmp(mode, "host") == 0)
		json_set_bool(c->spec, "hostNetwork", true);
	else if (mode && strcmp(mode, "none") == 0)
		json_set_string(compose_object_in(c->metadata, "annotations"), "skerry.dev/network",
				"own");
	else
		compose_note(c, field, "dropped: pods share the board's network");
	return OK;
}

enum err compose_take_hostname(struct conversion *c, const char *field, const struct json *j)
{
	if (!json_string(j))
		return compose_wrong(c, field, "a text is expected");
	json_set_string(c->spec, "hostname", json_string(j));
	return OK;
}
