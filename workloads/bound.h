/*
 * bound - what ends a pod before its time: activeDeadlineSeconds, and an emptyDir
 * that holds more than its sizeLimit, looked at once a minute, as a kubelet does.
 * It also takes away what a finished job left, after its ttl.
 */
#pragma once

#include "workloads/running.h"

void bound_init(struct running_pod *r);

/* The pod has begun. */
void bound_watch(struct running_pod *r);

/* Its job has ended: nothing of it is kept longer than ttlSecondsAfterFinished. */
void bound_outlive(struct running_pod *r);
