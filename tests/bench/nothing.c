/*
 * nothing [PATH] - the smallest workload: it ends at once, or takes one connection at a
 * socket at PATH and answers each packet with the same packet.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <string.h>
#include <unistd.h>

static int answer(const char *path)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX };
	char byte;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (strlen(path) >= sizeof own.sun_path)
		return 2;
	strcpy(own.sun_path, path);
	if (bind(fd, (struct sockaddr *)&own, sizeof own) || listen(fd, 1))
		return 1;
	fd = accept(fd, NULL, NULL);
	while (read(fd, &byte, 1) == 1)
		if (write(fd, &byte, 1) != 1)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	return argc > 1 ? answer(argv[1]) : 0;
}
