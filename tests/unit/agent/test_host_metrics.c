#include "agent/sources/host_metrics.h"

#include "base/log.h"
#include "tests/contract/scratch.h"
#include "tests/unit/agent/gathered.h"
#include "tests/unit/agent/vitals_fake.h"
#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>

static const int64_t WALL_MS = 1795514400000;
enum { EVERY_MS = 30 * 1000 };

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct ingest ingest;
	struct host_metrics *host;
	struct gathered gathered;
};

static void on_points(void *owner)
{
	(void)owner;
}

static bool on_full(void *owner)
{
	(void)owner;
	return false;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	log_set_level(LOG_ERR);
	clock_fake_set_wall(WALL_MS);
	vitals_fake_reset();
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	assert_ok(ingest_open(&f->ingest, f->loop, f->scratch.folder, NULL));
	f->ingest.owner = f;
	f->ingest.on_points = on_points;
	f->ingest.on_full = on_full;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	host_metrics_close(f->host);
	ingest_close(&f->ingest);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void open_host(struct fixture *f)
{
	const struct host_options o = {
		.ingest = &f->ingest,
		.loop = f->loop,
		.state_dir = f->scratch.folder,
		.cpus = 4,
		.every_ms = EVERY_MS,
	};
	assert_ok(host_metrics_open(&o, &f->host, NULL));
}

/* As time passes; what is gathered then. */
static void tick(struct fixture *f)
{
	clock_fake_pass(EVERY_MS);
	assert_ok(loop_turn(f->loop, 0, NULL));
	gathered_read(&f->gathered, &f->ingest.gather);
	gather_clear(&f->ingest.gather);
}

static void processors_are_told_as_shares_since_the_last_tick(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/proc/stat", "cpu  100 10 50 1000 20 1 2 0 0 0\ncpu0 1 2 3\n");
	open_host(f);
	/* 100 more in all; iowait steps back, as it does. */
	vitals_fake_set("/proc/stat", "cpu  130 10 60 1056 10 2 3 2 0 0\ncpu0 1 2 3\n");
	tick(f);
	assert_line(&f->gathered, "cpu,cpu=cpu-total usage_user=30,usage_nice=0,usage_system=10,"
				  "usage_idle=56,usage_iowait=0,usage_irq=1,usage_softirq=1,"
				  "usage_steal=2,usage_active=44");
	tick(f);
	/* The clock of the kernel stood still: there is nothing to share. */
	assert_no_line(&f->gathered, "cpu,");
}

static void memory_is_told_in_bytes(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/proc/meminfo", "MemTotal:         1000 kB\nMemFree:           200 kB\n"
					 "MemAvailable:      250 kB\nBuffers:            20 kB\n"
					 "Cached:             30 kB\nSwapTotal:           0 kB\n"
					 "SwapFree:            0 kB\nDirty:               4 kB\n"
					 "Shmem:               1 kB\nSlab:                8 kB\n");
	open_host(f);
	tick(f);
	assert_line(&f->gathered,
		    "mem total=1024000i,available=256000i,free=204800i,buffered=20480i,"
		    "cached=30720i,slab=8192i,shared=1024i,dirty=4096i,used=768000i,"
		    "available_percent=25,used_percent=75");
	assert_no_line(&f->gathered, "swap");
}

static void swap_is_told_where_there_is_any(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/proc/meminfo", "SwapTotal: 1000 kB\nSwapFree: 750 kB\n");
	vitals_fake_set("/proc/vmstat", "nr_free_pages 1\npswpin 2\npswpout 3\n");
	open_host(f);
	tick(f);
	assert_line(&f->gathered, "swap total=1024000i,free=768000i,used=256000i,used_percent=25,"
				  "in=8192i,out=12288i");
	assert_no_line(&f->gathered, "mem ");
}

static void pressure_is_told_where_the_kernel_has_it(void **state)
{
	struct fixture *f = *state;
	open_host(f);
	tick(f);
	assert_no_line(&f->gathered, "pressure");
	vitals_fake_set("/proc/pressure/cpu", "some avg10=1.50 avg60=0.25 avg300=0.00 total=7\n"
					      "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	vitals_fake_set("/proc/pressure/memory",
			"some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n"
			"full avg10=0.00 avg60=0.00 avg300=0.00 total=8\n");
	tick(f);
	assert_line(&f->gathered, "pressure,resource=cpu,type=some avg10=1.5,avg60=0.25,avg300=0,"
				  "total=7i");
	assert_no_line(&f->gathered, "resource=cpu,type=full");
	assert_line(&f->gathered, "pressure,resource=memory,type=full avg10=0,avg60=0,avg300=0,"
				  "total=8i");
	assert_no_line(&f->gathered, "resource=io");
}

