#include "agent/agent_parts.h"

static void on_deploy_accepted(void *owner)
{
	struct agent *a = owner;
	crashes_forgive(&a->crashes);
	agent_start_again(a, "a new state ends safe mode");
}

static void on_deploy_change(void *owner)
{
	struct agent *a = owner;
	link_set_generation(&a->link, a->deploy.running.generation);
	report_changed(&a->report);
	update_want(&a->update, &a->deploy.agent);
}

static enum err ask_blob(void *owner, struct bytes request)
{
	struct agent *a = owner;
	return a->link.is_up ? link_publish(&a->link, "up/blob/get", request, 1, false, NULL)
			     : ERR_OFFLINE;
}

/* --- another agent --- */

static void on_update_change(void *owner)
{
	struct agent *a = owner;
	report_changed(&a->report);
}

static bool is_at_rest(void *owner)
{
	const struct agent *a = owner;
	return deploy_is_at_rest(&a->deploy);
}

static bool is_reported(void *owner)
{
	const struct agent *a = owner;
	return a->link.is_up && a->report.is_delivered;
}

static bool needs_image(void *owner, const char *digest)
{
	const struct agent *a = owner;
	return update_needs_image(&a->update, digest);
}

static bool needs_blobs(void *owner)
{
	const struct agent *a = owner;
	return update_needs_blobs(&a->update);
}

/* --- opening --- */

void agent_open_update(struct agent *a)
{
	const struct update_options options = {
		.loop = a->loop,
		.supervisor = &a->supervisor,
		.images = &a->images,
		.blobs = &a->blobs,
		.events = &a->events,
		.state_dir = a->config.state_dir,
		.owner = a,
		.ask_blob = ask_blob,
		.is_at_rest = is_at_rest,
		.is_reported = is_reported,
		.on_change = on_update_change,
		.on_restart = agent_start_again,
	};
	update_open(&a->update, &options);
}

static struct json *labels_of_board(void *owner, const struct json *given)
{
	return report_labels(owner, given);
}

enum err agent_open_deploy(struct agent *a, struct why *why)
{
	const struct deploy_options options = {
		.loop = a->loop,
		.store = a->store,
		.supervisor = &a->supervisor,
		.images = &a->images,
		.inspection = &a->inspection,
		.blobs = &a->blobs,
		.events = &a->events,
		.anchor = a->anchor,
		.fleet = a->config.fleet,
		.device = a->config.device,
		.memory_bytes = a->board.memory_bytes,
		.cpu_milli = a->board.cpu_milli,
		.is_safe_mode = a->crashes.is_safe_mode,
		.owner = a,
		.on_change = on_deploy_change,
		.labels = labels_of_board,
		.on_safe_accepted = on_deploy_accepted,
		.ask_blob = ask_blob,
		.needs_image = needs_image,
		.needs_blobs = needs_blobs,
	};
	return deploy_open(&a->deploy, &options, why);
}
