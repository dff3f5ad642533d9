/*
 * files - takes devices' files, block by block (docs/protocol.md#files).
 *
 * A device announces a file, the hub says how much of it it has, and the device sends
 * on from there. What is known of a file under way lives in memory: who sends a block
 * of one that the hub does not know is asked to announce it again. A device hears
 * "done" when the file is flushed and its row is committed.
 */
#pragma once

#include "cloud/hub/hub.h"
#include "sync/topic.h"

/* up/file/{id} and up/file/{id}/{offset}. */
void files_on_letter(struct hub *h, const struct topic *t, struct bytes payload);

/* Forget what is under way; what has come stays on the disk. */
void files_close(struct hub *h);
