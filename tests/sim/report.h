/* report - a simulated device's up/state, as docs/protocol.md has it. */
#pragma once

#include "tests/sim/member.h"

/* JSON; the caller frees it. */
char *report_print(struct member *m);
