/*
 * tls_reason - why TLS ended, in words. Private to ports/linux/tls_*.c.
 */
#pragma once

#include "base/err.h"

/* For what the library answered in a handshake; `alert`: what the other end said, -1: nothing. */
enum err tls_reason_shaking(int code, int alert, struct why *why);

/* The same afterwards. ERR_NOT_FOUND: the other end has closed in peace. */
enum err tls_reason_open(int code, int alert, struct why *why);
