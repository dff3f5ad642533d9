#include "base/scoped.h"

#include "tests/check.h"

#include <fcntl.h>
#include <stdbool.h>

static int open_one(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int leave_by_return(bool early)
{
	SCOPED_FD fd = open_one();
	if (early)
		return fd;
	return fd;
}

static int leave_with_it(void)
{
	SCOPED_FD fd = open_one();
	return take_fd(&fd);
}

static void a_descriptor_is_closed_on_every_path(void **state)
{
	(void)state;
	assert_false(is_open(leave_by_return(true)));
	assert_false(is_open(leave_by_return(false)));
}

static void a_taken_descriptor_stays_open(void **state)
{
	(void)state;
	int fd = leave_with_it();
	assert_true(is_open(fd));
	close(fd);
}

static void taking_leaves_nothing_behind(void **state)
{
	(void)state;
	int fd = 7;
	assert_int_equal(take_fd(&fd), 7);
	assert_int_equal(fd, -1);
	assert_int_equal(take_fd(&fd), -1);
}

static void closing_keeps_the_reason(void **state)
{
	(void)state;
	int fd = open_one();
	errno = ENOSPC;
	close_quietly(fd);
	assert_int_equal(errno, ENOSPC);
	assert_false(is_open(fd));
	errno = ENOSPC;
	close_quietly(fd); /* not open any more */
	assert_int_equal(errno, ENOSPC);
	close_quietly(-1);
	assert_int_equal(errno, ENOSPC);
}

static char *keep(bool it)
{
	SCOPED_MEMORY char *text = malloc(16);
	assert_non_null(text);
	text[0] = 'k';
	return it ? take_memory(&text) : NULL;
}

/* The sanitizer tells of what is never freed, or freed twice. */
static void memory_is_freed_unless_taken(void **state)
{
	(void)state;
	assert_null(keep(false));
	char *kept = keep(true);
	assert_int_equal(kept[0], 'k');
	free(kept);
}

static void taken_memory_is_forgotten(void **state)
{
	char letter, *from = &letter;
	(void)state;
	assert_ptr_equal(take_memory(&from), &letter);
	assert_null(from);
	assert_null(take_memory(&from));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_closed_on_every_path),
		cmocka_unit_test(a_taken_descriptor_stays_open),
		cmocka_unit_test(taking_leaves_nothing_behind),
		cmocka_unit_test(closing_keeps_the_reason),
		cmocka_unit_test(memory_is_freed_unless_taken),
		cmocka_unit_test(taken_memory_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
