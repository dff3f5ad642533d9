#include "sync/spool.h"

#include "base/limits.h"
#include "base/text.h"
#include "ports/digest.h"
#include "ports/file.h"

#include <stdio.h>
#include <string.h>

static bool path_of(const struct spool *s, const char *pod, const char *name, char out[PATH_LIMIT])
{
	return snprintf(out, PATH_LIMIT, "%s%s%s%s%s", s->path, pod ? "/" : "", pod ? pod : "",
			name ? "/" : "", name ? name : "") < PATH_LIMIT;
}

static int64_t size_of(const struct spool *s, const char *pod, const char *name)
{
	char path[PATH_LIMIT];
	int64_t total = 0;
	size_t none;
	if (!path_of(s, pod, name, path) || file_read_part(path, 0, NULL, 0, &none, &total, NULL))
		return -1;
	return total;
}

/* --- walking through --- */

struct walk {
	const struct spool *spool;
	char pod[LABEL_SIZE];
	void *owner;
	void (*on_file)(void *owner, const char *pod, const struct mailbox_file *f);
};

static void walk_file(void *owner, const char *name)
{
	const struct walk *w = owner;
	struct mailbox_file f;
	if (mailbox_read_name(name, &f))
		w->on_file(w->owner, w->pod, &f);
}

static void walk_pod(void *owner, const char *name)
{
	struct walk *w = owner;
	char path[PATH_LIMIT];
	if (!label_is_valid(bytes_of(name)) || !path_of(w->spool, name, NULL, path))
		return;
	text_copy(w->pod, sizeof w->pod, bytes_of(name));
	(void)!dir_each(path, walk_file, w, NULL);
}

/* Every file of a pod, or of all (NULL). */
static void walk(const struct spool *s, const char *pod, void *owner,
		 void (*on_file)(void *owner, const char *pod, const struct mailbox_file *f))
{
	struct walk w = { .spool = s, .owner = owner, .on_file = on_file };
	if (pod)
		walk_pod(&w, pod);
	else
		(void)!dir_each(s->path, walk_pod, &w, NULL);
}

/* --- counting --- */

struct counting {
	const struct spool *spool;
	struct spool_total total;
};

static void count_one(void *owner, const char *pod, const struct mailbox_file *f)
{
	struct counting *c = owner;
	const int64_t bytes = size_of(c->spool, pod, f->name);
	if (bytes < 0)
		return;
	c->total.files++;
	c->total.bytes += bytes;
}

void spool_count(struct spool *s, const char *pod, struct spool_total *out)
{
	struct counting all = { s, { 0 } }, one = { s, { 0 } };
	walk(s, NULL, &all, count_one);
	s->total = all.total;
	if (pod)
		walk(s, pod, &one, count_one);
	if (out)
		*out = pod ? one.total : all.total;
}

enum err spool_open(struct spool *s, const char *path, struct why *why)
{
	*s = (struct spool){ 0 };
	if (!text_copy(s->path, sizeof s->path, bytes_of(path)))
		return why_set(why, ERR_INVALID, "%s: the path is too long", path);
	enum err e = dir_make(path, 0700, why);
	if (!e)
		spool_count(s, NULL, NULL);
	return e;
}

enum err spool_folder(const struct spool *s, const char *pod, char *out, size_t cap,
		      struct why *why)
{
	snprintf(out, cap, "%s/%s", s->path, pod);
	return dir_make(out, 0700, why);
}

/* --- each, and one of them --- */

struct telling {
	const struct spool *spool;
	void *owner;
	void (*on_file)(void *owner, const struct spool_file *f);
};

static void tell_one(void *owner, const char *pod, const struct mailbox_file *f)
{
	const struct telling *t = owner;
	struct spool_file one = { .file = *f, .bytes = size_of(t->spool, pod, f->name) };
	text_copy(one.pod, sizeof one.pod, bytes_of(pod));
	if (one.bytes >= 0)
		t->on_file(t->owner, &one);
}

void spool_each(const struct spool *s, void (*on_file)(void *owner, const struct spool_file *f),
		void *owner)
{
	struct telling t = { s, owner, on_file };
	walk(s, NULL, &t, tell_one);
}

struct search {
	const char *id;
	struct spool_file *out;
	bool found;
};

static void match_id(void *owner, const struct spool_file *f)
{
	struct search *s = owner;
	char id[SPOOL_ID_SIZE];
	spool_id(f, id);
	if (s->found || strcmp(id, s->id) != 0)
		return;
	s->found = true;
	*s->out = *f;
}

enum err spool_find(const struct spool *s, const char *id, struct spool_file *out)
{
	struct search search = { id, out, false };
	spool_each(s, match_id, &search);
	return search.found ? OK : ERR_NOT_FOUND;
}

/* --- choosing --- */

struct choice {
	struct spool_file *best; /* its pod "": none yet */
	bool first;              /* the one that goes first, else the one that is given up first */
};

static bool goes_before(const struct mailbox_file *a, const struct mailbox_file *b)
{
	if (a->class != b->class)
		return a->class < b->class;
	if (a->time_ms != b->time_ms)
		return a->time_ms > b->time_ms;
	return strcmp(a->name, b->name) < 0;
}

static void choose_one(void *owner, const char *pod, const struct mailbox_file *f)
{
	struct choice *c = owner;
	struct spool_file *b = c->best;
	if (b->pod[0] && goes_before(f, &b->file) != c->first)
		return;
	text_copy(b->pod, sizeof b->pod, bytes_of(pod));
	b->file = *f;
}

static enum err choose(const struct spool *s, const char *pod, bool first, struct spool_file *out)
{
	struct choice c = { out, first };
	*out = (struct spool_file){ 0 };
	walk(s, pod, &c, choose_one);
	if (!out->pod[0])
		return ERR_NOT_FOUND;
	out->bytes = size_of(s, out->pod, out->file.name);
	return out->bytes < 0 ? ERR_NOT_FOUND : OK;
}

enum err spool_next(const struct spool *s, struct spool_file *out)
{
	return choose(s, NULL, true, out);
}

enum err spool_last(const struct spool *s, const char *pod, struct spool_file *out)
{
	return choose(s, pod, false, out);
}

enum err spool_read(const struct spool *s, const struct spool_file *f, int64_t offset, char *out,
		    size_t cap, size_t *out_len, struct why *why)
{
	char path[PATH_LIMIT];
	int64_t total;
	if (!path_of(s, f->pod, f->file.name, path))
		return why_set(why, ERR_INVALID, "%s: the path is too long", s->path);
	return file_read_part(path, offset, out, cap, out_len, &total, why);
}

enum err spool_remove(struct spool *s, const struct spool_file *f, struct why *why)
{
	char path[PATH_LIMIT];
	if (!path_of(s, f->pod, f->file.name, path))
		return why_set(why, ERR_INVALID, "%s: the path is too long", s->path);
	enum err e = file_remove(path, why);
	if (!e) {
		s->total.files--;
		s->total.bytes -= f->bytes;
	}
	return e;
}

void spool_id(const struct spool_file *f, char out[SPOOL_ID_SIZE])
{
	char digest[DIGEST_SIZE], text[LABEL_SIZE + MAILBOX_NAME_MAX + 2];
	snprintf(text, sizeof text, "%s/%s", f->pod, f->file.name);
	digest_of(bytes_of(text), digest);
	snprintf(out, SPOOL_ID_SIZE, "%.32s", digest + strlen("sha256:"));
}
