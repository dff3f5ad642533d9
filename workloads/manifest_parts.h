/*
 * manifest_parts - the files that read one part of a manifest each.
 *
 * Private to workloads/manifest*.c and config.c. Most are entries for field
 * tables; `into` is named behind each.
 */
#pragma once

#include "workloads/field.h"
#include "workloads/uid.h"

enum {
	HOST_ID_MIN = UID_FIRST + UID_COUNT, /* users and groups below may be the board's own */
};

/* Which kind is it? Sets r->read_spec. */
enum err manifest_kind(struct reader *r, const struct json *document);

/* struct pod: a spec of the kind. */
enum err manifest_pod_spec(struct reader *r, const struct json *j, void *into);
enum err manifest_deployment(struct reader *r, const struct json *j, void *into);
enum err manifest_daemon_set(struct reader *r, const struct json *j, void *into);
enum err manifest_job(struct reader *r, const struct json *j, void *into);
enum err manifest_cron_job(struct reader *r, const struct json *j, void *into);
enum err manifest_labels(struct reader *r, const struct json *j, void *into);
enum err manifest_annotations(struct reader *r, const struct json *j, void *into);
enum err manifest_deadline(struct reader *r, const struct json *j, void *into); /* int64_t, ms */

/* struct pod: one container each, put behind the others. */
enum err manifest_container(struct reader *r, const struct json *j, void *into);
enum err manifest_init_container(struct reader *r, const struct json *j, void *into);

enum err manifest_resources(struct reader *r, const struct json *j,
			    void *into); /* struct container_spec */
enum err manifest_bytes(struct reader *r, const struct json *j, void *into); /* int64_t */
enum err manifest_milli(struct reader *r, const struct json *j, void *into); /* int64_t */

/* struct probe_spec */
enum err manifest_startup_probe(struct reader *r, const struct json *j, void *into);
enum err manifest_liveness_probe(struct reader *r, const struct json *j, void *into);
enum err manifest_readiness_probe(struct reader *r, const struct json *j, void *into);
enum err manifest_lifecycle(struct reader *r, const struct json *j,
			    void *into); /* struct container_spec */

/* struct value_spec */
enum err manifest_value_from(struct reader *r, const struct json *j, void *into);
enum err manifest_field_ref(struct reader *r, const struct json *j, void *into);
enum err manifest_resource_ref(struct reader *r, const struct json *j, void *into);
enum err manifest_env_from(struct reader *r, const struct json *j,
			   void *into); /* struct container_spec */

enum err manifest_volumes(struct reader *r, const struct json *j, void *into); /* struct pod */

/* struct volume_spec */
enum err manifest_config_map(struct reader *r, const struct json *j, void *into);
enum err manifest_secret(struct reader *r, const struct json *j, void *into);
enum err manifest_downward(struct reader *r, const struct json *j, void *into);
enum err manifest_projected(struct reader *r, const struct json *j, void *into);

enum err manifest_pod_security(struct reader *r, const struct json *j, void *into); /* struct pod */
enum err manifest_security(struct reader *r, const struct json *j,
			   void *into); /* struct container_spec */

/* struct pod */
enum err manifest_host_aliases(struct reader *r, const struct json *j, void *into);
enum err manifest_dns_policy(struct reader *r, const struct json *j, void *into);
enum err manifest_dns_config(struct reader *r, const struct json *j, void *into);

/* "v1", and nothing to keep. */
enum err manifest_version_v1(struct reader *r, const struct json *j, void *into);

/* What no single field shows, once all are read. */
enum err manifest_check_host_ids(struct reader *r, const struct pod *p,
				 const struct container_spec *c);
enum err manifest_check_dns(struct reader *r, const struct pod *p);

/* The name of an entry of a ConfigMap or Secret. */
bool manifest_is_key(const char *s);

/* A volume of the pod, or NULL. */
const struct volume_spec *manifest_volume(const struct pod *p, const char *name);

enum err manifest_ports(struct reader *r, const struct json *j,
			void *into); /* struct container_spec */

/* What the pod's annotations below skerry.dev/ say, into pod.board. */
enum err manifest_board(struct reader *r, struct pod *p);
