/* fuzz_line - line protocol, as a workload sends it in one datagram. */
#include "sync/line.h"
#include "tests/fuzz/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct point p;
	char *text = fuzz_copy((struct bytes){ (const char *)at, len });
	char *rest = text, *const end = text + len;
	for (enum err e = OK; e != ERR_NOT_FOUND;) {
		struct why why = { "" };
		const char *before = rest;
		e = line_read(&rest, end, &p, &why);
		assert(rest <= end && (rest > before || e == ERR_NOT_FOUND));
		assert(!e || e == ERR_NOT_FOUND || why.text[0]);
		if (!e)
			points_must_travel(&p);
	}
	free(text);
	return 0;
}
