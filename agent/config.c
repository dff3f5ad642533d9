#include "agent/config.h"

#include "agent/verb.h"
#include "base/duration.h"
#include "base/quantity.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/token_uri.h"
#include "ports/file.h"
#include "ports/net.h"
#include "sync/topic.h"

#include <stddef.h>
#include <stdio.h>

enum {
	FLUSH_MIN_MS = 100,
	FLUSH_MAX_MS = 3600 * 1000,
	THIN_MIN_MS = 1000,
	THIN_MAX_MS = 24 * 3600 * 1000,
	INTERVAL_MIN_MS = 1000,
	INTERVAL_MAX_MS = 3600 * 1000,
	QUOTA_MIN = 256 * 1024,
	BUDGET_MIN = 100,
};

static enum err read_label(struct config *c, struct bytes value, void *into, struct why *why)
{
	(void)c;
	if (!topic_is_device(value))
		return why_set(why, ERR_INVALID,
			       "\"%.*s\" is not a name: " LABEL_RULE "; hub and claim are taken",
			       (int)(value.len < 80 ? value.len : 80), value.at);
	text_copy(into, LABEL_SIZE, value);
	return OK;
}

static enum err read_path(struct config *c, struct bytes value, void *into, struct why *why)
{
	(void)c;
	if (!value.len || value.at[0] != '/' || !text_copy(into, sizeof c->state_dir, value))
		return why_set(why, ERR_INVALID,
			       "an absolute path of at most %zu bytes is expected",
			       sizeof c->state_dir - 1);
	return OK;
}

/* A path, or a URI of a token. */
static enum err read_key(struct config *c, struct bytes value, void *into, struct why *why)
{
	struct token_uri unused;
	char text[sizeof c->tls_key];
	const bool fits = text_copy(text, sizeof text, value);
	if (!token_uri_is(text))
		return read_path(c, value, into, why);
	if (!fits)
		return why_set(why, ERR_FULL, "a URI of at most %zu bytes is expected",
			       sizeof text - 1);
	enum err e = token_uri_read(text, &unused, why);
	if (!e)
		memcpy(into, text, sizeof text);
	return e;
}

static enum err read_broker(struct config *c, struct bytes value, void *into, struct why *why)
{
	const struct url *url = into;
	enum err e = url_parse(value, into, why);
	if (url == &c->broker)
		c->has_broker = !e;
	else if (!e && url->tls)
		e = why_set(why, ERR_INVALID,
			    "mqtts:// is not for a broker beside the board; use mqtt://");
	return e;
}

static enum err read_topics(struct config *c, struct bytes value, void *into, struct why *why)
{
	struct topic_rule rules[TOPIC_RULES_MAX];
	size_t count;
	enum err e = topic_rules_read(value, rules, &count, why);
	/* Commas alone are no rule. */
	if (!e)
		text_copy(into, sizeof c->local_topics, count ? value : bytes_of(""));
	return e;
}

static enum err read_alpn(struct config *c, struct bytes value, void *into, struct why *why)
{
	if (!value.len || !text_copy(into, sizeof c->tls_alpn, value))
		return why_set(why, ERR_INVALID,
			       "the name of a protocol, at most %d bytes, is expected",
			       TLS_ALPN_MAX);
	return OK;
}

static enum err read_switch(struct config *c, struct bytes value, void *into, struct why *why)
{
	bool *on = into;
	(void)c;
	*on = bytes_are(value, "true");
	if (!*on && !bytes_are(value, "false"))
		return why_set(why, ERR_INVALID, "true or false is expected");
	return OK;
}

static enum err read_verbs(struct config *c, struct bytes value, void *into, struct why *why)
{
	(void)c;
	return verb_set_read(value, into, why);
}

static enum err read_flush(struct config *c, struct bytes value, void *into, struct why *why)
{
	int64_t *ms = into;
	(void)c;
	enum err e = duration_ms(value, ms, why);
	if (!e && (*ms < FLUSH_MIN_MS || *ms > FLUSH_MAX_MS))
		e = why_set(why, ERR_INVALID, "100ms to 1h is expected");
	return e;
}

