#include "base/kernel_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/* A number and what separates it from the next one. */
static bool take_number(const char **at, int base, int64_t *out)
{
	char *end;
	errno = 0;
	const long long n = strtoll(*at, &end, base);
	if (end == *at || errno || (*end && !strchr(" \t\n", *end)))
		return false;
	*out = n;
	*at = end + strspn(end, " \t");
	return true;
}

static size_t take_numbers(const char *at, int base, int64_t *out, size_t max)
{
	size_t n = 0;
	/* strtoll would go on over the end of the line. */
	for (at += strspn(at, " \t"); n < max && *at && *at != '\n'; n++)
		if (!take_number(&at, base, &out[n]))
			break;
	return n;
}

/* Behind `key` on the line that begins with it; NULL: there is none. */
static const char *find_line(const char *text, const char *key)
{
	const size_t len = strlen(key);
	for (; *text; text = next_line(text))
		if (strncmp(text, key, len) == 0 && (!len || strchr(" \t", text[len])))
			return text + len;
	return NULL;
}

size_t kernel_text_numbers(const char *text, const char *key, int64_t *out, size_t max)
{
	const char *at = find_line(text, key);
	return at ? take_numbers(at, 10, out, max) : 0;
}

bool kernel_text_number(const char *text, const char *key, int64_t *out)
{
	return kernel_text_numbers(text, key, out, 1) == 1;
}

bool kernel_text_process(const char *text, struct process_text *out)
{
	enum { USER = 14, KERNEL = 15, RESIDENT = 24, FIRST = 4 }; /* proc(5) counts from 1 */
	int64_t n[RESIDENT - FIRST + 1];
	/* The name may hold anything, ") S 1" too: the last bracket is the one. */
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open || strlen(close) < FIRST)
		return false;
	if (take_numbers(close + FIRST, 10, n, RESIDENT - FIRST + 1) != RESIDENT - FIRST + 1)
		return false;
	snprintf(out->name, sizeof out->name, "%.*s", (int)(close - open - 1), open + 1);
	out->ticks = n[USER - FIRST] + n[KERNEL - FIRST];
	out->pages = n[RESIDENT - FIRST];
	return true;
}

size_t kernel_text_hex(const char *text, int64_t *out, size_t max)
{
	return take_numbers(text, 16, out, max);
}

bool kernel_text_pressure(const char *text, const char *share, struct pressure *out)
{
	long long total;
	const char *at = find_line(text, share);
	if (!at || sscanf(at, " avg10=%lf avg60=%lf avg300=%lf total=%lld", &out->avg10,
			  &out->avg60, &out->avg300, &total) != 4)
		return false;
	out->total_us = total;
	return true;
}

/* v2: "8:0 rbytes=1 wbytes=2 rios=3 ..."; v1: "8:0 Read 1", and "Total 3" at the end. */
bool kernel_text_io(const char *text, int64_t *out_read, int64_t *out_written)
{
	long long read, written;
	*out_read = *out_written = 0;
	for (; *text; text = next_line(text)) {
		if (sscanf(text, "%*u:%*u rbytes=%lld wbytes=%lld", &read, &written) == 2) {
			*out_read += read;
			*out_written += written;
		} else if (sscanf(text, "%*u:%*u Read %lld", &read) == 1) {
			*out_read += read;
		} else if (sscanf(text, "%*u:%*u Write %lld", &written) == 1) {
			*out_written += written;
		}
	}
	return true;
}

bool kernel_text_interface(const char **rest, char out_name[INTERFACE_NAME_SIZE],
			   int64_t out[INTERFACE_NUMBERS])
{
	while (**rest) {
		const char *line = *rest + strspn(*rest, " ");
		const size_t len = strcspn(line, ":\n");
		*rest = next_line(*rest);
		if (line[len] != ':' || !len || len >= INTERFACE_NAME_SIZE)
			continue;
		if (take_numbers(line + len + 1, 10, out, INTERFACE_NUMBERS) != INTERFACE_NUMBERS)
			continue;
		memcpy(out_name, line, len);
		out_name[len] = '\0';
		return true;
	}
	return false;
}

static bool is_below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);
	if (strcmp(folder, "/") == 0)
		return true;
	return strncmp(path, folder, len) == 0 && (!path[len] || path[len] == '/');
}

bool kernel_text_mount(const char *text, const char *path, struct mount_text *out)
{
	size_t best = 0;
	for (; *text; text = next_line(text)) {
		struct mount_text m;
		const char *dash = strstr(text, " - ");
		if (!dash || dash > text + strcspn(text, "\n") ||
		    sscanf(text, "%*u %*u %u:%u %*s %127s", &m.major, &m.minor, m.point) != 3 ||
		    sscanf(dash, " - %31s %63s", m.type, m.source) != 2)
			continue;
		/* Of two mounts at one place the later one is seen. */
		if (!is_below(path, m.point) || strlen(m.point) < best)
			continue;
		best = strlen(m.point);
		*out = m;
	}
	return best > 0;
}
