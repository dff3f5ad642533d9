/*
 * sql_engine - what an engine does for ports/sql.h; sql.c hands the calls on.
 *
 * An engine's own structs begin with these.
 */
#pragma once

#include "ports/sql.h"

struct sql_engine {
	bool is_server;
	const char *now, *begin;
	void (*close)(struct sql *s);
	bool (*is_lost)(const struct sql *s); /* NULL: never */
	enum err (*run)(struct sql *s, const char *statements, struct why *why);
	enum err (*prepare)(struct sql *s, const char *statement, struct sql_query **out,
			    struct why *why);
	int64_t (*changes)(struct sql *s);

	void (*finish)(struct sql_query *q);
	void (*bind_integer)(struct sql_query *q, int at, int64_t n);
	void (*bind_text)(struct sql_query *q, int at, struct bytes s);
	void (*bind_blob)(struct sql_query *q, int at, struct bytes b);
	void (*bind_null)(struct sql_query *q, int at);
	enum err (*step)(struct sql_query *q, struct why *why);
	void (*rewind)(struct sql_query *q);

	int64_t (*integer)(struct sql_query *q, int column);
	double (*number)(struct sql_query *q, int column);
	struct bytes (*bytes)(struct sql_query *q, int column);
	bool (*is_null)(struct sql_query *q, int column);
	bool (*is_number)(struct sql_query *q, int column);
	int (*columns)(struct sql_query *q);
	const char *(*column_name)(struct sql_query *q, int column);

	enum err (*bulk_begin)(struct sql *s, const char *table, const char *columns,
			       struct why *why);
	void (*bulk_row)(struct sql *s, const struct bytes *values, size_t n);
	enum err (*bulk_end)(struct sql *s, struct why *why);
};

struct sql {
	const struct sql_engine *engine;
};

struct sql_query {
	struct sql *sql;
};
