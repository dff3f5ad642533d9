/* fuzz_oci - index, manifest and configuration of an image from anywhere. */
#include "tests/fuzz/fuzz.h"
#include "workloads/oci.h"

static void check_descriptor(const struct oci_descriptor *d)
{
	assert(label_is_digest(bytes_of(d->digest)) && d->size >= 0);
}

static void read_index(const struct json *j)
{
	static const char *const machines[] = { "amd64", "arm64", "arm/v7", NULL };
	struct oci_descriptor d;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		struct why why = { "" };
		if (oci_choose(j, machines[i], &d, &why))
			assert(why.text[0]);
		else
			check_descriptor(&d);
	}
}

static void read_manifest(const struct json *j)
{
	static struct oci_manifest m;
	struct why why = { "" };
	if (oci_read_manifest(j, &m, &why)) {
		assert(why.text[0]);
		return;
	}
	assert(m.layer_count <= OCI_LAYERS_MAX);
	check_descriptor(&m.config);
	for (size_t i = 0; i < m.layer_count; i++)
		check_descriptor(&m.layers[i]);
}

static void read_config(const struct json *j)
{
	static struct oci_config c;
	struct why why = { "" };
	if (oci_read_config(j, &c, &why)) {
		assert(why.text[0]);
		return;
	}
	assert(c.layer_count <= OCI_LAYERS_MAX);
	for (size_t i = 0; i < c.layer_count; i++)
		assert(label_is_digest(bytes_of(c.diff_ids[i])));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct json *j;
	bool is_index = false;
	struct why why = { "" };
	if (json_parse((struct bytes){ (const char *)at, len }, &j, NULL))
		return 0;
	if (oci_is_index(j, &is_index, &why))
		assert(why.text[0]);
	read_index(j);
	read_manifest(j);
	read_config(j);
	json_free(j);
	return 0;
}
