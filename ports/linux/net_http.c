#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/net.h"

#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

enum {
	REQUEST_MAX = 1024,
	STATUS_MAX = 64,     /* the status line is all that most want */
	HEAD_MAX = 4 * 1024, /* all headers, and one part of a body */
	HTTP_OK = 200,
	HTTP_MIN = 100,
	HTTP_MAX = 599,
};

struct http_get {
	struct loop *loop;
	struct http_hooks hooks;
	struct dial *dial;
	struct watch watch;
	struct timer deadline;
	char request[REQUEST_MAX];
	size_t request_len;
	size_t body_max, body_len;
	int64_t content_length; /* -1: until the connection ends */
	bool in_body;
	size_t answer_len, answer_cap;
	char answer[];
};

void net_http_cancel(struct http_get *g)
{
	if (!g)
		return;
	net_cancel(g->dial);
	loop_disarm(g->loop, &g->deadline);
	loop_unwatch(g->loop, &g->watch);
	close_quietly(g->watch.fd);
	free(g);
}

static void finish(struct http_get *g, int status, const char *reason)
{
	struct http_hooks hooks = g->hooks;
	struct why why;
	(void)why_set(&why, OK, "%s", reason);
	net_http_cancel(g);
	hooks.on_answered(hooks.owner, status, &why);
}

static void on_deadline(void *owner, int64_t now_ms)
{
	(void)now_ms;
	finish(owner, -1, "no answer in time");
}

static void send_request(struct http_get *g)
{
	/* A request of 1 KiB fits into the empty buffer of a new connection. */
	ssize_t sent = send(g->watch.fd, g->request, g->request_len, MSG_NOSIGNAL);
	if (sent != (ssize_t)g->request_len) {
		finish(g, -1, "the request could not be sent");
		return;
	}
	loop_change(g->loop, &g->watch, LOOP_READ);
}

/* The status of an answer; -1: it is not HTTP. */
static int find_status(const char *answer)
{
	int status;
	if (sscanf(answer, "HTTP/%*1[0-9].%*1[0-9] %d", &status) != 1)
		return -1;
	return status >= HTTP_MIN && status <= HTTP_MAX ? status : -1;
}

/* --- status alone --- */

static void read_status(struct http_get *g, bool more)
{
	bool whole = strchr(g->answer, '\n') || g->answer_len == g->answer_cap - 1;
	if (more && !whole)
		return;
	const int status = find_status(g->answer);
	finish(g, status, status < 0 ? "the answer is not HTTP" : "");
}

/* --- the body, too --- */

/* The value of a header; NULL: there is none. It is ended by a NUL in place. */
static char *find_header(char *head, const char *name)
{
	const size_t n = strlen(name);
	for (char *line = head; (line = strchr(line, '\n'));) {
		line++;
		if (strncasecmp(line, name, n) != 0 || line[n] != ':')
			continue;
		char *value = line + n + 1 + strspn(line + n + 1, " \t");
		return value;
	}
	return NULL;
}

static void tell_type(struct http_get *g, char *head)
{
	char text[128] = "";
	const char *type = find_header(head, "Content-Type");
	if (type)
		text_copy(text, sizeof text, (struct bytes){ type, strcspn(type, "\r\n") });
	g->hooks.on_type(g->hooks.owner, text);
}

/* False: the request is over. */
static bool take_body(struct http_get *g, struct bytes part)
{
	const size_t left = (size_t)g->content_length - g->body_len;
	if (g->content_length >= 0 && part.len > left)
		part.len = left;
	if (part.len > g->body_max - g->body_len) {
		char reason[64];
		snprintf(reason, sizeof reason, "a body of more than %zu bytes", g->body_max);
		finish(g, -1, reason);
		return false;
	}
	g->body_len += part.len;
	if (part.len)
		g->hooks.on_body(g->hooks.owner, part);
	if (g->content_length < 0 || g->body_len < (size_t)g->content_length)
		return true;
	finish(g, HTTP_OK, "");
	return false;
}

/* False: the request is over. */
static bool begin_body(struct http_get *g, char *end)
{
	long long length;
	const size_t head_len = (size_t)(end - g->answer) + 4;
	*end = '\0';
	const int status = find_status(g->answer);
	if (status != HTTP_OK) {
		finish(g, status, status < 0 ? "the answer is not HTTP" : "");
		return false;
	}
	const char *value = find_header(g->answer, "Content-Length");
	if (find_header(g->answer, "Transfer-Encoding") ||
	    find_header(g->answer, "Content-Encoding") ||
	    (value && (sscanf(value, "%lld", &length) != 1 || length < 0))) {
		finish(g, -1, "the body is encoded, or its length is no number");
		return false;
	}
	g->content_length = value ? length : -1;
	g->in_body = true;
	tell_type(g, g->answer);
	return take_body(g, (struct bytes){ end + 4, g->answer_len - head_len });
}

