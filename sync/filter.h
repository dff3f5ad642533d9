/*
 * filter - MQTT's topic filters: sensors/+/temp, meters/#.
 *
 * As MQTT 3.1.1, 4.7: + stands for one level, # for all that follow and for the
 * level above. A wildcard at the beginning does not match topics that begin
 * with $, which are the broker's own.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>

bool filter_is_valid(struct bytes filter);

bool filter_matches(const char *filter, const char *topic);
