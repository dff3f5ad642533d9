/*
 * vitals_fake - a /proc and /sys made of text, in place of ports/linux/vitals_linux.c.
 */
#pragma once

#include "ports/vitals.h"

/* Nothing is there. */
void vitals_fake_reset(void);

/* A file; folders above it are there with it. `text` is borrowed, NULL takes it away. */
void vitals_fake_set(const char *path, const char *text);

/* What every path is on. */
void vitals_fake_disk(struct vitals_disk d);
