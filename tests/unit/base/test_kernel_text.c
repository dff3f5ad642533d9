#include "base/kernel_text.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As Linux 4.19 on a Raspberry Pi prints it: ten numbers, and intr far longer than a buffer. */
static const char STAT[] = "cpu  18305 0 9402 1223350 1101 0 377 0 0 0\n"
			   "cpu0 4711 0 2370 305514 271 0 362 0 0 0\n"
			   "intr 1493003 0 0 1062 184771\n"
			   "ctxt 2816212\n";

static const char MEMINFO[] = "MemTotal:         945364 kB\n"
			      "MemFree:          625288 kB\n"
			      "MemAvailable:     776900 kB\n"
			      "Buffers:           20556 kB\n"
			      "Cached:           193832 kB\n"
			      "SwapCached:            0 kB\n"
			      "SReclaimable:      14388 kB\n"
			      "HugePages_Total:       0\n";

static void numbers_are_those_behind_the_key(void **state)
{
	int64_t n[12];
	(void)state;
	assert_int_equal(kernel_text_numbers(STAT, "cpu", n, 12), 10);
	assert_int_equal(n[0], 18305);
	assert_int_equal(n[3], 1223350);
	assert_int_equal(kernel_text_numbers(STAT, "cpu0", n, 4), 4);
	assert_int_equal(n[0], 4711);
	assert_true(kernel_text_number(MEMINFO, "MemAvailable:", &n[0]));
	assert_int_equal(n[0], 776900);
	assert_true(kernel_text_number(MEMINFO, "HugePages_Total:", &n[0]));
	assert_int_equal(n[0], 0);
}

static void a_key_is_a_whole_word_at_the_beginning(void **state)
{
	int64_t n = 7;
	(void)state;
	assert_false(kernel_text_number(MEMINFO, "Mem", &n));
	assert_false(kernel_text_number(MEMINFO, "Total:", &n));
	assert_true(kernel_text_number("cpu0 1 2\ncpu 5 6\n", "cpu", &n));
	assert_int_equal(n, 5);
	/* Cached must not be taken from SwapCached, nor the other way round. */
	assert_true(kernel_text_number(MEMINFO, "Cached:", &n));
	assert_int_equal(n, 193832);
}

static void what_is_not_there_is_not_zero(void **state)
{
	int64_t n = 7;
	(void)state;
	assert_false(kernel_text_number(MEMINFO, "Zswap:", &n));
	assert_false(kernel_text_number("", "", &n));
	assert_false(kernel_text_number("\n", "", &n));
	assert_false(kernel_text_number("max\n", "", &n));
	assert_false(kernel_text_number("memory:\n12\n", "memory:", &n));
	assert_false(kernel_text_number("12kB\n", "", &n));
	assert_false(kernel_text_number("18446744073709551615\n", "", &n));
}

static void the_first_line_needs_no_key(void **state)
{
	int64_t n[17];
	(void)state;
	/* /sys/block/mmcblk0/stat: 11 numbers up to Linux 4.17, 15 with discards, 17 with flushes.
	 */
	assert_int_equal(
		kernel_text_numbers("    4216     1602   260242    15830     1275     1383 "
				    "   40146    19740        0    13020    35550\n",
				    "", n, 17),
		11);
	assert_int_equal(n[6], 40146);
	assert_int_equal(
		kernel_text_numbers("  235100    45717 22820170    69259  3508835   857046 "
				    "180712776  1170312        0   312208  1371336   "
				    "959041       72 142161832    94684  1088036    37079\n",
				    "", n, 17),
		17);
	assert_int_equal(n[16], 37079);
	assert_true(kernel_text_number("47774", "", n));
	assert_true(kernel_text_number("-5000\n", "", n));
	assert_int_equal(n[0], -5000);
}

