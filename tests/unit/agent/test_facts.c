#include "agent/facts.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

struct fixture {
	struct scratch scratch;
	struct facts facts;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static enum err read(struct fixture *f, const char *text)
{
	const char *path = scratch_at(&f->scratch, "board.json");
	assert_ok(file_replace(path, bytes_of(text), false, NULL));
	return facts_read(&f->facts, path, &f->why);
}

static void refuses(struct fixture *f, const char *text, const char *reason)
{
	assert_err(ERR_INVALID, read(f, text));
	assert_non_null(strstr(f->why.text, reason));
	assert_non_null(strstr(f->why.text, "board.json: "));
}

static void reads_what_the_doctor_compares(void **state)
{
	struct fixture *f = *state;
	assert_ok(read(f, "{\"name\":\"b\",\"what\":\"a board\",\"architecture\":\"armhf\","
			  "\"memoryMiB\":64,\"commandLine\":\"a b=c\",\"tested\":\"no: x\","
			  "\"commandLineFile\":\"/boot/cmdline.txt\",\"devices\":{\"watchdog\":"
			  "\"/dev/watchdog0\",\"clock\":\"/dev/rtc0\",\"serial\":[\"/dev/ttyS1\"],"
			  "\"sensors\":[\"/sys/x\",\"/sys/y\"]}}"));
	assert_string_equal(f->facts.name, "b");
	assert_string_equal(f->facts.architecture, "armhf");
	assert_int_equal(f->facts.memory_bytes, 64 << 20);
	assert_string_equal(f->facts.command_line, "a b=c");
	assert_string_equal(f->facts.command_line_file, "/boot/cmdline.txt");
	assert_string_equal(f->facts.watchdog, "/dev/watchdog0");
	assert_int_equal(f->facts.device_count, 4);
	assert_string_equal(f->facts.devices[0], "/dev/rtc0");
	assert_string_equal(f->facts.devices[3], "/sys/y");
}

static void what_is_not_there_is_empty(void **state)
{
	struct fixture *f = *state;
	assert_ok(read(f, "{\"name\":\"b\",\"architecture\":\"arm64\",\"memoryMiB\":512}"));
	assert_string_equal(f->facts.command_line, "");
	assert_string_equal(f->facts.watchdog, "");
	assert_int_equal(f->facts.device_count, 0);
}

static void what_is_wrong_is_said(void **state)
{
	struct fixture *f = *state;
	refuses(f, "{", "");
	refuses(f, "{\"name\":7,\"memoryMiB\":1}", "name: a text");
	refuses(f, "{\"name\":\"b\"}", "memoryMiB: a number");
	refuses(f, "{\"memoryMiB\":-5}", "memoryMiB: a number");
	refuses(f, "{\"memoryMiB\":5,\"devices\":{\"clock\":\"rtc0\"}}", "devices: absolute");
	refuses(f, "{\"memoryMiB\":5,\"devices\":{\"sensors\":[3]}}", "devices: absolute");
	refuses(f,
		"{\"memoryMiB\":5,\"devices\":{\"sensors\":["
		"\"/1\",\"/2\",\"/3\",\"/4\",\"/5\",\"/6\",\"/7\",\"/8\",\"/9\","
		"\"/10\",\"/11\",\"/12\",\"/13\",\"/14\",\"/15\",\"/16\",\"/17\"]}}",
		"devices: more than 16");
	assert_err(ERR_NOT_FOUND, facts_read(&f->facts, "/no/such/file", &f->why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_the_doctor_compares, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_said, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
