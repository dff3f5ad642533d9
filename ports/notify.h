/* notify - tells a service manager how we are, by systemd's sd_notify protocol. */
#pragma once

/* "READY=1", "STOPPING=1" ...; without $NOTIFY_SOCKET nothing happens. */
void notify_send(const char *state);
