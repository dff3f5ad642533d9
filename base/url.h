/*
 * url - where a broker is: mqtt://[user[:password]@]host[:port].
 *
 * mqtts:// asks for TLS. Ports default to 1883 and 8883. IPv6 addresses stand
 * in brackets. A password is never printed; url_print() leaves it out.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

struct url {
	char host[256]; /* name or address, without brackets; RFC 1035: 255 */
	char user[64];  /* empty when not given */
	char password[128];
	uint16_t port;
	bool tls;
};

enum err url_parse(struct bytes s, struct url *out, struct why *why);

/* "mqtt://host:port" into `out`. */
void url_print(const struct url *u, char *out, size_t cap);
