#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

enum err why_set(struct why *why, enum err code, const char *fmt, ...)
{
	if (!why)
		return code;

	va_list args;
	va_start(args, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, args);
	va_end(args);
	return code;
}

enum err why_in(struct why *why, enum err code, const char *prefix)
{
	if (!why)
		return code;

	const struct why inner = *why;
	return why_set(why, code, "%s: %s", prefix, inner.text);
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
