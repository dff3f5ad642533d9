#include "base/scoped.h"
#include "ports/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { MEMORY_WORDS = 9, DROPS = 8 }; /* SO_MEMINFO, linux/sock_diag.h */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* 0: it is no address. */
static socklen_t read_address(const char *text, uint16_t port, union address *out)
{
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		return sizeof out->v4;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		return sizeof out->v6;
	}
	return 0;
}

bool net_is_loopback(const char *address)
{
	union address a;
	if (!read_address(address, 0, &a))
		return false;
	if (a.any.sa_family == AF_INET)
		return ntohl(a.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
}

enum err net_bind_udp(const char *address, uint16_t port, int *out_fd, struct why *why)
{
	union address a;
	const socklen_t len = read_address(address, port, &a);
	*out_fd = -1;
	if (!len)
		return why_set(why, ERR_INVALID, "%.60s is no address", address);
	SCOPED_FD fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, &a.any, len))
		return why_set(why, errno == EADDRINUSE ? ERR_DENIED : ERR_SYSTEM,
			       "listen at %.46s:%u: %s", address, port, strerror(errno));
	*out_fd = take_fd(&fd);
	return OK;
}

uint32_t net_udp_drops(int fd)
{
	uint32_t words[MEMORY_WORDS] = { 0 };
	socklen_t len = sizeof words;
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, words, &len))
		return 0;
	return words[DROPS];
}
