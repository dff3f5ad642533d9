/* In place of sql_postgresql.c where there is no libpq to link. */
#include "ports/sql.h"

enum err sql_connect(const char *where, enum sql_use use, struct sql **out, struct why *why)
{
	if (!sql_is_address(where))
		return sql_open(where, use, out, why);
	return why_set(
		why, ERR_INVALID,
		"this program was built without PostgreSQL (libpq), as static ones are: give "
		"a file, or take the program of an ordinary build");
}
