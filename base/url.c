#include "base/url.h"

#include "base/text.h"

enum { MQTT_PORT = 1883, MQTTS_PORT = 8883 };

static enum err refuse(struct why *why, const char *reason)
{
	/* The text itself may hold a password: it is not repeated. */
	return why_set(why, ERR_INVALID, "the broker's URL %s; write mqtt://HOST[:PORT]", reason);
}

static struct bytes from(struct bytes s, size_t n)
{
	return (struct bytes){ s.at + n, s.len - n };
}

static bool split(struct bytes s, char at, struct bytes *before, struct bytes *after)
{
	const char *found = s.len ? memchr(s.at, at, s.len) : NULL;
	if (!found)
		return false;
	*before = (struct bytes){ s.at, (size_t)(found - s.at) };
	*after = from(s, before->len + 1);
	return true;
}

static bool take_user(struct bytes *rest, struct url *out)
{
	struct bytes who, host, user, password = { 0 };
	if (!split(*rest, '@', &who, &host))
		return true;
	if (!split(who, ':', &user, &password))
		user = who;
	*rest = host;
	return text_copy(out->user, sizeof out->user, user) &&
	       text_copy(out->password, sizeof out->password, password);
}

/* A name or an IPv4 address: nothing that could end it in a longer URL. */
static bool is_host(struct bytes host)
{
	for (size_t i = 0; i < host.len; i++)
		if ((unsigned char)host.at[i] <= ' ' || strchr("/?#\x7f", host.at[i]))
			return false;
	return host.len > 0;
}

static bool take_host(struct bytes *rest, struct url *out)
{
	struct bytes host = *rest, port, inner, tail;
	if (rest->len && rest->at[0] == '[') {
		if (!split(from(*rest, 1), ']', &inner, &tail))
			return false;
		*rest = tail;
		return inner.len && text_copy(out->host, sizeof out->host, inner);
	}
	if (split(*rest, ':', &host, &port))
		*rest = from(*rest, host.len);
	else
		*rest = from(*rest, rest->len);
	return is_host(host) && text_copy(out->host, sizeof out->host, host);
}

enum err url_parse(struct bytes s, struct url *out, struct why *why)
{
	*out = (struct url){ 0 };
	struct bytes rest = s;
	if (s.len > 7 && memcmp(s.at, "mqtt://", 7) == 0)
		rest = from(s, 7);
	else if (s.len > 8 && memcmp(s.at, "mqtts://", 8) == 0) {
		rest = from(s, 8);
		out->tls = true;
	} else
		return refuse(why, "begins with neither mqtt:// nor mqtts://");

	if (rest.len && rest.at[rest.len - 1] == '/')
		rest.len--;
	if (!take_user(&rest, out))
		return refuse(why, "has a user or password that is too long");
	if (!take_host(&rest, out))
		return refuse(why, "has no usable host");

	long long port = out->tls ? MQTTS_PORT : MQTT_PORT;
	if (rest.len && (rest.at[0] != ':' || text_number(from(rest, 1), 1, 65535, &port)))
		return refuse(why, "has a port that is not within 1-65535");
	out->port = (uint16_t)port;
	return OK;
}

void url_print(const struct url *u, char *out, size_t cap)
{
	struct text t = text_in(out, cap);
	text_add(&t, strchr(u->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
		 u->tls ? "mqtts" : "mqtt", u->host, u->port);
}
