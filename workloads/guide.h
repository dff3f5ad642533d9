/*
 * guide - every field of a manifest that is known: what becomes of it, its default,
 * and one sentence. `skerry explain` prints it, docs/manifest.md is held to it, and
 * tests hold the readers to it.
 *
 * A path begins with the kind: "pod.spec.containers[].image". A field whose parts
 * are not listed is taken or refused as a whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum guide_verdict { GUIDE_HONOURED, GUIDE_IGNORED, GUIDE_REFUSED };

struct guide_entry {
	const char *path;
	enum guide_verdict verdict;
	const char *fallback; /* the default; "" for none */
	const char *sentence;
};

/* In the order of the documentation. */
const struct guide_entry *guide_all(size_t *out_count);

/* "honoured", "ignored" or "refused". */
const char *guide_verdict_name(enum guide_verdict v);

/* A field as people write it, with or without [] and [0]. NULL: not known. */
const struct guide_entry *guide_find(const char *path);

/* Is `entry` the field at `path`, or directly below it? */
bool guide_is_below(const struct guide_entry *entry, const char *path);

/* The same for a field of a document: kind and path such as "spec.template.spec.volumes[0]". */
const struct guide_entry *guide_of_document(const char *kind, const char *path);

/* Are there fields below it, or is it one as a whole? */
bool guide_has_parts(const char *kind, const char *path);
