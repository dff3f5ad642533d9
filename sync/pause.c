#include "sync/pause.h"

#include "ports/random.h"

int64_t pause_next(struct pause *p)
{
	const int64_t most = p->limit_ms ? p->limit_ms : PAUSE_LIMIT_MS;
	int64_t limit = PAUSE_FIRST_MS;
	for (unsigned i = 0; i < p->failures && limit < most; i++)
		limit *= 2;
	p->failures++;
	return random_below((limit < most ? limit : most) + 1);
}
