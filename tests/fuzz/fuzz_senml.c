/* fuzz_senml - SenML packs; the first byte says whether our clock is set. */
#include "sync/senml.h"
#include "tests/fuzz/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct point p;
	struct senml s;
	struct json *pack;
	struct bytes b = { (const char *)at, len };
	const int64_t now_ms = fuzz_byte(&b) & 1 ? 1795514400000 : 0;
	if (json_parse(b, &pack, NULL))
		return 0;
	enum err e = senml_begin(&s, pack, now_ms, NULL);
	for (bool begun = !e; begun && e != ERR_NOT_FOUND;) {
		struct why why = { "" };
		e = senml_read(&s, &p, &why);
		assert(!e || e == ERR_NOT_FOUND || why.text[0]);
		if (!e)
			points_must_travel(&p);
	}
	json_free(pack);
	return 0;
}
