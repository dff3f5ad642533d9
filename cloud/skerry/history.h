/* history - what the hub has kept, straight from its database. */
#pragma once

#include "base/exit_code.h"
#include "cloud/skerry/options.h"

/* Lines of a workload, for `skerry logs --db`. */
enum exit_code history_logs(struct options *o, const char *workload);
