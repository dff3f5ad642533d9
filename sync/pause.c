#include "sync/pause.h"

#include "ports/random.h"

void pause_note_up(struct pause *p, int64_t now_ms)
{
	p->is_up = true;
	p->up_ms = now_ms;
}

int64_t pause_next(struct pause *p, int64_t now_ms)
{
	if (p->is_up && now_ms - p->up_ms >= PAUSE_CALM_MS)
		p->failures = 0;
	p->is_up = false;
	const int64_t most = p->limit_ms ? p->limit_ms : PAUSE_LIMIT_MS;
	int64_t limit = PAUSE_FIRST_MS;
	for (unsigned i = 0; i < p->failures && limit < most; i++)
		limit *= 2;
	p->failures++;
	return random_below((limit < most ? limit : most) + 1);
}
