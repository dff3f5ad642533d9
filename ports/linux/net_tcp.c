#include "ports/net.h"

#include "base/bytes.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/netns.h"
#include "ports/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
	ADDRESSES_MAX = 8,
	ANSWER_MAX = ADDRESSES_MAX * (INET6_ADDRSTRLEN + 1),
	ADDRESS_WAIT_MS = 5000, /* for one of several addresses */
};

static const char RESOLVE[] = "--resolve";

struct dial {
	struct loop *loop;
	struct dial_hooks hooks;
	char host[256];
	uint16_t port;
	struct timer deadline;

	struct process resolver;
	struct watch answer; /* what the resolver prints */
	char addresses[ANSWER_MAX];
	size_t answer_len;

	char *next; /* the address to try next */
	struct watch connecting;
	struct timer patience; /* with the address being tried */
	struct why last;       /* why the last address failed */
	int network_fd;        /* a duplicate; -1: ours */
};

static void stop_connecting(struct dial *d)
{
	loop_disarm(d->loop, &d->patience);
	loop_unwatch(d->loop, &d->connecting);
	close_quietly(d->connecting.fd);
	d->connecting.fd = -1;
}

static void stop_resolving(struct dial *d)
{
	process_end(&d->resolver);
	loop_unwatch(d->loop, &d->answer);
	close_quietly(d->answer.fd);
	d->answer.fd = -1;
}

void net_cancel(struct dial *d)
{
	if (!d)
		return;
	loop_disarm(d->loop, &d->deadline);
	stop_connecting(d);
	stop_resolving(d);
	close_quietly(d->network_fd);
	free(d);
}

/* The hook may dial again: everything of this dial is gone before it is called. */
static void finish(struct dial *d, int fd, const struct why *why)
{
	struct dial_hooks hooks = d->hooks;
	struct why reason = why ? *why : (struct why){ "" };
	net_cancel(d);
	hooks.on_dialled(hooks.owner, fd, &reason);
}

static bool to_address(const char *text, uint16_t port, struct sockaddr_storage *out,
		       socklen_t *out_len)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	*out = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(out, &v4, sizeof v4);
		*out_len = sizeof v4;
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
		memcpy(out, &v6, sizeof v6);
		*out_len = sizeof v6;
		return true;
	}
	return false;
}

static void try_next(struct dial *d);

static void on_connected(void *owner, unsigned events)
{
	struct dial *d = owner;
	int error = 0;
	socklen_t len = sizeof error;
	(void)events;
	if (getsockopt(d->connecting.fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (error) {
		(void)why_set(&d->last, ERR_OFFLINE, "%s:%u: %s", d->host, d->port,
			      strerror(error));
		stop_connecting(d);
		try_next(d);
		return;
	}
	loop_unwatch(d->loop, &d->connecting);
	finish(d, take_fd(&d->connecting.fd), NULL);
}

static void on_impatient(void *owner, int64_t now_ms)
{
	struct dial *d = owner;
	(void)now_ms;
	(void)why_set(&d->last, ERR_OFFLINE, "%s:%u: no answer in %d s", d->host, d->port,
		      ADDRESS_WAIT_MS / 1000);
	stop_connecting(d);
	try_next(d);
}

/* A socket belongs to the network in which it was made. */
static int open_socket(const struct dial *d, int family)
{
	if (d->network_fd >= 0 && !netns_enter(d->network_fd))
		return -1;
	const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->network_fd >= 0)
		netns_leave();
	return fd;
}

/* True: underway, a hook will be called. False: d->last says why not. */
static bool start_connecting(struct dial *d, const char *address)
{
	struct sockaddr_storage to;
	socklen_t len;
	if (!to_address(address, d->port, &to, &len)) {
		(void)why_set(&d->last, ERR_OFFLINE, "%s: not an address", d->host);
		return false;
	}

	SCOPED_FD fd = open_socket(d, to.ss_family);
	int on = 1;
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS)) {
		(void)why_set(&d->last, ERR_OFFLINE, "%s:%u: %s", d->host, d->port,
			      strerror(errno));
		return false;
	}

	d->connecting = (struct watch){
		.fd = fd, .events = LOOP_WRITE, .owner = d, .on_ready = on_connected
	};
	if (loop_watch(d->loop, &d->connecting, &d->last)) {
		d->connecting.fd = -1;
		return false;
	}
	(void)take_fd(&fd);
	loop_arm(d->loop, &d->patience, clock_now_ms() + ADDRESS_WAIT_MS);
	return true;
}

