#include "cloud/skerry/table.h"

#include "base/utf8.h"
#include "cloud/skerry/terminal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void push(struct table *t, char *cell)
{
	if (t->cell_count == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->cells = realloc(t->cells, t->cap * sizeof *t->cells);
		assert(t->cells);
	}
	t->cells[t->cell_count++] = cell;
}

void table_begin(struct table *t, const char *const *titles)
{
	*t = (struct table){ 0 };
	for (; titles[t->columns]; t->columns++)
		push(t, strdup(titles[t->columns]));
	assert(t->columns <= TABLE_COLUMNS_MAX);
}

void table_add(struct table *t, const char *fmt, ...)
{
	char *cell = NULL;
	va_list args;
	va_start(args, fmt);
	int n = vasprintf(&cell, fmt, args);
	va_end(args);
	assert(n >= 0);
	utf8_make_plain(cell);
	push(t, cell);
}

/* Columns on the screen: continuation bytes of UTF-8 take none. */
static int width_of(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_cell(const char *cell, bool coloured)
{
	const char *colour = coloured ? terminal_colour_of(cell) : "";
	printf("%s%s%s", colour, cell, *colour ? TERMINAL_PLAIN : "");
}

void table_print(struct table *t)
{
	const bool coloured = terminal_has_colour(stdout);
	int widths[TABLE_COLUMNS_MAX] = { 0 };
	for (size_t i = 0; i < t->cell_count; i++) {
		int w = width_of(t->cells[i]);
		if (w > widths[i % t->columns])
			widths[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->cell_count; i++) {
		size_t column = i % t->columns;
		bool last = column + 1 == t->columns;
		int pad = last ? 0 : widths[column] - width_of(t->cells[i]) + 2;
		print_cell(t->cells[i], coloured);
		printf("%*s%s", pad, "", last ? "\n" : "");
		free(t->cells[i]);
	}
	free(t->cells);
	*t = (struct table){ 0 };
}
