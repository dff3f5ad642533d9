/* rows - what a query answers, as one text for a comparison. */
#pragma once

#include "base/text.h"
#include "ports/sql.h"
#include "tests/check.h"

/* "a|b\nc|d"; NULL is "-". Borrowed until the next call. */
static inline const char *rows_of(struct sql *s, const char *statement)
{
	static char at[16 * 1024];
	struct text t = text_in(at, sizeof at);
	struct sql_query *q;
	struct why why = { "" };
	enum err e = sql_prepare(s, statement, &q, &why);
	if (e)
		fail_msg("%s", why.text);
	while (!(e = sql_step(q, &why))) {
		text_add(&t, "%s", t.len ? "\n" : "");
		for (int i = 0; i < sql_columns(q); i++) {
			text_add(&t, "%s", i ? "|" : "");
			if (sql_is_null(q, i))
				text_add(&t, "-");
			else
				text_add_bytes(&t, sql_bytes(q, i));
		}
	}
	assert_err(ERR_NOT_FOUND, e);
	assert_false(text_is_cut(&t));
	sql_finish(q);
	return at;
}
