/*
 * compose_parts - how the keys of a compose service become fields of a pod; for
 * compose_*.c alone.
 */
#pragma once

#include "base/err.h"
#include "cloud/skerry/compose_file.h"

/* A service on its way to be a pod. */
struct conversion {
	const char *name;
	const struct compose_notes *notes;
	struct json *metadata, *spec, *container, *volumes, *mounts;
	struct why *why;
};

/* Something is lost, or wants a hand. */
void compose_note(struct conversion *c, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* ERR_INVALID: "field: reason". */
enum err compose_wrong(struct conversion *c, const char *field, const char *reason);

/* A scalar as text: compose takes 1, "1" and true alike. False: it is none, or too long. */
bool compose_text_of(const struct json *j, char *out, size_t cap);

/* A member of `parent`, made if it is not there. */
struct json *compose_object_in(struct json *parent, const char *key);
struct json *compose_list_in(struct json *parent, const char *key);

typedef enum err compose_take(struct conversion *c, const char *field, const struct json *j);

/* compose_life.c */
compose_take compose_take_command, compose_take_entrypoint, compose_take_image, compose_take_build,
	compose_take_environment, compose_take_restart, compose_take_grace,
	compose_take_healthcheck, compose_take_user, compose_take_read_only,
	compose_take_working_dir;
/* compose_room.c */
compose_take compose_take_mem_limit, compose_take_cpus, compose_take_deploy, compose_take_volumes,
	compose_take_tmpfs;
/* compose_network.c */
compose_take compose_take_ports, compose_take_network_mode, compose_take_hostname;
