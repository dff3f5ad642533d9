/*
 * inventory - what is in an unpacked image, so that a flipped bit is found.
 *
 * Beside `rootfs` lies the file `files`: for each file, folder and link, and for
 * `config.json` beside it, mode, size, SHA-256 (of a link: of where it leads) and path, NUL-ended
 * entries from "skerry-files 1" to "end COUNT". Written by walking what was unpacked, never
 * following a link.
 *
 * Files of the same content and mode are kept once for all images: the folder
 * `shared` beside the images has one name for each, and images have hard links
 * to it. Roots are read-only, so nobody can change one for the others. A file
 * with one name left belongs to no image any more. Where the file system has no
 * hard links, or no more of them, a file stays the image's own.
 *
 * Paths are relative to the working folder, which holds the images.
 */
#pragma once

#include "base/err.h"

/* List IMAGE/rootfs in IMAGE/files and share its files. ERR_INVALID: too deep.
 * ERR_FULL, ERR_SYSTEM: the board. */
enum err inventory_write(const char *image, const char *shared, struct why *why);

/* ERR_CORRUPT: names the first file that is not as listed. ERR_NOT_FOUND: there is
 * no list; it was unpacked before there were any. */
enum err inventory_verify(const char *image, struct why *why);
