#include "cloud/skerry/progress.h"

#include "base/quantity.h"
#include "base/text.h"
#include "cloud/skerry/terminal.h"
#include "ports/clock.h"

#include <stdio.h>

void progress_begin(struct progress *p, const char *what, int64_t total)
{
	*p = (struct progress){
		.what = terminal_is_watched(stderr) ? what : NULL,
		.total = total,
		.began_ms = clock_now_ms(),
	};
}

static void add_size(struct text *t, int64_t bytes)
{
	char size[16];
	quantity_print(size, bytes);
	text_add(t, "%sB", size);
}

static void print(struct progress *p, int64_t done, int64_t moved)
{
	char line[96];
	struct text t = text_in(line, sizeof line);
	const int64_t ms = clock_now_ms() - p->began_ms;
	text_add(&t, "%s  ", p->what);
	add_size(&t, done);
	if (p->total) {
		text_add(&t, " of ");
		add_size(&t, p->total);
		text_add(&t, "  %d%%", (int)((double)done * 100 / (double)p->total));
	}
	if (ms >= PROGRESS_SPEED_MS) {
		text_add(&t, "  ");
		add_size(&t, moved * 1000 / ms);
		text_add(&t, "/s");
	}
	/* What was longer is written over. */
	const int rest = p->width > t.len ? (int)(p->width - t.len) : 0;
	fprintf(stderr, "\r%s%*s", line, rest, "");
	p->width = t.len;
	p->shown_ms = clock_now_ms();
}

void progress_show(struct progress *p, int64_t done, int64_t moved)
{
	if (p->what && clock_now_ms() - p->shown_ms >= PROGRESS_EVERY_MS)
		print(p, done, moved);
}

void progress_end(struct progress *p, int64_t done, int64_t moved)
{
	if (!p->what || !p->width)
		return;
	print(p, done, moved);
	fputs("\n", stderr);
	p->width = 0;
}
