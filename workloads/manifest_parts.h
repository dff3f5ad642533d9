/*
 * manifest_parts - the files that read one part of a manifest each.
 *
 * Private to workloads/manifest*.c. All are entries for field tables; `into`
 * is named behind each.
 */
#pragma once

#include "workloads/field.h"

enum err manifest_container(struct reader *r, const struct json *j, void *into); /* struct pod */

enum err manifest_resources(struct reader *r, const struct json *j,
			    void *into); /* struct container_spec */
enum err manifest_bytes(struct reader *r, const struct json *j, void *into); /* int64_t */
enum err manifest_probe(struct reader *r, const struct json *j, void *into); /* struct probe_spec */
/* Where Kubernetes allows no successThreshold but 1. */
enum err manifest_probe_once(struct reader *r, const struct json *j, void *into);

/* A volume of the pod, or NULL. */
const struct volume_spec *manifest_volume(const struct pod *p, const char *name);
