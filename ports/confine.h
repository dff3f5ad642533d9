/*
 * confine - give up what a program that reads hostile bytes does not need.
 *
 * Implementation: ports/linux/confine_linux.c, confine_agent.c.
 */
#pragma once

#include "base/err.h"

/* For skerryd: only the capabilities that it uses are in effect, those of the programs
 * that it starts stay possible for them, all others are gone for good; no core dumps, of
 * it or of them. Without any capability to begin with it gains none. */
enum err confine_agent(struct why *why);

/* Make `folder` the root and the working folder, keep only the rights to write
 * files there whatever their modes are, and never gain any again. */
enum err confine_to_folder(const char *folder, struct why *why);

/* Take no more than `bytes` of memory for data; what is asked beyond fails. */
enum err confine_memory(long long bytes, struct why *why);

/* Put everything that was written on the medium. */
enum err confine_sync(struct why *why);
