/*
 * json_text - values as JSON text, for what is written a million times.
 *
 * Everything else goes through ports/json.h.
 */
#pragma once

#include "base/text.h"

#include <stdint.h>

/* A string in quotes, escaped. */
void json_text_string(struct text *t, struct bytes s);

/* The shortest of 15 to 17 digits that reads back as the same double. */
void json_text_number(struct text *t, double n);

void json_text_integer(struct text *t, int64_t n);
