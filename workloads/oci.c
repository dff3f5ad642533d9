#include "workloads/oci.h"

#include "base/limits.h"
#include "base/text.h"

static const char *const manifest_types[] = {
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	NULL,
};

static const char *const index_types[] = {
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	NULL,
};

static const char *const config_types[] = {
	"application/vnd.oci.image.config.v1+json",
	"application/vnd.docker.container.image.v1+json",
	NULL,
};

static const char *const layer_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.diff.tar.gzip",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	NULL,
};

static bool is_one_of(const char *s, const char *const *list)
{
	while (s && *list && strcmp(s, *list) != 0)
		list++;
	return s && *list;
}

static enum err read_descriptor(const struct json *j, struct oci_descriptor *out)
{
	const char *digest = json_string(json_member(j, "digest"));
	if (!digest || !label_is_digest(bytes_of(digest)) ||
	    !json_integer(json_member(j, "size"), &out->size) || out->size < 0)
		return ERR_INVALID;
	strcpy(out->digest, digest);
	return OK;
}

static enum err check_type(const struct json *j, const char *const *known, const char *what,
			   struct why *why)
{
	const char *type = json_string(json_member(j, "mediaType"));
	if (is_one_of(type, known))
		return OK;
	return why_set(why, ERR_INVALID, "%s has the type \"%.80s\", which no workload can run",
		       what, type ? type : "");
}

enum err oci_is_index(const struct json *j, bool *out, struct why *why)
{
	const bool lists = json_member(j, "manifests") != NULL;
	const bool layered = json_member(j, "layers") || json_member(j, "config");
	*out = lists;
	if (lists && layered)
		return why_set(why, ERR_INVALID,
			       "a document with layers and manifests could mean two things");
	if (!lists && !layered)
		return why_set(why, ERR_INVALID, "a document with neither layers nor manifests");
	/* The type that it claims must be what it has. */
	return json_member(j, "mediaType")
		       ? check_type(j, lists ? index_types : manifest_types, "a document", why)
		       : OK;
}

/* --- the manifest --- */

static enum err read_layers(const struct json *list, struct oci_manifest *out, struct why *why)
{
	int64_t all = 0;
	if (json_count(list) == 0 || json_count(list) > OCI_LAYERS_MAX)
		return why_set(why, ERR_INVALID, "%zu layers; 1 to %d are expected",
			       json_count(list), OCI_LAYERS_MAX);
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		struct oci_descriptor *layer = &out->layers[out->layer_count++];
		if (read_descriptor(j, layer))
			return why_set(why, ERR_INVALID, "a layer without digest or size");
		if (check_type(j, layer_types, "a layer", why))
			return ERR_INVALID;
		/* One by one: a sum of sizes could wrap. */
		if (layer->size > BLOB_MAX || (all += layer->size) > BLOB_MAX)
			return why_set(why, ERR_FULL, "more than %lld MiB of layers",
				       BLOB_MAX >> 20);
	}
	return OK;
}

enum err oci_read_manifest(const struct json *j, struct oci_manifest *out, struct why *why)
{
	bool is_index;
	*out = (struct oci_manifest){ 0 };
	enum err e = oci_is_index(j, &is_index, why);
	if (e)
		return e;
	if (is_index)
		return why_set(why, ERR_INVALID,
			       "an index of several images; name the one for this board");
	const struct json *config = json_member(j, "config");
	if (read_descriptor(config, &out->config) || out->config.size > OCI_DOCUMENT_MAX)
		return why_set(why, ERR_INVALID,
			       "the manifest has no configuration, or one above %d KiB",
			       OCI_DOCUMENT_MAX >> 10);
	e = check_type(config, config_types, "the configuration", why);
	return e ? e : read_layers(json_member(j, "layers"), out, why);
}

/* --- the configuration --- */

static enum err read_diff_ids(const struct json *list, struct oci_config *out, struct why *why)
{
	if (json_count(list) > OCI_LAYERS_MAX)
		return why_set(why, ERR_INVALID, "the configuration has more than %d diff_ids",
			       OCI_LAYERS_MAX);
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		const char *id = json_string(j);
		if (!id || !label_is_digest(bytes_of(id)))
			return why_set(why, ERR_INVALID, "a diff_id is no SHA-256");
		strcpy(out->diff_ids[out->layer_count++], id);
	}
	return OK;
}

