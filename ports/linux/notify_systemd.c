#include "ports/notify.h"

#include "base/bytes.h"
#include "base/scoped.h"
#include "base/text.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

void notify_send(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	if (!path || !text_copy(to.sun_path, sizeof to.sun_path, bytes_of(path)))
		return;

	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0'; /* systemd's spelling of an abstract name */
	SCOPED_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Nobody listening is the manager's business. */
	if (fd >= 0)
		(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len);
}

int64_t notify_watchdog_ms(void)
{
	const char *us_text = getenv("WATCHDOG_USEC"), *pid_text = getenv("WATCHDOG_PID");
	long long us, pid;
	if (!us_text || text_number(bytes_of(us_text), 1, INT64_MAX, &us))
		return 0;
	if (pid_text && (text_number(bytes_of(pid_text), 1, INT32_MAX, &pid) || pid != getpid()))
		return 0;
	return us / 1000;
}
