/* timetable - starts the runs of a CronJob; schedule.h says when. */
#pragma once

#include "workloads/running.h"

void timetable_open(struct running_pod *r);
