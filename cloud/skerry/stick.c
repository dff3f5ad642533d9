#include "cloud/skerry/stick.h"

#include "base/base64.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/random.h"
#include "ports/signature.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_FILE_MAX = 256 };

static enum err fail(struct why *why, const char *path)
{
	return why_set(why, errno == ENOSPC ? ERR_FULL : ERR_SYSTEM, "%s: %s", path,
		       strerror(errno));
}

void stick_path(const char *folder, const char *name, char out[STICK_PATH_MAX])
{
	snprintf(out, STICK_PATH_MAX, "%.700s/%.300s", folder, name);
}

/* --- writing --- */

static void print_name(const char *device, const char *buf, char out[160])
{
	char when[24], word[5]; /* two within a second are two */
	random_name(word, 4);
	clock_print(when, clock_wall_ms());
	for (char *c = when; *c; c++)
		if (*c == ' ' || *c == ':')
			*c = '-';
	snprintf(out, 160, "skerry-%s-%s-%s-%s", device, buf, when, word);
}

static enum err create_file(const char *folder, const char *name, FILE **out, struct why *why)
{
	char path[STICK_PATH_MAX];
	stick_path(folder, name, path);
	*out = fopen(path, "wb");
	return *out ? OK : fail(why, path);
}

enum err stick_create(struct stick_writer *w, const char *where, const char *device,
		      const char *buf, struct why *why)
{
	char name[160], hidden[168], path[STICK_PATH_MAX];
	*w = (struct stick_writer){ .letters_sum = digest_begin(), .index_sum = digest_begin() };
	print_name(device, buf, name);
	snprintf(hidden, sizeof hidden, ".%s", name);
	stick_path(where, name, w->folder);
	stick_path(where, hidden, w->partial);
	stick_path(w->partial, "files", path);
	enum err e = dir_make(path, 0755, why);
	if (!e)
		e = create_file(w->partial, "letters", &w->letters, why);
	return e ? e : create_file(w->partial, "index", &w->index, why);
}

static enum err put(FILE *f, struct digest *sum, struct bytes b, struct why *why)
{
	if (fwrite(b.at, 1, b.len, f) != b.len)
		return fail(why, "the stick");
	digest_add(sum, b);
	return OK;
}

enum err stick_add_letter(struct stick_writer *w, const char *rest, struct bytes payload,
			  struct why *why)
{
	char head[TOPIC_MAX + 24];
	const int n = snprintf(head, sizeof head, "%s %zu\n", rest, payload.len);
	enum err e = put(w->letters, w->letters_sum, (struct bytes){ head, (size_t)n }, why);
	if (!e)
		e = put(w->letters, w->letters_sum, payload, why);
	if (!e)
		e = put(w->letters, w->letters_sum, BYTES_LIT("\n"), why);
	w->letter_count += !e;
	w->letter_bytes += e ? 0 : (int64_t)payload.len;
	return e;
}

static enum err sync_file(FILE *f, const char *path, struct why *why)
{
	const bool well = !fflush(f) && !fsync(fileno(f));
	return (fclose(f) == 0 && well) ? OK : fail(why, path);
}

static enum err copy_file(const struct spool *s, const struct spool_file *f, const char *path,
			  struct why *why)
{
	static char block[64 * 1024];
	size_t len = 0;
	enum err e = OK;
	FILE *to = fopen(path, "wb");
	if (!to)
		return fail(why, path);
	for (int64_t at = 0; !e && at < f->bytes; at += (int64_t)len) {
		e = spool_read(s, f, at, block, sizeof block, &len, why);
		if (!e && !len)
			e = why_set(why, ERR_CORRUPT, "%s is shorter than it was",
				    mailbox_title(&f->file));
		if (!e && fwrite(block, 1, len, to) != len)
			e = fail(why, path);
	}
	const enum err synced = sync_file(to, path, e ? NULL : why);
	return e ? e : synced;
}

static enum err list_file(struct stick_writer *w, const struct spool_file *f, const char *id,
			  struct why *why)
{
	struct json *j = json_new_object();
	json_set_string(j, "id", id);
	json_set_string(j, "pod", f->pod);
	json_set_string(j, "name", mailbox_title(&f->file));
	json_set_integer(j, "t", f->file.time_ms);
	json_set_integer(j, "size", f->bytes);
	json_set_string(j, "d", f->file.digest);
	char *text = json_print(j);
	json_free(j);
	enum err e = put(w->index, w->index_sum, bytes_of(text), why);
	free(text);
	return e ? e : put(w->index, w->index_sum, BYTES_LIT("\n"), why);
}

