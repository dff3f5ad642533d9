#include "workloads/wanted.h"

void wanted_free(struct wanted *w)
{
	for (size_t i = 0; i < w->count; i++)
		pod_free(w->pods[i]);
	configs_free(w->configs);
	w->count = 0;
	w->configs = NULL;
}