static void load_and_uptime_are_told(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/proc/loadavg", "5.04 2.75 1.92 14/144 14875\n");
	open_host(f);
	tick(f);
	char line[96];
	snprintf(line, sizeof line,
		 "system load1=5.04,load5=2.75,load15=1.92,n_cpus=4i,uptime=%lldi",
		 (long long)clock_now_ms() / 1000);
	assert_line(&f->gathered, line);
}

static void the_disk_of_the_state_is_told(void **state)
{
	struct fixture *f = *state;
	vitals_fake_disk((struct vitals_disk){ 1000, 400, 300, 0, 0 });
	open_host(f);
	tick(f);
	assert_non_null(strstr(f->gathered.text, "disk,device="));
	assert_non_null(
		strstr(f->gathered.text, " total=1000i,free=300i,used=600i,used_percent=66.67 "));
	/* A file system that counts no inodes, such as FAT, says 0. */
	assert_no_line(&f->gathered, "inodes");
	vitals_fake_disk((struct vitals_disk){ 1000, 400, 300, 50, 20 });
	tick(f);
	assert_non_null(
		strstr(f->gathered.text, "inodes_total=50i,inodes_free=20i,inodes_used=30i "));
}

static void disks_are_told_and_what_is_no_hardware_is_not(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/sys/block/loop0/stat", "1 2 3 4 5 6 7 8 9 10 11\n");
	vitals_fake_set("/sys/block/mmcblk0/device", "mmc0:0001");
	vitals_fake_set("/sys/block/mmcblk0/stat",
			"4216 1602 2 15830 1275 1383 4 19740 0 13020 35550\n");
	vitals_fake_set("/sys/block/mmcblk0/device/life_time", "0x02 0x00\n");
	vitals_fake_set("/sys/block/mmcblk0/device/pre_eol_info", "0x01\n");
	vitals_fake_set("/sys/block/sda/device", "0:0:0:0");
	vitals_fake_set("/sys/block/sda/stat", "1 2 3 4\n");
	open_host(f);
	tick(f);
	assert_line(&f->gathered,
		    "diskio,name=mmcblk0 reads=4216i,merged_reads=1602i,read_bytes=1024i,"
		    "read_time=15830i,writes=1275i,merged_writes=1383i,write_bytes=2048i,"
		    "write_time=19740i,iops_in_progress=0i,io_time=13020i,weighted_io_time=35550i");
	assert_line(&f->gathered, "wear,name=mmcblk0 life_time_a=2i,pre_eol=1i");
	assert_no_line(&f->gathered, "loop0");
	assert_no_line(&f->gathered, "sda");
}

static void wear_of_ext4_and_of_raw_flash_is_told(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/sys/fs/ext4/features/lazy_itable_init", "supported\n");
	vitals_fake_set("/sys/fs/ext4/mmcblk0p2/lifetime_write_kbytes", "1024\n");
	vitals_fake_set("/sys/class/ubi/version", "1\n");
	vitals_fake_set("/sys/class/ubi/ubi0/max_ec", "41\n");
	vitals_fake_set("/sys/class/ubi/ubi0/bad_peb_count", "3\n");
	vitals_fake_set("/sys/class/ubi/ubi0_0/data_bytes", "3\n");
	open_host(f);
	tick(f);
	assert_line(&f->gathered, "wear,name=mmcblk0p2 written_bytes=1048576i");
	assert_line(&f->gathered, "wear,name=ubi0 max_erase_count=41i,bad_blocks=3i");
	assert_no_line(&f->gathered, "ubi0_0");
	assert_no_line(&f->gathered, "features");
}

