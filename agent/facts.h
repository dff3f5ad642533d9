/*
 * facts - what somebody wrote down about a board: boards/NAME/board.json.
 *
 * The format is docs/schema/board.json; members that only tests or people use
 * are passed over.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { FACTS_DEVICES_MAX = 16, FACTS_FILE_MAX = 64 * 1024 };

struct facts {
	char name[64];
	char architecture[16]; /* Debian's name, such as "armhf" */
	int64_t memory_bytes;  /* of the smallest one meant */
	char command_line[256];
	char command_line_file[128];         /* where it is kept; "": unknown */
	char watchdog[64];                   /* device; "": none */
	char devices[FACTS_DEVICES_MAX][96]; /* clock, serial ports, sensors */
	size_t device_count;
};

/* ERR_INVALID: "PATH: reason"; ERR_NOT_FOUND. */
enum err facts_read(struct facts *f, const char *path, struct why *why);
