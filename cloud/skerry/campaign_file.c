#include "cloud/skerry/campaign_file.h"

#include "base/scoped.h"
#include "ports/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { WISHES_MAX = 1024 * 1024 };

static enum err find_root(char out[PATH_LIMIT], const char *fleet, struct why *why)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n = 0;
	if (state && *state)
		n = snprintf(out, PATH_LIMIT, "%s/skerry/rollouts/%s", state, fleet);
	else if (home && *home)
		n = snprintf(out, PATH_LIMIT, "%s/.local/state/skerry/rollouts/%s", home, fleet);
	return n > 0 && n < PATH_LIMIT - 128
		       ? OK
		       : why_set(why, ERR_NOT_FOUND,
				 "where shall rollouts be kept? set XDG_STATE_HOME or HOME");
}

enum err campaign_file_find(struct campaign_file *f, const char *fleet, const char *name,
			    struct why *why)
{
	char root[PATH_LIMIT];
	*f = (struct campaign_file){ .lock_fd = -1 };
	enum err e = find_root(root, fleet, why);
	if (!e && !label_is_valid(bytes_of(name)))
		e = why_set(why, ERR_INVALID, "\"%.60s\" is not the name of a rollout: " LABEL_RULE,
			    name);
	if (!e)
		snprintf(f->folder, sizeof f->folder, "%s/%s", root, name);
	return e;
}

static void path_in(const struct campaign_file *f, const char *name, char out[PATH_LIMIT])
{
	snprintf(out, PATH_LIMIT, "%s/%s", f->folder, name);
}

static enum err write_file(const struct campaign_file *f, const char *name, const char *text,
			   struct why *why)
{
	char path[PATH_LIMIT];
	path_in(f, name, path);
	return file_replace(path, bytes_of(text), true, why);
}

static enum err read_file(const struct campaign_file *f, const char *name, size_t max, char **out,
			  size_t *out_len, struct why *why)
{
	char path[PATH_LIMIT];
	path_in(f, name, path);
	return file_read(path, max, out, out_len, why);
}

/* One that is over makes room; one that cannot be read is looked at by a person. */
enum err campaign_file_make_room(struct campaign_file *f, const char *name, struct why *why)
{
	struct campaign old;
	enum err e = campaign_file_load(f, &old, why);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e)
		return e;
	const bool is_over = rollout_is_over(&old.rollout);
	campaign_free(&old);
	if (!is_over)
		return why_set(why, ERR_CONFLICT,
			       "the rollout %s still goes on: skerry rollout start %s --wait goes "
			       "on with it, skerry rollout undo %s takes it back",
			       name, name, name);
	return dir_remove(f->folder, why);
}

enum err campaign_file_create(struct campaign_file *f, const struct campaign *c, struct why *why)
{
	SCOPED_MEMORY char *prepared = NULL;
	enum err e = campaign_file_make_room(f, c->name, why);
	if (!e)
		e = dir_make(f->folder, 0700, why);
	if (!e)
		e = campaign_file_save(f, c, why);
	/* It is there when this is: a desk that dies before leaves nothing half. */
	prepared = campaign_print(c);
	return e ? e : write_file(f, "prepared", prepared, why);
}

static enum err load_progress(const struct campaign_file *f, struct campaign *c, struct why *why)
{
	SCOPED_MEMORY char *progress = NULL;
	SCOPED_MEMORY char *wishes = NULL;
	size_t len;
	enum err e = read_file(f, "progress", CAMPAIGN_BYTES_MAX, &progress, &len, why);
	if (!e)
		e = campaign_read_progress(c, (struct bytes){ progress, len }, why);
	if (!e)
		e = campaign_file_wishes(f, &wishes, why);
	if (!e)
		campaign_obey(c, bytes_of(wishes), NULL);
	return e;
}

enum err campaign_file_load(const struct campaign_file *f, struct campaign *out, struct why *why)
{
	SCOPED_MEMORY char *prepared = NULL;
	size_t len;
	*out = (struct campaign){ 0 };
	enum err e = read_file(f, "prepared", CAMPAIGN_BYTES_MAX, &prepared, &len, why);
	if (e == ERR_NOT_FOUND)
		return why_set(why, e, "there is no such rollout at this desk: %.150s", f->folder);
	if (!e)
		e = campaign_read((struct bytes){ prepared, len }, out, why);
	if (!e)
		e = load_progress(f, out, why);
	if (e)
		campaign_free(out);
	return e ? why_in(why, e, f->folder) : OK;
}

bool campaign_file_is_there(const struct campaign_file *f)
{
	char path[PATH_LIMIT];
	path_in(f, "prepared", path);
	return access(path, F_OK) == 0;
}

enum err campaign_file_lock(struct campaign_file *f, struct why *why)
{
	char path[PATH_LIMIT];
	path_in(f, "lock", path);
	f->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (f->lock_fd < 0)
		return why_set(why, ERR_SYSTEM, "open %.150s: %s", path, strerror(errno));
	if (flock(f->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	campaign_file_unlock(f);
	return why_set(why, ERR_CONFLICT, "another skerry runs this rollout already");
}

void campaign_file_unlock(struct campaign_file *f)
{
	scoped_close(&f->lock_fd);
	f->lock_fd = -1;
}

enum err campaign_file_save(const struct campaign_file *f, const struct campaign *c,
			    struct why *why)
{
	SCOPED_MEMORY char *progress = campaign_print_progress(c);
	return write_file(f, "progress", progress, why);
}

enum err campaign_file_wish(const struct campaign_file *f, const char *line, struct why *why)
{
	char path[PATH_LIMIT];
	path_in(f, "wishes", path);
	SCOPED_FD fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	const size_t len = strlen(line);
	/* One write is one line, whoever else appends. */
	if (fd < 0 || write(fd, line, len) != (ssize_t)len)
		return why_set(why, ERR_SYSTEM, "write %.150s: %s", path, strerror(errno));
	return OK;
}

enum err campaign_file_wishes(const struct campaign_file *f, char **out, struct why *why)
{
	size_t len;
	enum err e = read_file(f, "wishes", WISHES_MAX, out, &len, why);
	if (e != ERR_NOT_FOUND)
		return e;
	*out = strdup("");
	return *out ? OK : why_set(why, ERR_SYSTEM, "no memory");
}

enum err campaign_file_each(const char *fleet, void (*on_name)(void *owner, const char *name),
			    void *owner, struct why *why)
{
	char root[PATH_LIMIT];
	enum err e = find_root(root, fleet, why);
	return e ? e : dir_each(root, on_name, owner, why);
}
