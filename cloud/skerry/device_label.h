/*
 * device_label - the labels that a desk gives a device, changed: KEY=VALUE sets one, KEY- takes
 * one away.
 */
#pragma once

#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/options.h"

/* ERR_INVALID: one of them is no change of a label, or two are of one. */
enum err device_label_check(const struct option_list *changes, struct why *why);

/* What the device is given (not what it says itself), with the changes; the caller frees it.
 * ERR_INVALID: a fact, which nobody can give. */
enum err device_label_make(const struct device_view *d, const struct option_list *changes,
			   struct json **out, struct why *why);
