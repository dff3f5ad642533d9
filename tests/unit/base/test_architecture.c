#include "base/architecture.h"

#include "tests/check.h"

#include <stdio.h>

static const char *of(unsigned data, unsigned machine)
{
	unsigned char head[ELF_HEAD_SIZE] = { 0x7f, 'E', 'L', 'F', 2, (unsigned char)data, 1 };
	head[18] = (unsigned char)machine;
	head[19] = (unsigned char)(machine >> 8);
	return architecture_of_elf((struct bytes){ (const char *)head, sizeof head });
}

static void every_machine_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(of(1, 3), "386");
	assert_string_equal(of(1, 40), "arm");
	assert_string_equal(of(1, 62), "amd64");
	assert_string_equal(of(1, 183), "arm64");
	assert_string_equal(of(1, 243), "riscv64");
}

static void what_is_no_program_of_ours_has_none(void **state)
{
	(void)state;
	assert_null(of(1, 8));       /* MIPS */
	assert_null(of(2, 183));     /* big-endian */
	assert_null(of(1, 40 << 8)); /* its bytes the other way round */
	assert_null(architecture_of_elf(BYTES_LIT("#!/bin/sh\necho hello, world\n")));
	assert_null(architecture_of_elf(BYTES_LIT("\177ELF")));
	assert_null(architecture_of_elf(BYTES_LIT("")));
}

static void ours_is_what_this_file_says(void **state)
{
	char head[ELF_HEAD_SIZE];
	(void)state;
	FILE *f = fopen("/proc/self/exe", "rb");
	assert_non_null(f);
	assert_int_equal(fread(head, 1, sizeof head, f), sizeof head);
	fclose(f);
	assert_string_equal(architecture_of_elf((struct bytes){ head, sizeof head }),
			    architecture_ours());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_machine_has_its_name),
		cmocka_unit_test(what_is_no_program_of_ours_has_none),
		cmocka_unit_test(ours_is_what_this_file_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
