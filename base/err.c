#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

void why_write(struct why *why, const char *fmt, ...)
{
	if (!why)
		return;

	va_list args;
	va_start(args, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, args);
	va_end(args);
}

void why_prefix(struct why *why, const char *prefix)
{
	if (!why)
		return;

	const struct why inner = *why;
	why_write(why, "%s: %s", prefix, inner.text);
}

const char *err_name(enum err code)
{
	static const char *const names[] = {
		[OK] = "ok",
		[ERR_INVALID] = "invalid",
		[ERR_NOT_FOUND] = "not-found",
		[ERR_CONFLICT] = "conflict",
		[ERR_FULL] = "full",
		[ERR_AGAIN] = "again",
		[ERR_OFFLINE] = "offline",
		[ERR_DENIED] = "denied",
		[ERR_CORRUPT] = "corrupt",
		[ERR_SYSTEM] = "system",
	};
	return names[code];
}