static enum err read_ack(struct config *c, struct bytes value, void *into, struct why *why)
{
	char text[8];
	(void)c;
	return text_copy(text, sizeof text, value) && telemetry_ack_read(text, into)
		       ? OK
		       : why_set(why, ERR_INVALID, "hub, broker or none is expected");
}

static enum err read_format(struct config *c, struct bytes value, void *into, struct why *why)
{
	char text[8];
	(void)c;
	return text_copy(text, sizeof text, value) && telemetry_format_read(text, into)
		       ? OK
		       : why_set(why, ERR_INVALID, "columns, json or line is expected");
}

static enum err read_thin(struct config *c, struct bytes value, void *into, struct why *why)
{
	int64_t *ms = into;
	(void)c;
	enum err e = duration_ms(value, ms, why);
	if (!e && (*ms < THIN_MIN_MS || *ms > THIN_MAX_MS))
		e = why_set(why, ERR_INVALID, "1s to 24h is expected");
	return e;
}

static enum err read_interval(struct config *c, struct bytes value, void *into, struct why *why)
{
	int64_t *ms = into;
	(void)c;
	*ms = 0;
	if (bytes_are(value, "off"))
		return OK;
	enum err e = duration_ms(value, ms, why);
	if (!e && (*ms < INTERVAL_MIN_MS || *ms > INTERVAL_MAX_MS))
		e = why_set(why, ERR_INVALID, "off, or 1s to 1h, is expected");
	return e;
}

/* "off", 127.0.0.1:8125 or [::1]:8125. */
static enum err read_statsd(struct config *c, struct bytes value, void *into, struct why *why)
{
	char address[sizeof c->statsd_address];
	long long port;
	size_t colon = value.len;
	(void)into;
	c->statsd_address[0] = '\0';
	if (bytes_are(value, "off"))
		return OK;
	while (colon && value.at[colon - 1] != ':')
		colon--;
	struct bytes host = { value.at, colon ? colon - 1 : 0 };
	const struct bytes digits = { value.at + colon, value.len - colon };
	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = (struct bytes){ host.at + 1, host.len - 2 };
	if (!text_copy(address, sizeof address, host) || !net_is_loopback(address) ||
	    text_number(digits, 1, UINT16_MAX, &port))
		return why_set(
			why, ERR_INVALID,
			"off, or an address of loopback and a port, such as 127.0.0.1:8125, is "
			"expected: statsd knows no password");
	text_copy(c->statsd_address, sizeof c->statsd_address, host);
	c->statsd_port = (uint16_t)port;
	return OK;
}

static enum err read_statsd_interval(struct config *c, struct bytes value, void *into,
				     struct why *why)
{
	const int64_t *ms = into;
	enum err e = read_interval(c, value, into, why);
	return !e && !*ms ? why_set(why, ERR_INVALID, "1s to 1h is expected") : e;
}

static enum err read_network(struct config *c, struct bytes value, void *into, struct why *why)
{
	char text[8];
	(void)c;
	if (text_copy(text, sizeof text, value) && network_mode_read(text, into))
		return OK;
	return why_set(why, ERR_INVALID, "host, own or none is expected");
}

static enum err read_quota(struct config *c, struct bytes value, void *into, struct why *why)
{
	int64_t *bytes = into;
	(void)c;
	enum err e = quantity_units(value, bytes, why);
	if (!e && *bytes < QUOTA_MIN)
		e = why_set(why, ERR_INVALID, "at least 256Ki is expected");
	return e;
}

static enum err read_budget(struct config *c, struct bytes value, void *into, struct why *why)
{
	int64_t *bytes = into;
	(void)c;
	enum err e = quantity_units(value, bytes, why);
	if (!e && *bytes < BUDGET_MIN)
		e = why_set(why, ERR_INVALID, "at least %d bytes are expected", BUDGET_MIN);
	return e;
}

