/*
 * fuzz_keeper - what a keeper tells the agent, and what a workload tells its keeper.
 *
 * Pieces are packets; the first byte of each chooses: an odd one comes from the keeper, an
 * even one is a datagram of sd_notify, which the keeper turns into packets.
 */
#include "ports/linux/keeper_socket.c" /* for its end of a socket pair */
#include "tests/fuzz/fuzz.h"
#include "workloads/keeper/notice.h"

enum { PACKETS_MAX = 64 };

struct fixture {
	struct loop *loop;
	struct keeper *keeper; /* NULL: it has ended */
	int theirs, workload;
	struct notice notice;
	size_t starts, exits;
};

static void on_started(void *owner, pid_t pid, int64_t started_ms)
{
	struct fixture *f = owner;
	(void)started_ms;
	assert(pid >= 0 && ++f->starts == 1 && !f->exits);
}

static void on_end(void *owner, const struct workload_exit *exit)
{
	struct fixture *f = owner;
	assert(memchr(exit->message, '\0', sizeof exit->message));
	assert(++f->exits == 1);
	if (!exit->held)
		f->keeper = NULL;
}

static void on_log(void *owner)
{
	(void)owner;
}

static void on_output(void *owner, unsigned id, int code, struct bytes output)
{
	(void)owner;
	(void)id;
	(void)code;
	assert(output.len < KEEPER_PACKET_MAX);
	char *copy = fuzz_copy(output);
	free(copy);
}

static void on_news(void *owner, enum keeper_notice notice, const char *text)
{
	(void)owner;
	assert(notice <= NOTICE_TRIGGER && strlen(text) < KEEPER_PACKET_MAX);
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		if (loop_turn(f->loop, 0, NULL))
			abort();
}

/* As the keeper's door does. */
static void tell(void *owner, const char *packet)
{
	struct fixture *f = owner;
	assert(strlen(packet) < NOTICE_STATUS_MAX + 32);
	assert(strncmp(packet, "notify ", 7) == 0 && !strpbrk(packet, "\r\n"));
	(void)!socket_send(f->theirs, bytes_of(packet));
}

static void open_pair(struct fixture *f)
{
	int ends[2], datagrams[2];
	const struct keeper_hooks hooks = { f, on_started, on_end, on_log, on_output, on_news };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, datagrams) ||
	    loop_open(&f->loop, NULL) || make(f->loop, "/nowhere", &hooks, &f->keeper, NULL))
		abort();
	f->keeper->watch.fd = ends[0];
	f->theirs = ends[1];
	f->notice.fd = datagrams[0];
	f->workload = datagrams[1];
	if (loop_watch(f->loop, &f->keeper->watch, NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = { (const char *)at, len };
	struct fixture f = { .starts = 0 };
	open_pair(&f);
	for (size_t i = 0; rest.len && i < PACKETS_MAX && f.keeper; i++) {
		const bool is_keeper = fuzz_byte(&rest) & 1;
		const struct bytes packet = fuzz_piece(&rest);
		(void)!send(is_keeper ? f.theirs : f.workload, packet.at, packet.len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (!is_keeper)
			notice_hear(&f.notice, tell, &f);
		turn(&f);
	}
	notice_repeat(&f.notice, tell, &f);
	notice_forget(&f.notice);
	turn(&f);
	keeper_close(f.keeper);
	loop_close(f.loop);
	close(f.theirs);
	close(f.workload);
	close(f.notice.fd);
	return 0;
}