enum err stick_add_file(struct stick_writer *w, const struct spool *s, const struct spool_file *f,
			struct why *why)
{
	char id[SPOOL_ID_SIZE], below[SPOOL_ID_SIZE + 8], path[STICK_PATH_MAX];
	spool_id(f, id);
	snprintf(below, sizeof below, "files/%s", id);
	stick_path(w->partial, below, path);
	enum err e = copy_file(s, f, path, why);
	if (e)
		return e;
	e = list_file(w, f, id, why);
	w->file_count += !e;
	w->file_bytes += e ? 0 : f->bytes;
	return e;
}

static enum err sync_folder(const char *path, struct why *why)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Some file systems of sticks cannot flush a folder: syncfs() does it. */
	return fd < 0 || syncfs(fd) ? fail(why, path) : OK;
}

static enum err digest_file(const char *path, char out[DIGEST_SIZE], struct why *why)
{
	static char block[64 * 1024];
	struct digest *d = digest_begin();
	int64_t total = 0;
	size_t len = 1;
	enum err e = OK;
	for (int64_t at = 0; !e && len; at += (int64_t)len) {
		e = file_read_part(path, at, block, sizeof block, &len, &total, why);
		if (!e)
			digest_add(d, (struct bytes){ block, len });
	}
	digest_end(d, out);
	return e;
}

static void set_sum(struct json *manifest, const char *member, struct digest **sum)
{
	char digest[DIGEST_SIZE];
	digest_end(*sum, digest);
	*sum = NULL;
	json_set_string(manifest, member, digest);
}

static enum err write_manifest(struct stick_writer *w, struct json *manifest, struct why *why)
{
	char path[STICK_PATH_MAX];
	json_set_integer(manifest, "v", 1);
	json_set_integer(manifest, "letters", w->letter_count);
	json_set_integer(manifest, "files", w->file_count);
	set_sum(manifest, "lettersDigest", &w->letters_sum);
	set_sum(manifest, "indexDigest", &w->index_sum);
	char *text = json_print(manifest);
	json_free(manifest);
	stick_path(w->partial, "manifest.json", path);
	enum err e = file_replace(path, bytes_of(text), true, why);
	free(text);
	return e;
}

/* What was written is what is signed. */
static enum err sign_manifest(const struct stick_writer *w, const char *key, struct why *why)
{
	char path[STICK_PATH_MAX], digest[DIGEST_SIZE], signature[SIGNATURE_MAX];
	char text[(SIGNATURE_MAX + 2) / 3 * 4 + 1];
	size_t len;
	stick_path(w->partial, "manifest.json", path);
	enum err e = digest_file(path, digest, why);
	if (!e)
		e = signature_make(key, digest, signature, &len, why);
	if (e)
		return e;
	base64_encode((struct bytes){ signature, len }, text);
	stick_path(w->partial, "manifest.sig", path);
	return file_replace(path, bytes_of(text), true, why);
}

enum err stick_finish(struct stick_writer *w, struct json *manifest, const char *key,
		      struct why *why)
{
	enum err e = sync_file(w->letters, w->partial, why);
	const enum err index = sync_file(w->index, w->partial, e ? NULL : why);
	w->letters = w->index = NULL;
	if (e || index) {
		json_free(manifest);
		return e ? e : index;
	}
	e = write_manifest(w, manifest, why);
	if (!e && key)
		e = sign_manifest(w, key, why);
	if (!e && rename(w->partial, w->folder))
		e = fail(why, w->folder);
	return e ? e : sync_folder(w->folder, why);
}

void stick_drop(struct stick_writer *w)
{
	if (w->letters)
		fclose(w->letters);
	if (w->index)
		fclose(w->index);
	digest_drop(w->letters_sum);
	digest_drop(w->index_sum);
	if (w->partial[0])
		(void)!dir_remove(w->partial, NULL);
	*w = (struct stick_writer){ 0 };
}

/* --- reading --- */

bool stick_is_one(const char *folder)
{
	char path[STICK_PATH_MAX];
	stick_path(folder, "manifest.json", path);
	return file_exists(path);
}

