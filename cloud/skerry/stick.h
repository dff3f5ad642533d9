/*
 * stick - what `skerry export` writes and `skerry import` reads: a folder.
 *
 *   manifest.json  whose it is and how much, with the SHA-256 of letters and index
 *   manifest.sig   of the board's key over the manifest, in base64, if it was given one
 *   letters        one after the other: "up/telec/camera 812\n", the 812 bytes that the
 *                  link would have carried, and "\n"
 *   index          a JSON object a line for each file: its announcement, and its id
 *   files/ID       files of outboxes
 *   receipt        after an import: a JSON object a line, what the hub has and the board
 *                  may let go of: an acknowledgement, or {"file":"ID"}
 *
 * A folder is written under a hidden name and renamed when all of it is on the medium.
 */
#pragma once

#include "base/limits.h"
#include "ports/digest.h"
#include "ports/json.h"
#include "sync/spool.h"

#include <stdio.h>

enum { STICK_PATH_MAX = PATH_LIMIT };

/* --- writing --- */

struct stick_writer {
	char folder[STICK_PATH_MAX], partial[STICK_PATH_MAX];
	FILE *letters, *index;
	struct digest *letters_sum, *index_sum;
	int64_t letter_count, letter_bytes, file_count, file_bytes;
};

/* Below `where`, which is there. Nothing is left of it after a failure and stick_drop(). */
enum err stick_create(struct stick_writer *w, const char *where, const char *device,
		      const char *buf, struct why *why);
enum err stick_add_letter(struct stick_writer *w, const char *rest, struct bytes payload,
			  struct why *why);
enum err stick_add_file(struct stick_writer *w, const struct spool *s, const struct spool_file *f,
			struct why *why);
/* Write the manifest, with these members beside its own; they are taken. Sign it with the
 * PEM file `key` (NULL: not). Flush, and rename. */
enum err stick_finish(struct stick_writer *w, struct json *manifest, const char *key,
		      struct why *why);
void stick_drop(struct stick_writer *w);

/* --- reading --- */

/* Is there a manifest in it? */
bool stick_is_one(const char *folder);

/* The manifest, after letters and index were compared with it. ERR_CORRUPT: they differ. */
enum err stick_read(const char *folder, struct json **out_manifest, struct why *why);

/* Has one of these PEM files' keys signed the manifest? ERR_DENIED: none has. */
enum err stick_verify(const char *folder, const char *const *keys, size_t count, struct why *why);

/* Tell each letter; the first error of the hook ends it. */
enum err stick_each_letter(const char *folder,
			   enum err (*on_letter)(void *owner, const char *rest,
						 struct bytes payload, struct why *why),
			   void *owner, struct why *why);

/* Tell each line of `index` or `receipt`; a file that is not there has none. */
enum err stick_each_line(const char *folder, const char *name,
			 enum err (*on_line)(void *owner, const struct json *line, struct why *why),
			 void *owner, struct why *why);

/* The file of a name in a folder. */
void stick_path(const char *folder, const char *name, char out[STICK_PATH_MAX]);
