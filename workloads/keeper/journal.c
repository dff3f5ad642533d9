#include "workloads/keeper/journal.h"

#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

enum { NAME_MAX_BYTES = 32, PREFIX_MAX = 64, READS_MAX = 16, NS_PER_S = 1000000000 };

static void name_of(int64_t base, char out[NAME_MAX_BYTES])
{
	snprintf(out, NAME_MAX_BYTES, "log.%lld", (long long)base);
}

struct scan {
	int folder;
	int64_t keep_from, newest;
};

static void scan_name(void *owner, const char *name)
{
	struct scan *s = owner;
	char *end;
	if (strncmp(name, "log.", 4) != 0)
		return;
	int64_t base = strtoll(name + 4, &end, 10);
	if (*end == '\0' && base < s->keep_from)
		unlinkat(s->folder, name, 0);
	else if (*end == '\0' && base > s->newest)
		s->newest = base;
}

/* The newest file's base; files that nobody wants are removed on the way. */
static int64_t scan(int folder, int64_t keep_from)
{
	struct scan s = { folder, keep_from, -1 };
	(void)!dir_each_in(folder, scan_name, &s, NULL);
	return s.newest;
}

static bool open_file(struct journal *j)
{
	char name[NAME_MAX_BYTES];
	struct stat st;
	name_of(j->base, name);
	j->fd = openat(j->folder, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (j->fd < 0 || fstat(j->fd, &st))
		return false;
	j->end = j->base + st.st_size;
	return true;
}

enum err journal_open(struct journal *j, int folder, int64_t file_bytes, struct why *why)
{
	j->folder = folder;
	j->file_bytes = file_bytes;
	j->base = scan(folder, 0);
	if (j->base < 0)
		j->base = 0;
	if (!open_file(j))
		return why_set(why, ERR_SYSTEM, "open the log: %s", strerror(errno));
	return OK;
}

static void rotate(struct journal *j)
{
	int64_t previous = j->base;
	close(j->fd);
	j->base = j->end;
	open_file(j);
	scan(j->folder, previous);
}

static size_t make_prefix(char out[PREFIX_MAX], enum journal_stream stream, char mark)
{
	const int64_t now_ns = clock_wall_ns();
	const time_t seconds = (time_t)(now_ns / NS_PER_S);
	struct tm utc;
	gmtime_r(&seconds, &utc);
	size_t n = strftime(out, PREFIX_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
	return n + (size_t)snprintf(out + n, PREFIX_MAX - n, ".%09dZ %s %c ",
				    (int)(now_ns % NS_PER_S),
				    stream == JOURNAL_STDERR ? "stderr" : "stdout", mark);
}

static void write_line(struct journal *j, enum journal_stream stream, struct iovec text, char mark)
{
	char prefix[PREFIX_MAX], newline = '\n';
	struct iovec parts[] = {
		{ prefix, make_prefix(prefix, stream, mark) },
		text,
		{ &newline, 1 },
	};
	size_t all = parts[0].iov_len + text.iov_len + 1;
	if (j->end > j->base && j->end - j->base + (int64_t)all > j->file_bytes)
		rotate(j);
	ssize_t n = j->fd < 0 ? -1 : writev(j->fd, parts, 3);
	if (n < 0)
		return;
	j->end += n;
	/* A full disk takes half a line: the next one must not go on behind it. */
	if ((size_t)n < all && ftruncate(j->fd, j->end - n - j->base) == 0)
		j->end -= n;
}

static void write_lines(struct journal *j, enum journal_stream stream)
{
	char *from = j->line[stream], *end = from + j->held[stream], *newline;
	while ((newline = memchr(from, '\n', (size_t)(end - from)))) {
		write_line(j, stream, (struct iovec){ from, (size_t)(newline - from) }, 'F');
		from = newline + 1;
	}
	j->held[stream] = (size_t)(end - from);
	if (j->held[stream] == LOG_LINE_MAX) {
		write_line(j, stream, (struct iovec){ from, LOG_LINE_MAX }, 'P');
		j->held[stream] = 0;
	}
	memmove(j->line[stream], from, j->held[stream]);
}

bool journal_take(struct journal *j, enum journal_stream stream, int pipe)
{
	/* Bounded, so that a flood does not keep the keeper from its commands. */
	for (int i = 0; i < READS_MAX; i++) {
		size_t room = LOG_LINE_MAX - j->held[stream];
		ssize_t n = read(pipe, j->line[stream] + j->held[stream], room);
		if (n == 0)
			return false;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		j->held[stream] += (size_t)n;
		write_lines(j, stream);
	}
	return true;
}

void journal_flush(struct journal *j)
{
	for (enum journal_stream s = 0; s < JOURNAL_STREAMS; s++) {
		if (j->held[s])
			write_line(j, s, (struct iovec){ j->line[s], j->held[s] }, 'F');
		j->held[s] = 0;
	}
}
