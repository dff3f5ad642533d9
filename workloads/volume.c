#include "workloads/volume.h"

#include "base/text.h"
#include "ports/below.h"
#include "ports/file.h"
#include "ports/tree.h"
#include "workloads/compose.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	FILES_MAX = 256, /* in one volume */
	FILES_ARENA = 128 * 1024,
	FOLDER_MODE = 0777,
	SHARED_MODE = 02777, /* what is made in it belongs to fsGroup */
};

static enum err no_memory(struct why *why)
{
	return why_set(why, ERR_FULL, "command, environment and mounts are too large");
}

static enum err too_long(const char *path, struct why *why)
{
	return why_set(why, ERR_INVALID, "%s: the path is too long", path);
}

const char *volume_allowed_by(const struct site *site, const char *path)
{
	for (const char *const *p = site->host_paths; p && *p; p++) {
		size_t n = strlen(*p);
		if (strncmp(path, *p, n) == 0 && (path[n] == '\0' || path[n] == '/'))
			return *p;
	}
	return NULL;
}

/* --- files of configs --- */

struct files {
	struct tree_file *list; /* FILES_MAX */
	size_t count;
};

static enum err add_file(const struct volume_order *o, struct files *f, const char *path,
			 struct bytes content, int64_t mode, struct why *why)
{
	if (f->count == FILES_MAX)
		return why_set(why, ERR_FULL, "a volume has more than %d files", FILES_MAX);
	/* Kubernetes: a group that owns the volume may read it. */
	if (o->resolver.pod->fs_group)
		mode |= 0040;
	f->list[f->count++] = (struct tree_file){ path, content, (unsigned)mode };
	return OK;
}

static enum err add_items(const struct volume_order *o, const struct volume_spec *v,
			  const struct volume_source *s, struct arena *arena, struct files *f,
			  struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; !e && i < s->item_count; i++) {
		const struct volume_item *item = &s->items[i];
		struct bytes content;
		e = resolve_value(&o->resolver, &item->value, arena, &content, why);
		if (e == ERR_NOT_FOUND && s->config.optional) {
			e = OK;
			continue;
		}
		if (!e)
			e = add_file(o, f, item->path, content,
				     item->mode < 0 ? v->mode : item->mode, why);
	}
	return e;
}

static enum err add_source(const struct volume_order *o, const struct volume_spec *v,
			   const struct volume_source *s, struct arena *arena, struct files *f,
			   struct why *why)
{
	if (!s->takes_all)
		return add_items(o, v, s, arena, f, why);
	const struct confmap *c = configs_find(o->resolver.configs, s->config.kind, s->config.name);
	if (!c && !s->config.optional)
		return why_set(why, ERR_NOT_FOUND, RESOLVE_REASON ": %s \"%.80s\" is not there",
			       config_kind_name(s->config.kind), s->config.name);
	enum err e = OK;
	for (size_t i = 0; c && !e && i < c->count; i++)
		e = add_file(o, f, c->entries[i].key, c->entries[i].value, v->mode, why);
	return e;
}

static enum err write_files(const struct volume_order *o, const struct volume_spec *v,
			    const char *folder, struct why *why)
{
	const int64_t owner[2] = { o->uid,
				   o->resolver.pod->fs_group ? o->resolver.pod->fs_group : o->gid };
	struct arena arena;
	arena_init(&arena, FILES_ARENA);
	struct files f = { arena_take_many(&arena, FILES_MAX, sizeof *f.list), 0 };
	enum err e = f.list ? OK : no_memory(why);
	for (size_t i = 0; !e && i < v->source_count; i++)
		e = add_source(o, v, &v->sources[i], &arena, &f, why);
	if (!e)
		e = tree_write(folder, f.list, f.count, owner, why);
	arena_deinit(&arena);
	return e;
}

static enum err folder_of_files(const struct volume_order *o, const char *name,
				char out[PATH_LIMIT], struct why *why)
{
	int n = snprintf(out, PATH_LIMIT, "%s/files/%s", o->folder, name);
	return n < PATH_LIMIT ? OK : too_long(o->folder, why);
}

/* A part of the files is the part of now: only the whole volume is kept up to date. */
static enum err bind_files(const struct volume_order *o, const struct volume_mount *v,
			   struct arena *arena, struct launch_mount *m, struct why *why)
{
	char folder[PATH_LIMIT], current[PATH_LIMIT];
	enum err e = folder_of_files(o, v->volume->name, folder, why);
	if (!e)
		e = write_files(o, v->volume, folder, why);
	if (!e && *v->below)
		e = tree_current(folder, current, sizeof current, why);
	if (e)
		return e;
	m->root = arena_copy(arena, bytes_of(*v->below ? current : folder));
	m->source = v->below;
	m->read_only = true;
	return m->root ? OK : no_memory(why);
}

