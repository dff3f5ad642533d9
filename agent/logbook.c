#include "agent/logbook.h"

#include "base/scoped.h"
#include "base/text.h"
#include "base/utf8.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "sync/letter.h"

#include <stdio.h>
#include <time.h>

/* The keeper's files: log.N, N the offset of the first byte. */
struct files {
	int64_t bases[2]; /* older, newer; -1: not there */
};

static void on_name(void *owner, const char *name)
{
	struct files *f = owner;
	long long base;
	if (!text_starts(name, "log.") || text_number(bytes_of(name + 4), 0, INT64_MAX, &base))
		return;
	if (base > f->bases[1]) {
		f->bases[0] = f->bases[1];
		f->bases[1] = base;
	} else if (base > f->bases[0]) {
		f->bases[0] = base;
	}
}

static struct files find_files(const struct workload *w, char folder[PATH_LIMIT])
{
	struct files f = { { -1, -1 } };
	workload_folder(w, folder, PATH_LIMIT);
	(void)!dir_each(folder, on_name, &f, NULL);
	return f;
}

/* What one file holds; the caller frees it. */
static enum err read_file(const char *folder, int64_t base, char **out, size_t *out_len)
{
	char path[PATH_LIMIT + 32];
	snprintf(path, sizeof path, "%s/log.%lld", folder, (long long)base);
	return file_read(path, LOG_FILE_BYTES + 2 * LOG_LINE_MAX, out, out_len, NULL);
}

/* "2026-11-24T10:49:08.823747699Z stdout F text" */
struct cri_line {
	int64_t time_ms;
	bool is_stderr;
	struct bytes text;
};

static bool parse_time(const char *s, int64_t *out_ms)
{
	struct tm t = { 0 };
	int ns = 0;
	if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d.%9dZ", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
		   &t.tm_min, &t.tm_sec, &ns) != 7)
		return false;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	*out_ms = (int64_t)timegm(&t) * 1000 + ns / 1000000;
	return true;
}

static bool parse_line(struct bytes line, struct cri_line *out)
{
	enum { TIME_LEN = 30, HEAD_LEN = TIME_LEN + 1 + 6 + 1 + 1 + 1 };
	if (line.len < HEAD_LEN || !parse_time(line.at, &out->time_ms))
		return false;
	out->is_stderr = memcmp(line.at + TIME_LEN + 1, "stderr", 6) == 0;
	out->text = (struct bytes){ line.at + HEAD_LEN, line.len - HEAD_LEN };
	return true;
}

/* Control characters and broken UTF-8 do not belong into JSON: what is not
 * printable ASCII or a plausible sequence becomes '?'. */
static char *clean(struct bytes text)
{
	char *copy = malloc(text.len + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
		copy[i] = text.at[i];
		if (is_control)
			copy[i] = '?';
	}
	copy[text.len] = '\0';
	utf8_fix(copy);
	return copy;
}

/* A clock that was never set says 1970: such times travel as times since boot. */
static int64_t time_to_send(int64_t time_ms)
{
	if (clock_is_set(time_ms))
		return time_ms;
	return time_ms - (clock_wall_ms() - clock_now_ms());
}

static struct json *print_line(const struct workload *w, const struct cri_line *l)
{
	struct json *j = json_new_object();
	SCOPED_MEMORY char *text = clean(l->text);
	const char *slash = strchr(w->name, '/');
	json_set_integer(j, "t", time_to_send(l->time_ms));
	json_set_string(j, "c", slash ? slash + 1 : w->name);
	json_set_string(j, "s", l->is_stderr ? "err" : "out");
	json_set_string(j, "l", text ? text : "");
	return j;
}

enum { LINE_EXTRA = 64 }; /* what a line costs in JSON besides its text */

/* Lines that are collected, and where reading stands. */
struct reading {
	const struct workload *workload;
	struct json *list;
	int64_t at;
	size_t lines, bytes, max_lines;
};

static bool is_full(const struct reading *r)
{
	return r->lines >= r->max_lines || r->bytes >= LOGBOOK_BYTES_MAX;
}

static void read_lines(struct reading *r, int64_t base, const char *text, size_t len)
{
	size_t from = r->at > base ? (size_t)(r->at - base) : 0;
	while (from < len && !is_full(r)) {
		const char *newline = memchr(text + from, '\n', len - from);
		struct cri_line line;
		if (!newline)
			return; /* it is being written right now */
		size_t n = (size_t)(newline - text) - from;
		if (r->lines && r->bytes + n > LOGBOOK_BYTES_MAX) {
			r->bytes = LOGBOOK_BYTES_MAX;
			return;
		}
		if (parse_line((struct bytes){ text + from, n }, &line)) {
			json_push(r->list, print_line(r->workload, &line));
			r->lines++;
			r->bytes += n + LINE_EXTRA;
		}
		from += n + 1;
		r->at = base + (int64_t)from;
	}
}

