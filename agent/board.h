/* board - what this machine has: the standing offer in the report. */
#pragma once

#include <stdint.h>

struct board {
	int64_t memory_bytes;
	int64_t cpu_milli;
	char architecture[16], kernel[64];
};

void board_read(struct board *b);