enum err volume_refresh(const struct volume_order *o, struct why *why)
{
	const struct container_spec *c = o->resolver.container;
	char folder[PATH_LIMIT];
	enum err e = OK;
	for (size_t i = 0; !e && i < c->mount_count; i++) {
		const struct volume_spec *v = c->mounts[i].volume;
		if (v->kind != VOLUME_FILES)
			continue;
		e = folder_of_files(o, v->name, folder, why);
		/* Never mounted: it is written at the start. */
		if (!e && file_exists(folder))
			e = write_files(o, v, folder, why);
	}
	return e;
}

enum err volume_bind_own(const struct volume_order *o, const char *target, struct bytes content,
			 struct arena *arena, struct launch_mount *m, struct why *why)
{
	char folder[PATH_LIMIT], current[PATH_LIMIT];
	const char *name = strrchr(target, '/') + 1;
	const struct tree_file file = { name, content, 0644 };
	const int64_t owner[2] = { 0, 0 };
	if (snprintf(folder, sizeof folder, "%s/etc/%s", o->folder, name) >= (int)sizeof folder)
		return too_long(o->folder, why);
	enum err e = tree_write(folder, &file, 1, owner, why);
	if (!e)
		e = tree_current(folder, current, sizeof current, why);
	if (e)
		return e;
	*m = (struct launch_mount){ .target = target, .source = name, .read_only = true };
	m->root = arena_copy(arena, bytes_of(current));
	return m->root ? OK : no_memory(why);
}

/* --- emptyDir --- */

static enum err disk_folder(const struct site *site, const char *pod, const char *name,
			    char out[PATH_LIMIT], struct why *why)
{
	int n = snprintf(out, PATH_LIMIT, "%s/volumes/%s/%s", site->state_dir, pod, name);
	return n < PATH_LIMIT ? OK : too_long(site->state_dir, why);
}

static enum err make_disk(const struct pod *p, const char *path, struct why *why)
{
	enum err e = dir_make(path, 0700, why);
	if (e)
		return e;
	/* Open to every container of the pod; what is above is closed to all. */
	if (p->fs_group && chown(path, 0, (gid_t)p->fs_group))
		return why_set(why, ERR_SYSTEM, "chown %s failed", path);
	if (chmod(path, p->fs_group ? SHARED_MODE : FOLDER_MODE))
		return why_set(why, ERR_SYSTEM, "chmod %s failed", path);
	return OK;
}

static enum err bind_disk(const struct volume_order *o, const struct volume_mount *v,
			  struct arena *arena, struct launch_mount *m, struct why *why)
{
	char path[PATH_LIMIT];
	const struct pod *p = o->resolver.pod;
	enum below_kind kind = BELOW_NOTHING;
	enum err e = disk_folder(o->resolver.site, p->name, v->volume->name, path, why);
	if (!e)
		e = make_disk(p, path, why);
	if (!e && *v->below)
		e = below_look(path, v->below, &kind, why);
	if (!e && *v->below && kind == BELOW_NOTHING)
		e = below_make_folder(path, v->below, FOLDER_MODE, why);
	m->root = arena_copy(arena, bytes_of(path));
	m->source = v->below;
	return e || m->root ? e : no_memory(why);
}

int64_t volume_bytes(const struct site *site, const char *pod, const char *name)
{
	char path[PATH_LIMIT];
	int64_t bytes = 0;
	if (disk_folder(site, pod, name, path, NULL) || dir_bytes(path, &bytes, NULL))
		return 0;
	return bytes;
}

enum err volume_remove_all(const struct site *site, const char *pod, struct why *why)
{
	char path[PATH_LIMIT];
	if ((size_t)snprintf(path, sizeof path, "%s/volumes/%s", site->state_dir, pod) >=
	    sizeof path)
		return too_long(site->state_dir, why);
	return dir_remove(path, why);
}

/* --- the outbox --- */

static enum err outbox_folder(const struct site *site, const char *pod, char out[PATH_LIMIT],
			      struct why *why)
{
	int n = snprintf(out, PATH_LIMIT, "%s/outbox/%s", site->state_dir, pod);
	return n < PATH_LIMIT ? OK : too_long(site->state_dir, why);
}

enum err volume_bind_outbox(const struct volume_order *o, const char *target, struct arena *arena,
			    struct launch_mount *m, struct why *why)
{
	const struct site *site = o->resolver.site;
	const struct pod *p = o->resolver.pod;
	char path[PATH_LIMIT];
	enum err e = outbox_folder(site, p->name, path, why);
	if (!e)
		e = site->open_outbox(site->owner, p, p->fs_group ? SHARED_MODE : FOLDER_MODE, why);
	if (e)
		return e;
	*m = (struct launch_mount){ .target = target, .source = "" };
	m->root = arena_copy(arena, bytes_of(path));
	return m->root ? OK : no_memory(why);
}

