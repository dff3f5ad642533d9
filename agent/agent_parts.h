/*
 * agent_parts - how agent.c brings up its parts, each with the hooks that tell it to the others.
 * Nobody else calls these.
 */
#pragma once

#include "agent/agent.h"

enum { STATE_PATH_MAX = 192 }; /* of what is in state_dir and run_dir, in bytes */

/* What is on flash: folders and their lock, the database, trust, and how often it has crashed. */
enum err agent_open_folders(struct agent *a, struct why *why);
enum err agent_open_store(struct agent *a, struct why *why);
enum err agent_open_anchor(struct agent *a, struct why *why);
void agent_open_crashes(struct agent *a);

/* What workloads run in. */
enum err agent_open_images(struct agent *a, struct why *why);
enum err agent_open_cgroups(struct agent *a, struct why *why);
void agent_open_supervisor(struct agent *a);

/* What they and others tell. */
enum err agent_open_collecting(struct agent *a, struct why *why);
enum err agent_open_sources(struct agent *a, struct why *why);
void agent_close_sources(struct agent *a);

enum err agent_open_link(struct agent *a, struct why *why);

void agent_open_update(struct agent *a);
enum err agent_open_deploy(struct agent *a, struct why *why);

/* End as after a failure, and come back; `owner` is the agent. */
void agent_start_again(void *owner, const char *why);
