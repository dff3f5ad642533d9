/* notify - tells a service manager how we are, by systemd's sd_notify protocol. */
#pragma once

#include <stdint.h>

/* "READY=1", "STOPPING=1" ...; without $NOTIFY_SOCKET nothing happens. */
void notify_send(const char *state);

/* Within what time it wants "WATCHDOG=1" of this process; 0: it does not. */
int64_t notify_watchdog_ms(void);
