/*
 * diff - what files would change, device by device; devices that would change alike are one group.
 */
#pragma once

#include "ports/json.h"

/* A report for people, on stdout, from what docs/schema/diff.json describes. */
void diff_print(const struct json *report);