int64_t volume_outbox_bytes(const struct site *site, const char *pod)
{
	char path[PATH_LIMIT];
	int64_t bytes = 0;
	if (outbox_folder(site, pod, path, NULL) || dir_bytes(path, &bytes, NULL))
		return 0;
	return bytes;
}

/* --- hostPath --- */

static enum err make_host(const struct volume_spec *v, const char *root, const char *below,
			  struct why *why)
{
	enum below_kind kind;
	enum err e = below_look(root, below, &kind, why);
	if (e || kind != BELOW_NOTHING)
		return e;
	if (v->host_type == HOST_FOLDER_MADE)
		return below_make_folder(root, below, 0755, why);
	return v->host_type == HOST_FILE_MADE ? below_make_file(root, below, 0644, why) : OK;
}

static enum err check_host(const struct volume_spec *v, enum below_kind kind, struct why *why)
{
	static const struct {
		enum below_kind kind;
		const char *name;
	} expected[] = {
		[HOST_FOLDER] = { BELOW_FOLDER, "folder" },
		[HOST_FOLDER_MADE] = { BELOW_FOLDER, "folder" },
		[HOST_FILE] = { BELOW_FILE, "plain file" },
		[HOST_FILE_MADE] = { BELOW_FILE, "plain file" },
		[HOST_SOCKET] = { BELOW_SOCKET, "socket" },
	};
	if (kind == BELOW_NOTHING)
		return why_set(why, ERR_NOT_FOUND, "hostPath %s is not there", v->host_path);
	if (v->host_type == HOST_ANY || kind == expected[v->host_type].kind)
		return OK;
	return why_set(why, ERR_INVALID, "hostPath %s is no %s", v->host_path,
		       expected[v->host_type].name);
}

/* A name of udev's (/dev/serial/by-id/...) is a link to the node that the device has now. */
static enum err take_device(const struct volume_spec *v, struct launch_mount *m, struct why *why)
{
	struct stat st;
	const bool is_block = v->host_type == HOST_BLOCK;
	if (stat(v->host_path, &st))
		return why_set(why, ERR_NOT_FOUND, "hostPath %s is not there", v->host_path);
	if (!(is_block ? S_ISBLK(st.st_mode) : S_ISCHR(st.st_mode)))
		return why_set(why, ERR_INVALID, "hostPath %s is no %s device", v->host_path,
			       is_block ? "block" : "character");
	m->kind = MOUNT_DEVICE;
	m->is_block = is_block;
	m->major = major(st.st_rdev);
	m->minor = minor(st.st_rdev);
	return OK;
}

static enum err bind_host(const struct volume_order *o, const struct volume_mount *v,
			  struct arena *arena, struct launch_mount *m, struct why *why)
{
	const struct volume_spec *spec = v->volume;
	char whole[PATH_LIMIT];
	enum below_kind kind;
	m->root = volume_allowed_by(o->resolver.site, spec->host_path);
	if (!m->root)
		return why_set(why, ERR_DENIED, "hostPath %s is not in allow_host_path",
			       spec->host_path);
	if (spec->host_type == HOST_CHARACTER || spec->host_type == HOST_BLOCK)
		return take_device(spec, m, why);
	m->source = spec->host_path + strlen(m->root);
	m->source += *m->source == '/';
	enum err e = make_host(spec, m->root, m->source, why);
	if (!e)
		e = below_look(m->root, m->source, &kind, why);
	if (!e)
		e = check_host(spec, kind, why);
	if (e || !*v->below)
		return e;
	if (snprintf(whole, sizeof whole, "%s%s%s", m->source, *m->source ? "/" : "", v->below) >=
	    (int)sizeof whole)
		return too_long(spec->host_path, why);
	m->source = arena_copy(arena, bytes_of(whole));
	return m->source ? OK : no_memory(why);
}

enum err volume_mount(const struct volume_order *o, const struct volume_mount *v,
		      struct arena *arena, struct launch_mount *m, struct why *why)
{
	*m = (struct launch_mount){ .target = v->path, .read_only = v->read_only };
	switch (v->volume->kind) {
	case VOLUME_MEMORY:
		m->kind = MOUNT_TMPFS;
		m->bytes = v->volume->bytes ? v->volume->bytes : TMP_DEFAULT;
		return OK;
	case VOLUME_DISK:
		return bind_disk(o, v, arena, m, why);
	case VOLUME_FILES:
		return bind_files(o, v, arena, m, why);
	case VOLUME_HOST:
	default:
		return bind_host(o, v, arena, m, why);
	}
}