/* Rotation was faster than we are: say what is missing before file `i`. */
static void note_gap(struct reading *r, const struct files *f, size_t i)
{
	const int64_t base = f->bases[i];
	const bool older_has_it = i == 1 && f->bases[0] >= 0 && r->at >= f->bases[0];
	if (r->at >= base || older_has_it)
		return;
	char text[96];
	int n = snprintf(text, sizeof text, "(skerry: %lld bytes of output were lost to rotation)",
			 (long long)(base - r->at));
	const struct cri_line line = { clock_wall_ms(), true, { text, (size_t)n } };
	json_push(r->list, print_line(r->workload, &line));
	r->lines++;
	r->at = base;
}

static void read_new(struct reading *r)
{
	char folder[PATH_LIMIT];
	struct files f = find_files(r->workload, folder);
	for (size_t i = 0; i < 2; i++) {
		SCOPED_MEMORY char *text = NULL;
		size_t len;
		bool is_older = i == 0;
		if (f.bases[i] < 0 || (is_older && r->at >= f.bases[1]))
			continue;
		if (read_file(folder, f.bases[i], &text, &len))
			continue;
		note_gap(r, &f, i);
		read_lines(r, f.bases[i], text, len);
		if (is_full(r))
			return;
		/* The rest of the older file was no whole line: the newer one follows. */
		if (is_older && r->at < f.bases[1])
			r->at = f.bases[1];
	}
}

static void key_of(const struct workload *w, char out[STORE_KEY_MAX])
{
	snprintf(out, STORE_KEY_MAX, "log/%s", w->leaf);
}

/* Where it was carried to on this boot: a new boot begins with new files. */
struct carried {
	char boot[BOOT_ID_SIZE];
	int64_t at;
};

static int64_t carried_to(struct store *s, const struct workload *w)
{
	char key[STORE_KEY_MAX];
	struct carried c = { 0 };
	struct bytes kept;
	char boot[BOOT_ID_SIZE];
	key_of(w, key);
	clock_boot_id(boot);
	if (store_get(s, key, &kept) || kept.len != sizeof c)
		return 0;
	memcpy(&c, kept.at, sizeof c);
	return memcmp(c.boot, boot, sizeof boot) == 0 ? c.at : 0;
}

enum err logbook_store(struct outbox *o, const struct workload *w, bool *out_more, struct why *why)
{
	char key[STORE_KEY_MAX], pod[LABEL_SIZE];
	struct carried c = { 0 };
	struct reading r = {
		.workload = w,
		.list = json_new_array(),
		.at = carried_to(o->store, w),
		.max_lines = LOGBOOK_LINES_MAX,
	};
	*out_more = false;
	read_new(&r);
	if (!r.lines) {
		json_free(r.list);
		return OK;
	}
	*out_more = is_full(&r);
	text_copy(pod, sizeof pod, (struct bytes){ w->name, strcspn(w->name, "/") });
	enum err e = letter_add_document(o, LETTER_LOG, pod, r.list, (uint32_t)r.lines, why);
	if (e && e != ERR_FULL)
		return e;
	key_of(w, key);
	clock_boot_id(c.boot);
	c.at = r.at;
	return store_put(o->store, key, (struct bytes){ (const char *)&c, sizeof c }, why);
}

void logbook_forget(struct store *s, const struct workload *w)
{
	char key[STORE_KEY_MAX];
	key_of(w, key);
	(void)!store_remove(s, key, NULL);
}

int64_t logbook_end(const struct workload *w)
{
	char folder[PATH_LIMIT];
	SCOPED_MEMORY char *text = NULL;
	size_t len = 0;
	struct files f = find_files(w, folder);
	if (f.bases[1] < 0 || read_file(folder, f.bases[1], &text, &len))
		return 0;
	return f.bases[1] + (int64_t)len;
}

struct json *logbook_read(const struct workload *w, int64_t *at, size_t max_lines)
{
	struct reading r = {
		.workload = w, .list = json_new_array(), .at = *at, .max_lines = max_lines
	};
	read_new(&r);
	*at = r.at;
	return r.list;
}

/* Where the last whole lines begin: at most *count of them, and no more bytes
 * than *room. Both shrink; *count is 0 when no earlier line may come. */
static size_t start_of_last(const char *text, size_t len, size_t *count, size_t *room)
{
	while (len > 0 && text[len - 1] != '\n')
		len--; /* it is being written right now */
	while (len > 0 && *count > 0) {
		size_t start = len - 1;
		while (start > 0 && text[start - 1] != '\n')
			start--;
		const size_t cost = len - start + LINE_EXTRA;
		*count = cost > *room ? 0 : *count - 1;
		if (cost > *room)
			break;
		*room -= cost;
		len = start;
	}
	return len;
}

struct json *logbook_last(const struct workload *w, size_t count)
{
	char folder[PATH_LIMIT];
	struct files f = find_files(w, folder);
	size_t room = LOGBOOK_BYTES_MAX, left = count;
	int64_t at = 0;
	for (size_t i = 2; i-- > 0 && left > 0;) {
		SCOPED_MEMORY char *text = NULL;
		size_t len;
		if (f.bases[i] < 0 || read_file(folder, f.bases[i], &text, &len))
			continue;
		at = f.bases[i] + (int64_t)start_of_last(text, len, &left, &room);
	}
	return logbook_read(w, &at, count);
}
