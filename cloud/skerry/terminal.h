/*
 * terminal - is somebody watching, and may words have a colour?
 *
 * Colour is never the only carrier of a meaning: the words say it too. In a pipe, with
 * $NO_COLOR (https://no-color.org) or on a "dumb" terminal there is none.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>

bool terminal_is_watched(FILE *f);
bool terminal_has_colour(FILE *f);

/* What begins and ends the colour of a word that means good, doubtful or bad; "" for others. */
const char *terminal_colour_of(const char *word);
extern const char TERMINAL_PLAIN[];

/* One line, '\n' added, without any control character: for what a device, a hub or a file says. */
void terminal_line(FILE *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* An empty screen, to draw anew. */
void terminal_clear(FILE *f);