/* The next of a list that is split by commas, without blanks around it. */
static bool next_item(char **rest, char **out)
{
	char *item = strsep(rest, ",");
	if (!item)
		return false;
	item += strspn(item, " \t");
	char *end = item + strlen(item);
	while (end > item && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	*out = item;
	return true;
}

static enum err read_paths(struct config *c, struct bytes value, void *into, struct why *why)
{
	size_t n = 0;
	char *item;
	(void)into;
	if (!text_copy(c->path_text, sizeof c->path_text, value))
		return why_set(why, ERR_INVALID, "the list is too long");
	for (char *rest = c->path_text; next_item(&rest, &item);) {
		size_t len = strlen(item);
		while (len > 1 && item[len - 1] == '/')
			item[--len] = '\0';
		if (!len)
			continue;
		if (item[0] != '/' || strstr(item, "/.."))
			return why_set(why, ERR_INVALID, "%.80s is not an absolute path", item);
		if (n == CONFIG_PATHS_MAX)
			return why_set(why, ERR_INVALID, "more than %d paths", CONFIG_PATHS_MAX);
		c->host_paths[n++] = item;
	}
	c->host_paths[n] = NULL;
	return OK;
}

static enum err read_labels(struct config *c, struct bytes value, void *into, struct why *why)
{
	char text[1024], *item;
	(void)into;
	c->label_count = 0;
	if (!text_copy(text, sizeof text, value))
		return why_set(why, ERR_INVALID, "the list is too long");
	for (char *rest = text; next_item(&rest, &item);) {
		char *equals = strchr(item, '=');
		if (!*item)
			continue;
		if (!equals || equals == item || c->label_count == CONFIG_LABELS_MAX)
			return why_set(why, ERR_INVALID, "up to %d key=value pairs are expected",
				       CONFIG_LABELS_MAX);
		struct config_label *l = &c->labels[c->label_count++];
		if (!text_copy(l->key, sizeof l->key,
			       (struct bytes){ item, (size_t)(equals - item) }) ||
		    !text_copy(l->value, sizeof l->value, bytes_of(equals + 1)))
			return why_set(why, ERR_INVALID, "label %.40s is too long", item);
	}
	return OK;
}

static const struct key {
	const char *name;
	enum err (*read)(struct config *c, struct bytes value, void *into, struct why *why);
	size_t offset;
} keys[] = {
	{ "device", read_label, offsetof(struct config, device) },
	{ "fleet", read_label, offsetof(struct config, fleet) },
	{ "broker", read_broker, offsetof(struct config, broker) },
	{ "state_dir", read_path, offsetof(struct config, state_dir) },
	{ "run_dir", read_path, offsetof(struct config, run_dir) },
	{ "allow_host_image", read_switch, offsetof(struct config, allow_host_image) },
	{ "allow_host_path", read_paths, 0 },
	{ "allow_exec", read_switch, offsetof(struct config, allow_exec) },
	{ "unsigned_commands", read_verbs, offsetof(struct config, unsigned_verbs) },
	{ "network", read_network, offsetof(struct config, network) },
	{ "telemetry_flush", read_flush, offsetof(struct config, flush_ms) },
	{ "telemetry_ack", read_ack, offsetof(struct config, ack) },
	{ "telemetry_format", read_format, offsetof(struct config, format) },
	{ "telemetry_thin", read_thin, offsetof(struct config, thin_ms) },
	{ "host_metrics", read_interval, offsetof(struct config, host_metrics_ms) },
	{ "statsd", read_statsd, 0 },
	{ "statsd_interval", read_statsd_interval, offsetof(struct config, statsd_interval_ms) },
	{ "local_broker", read_broker, offsetof(struct config, local_broker) },
	{ "local_topics", read_topics, offsetof(struct config, local_topics) },
	{ "outbox_quota", read_quota, offsetof(struct config, quota_bytes) },
	{ "link_rate", read_budget, offsetof(struct config, link_rate) },
	{ "link_daily", read_budget, offsetof(struct config, link_daily) },
	{ "labels", read_labels, 0 },
	{ "watchdog", read_path, offsetof(struct config, watchdog) },
	{ "tls_ca", read_path, offsetof(struct config, tls_ca) },
	{ "tls_cert", read_path, offsetof(struct config, tls_cert) },
	{ "tls_key", read_key, offsetof(struct config, tls_key) },
	{ "tls_crl", read_path, offsetof(struct config, tls_crl) },
	{ "tls_alpn", read_alpn, offsetof(struct config, tls_alpn) },
	{ "trust_anchor", read_path, offsetof(struct config, trust_anchor) },
};

void config_init(struct config *c)
{
	*c = (struct config){
		.fleet = "main",
		.network = NETWORK_HOST,
		.state_dir = "/var/lib/skerry",
		.run_dir = "/run/skerry",
		.flush_ms = 5000,
		.statsd_interval_ms = 10000,
		.quota_bytes = 64LL * 1024 * 1024,
		.unsigned_verbs = VERBS_THAT_READ,
	};
}

static struct bytes trim(struct bytes s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
		s = (struct bytes){ s.at + 1, s.len - 1 };
	while (s.len && strchr(" \t\r", s.at[s.len - 1]))
		s.len--;
	return s;
}

static enum err assign(struct config *c, struct bytes line, struct why *why)
{
	const char *equals = line.len ? memchr(line.at, '=', line.len) : NULL;
	if (!equals)
		return why_set(why, ERR_INVALID, "\"%.*s\" is not key = value",
			       (int)(line.len < 40 ? line.len : 40), line.at);
	struct bytes name = trim((struct bytes){ line.at, (size_t)(equals - line.at) });
	struct bytes value =
		trim((struct bytes){ equals + 1, line.len - (size_t)(equals + 1 - line.at) });
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (!bytes_are(name, keys[i].name))
			continue;
		enum err e = keys[i].read(c, value, (char *)c + keys[i].offset, why);
		return e ? why_in(why, e, keys[i].name) : OK;
	}
	return why_set(why, ERR_INVALID, "unknown key \"%.*s\"; docs/configuration.md has the list",
		       (int)(name.len < 40 ? name.len : 40), name.at);
}