/* False: the request is over, or its headers are not whole yet. */
static bool take_answer(struct http_get *g, bool more)
{
	if (g->in_body)
		return take_body(g, (struct bytes){ g->answer, g->answer_len });
	char *end = strstr(g->answer, "\r\n\r\n");
	if (end)
		return begin_body(g, end);
	if (!more)
		finish(g, -1, "the answer is not HTTP");
	else if (g->answer_len == g->answer_cap - 1)
		finish(g, -1, "headers that are too long");
	return false;
}

static void read_whole(struct http_get *g, bool more)
{
	if (!take_answer(g, more))
		return;
	g->answer_len = 0;
	if (more)
		return;
	if (g->content_length < 0)
		finish(g, HTTP_OK, "");
	else
		finish(g, -1, "the body ends early");
}

static void on_ready(void *owner, unsigned events)
{
	struct http_get *g = owner;
	if (events & LOOP_WRITE) {
		send_request(g);
		return;
	}
	ssize_t n = recv(g->watch.fd, g->answer + g->answer_len, g->answer_cap - 1 - g->answer_len,
			 MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 && g->in_body) {
		finish(g, -1, "the connection broke within the body");
		return;
	}
	if (n > 0)
		g->answer_len += (size_t)n;
	g->answer[g->answer_len] = '\0';
	if (g->hooks.on_body)
		read_whole(g, n > 0);
	else
		read_status(g, n > 0);
}

static void on_dialled(void *owner, int fd, const struct why *why)
{
	struct http_get *g = owner;
	g->dial = NULL;
	if (fd < 0) {
		finish(g, -1, why->text);
		return;
	}
	g->watch =
		(struct watch){ .fd = fd, .events = LOOP_WRITE, .owner = g, .on_ready = on_ready };
	if (loop_watch(g->loop, &g->watch, NULL))
		finish(g, -1, "the connection could not be watched");
}

static bool has_header(const char *lines, const char *name)
{
	size_t n = strlen(name);
	for (; *lines; lines += strcspn(lines, "\n") + 1)
		if (strncasecmp(lines, name, n) == 0 && lines[n] == ':')
			return true;
	return false;
}

static bool write_request(struct http_get *g, const struct http_request *q)
{
	struct text t = text_in(g->request, sizeof g->request);
	text_add(&t, "GET %s HTTP/1.%d\r\n", q->path, g->hooks.on_body ? 0 : 1);
	if (!has_header(q->headers, "Host"))
		text_add(&t, "Host: %s:%u\r\n", q->host, q->port);
	if (!has_header(q->headers, "User-Agent"))
		text_add(&t, "User-Agent: skerry\r\n");
	text_add(&t, "%sConnection: close\r\n\r\n", q->headers);
	g->request_len = t.len;
	return !text_is_cut(&t);
}

enum err net_http_get(struct loop *l, const struct http_request *q, const struct http_hooks *hooks,
		      struct http_get **out, struct why *why)
{
	const size_t cap = hooks->on_body ? HEAD_MAX : STATUS_MAX;
	struct http_get *g = calloc(1, sizeof *g + cap);
	if (!g)
		return why_set(why, ERR_SYSTEM, "http: no memory");
	g->answer_cap = cap;
	g->body_max = q->body_max;
	g->loop = l;
	g->hooks = *hooks;
	g->watch.fd = -1;
	g->deadline = (struct timer){ .owner = g, .on_due = on_deadline };

	const struct dial_hooks dial = { .owner = g, .on_dialled = on_dialled };
	enum err e = OK;
	if (!write_request(g, q))
		e = why_set(why, ERR_FULL, "http: path and headers are too long");
	if (!e)
		e = net_dial(l, q->host, q->port, q->wait_ms, &dial, &g->dial, why);
	if (!e && q->network_fd > 0)
		e = net_dial_in(g->dial, q->network_fd, why);
	if (e) {
		net_http_cancel(g);
		return e;
	}
	loop_arm(l, &g->deadline, clock_now_ms() + q->wait_ms);
	*out = g;
	return OK;
}
