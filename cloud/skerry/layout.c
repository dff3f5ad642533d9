#include "cloud/skerry/layout.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "ports/file.h"
#include "ports/tar.h"

#include <stdio.h>
#include <string.h>

/* --- documents and blobs --- */

static enum err read_blob(const struct bundle *b, const char *digest, struct json **out,
			  struct why *why)
{
	SCOPED_MEMORY char *text = NULL;
	char path[PATH_LIMIT];
	size_t len;
	blobs_path(b->blobs, digest, path, sizeof path);
	enum err e = file_read(path, OCI_DOCUMENT_MAX, &text, &len, why);
	if (e == ERR_FULL)
		return why_set(why, ERR_INVALID, "a document above %d KiB", OCI_DOCUMENT_MAX >> 10);
	return e ? e : json_parse((struct bytes){ text, len }, out, why);
}

static enum err read_file(const struct bundle *b, const char *name, struct json **out,
			  struct why *why)
{
	char digest[DIGEST_SIZE];
	int64_t size;
	enum err e = bundle_take(b, name, digest, &size, why);
	return e ? e : read_blob(b, digest, out, why);
}

static enum err take(const struct bundle *b, const struct oci_descriptor *d, struct packed *out,
		     struct why *why)
{
	char name[32 + DIGEST_SIZE], found[DIGEST_SIZE];
	int64_t size = 0;
	snprintf(name, sizeof name, "blobs/sha256/%s", d->digest + 7);
	enum err e = bundle_take(b, name, found, &size, why);
	if (e)
		return e;
	if (strcmp(found, d->digest) != 0)
		return why_set(why, ERR_CORRUPT, "%s/%s is not what its name says", b->path, name);
	if (size != d->size)
		return why_set(why, ERR_CORRUPT, "%s/%s has %lld bytes; its descriptor says %lld",
			       b->path, name, (long long)size, (long long)d->size);
	out->bytes += size;
	return OK;
}

static enum err check_diff_id(const struct bundle *b, const char *digest, const char *diff_id,
			      struct why *why)
{
	char path[PATH_LIMIT], found[DIGEST_SIZE];
	blobs_path(b->blobs, digest, path, sizeof path);
	enum err e = tar_digest(path, LAYER_MAX, found, why);
	if (!e && strcmp(found, diff_id) != 0)
		e = why_set(why, ERR_CORRUPT,
			    "layer %.19s unpacks to %.19s; its configuration says %.19s", digest,
			    found, diff_id);
	return e;
}

static enum err check_config(const struct bundle *b, struct packed *out, const char *architecture,
			     struct why *why)
{
	struct json *j;
	SCOPED_MEMORY struct oci_config *config = malloc(sizeof *config);
	enum err e = config ? read_blob(b, out->config, &j, why) : ERR_SYSTEM;
	if (e)
		return e;
	e = oci_read_config(j, config, why);
	json_free(j);
	if (!e && config->layer_count != out->layer_count)
		e = why_set(why, ERR_INVALID, "%zu layers, but %zu diff_ids", out->layer_count,
			    config->layer_count);
	if (!e && architecture && *config->architecture &&
	    strcmp(config->architecture, architecture) != 0)
		e = why_set(why, ERR_INVALID, "it is for %s; %s is wanted", config->architecture,
			    architecture);
	for (size_t i = 0; i < out->layer_count && !e; i++)
		e = check_diff_id(b, out->layers[i], config->diff_ids[i], why);
	return e;
}

/* --- OCI image layouts --- */

static enum err take_manifest(const struct bundle *b, const struct json *j, struct packed *out,
			      struct why *why)
{
	SCOPED_MEMORY struct oci_manifest *m = malloc(sizeof *m);
	enum err e = m ? oci_read_manifest(j, m, why) : ERR_SYSTEM;
	if (!e)
		e = take(b, &m->config, out, why);
	if (e)
		return e;
	strcpy(out->config, m->config.digest);
	for (size_t i = 0; i < m->layer_count && !e; i++) {
		strcpy(out->layers[out->layer_count++], m->layers[i].digest);
		e = take(b, &m->layers[i], out, why);
	}
	return e;
}

/* One step down: the document that an index points at, in place of the index. */
static enum err descend(const struct bundle *b, const char *architecture, struct json **at,
			struct packed *out, struct why *why)
{
	struct oci_descriptor d;
	enum err e = oci_choose(*at, architecture, &d, why);
	json_free(*at);
	*at = NULL;
	if (!e)
		e = take(b, &d, out, why);
	if (e)
		return e;
	strcpy(out->digest, d.digest);
	return read_blob(b, d.digest, at, why);
}

