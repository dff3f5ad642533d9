/*
 * manifest_file - users' YAML or JSON files as pods, ConfigMaps and Secrets,
 * checked as a board does.
 *
 * Errors name FILE:LINE; so do the warnings on stderr of fields that are ignored.
 */
#pragma once

#include "base/limits.h"
#include "ports/yaml.h"

enum { MANIFEST_FILE_BYTES = 1024 * 1024 };

/* A pod, or a config. */
struct pod_document {
	const char *file;
	struct yaml_document yaml;
	const char *name; /* inside yaml */
};

struct manifest_files {
	struct pod_document pods[PODS_MAX], configs[CONFIGS_MAX];
	size_t count, config_count;
};

/* Read all files; "-" is stdin. Every pod's name stands once, and every config's of its kind. */
enum err manifest_files_read(struct manifest_files *m, const char *const *files, size_t count,
			     struct why *why);
void manifest_files_free(struct manifest_files *m);
