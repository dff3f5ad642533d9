/*
 * render - one device's desired state from what a fleet shall run, and what is special about
 * the device. Pure: the same input, the same bytes.
 *
 * Overrides are merged as `kubectl patch` does it: objects member by member, null removes, a list
 * whose elements have names (containers, env, volumes) element by element by their name,
 * everything else is replaced.
 */
#pragma once

#include "ports/json.h"

/* What a state says, beside who and when. The three are the caller's. */
struct content {
	struct json *policy, *workloads, *configs;
};

void content_free(struct content *c);
bool content_is_same(const struct content *c, const struct json *state);

struct render_source {
	const struct json *const *pods, *const *configs;
	size_t pod_count, config_count;
	bool is_whole;             /* what the state has beside them goes */
	const struct json *policy; /* members that take the place of what was; or NULL */
	int64_t healthy_ms;        /* likewise; -1: as before */
	/* Of the device: {"KIND/NAME": PATCH}; KIND is pod for all that become pods. NULL: none. */
	const struct json *overrides;
};

/* `before` is the device's present state, or NULL. What is there keeps its place; what is
 * new comes behind. ERR_NOT_FOUND: an override is about something that is not there. */
enum err render_content(const struct json *before, const struct render_source *s,
			struct content *out, struct why *why);

/* A patch merged into a copy of `base`. The caller frees it. */
struct json *render_patch(const struct json *base, const struct json *patch);
