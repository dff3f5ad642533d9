#include "cloud/skerry/ask.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/verbs.h"

#include <stdio.h>

static enum err restart_here(const struct options *o, const char *workload, struct why *why)
{
	struct json *request = json_new_object(), *answer;
	json_set_string(request, "verb", "restart");
	json_set_string(request, "workload", workload);
	enum err e = local_ask(o->run_dir, request, &answer, why);
	json_free(request);
	if (e)
		return e;
	printf("restarted   %s\n", workload);
	json_free(answer);
	return OK;
}

static enum err restart_there(struct options *o, const char *device, const char *workload,
			      struct why *why)
{
	struct ask a;
	const struct json *body;
	struct json *args = json_new_object();
	json_set_string(args, "workload", workload);
	enum err e = ask_open(&a, o, "restart", device, workload, why);
	if (e)
		json_free(args);
	else
		e = ask_send(&a, args, why);
	if (!e)
		e = ask_wait(&a, DESK_WAIT_MS, &body, why);
	if (!e)
		printf("restarted   %s  %s\n", a.device, workload);
	ask_close(&a);
	return e;
}

enum exit_code verb_restart(struct options *o)
{
	struct why why;
	const char *device = o->word_count == 2 ? o->words[0] : NULL;
	const char *workload = o->word_count ? o->words[o->word_count - 1] : NULL;
	enum err e;
	if (o->word_count < 1 || o->word_count > 2)
		e = why_set(&why, ERR_INVALID, "[DEVICE] and POD or POD/CONTAINER are expected");
	else if (!o->broker_text && device)
		e = options_need_broker(o, &why);
	else if (!o->broker_text)
		e = restart_here(o, workload, &why);
	else
		e = restart_there(o, device, workload, &why);
	return exit_code_tell(e, &why);
}
