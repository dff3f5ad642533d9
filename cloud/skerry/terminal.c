#include "cloud/skerry/terminal.h"

#include "base/text.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char TERMINAL_PLAIN[] = "\033[0m";

bool terminal_is_watched(FILE *f)
{
	const char *term = getenv("TERM");
	return isatty(fileno(f)) && term && strcmp(term, "dumb") != 0;
}

bool terminal_has_colour(FILE *f)
{
	const char *none = getenv("NO_COLOR");
	return terminal_is_watched(f) && !(none && *none);
}

const char *terminal_colour_of(const char *word)
{
	static const char GOOD[] = "ready running ok completed succeeded yes",
			  DOUBTFUL[] = "progressing downloading starting stopping waiting standby "
				       "idle warn unmanaged paused held late",
			  BAD[] = "failed fail offline lost rolled-back degraded rejected halted";
	if (text_list_has(GOOD, word))
		return "\033[32m";
	if (text_list_has(DOUBTFUL, word))
		return "\033[33m";
	return text_list_has(BAD, word) ? "\033[31m" : "";
}

void terminal_line(FILE *f, const char *fmt, ...)
{
	char *line = NULL;
	va_list args;
	va_start(args, fmt);
	const int n = vasprintf(&line, fmt, args);
	va_end(args);
	assert(n >= 0);
	utf8_make_plain(line);
	fprintf(f, "%s\n", line);
	free(line);
}

void terminal_clear(FILE *f)
{
	fputs("\033[H\033[2J", f);
}
