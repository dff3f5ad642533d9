/*
 * cron - schedules of five fields, as Kubernetes' CronJobs have them, in UTC.
 *
 * minute hour day-of-month month day-of-week; lists, ranges, steps, names of
 * months and days, and @hourly, @daily, @weekly, @monthly, @yearly. When both
 * days are restricted, one of them is enough. Pure: time comes in.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

/* A bit for each value that is in. */
struct cron {
	uint64_t minutes;
	uint32_t hours, days, months, weekdays;
	bool any_day, any_weekday; /* the field was not restricted */
};

/* ERR_INVALID with the reason. */
enum err cron_read(struct bytes text, struct cron *out, struct why *why);

/* The first time of the schedule after `after_ms`, both since 1970; INT64_MAX: none
 * within the next eight years, such as on February 30. */
int64_t cron_next(const struct cron *c, int64_t after_ms);

/* The last time of the schedule within (after_ms, until_ms]; INT64_MIN: none. More
 * than a year before `until_ms` is not looked for. */
int64_t cron_last(const struct cron *c, int64_t after_ms, int64_t until_ms);
