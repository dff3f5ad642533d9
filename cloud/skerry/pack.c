#include "cloud/skerry/pack.h"

#include "base/architecture.h"
#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cloud/skerry/layout.h"
#include "ports/file.h"
#include "ports/json.h"
#include "ports/tar.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 48 };

static const char MANIFEST_TYPE[] = "application/vnd.oci.image.manifest.v1+json";
static const char CONFIG_TYPE[] = "application/vnd.oci.image.config.v1+json";
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"

static enum err fail(struct why *why, const char *verb, const char *path)
{
	return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s %s: %s", verb, path,
		       strerror(errno));
}

/* --- the layer --- */

/* A layer that is being written, and which machine its programs are for. */
struct packing {
	struct tar_writer *tar;
	const char *architecture; /* NULL: no program yet */
	char program[PATH_LIMIT]; /* that said so */
};

static enum err note_program(struct packing *p, const char *path, struct bytes head,
			     struct why *why)
{
	const char *architecture = architecture_of_elf(head);
	if (!architecture)
		return OK;
	if (p->architecture && strcmp(p->architecture, architecture) != 0)
		return why_set(why, ERR_INVALID,
			       "%s is for %s, but %s for %s: an image is for one architecture;"
			       " chmod -x what is not run",
			       path, architecture, p->program, p->architecture);
	p->architecture = architecture;
	text_copy(p->program, sizeof p->program, bytes_of(path));
	return OK;
}

static enum err add_file_content(struct packing *p, const char *path, bool is_program,
				 struct why *why)
{
	static char block[64 * 1024];
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open", path);
	for (bool is_head = true;; is_head = false) {
		ssize_t n = read(fd, block, sizeof block);
		if (n < 0)
			return fail(why, "read", path);
		if (n == 0)
			return OK;
		const struct bytes part = { block, (size_t)n };
		enum err e = is_head && is_program ? note_program(p, path, part, why) : OK;
		if (!e)
			e = tar_add_content(p->tar, part, why);
		if (e)
			return e;
	}
}

static enum err add_folder(struct packing *p, const char *path, const char *name, int depth,
			   struct why *why);

static enum err add_entry(struct packing *p, const char *path, const char *name, int depth,
			  struct why *why) // NOLINT(misc-no-recursion)
{
	char link[PATH_LIMIT];
	struct stat st;
	if (lstat(path, &st))
		return fail(why, "look at", path);
	struct tar_entry entry = { .path = name, .link = "", .mode = st.st_mode & 0777u };
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(path, link, sizeof link - 1);
		if (n < 0)
			return fail(why, "read link", path);
		link[n] = '\0';
		entry.kind = ENTRY_SYMLINK;
		entry.link = link;
		return tar_add(p->tar, &entry, why);
	}
	if (S_ISDIR(st.st_mode)) {
		entry.kind = ENTRY_FOLDER;
		enum err e = tar_add(p->tar, &entry, why);
		return e ? e : add_folder(p, path, name, depth + 1, why);
	}
	if (!S_ISREG(st.st_mode))
		return why_set(why, ERR_INVALID, "%s is neither file, folder nor link", path);
	entry.kind = ENTRY_FILE;
	entry.size = st.st_size;
	enum err e = tar_add(p->tar, &entry, why);
	return e ? e : add_file_content(p, path, st.st_mode & 0111u, why);
}

static enum err add_folder(struct packing *p, const char *path, const char *name, int depth,
			   struct why *why) // NOLINT(misc-no-recursion)
{
	struct dirent **entries;
	enum err e = OK;
	if (depth > DEPTH_MAX)
		return why_set(why, ERR_INVALID, "%s: more than %d folders deep", path, DEPTH_MAX);
	int n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return fail(why, "list", path);
	for (int i = 0; i < n; i++) {
		char inner[PATH_LIMIT], inner_name[PATH_LIMIT];
		const char *entry = entries[i]->d_name;
		bool dots = strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0;
		if (!e && !dots) {
			snprintf(inner, sizeof inner, "%s/%s", path, entry);
			snprintf(inner_name, sizeof inner_name, "%s%s%s", name, *name ? "/" : "",
				 entry);
			e = add_entry(p, inner, inner_name, depth, why);
		}
		free(entries[i]);
	}
	free(entries);
	return e;
}

/* --- blobs --- */

enum err pack_put(const struct blobs *b, const char *path, char digest[DIGEST_SIZE],
		  int64_t *out_size, struct why *why)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open", path);
	enum err e = bundle_put(b, fd, digest, out_size, why);
	return e ? why_in(why, e, path) : OK;
}

static struct json *descriptor(const char *type, const char *digest, int64_t size)
{
	struct json *j = json_new_object();
	json_set_string(j, "mediaType", type);
	json_set_string(j, "digest", digest);
	json_set_integer(j, "size", size);
	return j;
}

static enum err put_document(const struct blobs *b, struct json *j, char digest[DIGEST_SIZE],
			     int64_t *out_size, struct why *why)
{
	SCOPED_MEMORY char *text = json_print(j);
	json_free(j);
	*out_size = (int64_t)strlen(text);
	return blobs_put(b, bytes_of(text), digest, why);
}

