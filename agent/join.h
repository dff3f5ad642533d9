/*
 * join - `skerryd join`: a board becomes a member of a fleet.
 *
 * Takes the line that `skerry device add` has printed: makes a key, claims a
 * certificate for it, and writes the configuration. Each step is on flash before the
 * next; the same line given again goes on where it was cut off.
 */
#pragma once

#include "base/exit_code.h"

/* argv[0] is "join". */
enum exit_code join_run(int argc, char **argv);
