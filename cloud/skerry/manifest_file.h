/*
 * manifest_file - users' YAML or JSON files as pods, ConfigMaps and Secrets,
 * checked as a board does; and the Fleet, Device and Rollout documents beside them.
 *
 * Errors name FILE:LINE; so do the warnings on stderr of fields that are ignored.
 */
#pragma once

#include "base/limits.h"
#include "ports/yaml.h"

enum {
	MANIFEST_FILE_BYTES = 1024 * 1024,
	OBJECTS_MAX = 4096 + 64, /* Devices, Fleets and Rollouts */
};

/* A pod, a config, or an object of a fleet. */
struct pod_document {
	const char *file;
	struct yaml_document yaml;
	const char *name; /* inside yaml */
};

struct manifest_files {
	struct pod_document pods[PODS_MAX], configs[CONFIGS_MAX];
	size_t count, config_count;
	struct pod_document *objects;
	size_t object_count, object_cap;
};

/* Read all files; "-" is stdin. Every pod's name stands once, and every config's of its kind. */
enum err manifest_files_read(struct manifest_files *m, const char *const *files, size_t count,
			     struct why *why);
void manifest_files_free(struct manifest_files *m);

/* One more pod or config, a copy of `tree`, that stands at a path inside another document. */
enum err manifest_files_add(struct manifest_files *m, const struct pod_document *around,
			    const char *path, const struct json *tree, struct why *why);

/* For one of them: ERR_INVALID, if there is any Fleet, Device or Rollout. */
enum err manifest_files_refuse_objects(const struct manifest_files *m, struct why *why);

/* "path: reason" becomes "FILE:LINE: path: reason". */
enum err manifest_point_at(const struct pod_document *d, enum err e, struct why *why);

/* "FILE" beside another file; `out` has PATH_LIMIT bytes. */
void manifest_path_beside(const char *file, const char *name, char *out);