enum err config_read(struct config *c, const char *path, struct why *why)
{
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	int number = 0;
	enum err e = file_read(path, CONFIG_FILE_MAX, &text, &len, why);
	for (char *rest = text, *line; !e && rest && (line = strsep(&rest, "\n"));) {
		struct bytes trimmed = trim(bytes_of(line));
		number++;
		if (!trimmed.len || trimmed.at[0] == '#')
			continue;
		e = assign(c, trimmed, why);
		if (e) {
			char where[160];
			snprintf(where, sizeof where, "%.140s:%d", path, number);
			return why_in(why, e, where);
		}
	}
	return e;
}

enum err config_set(struct config *c, const char *assignment, struct why *why)
{
	return assign(c, trim(bytes_of(assignment)), why);
}

void config_rebase(struct config *copy, const struct config *original)
{
	for (size_t i = 0; original->host_paths[i]; i++)
		copy->host_paths[i] =
			copy->path_text + (original->host_paths[i] - original->path_text);
}

struct tls_files config_tls(const struct config *c)
{
	return (struct tls_files){ .ca = c->tls_ca,
				   .cert = c->tls_cert,
				   .key = c->tls_key,
				   .crl = c->tls_crl,
				   .alpn = c->tls_alpn };
}

enum err config_check(const struct config *c, struct why *why)
{
	if (!c->device[0])
		return why_set(why, ERR_INVALID,
			       "device is not set: a line such as \"device = drone-07\" is needed");
	if (!c->has_broker)
		return why_set(why, ERR_INVALID,
			       "broker is not set: a line such as \"broker = mqtt://HOST:1883\" is "
			       "needed");
	if (!telemetry_fits(c->ack, c->format))
		return why_set(why, ERR_INVALID,
			       "telemetry_ack: the hub acknowledges columns alone; with "
			       "telemetry_format json or line, broker or none is expected");
	if (!c->local_broker.host[0] != !c->local_topics[0])
		return why_set(why, ERR_INVALID,
			       "local_broker and local_topics go together: a broker without topics "
			       "has nothing to say, and topics need a broker");
	const struct tls_files tls = config_tls(c);
	return tls_files_check(&tls, c->broker.tls, why);
}
