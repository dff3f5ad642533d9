/*
 * line - InfluxDB line protocol: measurement,tag=v field=1.5,other=3i 1732272000123000000
 *
 * The grammar of InfluxDB's documentation: tags and time optional, fields are
 * floats, 12i integers (12u too), t/f/true/false, or "strings"; a backslash
 * escapes commas, blanks and equals signs in names. Time is nanoseconds. NaN
 * and infinity are refused.
 */
#pragma once

#include "sync/point.h"

/* Read the first line of *rest and move behind it. Escapes are resolved in
 * place: the text is changed. ERR_NOT_FOUND: nothing but blank lines and
 * comments is left. ERR_INVALID, ERR_FULL: this line is not taken; *rest is
 * behind it all the same. */
enum err line_read(char **rest, char *end, struct point *out, struct why *why);
