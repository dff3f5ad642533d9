#include "sync/pause.h"

#include "ports/random.h"

int64_t pause_next(struct pause *p)
{
	int64_t limit = PAUSE_FIRST_MS;
	for (unsigned i = 0; i < p->failures && limit < PAUSE_LIMIT_MS; i++)
		limit *= 2;
	p->failures++;
	return random_below((limit < PAUSE_LIMIT_MS ? limit : PAUSE_LIMIT_MS) + 1);
}
