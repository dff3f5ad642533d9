#include "workloads/oci.h"

#include "base/limits.h"
#include "base/text.h"
#include "tests/check.h"

#include <string.h>

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define CONFIG                                                                                     \
	"\"config\":{\"mediaType\":\"" OCI "config.v1+json\",\"digest\":\"" A "\",\"size\":7}"
#define LAYER(type, size) "{\"mediaType\":\"" type "\",\"digest\":\"" B "\",\"size\":" size "}"
#define GZIP OCI "layer.v1.tar+gzip"
#define IMAGE(digest, platform)                                                                    \
	"{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"" digest                          \
	"\",\"size\":7,\"platform\":" platform "}"

static struct why why;

static struct json *parse(const char *text)
{
	struct json *j;
	assert_ok(json_parse(bytes_of(text), &j, &why));
	return j;
}

static enum err read_manifest(const char *text, struct oci_manifest *m)
{
	struct json *j = parse(text);
	enum err e = oci_read_manifest(j, m, &why);
	json_free(j);
	return e;
}

static void refuses_manifest(const char *text, enum err class, const char *reason)
{
	struct oci_manifest m;
	assert_err(class, read_manifest(text, &m));
	if (!strstr(why.text, reason))
		fail_msg("\"%s\" does not say \"%s\"", why.text, reason);
}

static void a_manifest_names_its_blobs(void **state)
{
	struct oci_manifest m;
	(void)state;
	assert_ok(read_manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP, "12") "]}", &m));
	assert_string_equal(m.config.digest, A);
	assert_int_equal(m.layer_count, 1);
	assert_string_equal(m.layers[0].digest, B);
	assert_int_equal(m.layers[0].size, 12);
}

static void dockers_words_mean_the_same(void **state)
{
	struct oci_manifest m;
	(void)state;
	assert_ok(read_manifest("{\"mediaType\":\"" DOCKER "distribution.manifest.v2+json\","
				"\"config\":{\"mediaType\":\"" DOCKER
				"container.image.v1+json\",\"digest\":\"" A "\",\"size\":7},"
				"\"layers\":[" LAYER(DOCKER "image.rootfs.diff.tar.gzip", "1") "]}",
				&m));
	assert_int_equal(m.layer_count, 1);
}

static void a_document_that_could_be_two_is_refused(void **state)
{
	(void)state;
	refuses_manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP, "1") "],\"manifests\":[]}",
			 ERR_INVALID, "two things");
	refuses_manifest("{\"manifests\":[]}", ERR_INVALID, "several images");
	refuses_manifest("{}", ERR_INVALID, "neither");
	refuses_manifest("{\"mediaType\":\"" OCI "index.v1+json\"," CONFIG ",\"layers\":[]}",
			 ERR_INVALID, "has the type");
}

static void what_is_no_container_is_refused(void **state)
{
	(void)state;
	refuses_manifest("{\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\","
			 "\"digest\":\"" A "\",\"size\":7},\"layers\":[" LAYER(GZIP, "1") "]}",
			 ERR_INVALID, "helm");
	refuses_manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP "+encrypted", "1") "]}", ERR_INVALID,
			 "encrypted");
}

static void sizes_are_bounded_and_do_not_wrap(void **state)
{
	(void)state;
	refuses_manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP, "-1") "]}", ERR_INVALID,
			 "without digest or size");
	refuses_manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP, "268435457") "]}", ERR_FULL,
			 "256 MiB");
	refuses_manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP, "9000000000000000") "," LAYER(
				 GZIP, "9000000000000000") "]}",
			 ERR_FULL, "256 MiB");
	refuses_manifest("{" CONFIG ",\"layers\":[]}", ERR_INVALID, "0 layers");
}

static void more_layers_than_we_take_are_refused(void **state)
{
	char text[OCI_DOCUMENT_MAX];
	struct text t = text_in(text, sizeof text);
	(void)state;
	text_add(&t, "{%s,\"layers\":[", CONFIG);
	for (int i = 0; i <= OCI_LAYERS_MAX; i++)
		text_add(&t, "%s%s", i ? "," : "", LAYER(GZIP, "1"));
	text_add(&t, "]}");
	refuses_manifest(text, ERR_INVALID, "33 layers");
}

static enum err choose(const char *entries, const char *architecture, struct oci_descriptor *out)
{
	char text[4096];
	struct text t = text_in(text, sizeof text);
	text_add(&t, "{\"manifests\":[%s]}", entries);
	struct json *j = parse(text);
	enum err e = oci_choose(j, architecture, out, &why);
	json_free(j);
	return e;
}

#define P(architecture, more) "{\"os\":\"linux\",\"architecture\":\"" architecture "\"" more "}"
#define VARIANT(v) ",\"variant\":\"" v "\""

