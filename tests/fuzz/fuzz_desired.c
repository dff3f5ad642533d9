/* fuzz_desired - desired states that nobody needs to have signed, and the pods inside. */
#include "sync/desired.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/configs.h"
#include "workloads/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct desired d;
	struct configs *configs = NULL;
	struct why why = { "" };
	if (desired_open((struct bytes){ (const char *)at, len }, "main", "drone-07", &d, &why)) {
		assert(why.text[0] && !d.document);
		return 0;
	}
	assert(d.id.epoch >= 0 && d.id.generation >= 0 && d.id.trust == 0 && d.workloads);
	assert(desired_compare(&d.id, &d.id) == DESIRED_SAME);
	if (configs_read(d.configs, &configs, &why))
		assert(why.text[0] && !configs);
	for (const struct json *j = json_first(d.workloads); j; j = json_next(j)) {
		struct pod *pod;
		if (manifest_read(j, MANIFEST_BOARD, &pod, &why) == OK)
			pod_free(pod);
	}
	configs_free(configs);
	desired_free(&d);
	return 0;
}
