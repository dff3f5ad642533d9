/*
 * fuzz_manifest - manifests in YAML or JSON, as a desk reads them and then the board.
 *
 * A board takes no more than a desk does.
 */
#include "ports/yaml.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/configs.h"
#include "workloads/manifest.h"

enum { DOCUMENTS_MAX = 8 };

static bool is_taken(const struct json *tree, enum manifest_use use)
{
	struct pod *pod = NULL;
	struct why why = { "" };
	enum err e = manifest_read(tree, use, &pod, &why);
	assert(e ? why.text[0] != '\0' : pod != NULL);
	if (!e) {
		assert(pod->container_count && pod->container_count <= CONTAINERS_MAX &&
		       pod->name[0]);
		pod_free(pod);
	}
	return !e;
}

static void take(const struct yaml_document *d)
{
	struct configs *configs = calloc(1, sizeof *configs);
	struct why why = { "" };
	assert(configs);
	arena_init(&configs->arena, DOCUMENT_ARENA);
	assert(yaml_line(d, "spec.containers[0].image") >= 0);
	if (configs_is_document(d->tree) && configs_add(configs, d->tree, &why))
		assert(why.text[0]);
	const bool desk = is_taken(d->tree, MANIFEST_DESK);
	assert(desk || !is_taken(d->tree, MANIFEST_BOARD));
	configs_free(configs);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct yaml_document documents[DOCUMENTS_MAX];
	size_t count = 0;
	struct why why = { "" };
	if (yaml_parse((struct bytes){ (const char *)at, len }, documents, DOCUMENTS_MAX, &count,
		       &why)) {
		assert(why.text[0]);
		return 0;
	}
	assert(count <= DOCUMENTS_MAX);
	for (size_t i = 0; i < count; i++)
		take(&documents[i]);
	yaml_documents_free(documents, count);
	return 0;
}