static void an_index_chooses_by_architecture(void **state)
{
	static const char both[] = IMAGE(A, P("amd64", "")) "," IMAGE(B, P("arm64", VARIANT("v8")));
	struct oci_descriptor d;
	(void)state;
	assert_ok(choose(both, "amd64", &d));
	assert_string_equal(d.digest, A);
	assert_ok(choose(both, "arm64", &d));
	assert_string_equal(d.digest, B);
	assert_err(ERR_INVALID, choose(both, "riscv64", &d));
	assert_string_equal(why.text, "no image for riscv64; there are: amd64, arm64/v8");
	assert_err(ERR_INVALID, choose(both, NULL, &d));
	assert_string_equal(why.text,
			    "several images, for amd64, arm64/v8: choose one with --arch");
}

static void arm_takes_v7_then_what_is_older(void **state)
{
	struct oci_descriptor d;
	(void)state;
	assert_ok(choose(IMAGE(A, P("arm", VARIANT("v6"))) "," IMAGE(
				 B, P("arm", VARIANT("v7"))) "," IMAGE(C, P("arm", VARIANT("v5"))),
			 "arm", &d));
	assert_string_equal(d.digest, B);
	assert_ok(choose(IMAGE(A, P("arm", VARIANT("v5"))) "," IMAGE(C, P("arm", VARIANT("v6"))),
			 "arm", &d));
	assert_string_equal(d.digest, C);
	assert_err(ERR_INVALID, choose(IMAGE(A, P("arm", VARIANT("v8"))), "arm", &d));
}

static void what_needs_a_newer_processor_is_not_chosen(void **state)
{
	struct oci_descriptor d;
	(void)state;
	assert_ok(choose(IMAGE(A, P("amd64", VARIANT("v3"))) "," IMAGE(B, P("amd64", "")), "amd64",
			 &d));
	assert_string_equal(d.digest, B);
	assert_err(ERR_INVALID, choose(IMAGE(A, P("amd64", VARIANT("v3"))), "amd64", &d));
}

static void attestations_and_other_systems_are_no_choice(void **state)
{
	static const char mixed[] =
		IMAGE(A, "{\"os\":\"unknown\",\"architecture\":\"unknown\"}") "," IMAGE(
			B, "{\"os\":\"windows\",\"architecture\":\"amd64\"}") "," IMAGE(C,
											P("amd64",
											  ""));
	struct oci_descriptor d;
	(void)state;
	assert_ok(choose(mixed, NULL, &d));
	assert_string_equal(d.digest, C);
	assert_ok(choose(mixed, "amd64", &d));
	assert_string_equal(d.digest, C);
}

static void one_image_under_two_names_is_one(void **state)
{
	struct oci_descriptor d;
	(void)state;
	assert_ok(choose(IMAGE(A, P("amd64", "")) "," IMAGE(A, P("amd64", "")), NULL, &d));
	assert_string_equal(d.digest, A);
	assert_err(ERR_INVALID,
		   choose(IMAGE(A, P("amd64", "")) "," IMAGE(B, P("amd64", "")), "amd64", &d));
}

static enum err read_config(const char *text, struct oci_config *c)
{
	struct json *j = parse(text);
	enum err e = oci_read_config(j, c, &why);
	json_free(j);
	return e;
}

static void a_configuration_tells_machine_and_layers(void **state)
{
	struct oci_config c;
	(void)state;
	assert_ok(read_config("{\"architecture\":\"arm64\",\"os\":\"linux\",\"rootfs\":"
			      "{\"type\":\"layers\",\"diff_ids\":[\"" A "\"]}}",
			      &c));
	assert_string_equal(c.architecture, "arm64");
	assert_int_equal(c.layer_count, 1);
	assert_string_equal(c.diff_ids[0], A);
	assert_err(ERR_INVALID, read_config("{\"os\":\"windows\"}", &c));
	assert_err(ERR_INVALID, read_config("{\"rootfs\":{\"diff_ids\":[\"md5:1\"]}}", &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_names_its_blobs),
		cmocka_unit_test(dockers_words_mean_the_same),
		cmocka_unit_test(a_document_that_could_be_two_is_refused),
		cmocka_unit_test(what_is_no_container_is_refused),
		cmocka_unit_test(sizes_are_bounded_and_do_not_wrap),
		cmocka_unit_test(more_layers_than_we_take_are_refused),
		cmocka_unit_test(an_index_chooses_by_architecture),
		cmocka_unit_test(arm_takes_v7_then_what_is_older),
		cmocka_unit_test(what_needs_a_newer_processor_is_not_chosen),
		cmocka_unit_test(attestations_and_other_systems_are_no_choice),
		cmocka_unit_test(one_image_under_two_names_is_one),
		cmocka_unit_test(a_configuration_tells_machine_and_layers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