static void try_next(struct dial *d)
{
	while (*d->next) {
		char *address = d->next;
		char *end = strchr(address, '\n');
		d->next = end ? end + 1 : address + strlen(address);
		if (end)
			*end = '\0';
		if (start_connecting(d, address))
			return;
	}
	finish(d, -1, &d->last);
}

static void on_answer(void *owner, unsigned events)
{
	struct dial *d = owner;
	size_t room = sizeof d->addresses - 1 - d->answer_len;
	ssize_t n = read(d->answer.fd, d->addresses + d->answer_len, room);
	(void)events;
	if (n > 0) {
		d->answer_len += (size_t)n;
		return;
	}
	d->addresses[d->answer_len] = '\0';
	loop_unwatch(d->loop, &d->answer);
	close(d->answer.fd);
	d->answer.fd = -1;
	(void)why_set(&d->last, ERR_OFFLINE, "%s: the name is not known", d->host);
	try_next(d);
}

static void on_resolver_exit(void *owner, int code, int signo)
{
	/* What it had to say comes through the pipe. */
	(void)owner;
	(void)code;
	(void)signo;
}

static enum err start_resolving(struct dial *d, struct why *why)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	SCOPED_FD write_end = ends[1];
	d->answer = (struct watch){
		.fd = ends[0], .events = LOOP_READ, .owner = d, .on_ready = on_answer
	};

	const char *const argv[] = { "/proc/self/exe", RESOLVE, d->host, NULL };
	const struct process_options options = { .argv = argv, .out_fd = write_end, .err_fd = -1 };
	d->resolver.owner = d;
	d->resolver.on_exit = on_resolver_exit;
	enum err e = process_start(d->loop, &options, &d->resolver, why);
	return e ? e : loop_watch(d->loop, &d->answer, why);
}

static void on_deadline(void *owner, int64_t now_ms)
{
	struct dial *d = owner;
	(void)now_ms;
	struct why why;
	(void)why_set(&why, ERR_OFFLINE, "%s:%u: no answer in time", d->host, d->port);
	finish(d, -1, &why);
}

/* Even what fails at once is told from the loop, never from within net_dial(). */
static void on_begin(void *owner, int64_t now_ms)
{
	struct dial *d = owner;
	(void)now_ms;
	d->patience.on_due = on_impatient;
	try_next(d);
}

enum err net_dial(struct loop *l, const char *host, uint16_t port, int64_t wait_ms,
		  const struct dial_hooks *hooks, struct dial **out, struct why *why)
{
	struct dial *d = calloc(1, sizeof *d);
	if (!d)
		return why_set(why, ERR_SYSTEM, "dial: no memory");
	*d = (struct dial){
		.loop = l, .hooks = *hooks, .port = port, .next = d->addresses, .network_fd = -1
	};
	d->deadline = (struct timer){ .owner = d, .on_due = on_deadline };
	d->patience = (struct timer){ .owner = d, .on_due = on_impatient };
	d->connecting.fd = d->answer.fd = -1;
	text_copy(d->host, sizeof d->host, bytes_of(host));

	struct sockaddr_storage unused;
	socklen_t unused_len;
	enum err e = OK;
	if (to_address(host, port, &unused, &unused_len)) {
		text_copy(d->addresses, sizeof d->addresses, bytes_of(host));
		d->patience.on_due = on_begin;
		loop_arm(l, &d->patience, clock_now_ms());
	} else {
		e = start_resolving(d, why);
	}
	if (e) {
		net_cancel(d);
		return e;
	}
	loop_arm(l, &d->deadline, clock_now_ms() + wait_ms);
	*out = d;
	return OK;
}

enum err net_dial_in(struct dial *d, int network_fd, struct why *why)
{
	d->network_fd = fcntl(network_fd, F_DUPFD_CLOEXEC, 3);
	return d->network_fd < 0 ? why_set(why, ERR_SYSTEM, "dial: %s", strerror(errno)) : OK;
}

int net_free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	SCOPED_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) ||
	    getsockname(fd, (struct sockaddr *)&at, &len))
		return 0;
	return ntohs(at.sin_port);
}

bool net_is_resolver(int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], RESOLVE) != 0)
		return false;

	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	if (getaddrinfo(argv[2], NULL, &hints, &found))
		return true;
	int left = ADDRESSES_MAX;
	for (const struct addrinfo *a = found; a && left > 0; a = a->ai_next, left--) {
		char text[INET6_ADDRSTRLEN];
		if (!getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0,
				 NI_NUMERICHOST))
			printf("%s\n", text);
	}
	freeaddrinfo(found);
	return true;
}
