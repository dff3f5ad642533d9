#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static enum log_level highest = LOG_INFO;

void log_set_level(enum log_level level)
{
	highest = level;
}

static size_t add_prefix(char *line, size_t cap, enum log_level level)
{
	static const int syslog_of[] = { 3, 4, 6, 7 };
	static const char *const name_of[] = { "error", "warning", "info", "debug" };

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, cap, "<%d>", syslog_of[level]);

	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t n = strftime(line, cap, "%Y-%m-%dT%H:%M:%S", &utc);
	n += (size_t)snprintf(line + n, cap - n, ".%06ldZ %s: ", now.tv_nsec / 1000,
			      name_of[level]);
	return n;
}

/* Values come from outside too: one event stays one line of plain text. */
static void blank_controls(char *line, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
}

void log_line(enum log_level level, const char *fmt, ...)
{
	if (level > highest)
		return;

	char line[LINE_MAX_BYTES];
	const size_t prefix = add_prefix(line, sizeof line, level);
	size_t n = prefix;

	va_list args;
	va_start(args, fmt);
	int wanted = vsnprintf(line + n, sizeof line - n, fmt, args);
	va_end(args);
	n += wanted > 0 ? (size_t)wanted : 0;
	if (n > sizeof line - 1)
		n = sizeof line - 1;
	blank_controls(line, prefix, n);

	/* One write keeps lines of several processes whole. Nobody to tell if it fails. */
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}
