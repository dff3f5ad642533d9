/* program - where the agent's other programs are: beside skerryd, or where a package
 * puts what nobody types. */
#pragma once

#include "base/err.h"

enum { PROGRAM_PATH_MAX = 192 };

/* ERR_NOT_FOUND: in neither place. */
enum err program_find(const char *name, char out[PROGRAM_PATH_MAX], struct why *why);
