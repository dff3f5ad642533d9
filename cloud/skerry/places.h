/*
 * places - what is told of devices that would not run what they are to be told, before anything
 * is published. One wording for an apply and a rollout.
 */
#pragma once

#include "cloud/fleet/fit.h"

/* On stderr, a line each: why the device refuses the state, or which of its pods will wait, or
 * that nobody knows. False: it refuses. `fit` NULL: nothing would change there. */
bool places_tell(const char *device, const struct fit *fit);

/* Pods that will wait, alone. */
void places_tell_waiting(const char *device, const struct fit *fit);

/* ERR_INVALID, as so many of the devices refuse it. */
enum err places_refuse(size_t misfits, size_t devices, struct why *why);