static void flat_files_of_groups_are_read(void **state)
{
	static const char v2[] = "usage_usec 184723\nuser_usec 120112\nsystem_usec 64611\n"
				 "nr_periods 12\nnr_throttled 3\nthrottled_usec 40021\n";
	static const char v1[] = "nr_periods 12\nnr_throttled 3\nthrottled_time 40021000\n";
	int64_t n;
	(void)state;
	assert_true(kernel_text_number(v2, "usage_usec", &n));
	assert_int_equal(n, 184723);
	assert_true(kernel_text_number(v2, "throttled_usec", &n));
	assert_int_equal(n, 40021);
	assert_true(kernel_text_number(v1, "throttled_time", &n));
	assert_int_equal(n, 40021000);
	assert_false(kernel_text_number(v1, "usage_usec", &n));
}

static void pressure_is_read(void **state)
{
	/* Linux 5.10 has no full line of cpu; 6.x has one. */
	static const char cpu[] = "some avg10=1.53 avg60=1.87 avg300=1.73 total=1088168194\n";
	static const char io[] = "some avg10=0.00 avg60=0.20 avg300=0.11 total=68568296\n"
				 "full avg10=0.00 avg60=0.15 avg300=0.08 total=54982338\n";
	struct pressure p;
	(void)state;
	assert_true(kernel_text_pressure(cpu, "some", &p));
	assert_true(p.avg10 == 1.53 && p.avg60 == 1.87 && p.avg300 == 1.73);
	assert_int_equal(p.total_us, 1088168194);
	assert_false(kernel_text_pressure(cpu, "full", &p));
	assert_true(kernel_text_pressure(io, "full", &p));
	assert_int_equal(p.total_us, 54982338);
	assert_false(kernel_text_pressure("", "some", &p));
	assert_false(kernel_text_pressure("some avg10=1.0\n", "some", &p));
}

static void disk_bytes_of_a_group_are_summed(void **state)
{
	int64_t read, written;
	(void)state;
	assert_true(kernel_text_io("179:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"
				   "8:0 rbytes=100 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n",
				   &read, &written));
	assert_int_equal(read, 4196);
	assert_int_equal(written, 8193);
	assert_true(kernel_text_io("8:0 Read 4096\n8:0 Write 512\n8:0 Sync 4608\n8:0 Async 0\n"
				   "8:0 Discard 0\n8:0 Total 4608\nTotal 4608\n",
				   &read, &written));
	assert_int_equal(read, 4096);
	assert_int_equal(written, 512);
	/* A group that has done nothing has no line. */
	assert_true(kernel_text_io("", &read, &written));
	assert_int_equal(read + written, 0);
}

static void interfaces_are_walked_through(void **state)
{
	static const char net[] =
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		"packets "
		"errs drop fifo colls carrier compressed\n"
		"    lo: 2257749332 1405738    0    0    0     0          0         0 2257749332 "
		"1405738    0    0    0     0       0          0\n"
		"wwan0:42 2 1 3 0 0 0 0 17 4 5 6 0 0 0 0\n"
		"broken: 1 2\n"
		"eth0.100: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
	const char *rest = net;
	char name[INTERFACE_NAME_SIZE];
	int64_t n[INTERFACE_NUMBERS];
	(void)state;
	assert_true(kernel_text_interface(&rest, name, n));
	assert_string_equal(name, "lo");
	assert_int_equal(n[0], 2257749332);
	assert_true(kernel_text_interface(&rest, name, n));
	assert_string_equal(name, "wwan0");
	assert_int_equal(n[0], 42);
	assert_int_equal(n[11], 6);
	assert_true(kernel_text_interface(&rest, name, n));
	assert_string_equal(name, "eth0.100");
	assert_int_equal(n[15], 16);
	assert_false(kernel_text_interface(&rest, name, n));
}

static void the_age_of_flash_is_hexadecimal(void **state)
{
	int64_t n[3];
	(void)state;
	assert_int_equal(kernel_text_hex("0x02 0x0b\n", n, 2), 2);
	assert_int_equal(n[0], 2);
	assert_int_equal(n[1], 11);
	assert_int_equal(kernel_text_hex("50005\n", n, 3), 1);
	assert_int_equal(n[0], 0x50005);
	assert_int_equal(kernel_text_hex("none\n", n, 3), 0);
}