enum err oci_read_config(const struct json *j, struct oci_config *out, struct why *why)
{
	*out = (struct oci_config){ 0 };
	const char *os = json_string(json_member(j, "os"));
	const char *architecture = json_string(json_member(j, "architecture"));
	if (os && strcmp(os, "linux") != 0)
		return why_set(why, ERR_INVALID, "it is for %.20s, not for linux", os);
	if (architecture)
		text_copy(out->architecture, sizeof out->architecture, bytes_of(architecture));
	return read_diff_ids(json_member(json_member(j, "rootfs"), "diff_ids"), out, why);
}

/* --- the index --- */

/* How well an image suits a machine; 0: not at all. */
static int suitability(const char *architecture, const char *variant, const char *wanted)
{
	static const struct {
		const char *architecture, *variant;
		int suits;
	} known[] = {
		/* Debian's armhf is v7; an arm image that does not say is taken for that. */
		{ "arm", "v7", 5 }, { "arm", "", 4 },     { "arm", "v6", 3 }, { "arm", "v5", 2 },
		{ "arm64", "", 5 }, { "arm64", "v8", 5 }, { "amd64", "", 5 }, { "amd64", "v1", 5 },
		{ "386", "", 5 },   { "riscv64", "", 5 },
	};
	if (strcmp(architecture, wanted) != 0)
		return 0;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(architecture, known[i].architecture) == 0 &&
		    strcmp(variant, known[i].variant) == 0)
			return known[i].suits;
	return 0;
}

/* Without a platform anything may be meant: its configuration will say. */
static int suits(const struct json *entry, const char *wanted)
{
	const struct json *platform = json_member(entry, "platform");
	const char *architecture = json_text_at(platform, "architecture");
	const char *os = json_text_at(platform, "os");
	if (!platform)
		return 1;
	if (strcmp(architecture, "unknown") == 0 || (*os && strcmp(os, "linux") != 0))
		return 0; /* such as buildkit's attestations */
	return wanted ? suitability(architecture, json_text_at(platform, "variant"), wanted) : 1;
}

static void list_platforms(const struct json *list, char *out, size_t cap)
{
	struct text t = text_in(out, cap);
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		const struct json *platform = json_member(j, "platform");
		const char *variant = json_text_at(platform, "variant");
		if (platform && suits(j, NULL))
			text_add(&t, "%s%.20s%s%.8s", t.len ? ", " : "",
				 json_text_at(platform, "architecture"), *variant ? "/" : "",
				 variant);
	}
}

static enum err refuse(const struct json *list, const char *architecture, size_t count,
		       struct why *why)
{
	char there[120];
	list_platforms(list, there, sizeof there);
	if (architecture && !count)
		return why_set(why, ERR_INVALID, "no image for %.20s; there are: %s", architecture,
			       *there ? there : "none");
	if (!count)
		return why_set(why, ERR_INVALID, "the index has no image");
	return why_set(why, ERR_INVALID, "several images%s%s: choose one with --arch",
		       *there ? ", for " : "", there);
}

enum err oci_choose(const struct json *index, const char *architecture, struct oci_descriptor *out,
		    struct why *why)
{
	const struct json *list = json_member(index, "manifests");
	struct oci_descriptor one;
	int best = 0;
	size_t equals = 0; /* as good as the best, and something else */
	if (json_count(list) > OCI_CHOICES_MAX)
		return why_set(why, ERR_INVALID, "an index of more than %d images",
			       OCI_CHOICES_MAX);
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		const char *type = json_string(json_member(j, "mediaType"));
		int fit = suits(j, architecture);
		if (!fit || (!is_one_of(type, manifest_types) && !is_one_of(type, index_types)))
			continue;
		if (read_descriptor(j, &one))
			return why_set(why, ERR_INVALID, "an index entry without digest or size");
		if (fit < best || (fit == best && strcmp(one.digest, out->digest) == 0))
			continue;
		equals = fit > best ? 1 : equals + 1;
		best = fit;
		*out = one;
	}
	return equals == 1 ? OK : refuse(list, architecture, equals, why);
}
