#include "workloads/networks.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/netns.h"

enum { SPARE_AFTER_MS = 200 }; /* behind the start that took the last one */

bool network_mode_read(const char *text, enum network_mode *out)
{
	static const char *const names[] = {
		[NETWORK_HOST] = "host",
		[NETWORK_OWN] = "own",
		[NETWORK_NONE] = "none",
	};
	for (enum network_mode m = NETWORK_HOST; m <= NETWORK_NONE; m++) {
		if (strcmp(text, names[m]) != 0)
			continue;
		*out = m;
		return true;
	}
	return false;
}

static void on_due(void *owner, int64_t now_ms)
{
	struct networks *n = owner;
	(void)now_ms;
	if (n->spare < 0 && netns_make(true, &n->spare, NULL))
		n->spare = -1; /* then the next start makes its own, and says why not */
}

void networks_init(struct networks *n, struct loop *l)
{
	*n = (struct networks){ .loop = l, .spare = -1 };
	n->timer = (struct timer){ .owner = n, .on_due = on_due };
}

void networks_deinit(struct networks *n)
{
	loop_disarm(n->loop, &n->timer);
	close_quietly(n->spare);
	for (size_t i = 0; i < n->count; i++)
		close_quietly(n->of[i].fd);
	*n = (struct networks){ .spare = -1 };
}

static size_t index_of(const struct networks *n, const char *pod)
{
	size_t i = 0;
	while (i < n->count && strcmp(n->of[i].pod, pod) != 0)
		i++;
	return i;
}

int networks_find(const struct networks *n, const char *pod)
{
	const size_t i = index_of(n, pod);
	return i == n->count ? -1 : n->of[i].fd;
}

static void keep(struct networks *n, const char *pod, int fd)
{
	text_copy(n->of[n->count].pod, sizeof n->of[n->count].pod, bytes_of(pod));
	n->of[n->count++].fd = fd;
}

enum err networks_take(struct networks *n, const char *pod, bool loopback, int *out_fd,
		       struct why *why)
{
	enum err e = OK;
	*out_fd = networks_find(n, pod);
	if (*out_fd >= 0)
		return OK;
	if (n->count == NETWORKS_MAX)
		return why_set(why, ERR_FULL, "more than %d pods with a network of their own",
			       NETWORKS_MAX);
	if (loopback && n->spare >= 0)
		*out_fd = take_fd(&n->spare);
	else
		e = netns_make(loopback, out_fd, why);
	if (e)
		return e;
	keep(n, pod, *out_fd);
	if (loopback)
		loop_arm(n->loop, &n->timer, clock_now_ms() + SPARE_AFTER_MS);
	return OK;
}

void networks_adopt(struct networks *n, const char *pod, pid_t pid)
{
	int fd;
	if (networks_find(n, pod) < 0 && n->count < NETWORKS_MAX && netns_of(pid, &fd, NULL) == OK)
		keep(n, pod, fd);
}

void networks_release(struct networks *n, const char *pod)
{
	const size_t i = index_of(n, pod);
	if (i == n->count)
		return;
	close_quietly(n->of[i].fd);
	n->of[i] = n->of[--n->count];
}
