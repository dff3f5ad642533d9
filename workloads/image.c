#include "workloads/image.h"

#include "base/architecture.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"

#include <fcntl.h>
#include <stdio.h>

enum err images_open(struct images *i, const char *path, const struct blobs *blobs,
		     const char *unpack_program, struct why *why)
{
	i->blobs = blobs;
	i->unpack_program = unpack_program;
	if (!text_copy(i->path, sizeof i->path, bytes_of(path)))
		return why_set(why, ERR_INVALID, "%s: the path is too long", path);
	return dir_make(path, 0700, why);
}

static void folder_of(const struct images *i, const char *digest, const char *tail,
		      char out[IMAGE_PATH_MAX])
{
	snprintf(out, IMAGE_PATH_MAX, "%s/%.64s%s", i->path, digest + 7, tail);
}

bool image_is_ready(const struct images *i, const char *digest)
{
	char path[IMAGE_PATH_MAX];
	folder_of(i, digest, "/config.json", path);
	return file_exists(path);
}

void image_root(const struct images *i, const char *digest, char *out, size_t cap)
{
	char path[IMAGE_PATH_MAX];
	folder_of(i, digest, "/rootfs", path);
	text_copy(out, cap, bytes_of(path));
}

/* A JSON document among the blobs; the caller frees it. */
static enum err read_document(const struct images *i, const char *digest, struct json **out,
			      struct why *why)
{
	SCOPED_MEMORY char *text = malloc(OCI_DOCUMENT_MAX);
	size_t len;
	int64_t total;
	if (!text)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = blobs_read(i->blobs, digest, 0, text, OCI_DOCUMENT_MAX, &len, &total, why);
	if (!e && total > OCI_DOCUMENT_MAX)
		e = why_set(why, ERR_INVALID, "a document of %lld bytes", (long long)total);
	return e ? e : json_parse((struct bytes){ text, len }, out, why);
}

static enum err read_manifest(const struct images *i, const char *digest, struct oci_manifest *out,
			      struct why *why)
{
	struct json *j;
	enum err e = read_document(i, digest, &j, why);
	if (e)
		return e;
	e = oci_read_manifest(j, out, why);
	json_free(j);
	return e;
}

static enum err read_config(const struct images *i, const struct oci_manifest *m,
			    struct oci_config *out, struct why *why)
{
	struct json *j;
	enum err e = read_document(i, m->config.digest, &j, why);
	if (e)
		return e;
	e = oci_read_config(j, out, why);
	json_free(j);
	if (!e && *out->architecture && strcmp(out->architecture, architecture_ours()) != 0)
		e = why_set(why, ERR_INVALID, "it is for %s, this board is %s", out->architecture,
			    architecture_ours());
	if (!e && out->layer_count != m->layer_count)
		e = why_set(why, ERR_INVALID, "%zu layers, but %zu diff_ids", m->layer_count,
			    out->layer_count);
	return e;
}

/* A blob is its digest already; that its size was announced so as well is what
 * other tools hold to. */
static enum err check_size(const struct images *i, const struct oci_descriptor *d, struct why *why)
{
	char nothing[1];
	size_t len;
	int64_t total;
	enum err e = blobs_read(i->blobs, d->digest, 0, nothing, 0, &len, &total, why);
	if (!e && total != d->size)
		e = why_set(why, ERR_INVALID, "%.19s has %lld bytes; its manifest says %lld",
			    d->digest, (long long)total, (long long)d->size);
	return e;
}

static enum err check_config(const struct images *i, const struct oci_manifest *m, struct why *why)
{
	SCOPED_MEMORY struct oci_config *config = malloc(sizeof *config);
	if (!config)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = check_size(i, &m->config, why);
	return e ? e : read_config(i, m, config, why);
}

