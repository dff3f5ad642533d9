/* How a pod is called, and whom it knows: hostname, hostAliases, DNS. */
#include "workloads/manifest_parts.h"

/* Lines are made of them: no blanks, nothing that ends one. */
static enum err read_word(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !*s || strpbrk(s, " \t\r\n#") || strlen(s) > 253)
		return field_refuse(r, "a name without blanks is expected");
	return field_text(r, j, into);
}

static enum err read_address(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !*s || strspn(s, "0123456789abcdefABCDEF.:") != strlen(s) || strlen(s) > 45)
		return field_refuse(r, "an IP address is expected");
	return field_text(r, j, into);
}

static enum err push_alias_name(struct reader *r, const struct json *j, void *into)
{
	struct host_alias *a = into;
	return read_word(r, j, &a->names[a->name_count++]);
}

static enum err read_alias_names(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, HOST_ALIASES_MAX, push_alias_name, into);
}

static enum err read_alias(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "ip", read_address, offsetof(struct host_alias, address) },
		{ "hostnames", read_alias_names },
		{ 0 },
	};
	struct pod *p = into;
	struct host_alias *a = &p->aliases[p->alias_count++];
	enum err e = field_object(r, j, fields, a);
	return e || a->address ? e : field_refuse(r, "ip is missing");
}

enum err manifest_host_aliases(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, HOST_ALIASES_MAX, read_alias, into);
}

/* --- DNS --- */

static enum err push_server(struct reader *r, const struct json *j, void *into)
{
	struct dns_spec *d = into;
	return read_address(r, j, &d->servers[d->server_count++]);
}

static enum err read_servers(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, NAME_SERVERS_MAX, push_server, into);
}

static enum err push_search(struct reader *r, const struct json *j, void *into)
{
	struct dns_spec *d = into;
	return read_word(r, j, &d->searches[d->search_count++]);
}

static enum err read_searches(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, SEARCHES_MAX, push_search, into);
}

static enum err push_option(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", read_word, offsetof(struct pair, name) },
		{ "value", read_word, offsetof(struct pair, value) },
		{ 0 },
	};
	struct dns_spec *d = into;
	struct pair *option = &d->options[d->option_count++];
	enum err e = field_object(r, j, fields, option);
	return e || option->name ? e : field_refuse(r, "name is missing");
}

static enum err read_options(struct reader *r, const struct json *j, void *into)
{
	return field_list(r, j, SEARCHES_MAX, push_option, into);
}

enum err manifest_dns_config(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "nameservers", read_servers },
		{ "searches", read_searches },
		{ "options", read_options },
		{ 0 },
	};
	struct pod *p = into;
	return field_object(r, j, fields, &p->dns);
}

enum err manifest_dns_policy(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "Default", "ClusterFirst", "ClusterFirstWithHostNet",
					     "None", NULL };
	size_t which;
	struct pod *p = into;
	enum err e = field_choice(r, j, names, &which);
	if (e)
		return e;
	p->dns.is_own = which == 3;
	/* There is no cluster whose names could come first. */
	return which == 1 || which == 2 ? field_ignored(r, j, into) : OK;
}

enum err manifest_check_dns(struct reader *r, const struct pod *p)
{
	const bool said = p->dns.server_count || p->dns.search_count || p->dns.option_count;
	if (p->dns.is_own && !p->dns.server_count)
		return why_set(r->why, ERR_INVALID,
			       "%s.dnsConfig: dnsPolicy None needs nameservers", p->where);
	if (said && !p->dns.is_own)
		return why_set(r->why, ERR_INVALID,
			       "%s.dnsConfig: is honoured with dnsPolicy: None only", p->where);
	return OK;
}