static void the_file_system_under_a_path_is_found(void **state)
{
	static const char mounts[] =
		"20 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw\n"
		"21 20 0:5 / /dev rw,nosuid - devtmpfs devtmpfs rw\n"
		"30 20 179:3 / /data rw,noatime shared:9 - f2fs /dev/mmcblk0p3 rw\n"
		"31 20 0:31 / /database rw - tmpfs tmpfs rw\n"
		"a line that is none\n"
		"32 30 179:4 / /data rw - ext4 /dev/mmcblk0p4 rw\n";
	struct mount_text m;
	(void)state;
	assert_true(kernel_text_mount(mounts, "/data/skerry", &m));
	assert_string_equal(m.point, "/data");
	assert_string_equal(m.type, "ext4");
	assert_string_equal(m.source, "/dev/mmcblk0p4");
	assert_int_equal(m.major, 179);
	assert_int_equal(m.minor, 4);
	assert_true(kernel_text_mount(mounts, "/var/lib/skerry", &m));
	assert_string_equal(m.point, "/");
	assert_false(kernel_text_mount("", "/data", &m));
}

/* Whatever comes: an answer, and never a step past the end. */
static void any_text_has_an_answer(void **state)
{
	static const char alphabet[] = "cpu0:avg1=.-x \t\n 9some full Read/";
	unsigned seed = 20261127;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		const size_t len = (size_t)rand_r(&seed) % 60;
		char *text = malloc(len + 1), name[INTERFACE_NAME_SIZE];
		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
		text[len] = '\0';
		int64_t n[INTERFACE_NUMBERS], m;
		struct pressure p;
		struct mount_text mount;
		const char *rest = text;
		(void)kernel_text_numbers(text, "cpu", n, 4);
		(void)kernel_text_number(text, "", n);
		(void)kernel_text_pressure(text, "some", &p);
		(void)kernel_text_io(text, n, &m);
		(void)kernel_text_hex(text, n, 3);
		(void)kernel_text_mount(text, "/data", &mount);
		for (size_t lines = 0; kernel_text_interface(&rest, name, n); lines++)
			assert_in_range(lines, 0, len);
		free(text);
	}
}

static void a_process_is_read_whatever_it_calls_itself(void **state)
{
	struct process_text p;
	(void)state;
	assert_true(kernel_text_process(
		"71 (x) S 1 (y) R 1 2 3 0 -1 4194304 91 0 0 0 17 25 0 0 20 0 1 0 8814 2568192 211 "
		"18446744073709551615 94 1\n",
		&p));
	assert_string_equal(p.name, "x) S 1 (y");
	assert_int_equal(p.ticks, 42);
	assert_int_equal(p.pages, 211);
	assert_false(kernel_text_process("", &p));
	assert_false(kernel_text_process("71 (x", &p));
	assert_false(kernel_text_process("71 )x( S 1 2", &p));
	assert_false(kernel_text_process("71 (x)", &p));
	assert_false(kernel_text_process("71 (x) S 1 2 3\n", &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_behind_the_key),
		cmocka_unit_test(a_key_is_a_whole_word_at_the_beginning),
		cmocka_unit_test(what_is_not_there_is_not_zero),
		cmocka_unit_test(the_first_line_needs_no_key),
		cmocka_unit_test(flat_files_of_groups_are_read),
		cmocka_unit_test(pressure_is_read),
		cmocka_unit_test(disk_bytes_of_a_group_are_summed),
		cmocka_unit_test(interfaces_are_walked_through),
		cmocka_unit_test(the_age_of_flash_is_hexadecimal),
		cmocka_unit_test(the_file_system_under_a_path_is_found),
		cmocka_unit_test(any_text_has_an_answer),
		cmocka_unit_test(a_process_is_read_whatever_it_calls_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