static enum err missing_of(const struct images *i, const struct oci_manifest *m,
			   char out[DIGEST_SIZE], struct why *why)
{
	strcpy(out, m->config.digest);
	if (!blobs_have(i->blobs, out))
		return OK;
	enum err e = check_config(i, m, why);
	for (size_t k = 0; k < m->layer_count && !e; k++) {
		strcpy(out, m->layers[k].digest);
		if (!blobs_have(i->blobs, out))
			return OK;
		e = check_size(i, &m->layers[k], why);
	}
	return e ? e : ERR_NOT_FOUND;
}

enum err image_missing_blob(const struct images *i, const char *digest, char out[DIGEST_SIZE],
			    struct why *why)
{
	struct oci_manifest m;
	if (!blobs_have(i->blobs, digest)) {
		strcpy(out, digest);
		return OK;
	}
	enum err e = read_manifest(i, digest, &m, why);
	if (!e)
		e = missing_of(i, &m, out, why);
	return e && e != ERR_NOT_FOUND ? why_in(why, e, "image") : e;
}

static enum err copy_list(const struct json *list, const char **out, size_t cap,
			  struct arena *arena)
{
	size_t n = 0;
	for (const struct json *x = json_first(list); x; x = json_next(x)) {
		const char *s = json_string(x);
		if (!s || n == cap)
			return ERR_INVALID;
		out[n] = arena_copy(arena, bytes_of(s));
		if (!out[n++])
			return ERR_INVALID;
	}
	return OK;
}

/* Empty, or not there, is NULL. */
static enum err copy_text(const struct json *j, const char **out, struct arena *arena)
{
	const char *s = json_string(j);
	if (json_type_of(j) != JSON_NULL && !s)
		return ERR_INVALID;
	*out = s && *s ? arena_copy(arena, bytes_of(s)) : NULL;
	return s && *s && !*out ? ERR_INVALID : OK;
}

enum err image_read_config(const struct images *i, const char *digest, struct arena *arena,
			   struct image_config *out, struct why *why)
{
	char path[IMAGE_PATH_MAX];
	SCOPED_MEMORY char *text = NULL;
	struct json *config;
	size_t len;
	*out = (struct image_config){ 0 };
	folder_of(i, digest, "/config.json", path);
	enum err e = file_read(path, OCI_DOCUMENT_MAX, &text, &len, why);
	if (!e)
		e = json_parse((struct bytes){ text, len }, &config, why);
	if (e)
		return e;

	const struct json *c = json_member(config, "config");
	if (copy_text(json_member(c, "WorkingDir"), &out->workdir, arena) ||
	    copy_text(json_member(c, "User"), &out->user, arena) ||
	    copy_text(json_member(c, "StopSignal"), &out->stop_signal, arena) ||
	    copy_list(json_member(c, "Entrypoint"), out->entrypoint, ARGS_MAX, arena) ||
	    copy_list(json_member(c, "Cmd"), out->cmd, ARGS_MAX, arena) ||
	    copy_list(json_member(c, "Env"), out->env, ENV_MAX, arena))
		e = why_set(why, ERR_INVALID, "image: its configuration is unusable");
	json_free(config);
	return e;
}

enum err image_list_layers(const struct images *i, const char *digest, struct image_layers *out,
			   struct why *why)
{
	SCOPED_MEMORY struct oci_config *config = malloc(sizeof *config);
	SCOPED_MEMORY struct oci_manifest *m = malloc(sizeof *m);
	if (!config || !m)
		return why_set(why, ERR_SYSTEM, "image: no memory");
	enum err e = read_manifest(i, digest, m, why);
	if (!e)
		e = read_config(i, m, config, why);
	if (e)
		return why_in(why, e, "image");
	out->count = m->layer_count;
	for (size_t k = 0; k < out->count; k++) {
		struct image_layer *layer = &out->layers[k];
		strcpy(layer->digest, m->layers[k].digest);
		strcpy(layer->diff_id, config->diff_ids[k]);
		blobs_path(i->blobs, layer->digest, layer->path, sizeof layer->path);
	}
	return OK;
}

