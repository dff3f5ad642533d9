/* fuzz_statsd - statsd, a line at a time as its server cuts them. */
#include "sync/statsd.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

static void take(struct bytes line)
{
	static struct statsd_line l;
	struct why why = { "" };
	struct bytes value;
	size_t values = 0;
	if (statsd_read(line, &l, &why)) {
		assert(why.text[0]);
		return;
	}
	assert(l.key.measurement.len && l.key.field_count == 0);
	assert(l.key.tag_count <= STATSD_TAGS_MAX && l.rate > 0 && l.rate <= 1);
	assert(statsd_type_name(l.type)[0]);
	while (statsd_next(&l, &value)) {
		double n;
		bool is_relative;
		assert(value.at >= line.at && value.at + value.len <= line.at + line.len);
		assert(++values <= line.len);
		if (statsd_number(value, &n, &is_relative))
			assert(isfinite(n));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	char *text = fuzz_copy((struct bytes){ (const char *)at, len });
	char *rest = text, *const end = text + len;
	while (rest < end) {
		const char *newline = memchr(rest, '\n', (size_t)(end - rest));
		const size_t n = (size_t)((newline ? newline : end) - rest);
		if (n)
			take((struct bytes){ rest, n });
		rest += n + 1;
	}
	free(text);
	return 0;
}
