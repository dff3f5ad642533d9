#include "agent/crashes.h"

#include "ports/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STACK = 8192 }; /* bytes for the handler: the other stack may be what overflowed */

/* A signal handler has no other owner. */
static char count_path[192];
static char handler_stack[STACK];

static void on_fatal(int signo)
{
	int fd = open(count_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, "x", 1) == 1)
		fsync(fd);
	raise(signo); /* SA_RESETHAND: this one ends us */
}

static void count_fatal_signals(void)
{
#ifndef __SANITIZE_ADDRESS__ /* its own report is worth more */
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	const stack_t stack = { .ss_sp = handler_stack, .ss_size = STACK };
	struct sigaction action = { .sa_handler = on_fatal,
				    .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		sigaction(fatal[i], &action, NULL);
#else
	(void)handler_stack;
	(void)on_fatal;
#endif
}

static void on_due(void *owner, int64_t now_ms)
{
	struct crashes *c = owner;
	(void)now_ms;
	if (!c->is_safe_mode) {
		crashes_forgive(c);
		return;
	}
	/* One more crash leads straight back here. */
	(void)!truncate(count_path, CRASHES_MAX - 1);
	c->on_try_again(c->owner);
}

void crashes_open(struct crashes *c, struct loop *loop, const char *state_dir)
{
	struct stat st;
	snprintf(count_path, sizeof count_path, "%s/crashes-" SKERRY_VERSION, state_dir);
	const int64_t count = stat(count_path, &st) == 0 ? st.st_size : 0;
	c->loop = loop;
	c->is_safe_mode = count >= CRASHES_MAX;
	c->timer = (struct timer){ .owner = c, .on_due = on_due };
	if (count)
		loop_arm(loop, &c->timer,
			 clock_now_ms() + (c->is_safe_mode ? CRASHES_SAFE_MS : CRASHES_CALM_MS));
	count_fatal_signals();
}

void crashes_close(struct crashes *c)
{
	if (c->loop)
		loop_disarm(c->loop, &c->timer);
	c->loop = NULL;
}

void crashes_forgive(struct crashes *c)
{
	(void)c;
	unlink(count_path);
}