static enum err compare(const char *folder, const char *name, const struct json *manifest,
			const char *member, struct why *why)
{
	char path[STICK_PATH_MAX], digest[DIGEST_SIZE];
	stick_path(folder, name, path);
	enum err e = digest_file(path, digest, why);
	const char *expected = json_string(json_member(manifest, member));
	if (!e && (!expected || strcmp(expected, digest) != 0))
		e = why_set(why, ERR_CORRUPT,
			    "%s is not what was exported: its digest is %s, not %s", path, digest,
			    expected ? expected : "told");
	return e;
}

enum err stick_read(const char *folder, struct json **out_manifest, struct why *why)
{
	char path[STICK_PATH_MAX];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	stick_path(folder, "manifest.json", path);
	enum err e = file_read(path, MESSAGE_MAX, &text, &len, why);
	if (!e)
		e = json_parse((struct bytes){ text, len }, out_manifest, why);
	if (e)
		return why_in(why, e, path);
	e = compare(folder, "letters", *out_manifest, "lettersDigest", why);
	if (!e)
		e = compare(folder, "index", *out_manifest, "indexDigest", why);
	if (e)
		json_free(*out_manifest);
	return e;
}

enum err stick_each_line(const char *folder, const char *name,
			 enum err (*on_line)(void *owner, const struct json *line, struct why *why),
			 void *owner, struct why *why)
{
	static char line[MESSAGE_MAX];
	char path[STICK_PATH_MAX];
	enum err e = OK;
	stick_path(folder, name, path);
	FILE *f = fopen(path, "rb");
	if (!f)
		return errno == ENOENT ? OK : fail(why, path);
	while (!e && fgets(line, sizeof line, f)) {
		struct json *j;
		e = json_parse(bytes_of(line), &j, why);
		if (e) {
			e = why_in(why, ERR_CORRUPT, path);
		} else {
			e = on_line(owner, j, why);
			json_free(j);
		}
	}
	fclose(f);
	return e;
}

enum err stick_verify(const char *folder, const char *const *keys, size_t count, struct why *why)
{
	char path[STICK_PATH_MAX], digest[DIGEST_SIZE], key[PUBLIC_KEY_SIZE];
	char signature[SIGNATURE_FILE_MAX + 3];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	stick_path(folder, "manifest.json", path);
	enum err e = digest_file(path, digest, why);
	stick_path(folder, "manifest.sig", path);
	if (!e)
		e = file_read(path, SIGNATURE_FILE_MAX, &text, &len, why);
	if (!e)
		e = base64_decode((struct bytes){ text, len }, signature, &len);
	if (e)
		return why_set(why, ERR_DENIED, "%s: the export is not signed", path);
	for (size_t i = 0; i < count; i++) {
		e = public_key_read(keys[i], key, why);
		if (e)
			return e;
		if (signature_is_valid((struct bytes){ key, sizeof key }, digest,
				       (struct bytes){ signature, len }))
			return OK;
	}
	return why_set(why, ERR_DENIED, "%s: none of the keys that --public names has signed it",
		       path);
}

/* "up/telec/camera 812\n" */
static bool read_head(FILE *f, char rest[TOPIC_MAX], size_t *out_len)
{
	char line[TOPIC_MAX + 24];
	char *space, *end;
	if (!fgets(line, sizeof line, f) || !(space = strrchr(line, ' ')))
		return false;
	*space = '\0';
	*out_len = strtoul(space + 1, &end, 10);
	return *end == '\n' && *out_len <= MESSAGE_MAX &&
	       text_copy(rest, TOPIC_MAX, bytes_of(line));
}

enum err stick_each_letter(const char *folder,
			   enum err (*on_letter)(void *owner, const char *rest,
						 struct bytes payload, struct why *why),
			   void *owner, struct why *why)
{
	static char payload[MESSAGE_MAX];
	char path[STICK_PATH_MAX], rest[TOPIC_MAX];
	size_t len;
	enum err e = OK;
	stick_path(folder, "letters", path);
	FILE *f = fopen(path, "rb");
	if (!f)
		return fail(why, path);
	for (int c; !e && (c = getc(f)) != EOF;) {
		ungetc(c, f);
		if (!read_head(f, rest, &len) || fread(payload, 1, len, f) != len ||
		    getc(f) != '\n')
			e = why_set(why, ERR_CORRUPT, "%s does not read back at byte %ld", path,
				    ftell(f));
		else
			e = on_letter(owner, rest, (struct bytes){ payload, len }, why);
	}
	fclose(f);
	return e;
}