static enum err write_config(const struct images *i, const char *digest, struct why *why)
{
	char config[IMAGE_PATH_MAX];
	SCOPED_MEMORY struct oci_manifest *m = malloc(sizeof *m);
	SCOPED_MEMORY char *text = malloc(OCI_DOCUMENT_MAX);
	size_t len;
	int64_t total;
	folder_of(i, digest, ".part/config.json", config);
	enum err e = m && text ? read_manifest(i, digest, m, why)
			       : why_set(why, ERR_SYSTEM, "no memory");
	if (!e)
		e = blobs_read(i->blobs, m->config.digest, 0, text, OCI_DOCUMENT_MAX, &len, &total,
			       why);
	return e ? e : file_replace(config, (struct bytes){ text, len }, false, why);
}

enum err image_begin(const struct images *i, const char *digest, char out_name[IMAGE_NAME_SIZE],
		     struct why *why)
{
	char part[IMAGE_PATH_MAX];
	snprintf(out_name, IMAGE_NAME_SIZE, "%.64s.part", digest + 7);
	folder_of(i, digest, ".part", part);
	enum err e = dir_remove(part, why);
	if (!e)
		e = dir_make(part, 0700, why);
	if (!e)
		e = write_config(i, digest, why);
	return e ? why_in(why, e, "image") : OK;
}

enum err image_complete(const struct images *i, const char *digest, struct why *why)
{
	char part[IMAGE_PATH_MAX], whole[IMAGE_PATH_MAX];
	folder_of(i, digest, ".part", part);
	folder_of(i, digest, "", whole);
	enum err e = dir_remove(whole, why);
	if (!e && rename(part, whole))
		e = why_set(why, ERR_SYSTEM, "image: rename: %s", strerror(errno));
	return e;
}

enum err image_discard(const struct images *i, const char *digest, struct why *why)
{
	char whole[IMAGE_PATH_MAX], bad[IMAGE_PATH_MAX];
	folder_of(i, digest, "", whole);
	folder_of(i, digest, ".bad", bad);
	enum err e = dir_remove(bad, why);
	if (!e && rename(whole, bad) && errno != ENOENT)
		e = why_set(why, ERR_SYSTEM, "image: rename: %s", strerror(errno));
	return e;
}

struct sweep {
	const struct images *images;
	bool (*keep)(void *owner, const char *digest);
	void *owner;
};

static void sweep_one(void *owner, const char *name)
{
	const struct sweep *s = owner;
	char digest[DIGEST_SIZE + 8], path[IMAGE_PATH_MAX];
	snprintf(digest, sizeof digest, "sha256:%.70s", name);
	if (strcmp(name, IMAGES_SHARED) == 0 ||
	    (label_is_digest(bytes_of(digest)) && s->keep(s->owner, digest)))
		return;
	snprintf(path, sizeof path, "%s/%.80s", s->images->path, name);
	if (dir_remove(path, NULL))
		return; /* the next sweep tries again */
}

/* A shared file whose only name is this one belongs to no image any more. */
static void sweep_shared(void *owner, const char *name)
{
	const struct sweep *s = owner;
	char path[IMAGE_PATH_MAX];
	snprintf(path, sizeof path, "%s/" IMAGES_SHARED "/%.80s", s->images->path, name);
	if (file_names(path) == 1 && dir_remove(path, NULL))
		return; /* likewise */
}

enum err images_sweep(const struct images *i, bool (*keep)(void *owner, const char *digest),
		      void *owner, struct why *why)
{
	struct sweep s = { i, keep, owner };
	char shared[IMAGE_PATH_MAX];
	snprintf(shared, sizeof shared, "%s/" IMAGES_SHARED, i->path);
	enum err e = dir_each(i->path, sweep_one, &s, why);
	return e ? e : dir_each(shared, sweep_shared, &s, why);
}
