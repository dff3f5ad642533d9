#include "cloud/fleet/window.h"

#include "cloud/fleet/parse.h"

#include <stdio.h>
#include <string.h>

enum err window_read(const struct json *j, const char *path, struct window *out, struct why *why)
{
	static const char *const known[] = { "cron", "duration", "timeZone", NULL };
	static const char *const zones[] = { "Etc/UTC", "UTC", NULL };
	const char *cron = json_string(json_member(j, "cron"));
	char where[120];
	int zone = 0;
	*out = (struct window){ .is_set = true };
	enum err e = parse_known(j, path, known, why);
	if (!e)
		e = parse_span(j, path, "duration", &out->duration_ms, why);
	if (!e)
		e = parse_choice(j, path, "timeZone", zones, &zone, why);
	if (!e && (!cron || out->duration_ms <= 0))
		e = why_set(why, ERR_INVALID, "%s: cron and duration are expected", path);
	if (e)
		return e;
	snprintf(where, sizeof where, "%s.cron", path);
	e = cron_read(bytes_of(cron), &out->cron, why);
	return e ? why_in(why, e, where) : OK;
}

bool window_is_open(const struct window *w, int64_t wall_ms)
{
	return !w->is_set || cron_last(&w->cron, wall_ms - w->duration_ms, wall_ms) != INT64_MIN;
}

int64_t window_next(const struct window *w, int64_t wall_ms)
{
	return w->is_set ? cron_next(&w->cron, wall_ms) : INT64_MAX;
}
