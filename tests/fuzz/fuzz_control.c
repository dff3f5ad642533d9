/*
 * fuzz_control - the technician's socket: agent/control.c with an agent that knows little.
 *
 * Pieces are what a guest sends, one after the other. A whole request has one answer: a
 * line of JSON. What lets a board forget something is root's, and the guest is nobody.
 */
#include "agent/agent.h"
#include "agent/control.h"
#include "agent/exec.h"
#include "agent/past.h"
#include "agent/top.h"
#include "ports/socket.h"
#include "tests/fuzz/folder.h"

#include <sys/socket.h>
#include <unistd.h>

enum { PIECES_MAX = 32, ANSWER_MAX = 64 * 1024 };

static struct agent agent;
static size_t receipts;

/* The agent behind the door, in place of the real one. */
struct json *report_make_status(struct agent *a)
{
	(void)a;
	struct json *j = json_new_object();
	json_set_string(j, "device", "drone-07");
	return j;
}

struct json *command_logs(struct agent *a, const char *workload, int64_t count)
{
	(void)a;
	(void)count;
	return workload && strcmp(workload, "camera/grabber") == 0 ? json_new_object() : NULL;
}

const char *command_wake(struct agent *a, const char *workload)
{
	(void)a;
	return workload && strcmp(workload, "camera/grabber") == 0 ? "camera/grabber" : NULL;
}

struct json *past_show(struct store *s)
{
	(void)s;
	return json_new_object();
}

struct json *top_make(struct agent *a)
{
	(void)a;
	return json_new_object();
}

enum err command_restart(struct agent *a, const char *name, const struct command_author *author,
			 struct why *why)
{
	(void)a;
	assert(author->by && !author->warrant);
	return name && strcmp(name, "camera") == 0 ? OK : why_set(why, ERR_NOT_FOUND, "not here");
}

/* Only root gets that far, and no further here: the board does not allow it. */
enum err command_find_exec(struct agent *a, const char *name, struct workload **out,
			   struct why *why)
{
	(void)name;
	(void)out;
	assert(a->control.guests[0].uid == geteuid());
	return why_set(why, ERR_DENIED, "not allowed");
}

void command_tell_exec(struct agent *a, const struct workload *w, const struct json *args,
		       const struct command_author *author)
{
	(void)a;
	(void)w;
	(void)args;
	(void)author;
	abort();
}

enum err exec_read_words(const struct json *args, struct exec_words *out, struct why *why)
{
	(void)args;
	(void)out;
	(void)why;
	abort();
}

enum err exec_read_wait(const struct json *args, int64_t *out_ms, struct why *why)
{
	(void)args;
	(void)out_ms;
	(void)why;
	abort();
}

bool collect_flush(struct collect *c)
{
	(void)c;
	return true;
}

void compact_on_export(struct compact *c)
{
	(void)c;
}

void files_on_receipt(struct files *f, const char *id)
{
	(void)f;
	assert(id);
	receipts++;
}

void uplink_on_ack(struct uplink *u, struct bytes payload)
{
	(void)u;
	struct json *j;
	struct why why;
	if (json_parse(payload, &j, &why)) /* what was JSON is JSON still */
		abort();
	json_free(j);
	receipts++;
}

static void turn(void)
{
	for (int i = 0; i < 4; i++)
		if (loop_turn(agent.loop, 0, NULL))
			abort();
}

static int knock(void)
{
	char path[128];
	int fd;
	snprintf(path, sizeof path, "%s/control.sock", fuzz_folder());
	if (socket_connect(path, SOCKET_STREAM, &fd, NULL))
		abort();
	turn();
	return fd;
}

static size_t read_answer(int fd, char answer[ANSWER_MAX])
{
	size_t len = 0;
	for (ssize_t n = 1; n > 0 && len<ANSWER_MAX; len += n> 0 ? (size_t)n : 0) {
		turn();
		n = recv(fd, answer + len, ANSWER_MAX - len, MSG_DONTWAIT);
	}
	return len;
}

static void check_answer(int fd)
{
	static char answer[ANSWER_MAX];
	struct json *j;
	struct why why;
	const size_t len = read_answer(fd, answer);
	if (!len)
		return;
	assert(answer[len - 1] == '\n' && !memchr(answer, '\n', len - 1));
	if (json_parse((struct bytes){ answer, len }, &j, &why))
		abort();
	json_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = { (const char *)at, len };
	struct control *c = &agent.control;
	receipts = 0;
	snprintf(agent.config.run_dir, sizeof agent.config.run_dir, "%s", fuzz_folder());
	if (loop_open(&agent.loop, NULL) || control_open(c, &agent, NULL))
		abort();
	const bool is_root = fuzz_byte(&rest) & 1;
	const int guest = knock();
	assert(c->guests[0].watch.fd >= 0);
	c->guests[0].uid = is_root ? geteuid() : 65534;
	for (size_t i = 0; rest.len && i < PIECES_MAX; i++) {
		const struct bytes piece = fuzz_piece(&rest);
		(void)!send(guest, piece.at, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn();
		assert(c->guests[0].request_len <= CONTROL_REQUEST_MAX);
	}
	check_answer(guest);
	assert(is_root ? receipts <= 1 : !receipts);
	close(guest);
	turn();
	control_close(c);
	loop_close(agent.loop);
	return 0;
}
