/*
 * table - aligned columns without borders, for people and for awk.
 *
 * Cells are collected first and printed once, so that columns are as wide as
 * they need to be. The last column is never padded.
 */
#pragma once

#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 16 };

struct table {
	size_t columns, cell_count, cap;
	char **cells;
};

/* `titles` ends with NULL. */
void table_begin(struct table *t, const char *const *titles);

/* The next cell of the current row, from left to right. */
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print to stdout and forget. */
void table_print(struct table *t);
