#include "base/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool timestamp_read(const char *s, int64_t *out_ms)
{
	enum { LEN = 20 };
	struct tm t = { 0 };
	char again[LEN + 1];
	if (!s || strlen(s) != LEN ||
	    sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2dZ", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
		   &t.tm_min, &t.tm_sec) != 6)
		return false;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	time_t seconds = timegm(&t);
	/* timegm() carries a 31st of June over, and sscanf() takes blanks and signs. */
	if (!strftime(again, sizeof again, "%Y-%m-%dT%H:%M:%SZ", &t) || strcmp(again, s) != 0)
		return false;
	*out_ms = (int64_t)seconds * 1000;
	return true;
}
