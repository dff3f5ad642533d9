#include "workloads/keeper/notice.h"

#include "base/limits.h"
#include "base/text.h"
#include "ports/socket.h"

#include <stdio.h>

enum {
	DATAGRAM_BYTES = 2048,
	AT_ONCE_MAX = 16,
	QUEUE_MAX = 1024, /* more than net.unix.max_dgram_qlen lets wait */
	PACKET_MAX = NOTICE_STATUS_MAX + 32,
};

enum err notice_open(struct notice *n, const char *folder, struct why *why)
{
	char path[PATH_LIMIT];
	if (n->fd >= 0)
		return OK;
	if ((size_t)snprintf(path, sizeof path, "%s/notify.sock", folder) >= sizeof path)
		return why_set(why, ERR_INVALID, "%s: the path is too long", folder);
	/* Everybody may write to it: only this workload can reach it. */
	return socket_listen(path, SOCKET_DATAGRAM, 0666, &n->fd, why);
}

static void tell_status(const struct notice *n, void (*tell)(void *owner, const char *packet),
			void *owner)
{
	char packet[PACKET_MAX];
	snprintf(packet, sizeof packet, "notify status %s", n->status);
	tell(owner, packet);
}

static void keep_status(struct notice *n, const char *text)
{
	text_copy(n->status, sizeof n->status, bytes_of(text));
	for (char *c = n->status; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

static void take_line(struct notice *n, const char *line,
		      void (*tell)(void *owner, const char *packet), void *owner)
{
	if (strcmp(line, "READY=1") == 0 && !n->ready) {
		n->ready = true;
		tell(owner, "notify ready");
	} else if (strcmp(line, "WATCHDOG=1") == 0) {
		tell(owner, "notify watchdog");
	} else if (strcmp(line, "WATCHDOG=trigger") == 0) {
		tell(owner, "notify trigger");
	} else if (text_starts(line, "STATUS=")) {
		keep_status(n, line + 7);
		tell_status(n, tell, owner);
	}
}

void notice_hear(struct notice *n, void (*tell)(void *owner, const char *packet), void *owner)
{
	char text[DATAGRAM_BYTES];
	struct socket_peer peer;
	size_t len;
	/* Bounded, so that a flood does not keep the keeper from its commands. */
	for (int i = 0; i < AT_ONCE_MAX; i++) {
		enum err e = socket_receive(n->fd, text, sizeof text - 1, &len, &peer);
		if (e && e != ERR_FULL)
			return;
		text[e ? 0 : len] = '\0';
		for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
			take_line(n, line, tell, owner);
	}
}

void notice_repeat(const struct notice *n, void (*tell)(void *owner, const char *packet),
		   void *owner)
{
	if (n->ready)
		tell(owner, "notify ready");
	if (n->status[0])
		tell_status(n, tell, owner);
}

void notice_forget(struct notice *n)
{
	char text[DATAGRAM_BYTES];
	struct socket_peer peer;
	size_t len;
	/* What the last run said and nobody has heard. */
	for (int i = 0; n->fd >= 0 && i < QUEUE_MAX; i++)
		if (socket_receive(n->fd, text, sizeof text, &len, &peer) == ERR_AGAIN)
			break;
	n->ready = false;
	n->status[0] = '\0';
}
