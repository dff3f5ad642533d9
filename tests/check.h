/* check - cmocka with its prerequisites, and the assertions we add. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

/* What a test program leaves with where it cannot run; it says why in a line "skipped: ...". */
enum { SKIPPED = 77 };

/* By name, so that a failure says "want ok, got full". */
#define assert_ok(e) assert_string_equal(err_name(e), "ok")
#define assert_err(want, e) assert_string_equal(err_name(e), err_name(want))
