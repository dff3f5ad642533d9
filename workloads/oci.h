/*
 * oci - the documents of an image: index, manifest and configuration.
 *
 * OCI's media types and those of Docker's schema 2. Of a descriptor only type,
 * digest, size and platform are read: its `urls`, annotations and labels decide
 * nothing. What is refused is refused with the reason for a person.
 */
#pragma once

#include "base/label.h"
#include "ports/json.h"

enum {
	OCI_LAYERS_MAX = 32,
	OCI_CHOICES_MAX = 64,    /* images of one index */
	OCI_INDEX_DEPTH_MAX = 3, /* indexes inside one another */
	OCI_ARCHITECTURE_SIZE = 24,
	OCI_DOCUMENT_MAX = 64 * 1024,
};

struct oci_descriptor {
	char digest[DIGEST_SIZE];
	int64_t size;
};

struct oci_manifest {
	struct oci_descriptor config, layers[OCI_LAYERS_MAX];
	size_t layer_count;
};

/* What a configuration says about the image as a whole. */
struct oci_config {
	char architecture[OCI_ARCHITECTURE_SIZE]; /* "": it does not say */
	char diff_ids[OCI_LAYERS_MAX][DIGEST_SIZE];
	size_t layer_count;
};

/* Index or manifest? A document that could be read as both is refused (CVE-2021-41190). */
enum err oci_is_index(const struct json *j, bool *out, struct why *why);

enum err oci_read_manifest(const struct json *j, struct oci_manifest *out, struct why *why);
enum err oci_read_config(const struct json *j, struct oci_config *out, struct why *why);

/* The image of an index that suits a machine best; with NULL the only one there
 * is. ERR_INVALID names those that there are. */
enum err oci_choose(const struct json *index, const char *architecture, struct oci_descriptor *out,
		    struct why *why);
