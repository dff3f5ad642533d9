#include "workloads/keeper/ending.h"

#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>

enum { RECORD_MAX = 512, KNOB_MAX = 512 };

size_t ending_write(const struct ending *e, char *out, size_t cap)
{
	struct text t = text_in(out, cap);
	text_add(&t,
		 "code %d\nsignal %d\noom %d\nfailed-start %d\nstarted-ms %lld\nended-ms %lld\n",
		 e->code, e->signal, e->oom, e->failed_start, (long long)e->started_ms,
		 (long long)e->ended_ms);
	if (e->message.text[0]) {
		size_t from = t.len;
		text_add(&t, "message %s", e->message.text);
		/* It may name what a manifest says; a line stays one line. */
		for (; from < t.len; from++)
			if (out[from] == '\n')
				out[from] = ' ';
		text_add(&t, "\n");
	}
	return t.len;
}

enum err ending_keep(const struct ending *e, int folder, struct why *why)
{
	char record[RECORD_MAX];
	size_t len = ending_write(e, record, sizeof record);
	SCOPED_FD fd = openat(folder, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, record, len) != (ssize_t)len ||
	    renameat(folder, "exit.new", folder, "exit"))
		return why_set(why, ERR_SYSTEM, "write the exit file: %s", strerror(errno));
	return OK;
}

int64_t ending_count_oom(const char *path)
{
	char text[KNOB_MAX];
	SCOPED_FD fd = *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	text[n < 0 ? 0 : n] = '\0';
	/* v2 says "oom_kill N", v1 "oom_kill_disable N" and then "oom_kill N". */
	const char *at = strstr(text, "oom_kill ");
	return at ? strtoll(at + 9, NULL, 10) : 0;
}
