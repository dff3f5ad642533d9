/* fuzz_exposition - what a pod shows to Prometheus; the first byte chooses OpenMetrics. */
#include "sync/exposition.h"
#include "tests/fuzz/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct point p;
	struct bytes b = { (const char *)at, len };
	const bool is_openmetrics = fuzz_byte(&b) & 1;
	char *text = fuzz_copy(b);
	char *rest = text, *const end = text + b.len;
	while (rest < end) {
		struct why why = { "" };
		const char *newline = memchr(rest, '\n', (size_t)(end - rest));
		const size_t n = (size_t)((newline ? newline : end) - rest);
		enum err e = exposition_read(rest, n, is_openmetrics, &p, &why);
		assert(!e || e == ERR_NOT_FOUND || why.text[0]);
		if (!e)
			points_must_travel(&p);
		rest += n + 1;
	}
	free(text);
	return 0;
}
