/* What can be arranged on any machine; tests/board/test_doctor.py has the boards. */
#include "agent/doctor.h"

#include "agent/board.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>
#include <sys/stat.h>

struct fixture {
	struct scratch scratch;
	struct config config;
	struct facts facts;
	struct doctor doctor;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct board b;
	assert_non_null(f);
	scratch_make(&f->scratch);
	config_init(&f->config);
	snprintf(f->config.state_dir, sizeof f->config.state_dir, "%s",
		 scratch_at(&f->scratch, "state"));
	snprintf(f->config.run_dir, sizeof f->config.run_dir, "%s", scratch_at(&f->scratch, "run"));
	board_read(&b);
	f->facts = (struct facts){ .name = "this-board", .memory_bytes = b.memory_bytes };
	f->doctor = (struct doctor){ .config = &f->config, .facts = &f->facts };
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

static const struct finding *examine(struct fixture *f, const char *check)
{
	doctor_examine(&f->doctor);
	for (size_t i = 0; i < f->doctor.count; i++)
		if (strcmp(f->doctor.findings[i].check, check) == 0)
			return &f->doctor.findings[i];
	fail_msg("no check of that name: %s", check);
	return NULL;
}

static void expect(const struct finding *found, enum grade grade, const char *remedy)
{
	assert_string_equal(grade_name(found->grade), grade_name(grade));
	assert_true(found->found[0]);
	if (!strstr(found->remedy, remedy))
		fail_msg("want: %s, got: %s", remedy, found->remedy);
	assert_int_equal(grade == GRADE_OK, found->remedy[0] == '\0');
}

static void facts_of_another_board_are_found_out(void **state)
{
	struct fixture *f = *state;
	strcpy(f->facts.architecture, "riscv64");
	expect(examine(f, "architecture"), GRADE_FAIL, "this-board says riscv64");
	f->facts.memory_bytes *= 2;
	expect(examine(f, "memory"), GRADE_FAIL, "this-board says");
}

static void what_the_kernel_keeps_for_itself_is_not_missed(void **state)
{
	struct fixture *f = *state;
	f->facts.memory_bytes += f->facts.memory_bytes / 5;
	expect(examine(f, "memory"), GRADE_OK, "");
}

static void a_word_for_the_kernel_that_is_missing_is_named(void **state)
{
	struct fixture *f = *state;
	strcpy(f->facts.command_line, "cgroup_enable=never other=1");
	strcpy(f->facts.command_line_file, "/boot/cmdline.txt");
	const struct finding *found = examine(f, "command-line");
	expect(found, GRADE_FAIL, "add cgroup_enable=never other=1 to /boot/cmdline.txt");
	f->facts.command_line[0] = '\0';
	expect(examine(f, "command-line"), GRADE_OK, "");
}

static void devices_that_are_missing_are_named(void **state)
{
	struct fixture *f = *state;
	strcpy(f->facts.devices[0], "/dev/null");
	strcpy(f->facts.devices[1], "/dev/no-such-sensor");
	f->facts.device_count = 2;
	const struct finding *found = examine(f, "devices");
	expect(found, GRADE_FAIL, "driver");
	assert_string_equal(found->found, "missing: /dev/no-such-sensor");
	f->facts.device_count = 1;
	expect(examine(f, "devices"), GRADE_OK, "");
}

static void files_for_tls_are_looked_at_when_they_are_needed(void **state)
{
	struct fixture *f = *state;
	expect(examine(f, "tls"), GRADE_OK, "");
	f->config.broker.tls = true;
	const struct finding *found = examine(f, "tls");
	expect(found, GRADE_FAIL, "tls_ca");
	strcpy(f->config.tls_ca, "/no/such/ca.pem");
	found = examine(f, "tls");
	expect(found, GRADE_FAIL, "tls_ca");
	assert_non_null(strstr(found->found, "/no/such/ca.pem"));
}

static void a_watchdog_that_nobody_feeds_is_offered(void **state)
{
	struct fixture *f = *state;
	expect(examine(f, "watchdog"), GRADE_OK, "");
	strcpy(f->facts.watchdog, "/dev/null");
	expect(examine(f, "watchdog"), GRADE_WARN, "watchdog = /dev/null");
	strcpy(f->config.watchdog, "/dev/no-such-watchdog");
	expect(examine(f, "watchdog"), GRADE_FAIL, "softdog");
	strcpy(f->config.watchdog, "/dev/null");
	expect(examine(f, "watchdog"), GRADE_OK, "");
}

static void an_outage_that_would_fill_the_disk_is_foreseen(void **state)
{
	struct fixture *f = *state;
	f->config.quota_bytes = INT64_MAX;
	const struct finding *found = examine(f, "state_dir");
	assert_string_equal(grade_name(found->grade), "warn");
	if (dir_medium("/tmp") == MEDIUM_STORAGE)
		expect(found, GRADE_WARN, "outbox_quota is");
}

static void state_in_memory_and_run_on_flash_are_told(void **state)
{
	struct fixture *f = *state;
	if (dir_medium("/dev/shm") != MEDIUM_MEMORY || dir_medium("/") != MEDIUM_STORAGE)
		skip();
	strcpy(f->config.state_dir, "/dev/shm/no/such/folder");
	expect(examine(f, "state_dir"), GRADE_WARN, "lost at a reboot");
	strcpy(f->config.run_dir, "/no/such/folder");
	expect(examine(f, "run_dir"), GRADE_WARN, "wears the flash");
	strcpy(f->config.run_dir, "/dev/shm/no");
	expect(examine(f, "run_dir"), GRADE_OK, "");
}

static void nothing_is_left_behind(void **state)
{
	struct fixture *f = *state;
	doctor_examine(&f->doctor);
	assert_false(file_exists(f->config.state_dir));
	assert_false(file_exists(f->config.run_dir));
	struct stat st;
	assert_int_equal(stat(f->scratch.folder, &st), 0);
	assert_int_equal(st.st_nlink, 2);
}

#define DOCTOR_TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DOCTOR_TEST(facts_of_another_board_are_found_out),
		DOCTOR_TEST(what_the_kernel_keeps_for_itself_is_not_missed),
		DOCTOR_TEST(a_word_for_the_kernel_that_is_missing_is_named),
		DOCTOR_TEST(devices_that_are_missing_are_named),
		DOCTOR_TEST(files_for_tls_are_looked_at_when_they_are_needed),
		DOCTOR_TEST(a_watchdog_that_nobody_feeds_is_offered),
		DOCTOR_TEST(an_outage_that_would_fill_the_disk_is_foreseen),
		DOCTOR_TEST(state_in_memory_and_run_on_flash_are_told),
		DOCTOR_TEST(nothing_is_left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
