#include "cloud/skerry/local.h"
#include "cloud/skerry/verbs.h"

#include <stdio.h>

enum exit_code verb_wake(struct options *o)
{
	struct json *request = json_new_object(), *answer;
	struct why why;
	if (o->word_count != 1) {
		json_free(request);
		return exit_code_tell(
			why_set(&why, ERR_INVALID, "which workload? POD or POD/CONTAINER"), &why);
	}
	json_set_string(request, "verb", "wake");
	json_set_string(request, "workload", o->words[0]);
	enum err e = local_ask(o->run_dir, request, &answer, &why);
	json_free(request);
	if (e)
		return exit_code_tell(e, &why);
	printf("%s is awake\n", json_string(json_member(answer, "woken")));
	json_free(answer);
	return EXIT_CODE_OK;
}
