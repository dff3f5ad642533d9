#include "workloads/verdict.h"

#include "base/text.h"
#include "workloads/resolve.h"

#include <stdio.h>
#include <string.h>

bool verdict_is_good(const struct workload_exit *x)
{
	return x->known && !x->failed_start && !x->oom && x->code == 0;
}

const char *verdict_reason(const struct workload_exit *x)
{
	if (x->known && x->failed_start && text_starts(x->message, RESOLVE_REASON))
		return RESOLVE_REASON;
	if (x->known && x->failed_start)
		return "FailedStart";
	if (x->known && x->oom)
		return "OOMKilled";
	return verdict_is_good(x) ? "Completed" : "Exited";
}

void verdict_describe(const struct workload_exit *x, char out[VERDICT_TEXT_MAX])
{
	if (!x->known)
		snprintf(out, VERDICT_TEXT_MAX, "nobody saw how it ended");
	else if (x->failed_start)
		snprintf(out, VERDICT_TEXT_MAX, "%s", x->message);
	else if (x->oom)
		snprintf(out, VERDICT_TEXT_MAX, "killed: it needed more memory than its limit");
	else if (x->signal)
		snprintf(out, VERDICT_TEXT_MAX, "ended by signal %d (%s)", x->signal,
			 strsignal(x->signal));
	else
		snprintf(out, VERDICT_TEXT_MAX, "exit code %d", x->code);
}

bool verdict_starts_again(enum restart_policy policy, const struct workload_exit *x)
{
	if (policy == RESTART_ON_FAILURE)
		return !verdict_is_good(x);
	return policy == RESTART_ALWAYS;
}
