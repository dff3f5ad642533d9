#include "workloads/history.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"

#include <stdio.h>

enum { HISTORY_MAX = 1024 };

enum err history_write(const char *folder, const struct history *h)
{
	char path[PATH_LIMIT + 16], text[HISTORY_MAX];
	struct text t = text_in(text, sizeof text);
	snprintf(path, sizeof path, "%s/history", folder);
	text_add(&t, "restarts %lld\ninstance %lld\nquick-exits %lld\n", (long long)h->restarts,
		 (long long)h->instance, (long long)h->quick_exits);
	if (h->last.known)
		text_add(&t, "last %d %d %d %d %lld %lld %s\n", h->last.code, h->last.signal,
			 h->last.oom, h->last.failed_start, (long long)h->last.started_ms,
			 (long long)h->last.ended_ms, h->last.message);
	return file_replace(path, text_bytes(&t), false, NULL);
}

static void read_last(const char *line, struct workload_exit *out)
{
	long long started, ended;
	int oom, failed, message = 0;
	if (sscanf(line, "last %d %d %d %d %lld %lld %n", &out->code, &out->signal, &oom, &failed,
		   &started, &ended, &message) < 6)
		return;
	out->known = true;
	out->oom = oom;
	out->failed_start = failed;
	out->started_ms = started;
	out->ended_ms = ended;
	snprintf(out->message, sizeof out->message, "%.*s", (int)strcspn(line + message, "\n"),
		 line + message);
}

enum err history_read(const char *folder, struct history *out)
{
	char path[PATH_LIMIT + 16];
	SCOPED_MEMORY char *text = NULL;
	long long restarts, instance, quick;
	size_t len;
	*out = (struct history){ .last.code = -1 };
	snprintf(path, sizeof path, "%s/history", folder);
	enum err e = file_read(path, HISTORY_MAX, &text, &len, NULL);
	if (e)
		return e;
	if (sscanf(text, "restarts %lld\ninstance %lld\nquick-exits %lld", &restarts, &instance,
		   &quick) != 3)
		return ERR_NOT_FOUND;
	out->restarts = restarts;
	out->instance = instance;
	out->quick_exits = quick;
	const char *last = strstr(text, "\nlast ");
	if (last)
		read_last(last + 1, &out->last);
	return OK;
}
