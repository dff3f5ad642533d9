/*
 * nothing [PATH] - the smallest workload: it ends at once, or answers every datagram
 * that comes to a socket at PATH with the same datagram.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <string.h>
#include <unistd.h>

static int answer(const char *path)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX }, from;
	char byte;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (strlen(path) >= sizeof own.sun_path)
		return 2;
	strcpy(own.sun_path, path);
	if (bind(fd, (struct sockaddr *)&own, sizeof own))
		return 1;
	for (;;) {
		socklen_t len = sizeof from;
		if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &len) == 1)
			sendto(fd, &byte, 1, 0, (struct sockaddr *)&from, len);
	}
}

int main(int argc, char **argv)
{
	return argc > 1 ? answer(argv[1]) : 0;
}