static void heat_and_throttling_are_told(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
	vitals_fake_set("/sys/class/thermal/thermal_zone0/temp", "47774\n");
	vitals_fake_set("/sys/class/thermal/thermal_zone1/type", "cpu-thermal\n");
	vitals_fake_set("/sys/class/thermal/thermal_zone1/temp", "-5000\n");
	vitals_fake_set("/sys/class/thermal/thermal_zone2/type", "asleep\n");
	vitals_fake_set("/sys/class/thermal/cooling_device0/type", "Fan\n");
	vitals_fake_set("/sys/class/thermal/cooling_device1/type", "thermal-cpufreq-0\n");
	vitals_fake_set("/sys/class/thermal/cooling_device1/cur_state", "2\n");
	vitals_fake_set("/sys/class/thermal/cooling_device1/max_state", "13\n");
	vitals_fake_set("/sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n");
	open_host(f);
	tick(f);
	assert_line(&f->gathered, "temp,sensor=cpu-thermal,zone=0 temp=47.774");
	assert_line(&f->gathered, "temp,sensor=cpu-thermal,zone=1 temp=-5");
	assert_no_line(&f->gathered, "asleep");
	assert_no_line(&f->gathered, "Fan");
	assert_line(&f->gathered, "throttle,device=thermal-cpufreq-0 state=2i,max_state=13i");
	assert_line(&f->gathered, "throttle,device=firmware under_voltage=1i,frequency_capped=0i,"
				  "throttled=1i,soft_temperature_limit=0i,under_voltage_ever=1i,"
				  "frequency_capped_ever=0i,throttled_ever=1i,"
				  "soft_temperature_limit_ever=0i");
}

static void networks_in_use_are_told(void **state)
{
	struct fixture *f = *state;
	vitals_fake_set("/proc/net/dev", "Inter-|   Receive  |  Transmit\n face |bytes\n"
					 "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n"
					 "  ifb0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
					 "  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n");
	open_host(f);
	tick(f);
	assert_line(&f->gathered,
		    "net,interface=eth0 bytes_recv=1i,packets_recv=2i,err_in=3i,"
		    "drop_in=4i,bytes_sent=5i,packets_sent=6i,err_out=7i,drop_out=8i");
	assert_no_line(&f->gathered, "ifb0");
	assert_no_line(&f->gathered, "interface=lo");
}

static void of_a_kind_there_are_only_so_many(void **state)
{
	struct fixture *f = *state;
	static char paths[12][64];
	for (int i = 0; i < 12; i++) {
		snprintf(paths[i], sizeof paths[i], "/sys/fs/ext4/sd%c/lifetime_write_kbytes",
			 'a' + i);
		vitals_fake_set(paths[i], "1\n");
	}
	open_host(f);
	tick(f);
	size_t n = 0;
	for (const char *at = f->gathered.text; (at = strstr(at, "wear,")); at++)
		n++;
	assert_int_equal(n, HOST_DEVICES_MAX);
}

static void a_board_that_tells_nothing_is_no_trouble(void **state)
{
	struct fixture *f = *state;
	open_host(f);
	tick(f);
	assert_int_equal(f->gathered.points, 1);
	assert_non_null(strstr(f->gathered.text, "system n_cpus=4i,uptime="));
	assert_int_equal(f->host->source.points, 1);
}

static void ticks_keep_their_distance(void **state)
{
	struct fixture *f = *state;
	open_host(f);
	const int64_t first = f->host->timer.due_ms;
	clock_fake_pass(EVERY_MS + 7);
	assert_ok(loop_turn(f->loop, 0, NULL));
	assert_int_equal(f->host->timer.due_ms, first + EVERY_MS);
	/* After a long sleep of the board one tick, not a hundred. */
	clock_fake_pass(100 * EVERY_MS);
	assert_ok(loop_turn(f->loop, 0, NULL));
	assert_int_equal(f->host->source.points, 2);
	assert_true(f->host->timer.due_ms > clock_now_ms());
}

int main(void)
{
#define HOST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		HOST_TEST(processors_are_told_as_shares_since_the_last_tick),
		HOST_TEST(memory_is_told_in_bytes),
		HOST_TEST(swap_is_told_where_there_is_any),
		HOST_TEST(pressure_is_told_where_the_kernel_has_it),
		HOST_TEST(load_and_uptime_are_told),
		HOST_TEST(the_disk_of_the_state_is_told),
		HOST_TEST(disks_are_told_and_what_is_no_hardware_is_not),
		HOST_TEST(wear_of_ext4_and_of_raw_flash_is_told),
		HOST_TEST(heat_and_throttling_are_told),
		HOST_TEST(networks_in_use_are_told),
		HOST_TEST(of_a_kind_there_are_only_so_many),
		HOST_TEST(a_board_that_tells_nothing_is_no_trouble),
		HOST_TEST(ticks_keep_their_distance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