static struct json *make_config(const char *architecture, const char *layer_digest)
{
	struct json *j = json_new_object(), *rootfs = json_new_object(), *ids = json_new_array();
	json_set_string(j, "architecture", architecture);
	json_set_string(j, "os", "linux");
	json_set(j, "config", json_new_object());
	json_push(ids, json_new_string(layer_digest));
	json_set_string(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", ids);
	json_set(j, "rootfs", rootfs);
	return j;
}

/* A folder of scripts alone is taken to be for the machine that it was made on. */
static enum err pack_layer(const char *folder, const char *scratch, const char **out_architecture,
			   struct why *why)
{
	struct packing p = { 0 };
	enum err e = tar_write(scratch, &p.tar, why);
	if (e)
		return e;
	e = add_folder(&p, folder, "", 0, why);
	*out_architecture = p.architecture ? p.architecture : architecture_ours();
	enum err ended = tar_finish(p.tar, e ? NULL : why);
	return e ? e : ended;
}

const char *pack_layer_type(const struct blobs *b, const char *digest)
{
	char head[4] = "";
	size_t len;
	int64_t total;
	if (blobs_read(b, digest, 0, head, sizeof head, &len, &total, NULL) == OK) {
		if (memcmp(head, "\x1f\x8b", 2) == 0)
			return LAYER_TYPE "+gzip";
		if (memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
			return LAYER_TYPE "+zstd";
	}
	return LAYER_TYPE;
}

enum err pack_bind(struct packed *p, const struct blobs *b, int64_t config_size,
		   const int64_t *layer_sizes, struct why *why)
{
	int64_t manifest_size;
	struct json *m = json_new_object(), *layers = json_new_array();
	json_set_integer(m, "schemaVersion", 2);
	json_set_string(m, "mediaType", MANIFEST_TYPE);
	json_set(m, "config", descriptor(CONFIG_TYPE, p->config, config_size));
	p->bytes = config_size;
	for (size_t i = 0; i < p->layer_count; i++) {
		const char *type = pack_layer_type(b, p->layers[i]);
		json_push(layers, descriptor(type, p->layers[i], layer_sizes[i]));
		p->bytes += layer_sizes[i];
	}
	json_set(m, "layers", layers);
	enum err e = put_document(b, m, p->digest, &manifest_size, why);
	p->bytes += manifest_size;
	return e;
}

static enum err pack_plain(const char *folder, const struct blobs *b, struct packed *out,
			   struct why *why)
{
	char scratch[PATH_LIMIT], diff_id[DIGEST_SIZE];
	const char *architecture;
	int64_t size, config_size;
	snprintf(scratch, sizeof scratch, "%s/layer.tmp", b->path);
	enum err e = pack_layer(folder, scratch, &architecture, why);
	if (!e)
		e = tar_digest(scratch, LAYER_MAX, diff_id, why);
	if (!e)
		e = pack_put(b, scratch, out->layers[0], &size, why);
	unlink(scratch);
	out->layer_count = 1;
	if (!e)
		e = put_document(b, make_config(architecture, diff_id), out->config, &config_size,
				 why);
	return e ? e : pack_bind(out, b, config_size, &size, why);
}

/* --- all kinds --- */

/* Neither a tar nor a layout: the files of a workload, as they are. */
static bool is_plain_folder(const char *path)
{
	char marker[PATH_LIMIT];
	struct stat st;
	snprintf(marker, sizeof marker, "%s/oci-layout", path);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && !file_exists(marker);
}

enum err pack_image(const char *path, const char *architecture, const struct blobs *blobs,
		    struct packed *out, struct why *why)
{
	struct bundle b;
	*out = (struct packed){ 0 };
	if (is_plain_folder(path))
		return pack_plain(path, blobs, out, why);
	enum err e = bundle_open(&b, path, blobs, why);
	if (e)
		return e;
	e = layout_take(&b, architecture, out, why);
	bundle_close(&b);
	return e;
}

static enum err copy_blob(const struct blobs *b, const char *digest, const char *folder,
			  struct why *why)
{
	char from[PATH_LIMIT], to[PATH_LIMIT];
	SCOPED_MEMORY char *content = NULL;
	size_t len;
	blobs_path(b, digest, from, sizeof from);
	snprintf(to, sizeof to, "%s/blobs/sha256/%s", folder, digest + 7);
	enum err e = file_read(from, BLOB_MAX, &content, &len, why);
	return e ? e : file_replace(to, (struct bytes){ content, len }, false, why);
}

static enum err write_index(const struct packed *p, const struct blobs *b, const char *folder,
			    struct why *why)
{
	char path[PATH_LIMIT];
	struct stat st = { 0 };
	struct json *index = json_new_object(), *list = json_new_array();
	blobs_path(b, p->digest, path, sizeof path);
	stat(path, &st);
	json_push(list, descriptor(MANIFEST_TYPE, p->digest, st.st_size));
	json_set_integer(index, "schemaVersion", 2);
	json_set(index, "manifests", list);
	SCOPED_MEMORY char *text = json_print(index);
	json_free(index);
	snprintf(path, sizeof path, "%s/index.json", folder);
	enum err e = file_replace(path, bytes_of(text), false, why);
	snprintf(path, sizeof path, "%s/oci-layout", folder);
	return e ? e
		 : file_replace(path, BYTES_LIT("{\"imageLayoutVersion\":\"1.0.0\"}"), false, why);
}

enum err pack_write_layout(const struct packed *p, const struct blobs *blobs, const char *folder,
			   struct why *why)
{
	char path[PATH_LIMIT];
	snprintf(path, sizeof path, "%s/blobs/sha256", folder);
	enum err e = dir_make(path, 0755, why);
	if (!e)
		e = copy_blob(blobs, p->digest, folder, why);
	if (!e)
		e = copy_blob(blobs, p->config, folder, why);
	for (size_t i = 0; i < p->layer_count && !e; i++)
		e = copy_blob(blobs, p->layers[i], folder, why);
	return e ? e : write_index(p, blobs, folder, why);
}
