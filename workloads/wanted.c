#include "workloads/wanted.h"

#include <string.h>

bool wanted_is_image_known(const struct wanted *w, size_t pod, size_t container)
{
	const char *digest = w->pods[pod]->containers[container].image_digest;
	for (size_t i = 0; i <= pod && digest; i++) {
		const struct pod *p = w->pods[i];
		const size_t end = i == pod ? container : p->container_count;
		for (size_t k = 0; k < end; k++) {
			const char *other = p->containers[k].image_digest;
			if (other && strcmp(other, digest) == 0)
				return true;
		}
	}
	return false;
}

void wanted_free(struct wanted *w)
{
	for (size_t i = 0; i < w->count; i++)
		pod_free(w->pods[i]);
	configs_free(w->configs);
	w->count = 0;
	w->configs = NULL;
}