static enum err take_layout(const struct bundle *b, const char *architecture, struct packed *out,
			    struct why *why)
{
	struct json *at = NULL;
	bool is_index = true;
	enum err e = read_file(b, "index.json", &at, why);
	for (int depth = 0; !e; depth++) {
		e = oci_is_index(at, &is_index, why);
		if (e || !is_index)
			break;
		out->bytes = 0; /* indexes stay at the desk */
		e = depth < OCI_INDEX_DEPTH_MAX
			    ? descend(b, architecture, &at, out, why)
			    : why_set(why, ERR_INVALID, "more than %d indexes inside one another",
				      OCI_INDEX_DEPTH_MAX);
	}
	if (!e && !*out->digest)
		e = why_set(why, ERR_INVALID, "index.json is no index");
	if (!e)
		e = take_manifest(b, at, out, why);
	json_free(at);
	return e ? e : check_config(b, out, architecture, why);
}

/* --- what docker save wrote of old --- */

static enum err take_named(const struct bundle *b, const struct json *name,
			   char digest[DIGEST_SIZE], int64_t *out_size, struct why *why)
{
	const char *s = json_string(name);
	return s ? bundle_take(b, s, digest, out_size, why)
		 : why_set(why, ERR_INVALID, "manifest.json: a name is missing");
}

static enum err take_saved_layers(const struct bundle *b, const struct json *list,
				  struct packed *out, int64_t sizes[OCI_LAYERS_MAX],
				  struct why *why)
{
	enum err e = OK;
	if (json_count(list) == 0 || json_count(list) > OCI_LAYERS_MAX)
		return why_set(why, ERR_INVALID, "%zu layers; 1 to %d are expected",
			       json_count(list), OCI_LAYERS_MAX);
	for (const struct json *j = json_first(list); j && !e; j = json_next(j)) {
		const size_t i = out->layer_count++;
		e = take_named(b, j, out->layers[i], &sizes[i], why);
	}
	return e;
}

/* It writes plain tars, three times what has to go to a board. */
static enum err compress_layer(const struct blobs *b, char digest[DIGEST_SIZE], int64_t *size,
			       struct why *why)
{
	char path[PATH_LIMIT], scratch[PATH_LIMIT];
	blobs_path(b, digest, path, sizeof path);
	if (strchr(pack_layer_type(b, digest), '+'))
		return OK;
	snprintf(scratch, sizeof scratch, "%s/layer.tmp", b->path);
	enum err e = tar_compress(path, scratch, why);
	if (!e)
		e = pack_put(b, scratch, digest, size, why);
	unlink(scratch);
	return e;
}

/* It has a configuration and layers; the manifest that binds them is made here. */
static enum err take_saved(const struct bundle *b, const char *architecture, struct packed *out,
			   struct why *why)
{
	struct json *saved;
	int64_t config_size = 0, sizes[OCI_LAYERS_MAX];
	enum err e = read_file(b, "manifest.json", &saved, why);
	if (e)
		return e;
	const struct json *image = json_first(saved);
	if (json_type_of(saved) != JSON_ARRAY || json_count(saved) != 1)
		e = why_set(why, ERR_INVALID, "manifest.json: one image is expected, it has %zu",
			    json_count(saved));
	if (!e)
		e = take_named(b, json_member(image, "Config"), out->config, &config_size, why);
	if (!e)
		e = take_saved_layers(b, json_member(image, "Layers"), out, sizes, why);
	json_free(saved);
	if (!e)
		e = check_config(b, out, architecture, why);
	for (size_t i = 0; i < out->layer_count && !e; i++)
		e = compress_layer(b->blobs, out->layers[i], &sizes[i], why);
	return e ? e : pack_bind(out, b->blobs, config_size, sizes, why);
}

enum err layout_take(const struct bundle *b, const char *architecture, struct packed *out,
		     struct why *why)
{
	enum err e = ERR_INVALID;
	if (bundle_has(b, "index.json"))
		e = take_layout(b, architecture, out, why);
	else if (!b->is_folder && bundle_has(b, "manifest.json"))
		e = take_saved(b, architecture, out, why);
	else
		why_write(why, "neither an OCI image layout nor what docker save writes");
	return e ? why_in(why, e, b->path) : OK;
}
