/* fuzz_payload - what a plain sensor publishes at the gateway's own broker. */
#include "sync/payload.h"
#include "tests/fuzz/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct point p;
	static struct payload_names names;
	const struct bytes text = { (const char *)at, len };
	struct why why = { "" };
	struct json *j;
	(void)payload_recognise(text);
	if (payload_read_number(text, "sensor", &p, &why) == OK)
		points_must_travel(&p);
	else
		assert(why.text[0]);
	if (json_parse(text, &j, NULL))
		return 0;
	if (payload_read_object(j, "sensor", &names, &p, &why) == OK)
		points_must_travel(&p);
	json_free(j);
	return 0;
}
