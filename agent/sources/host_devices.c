/* Disks, flash, networks, heat: one point for each, of HOST_DEVICES_MAX of a kind. */
#include "agent/sources/host_metrics.h"

#include "base/text.h"
#include "ports/vitals.h"

#include <stdio.h>

enum { SECTOR = 512, KIB = 1024, STAT_NUMBERS = 11 };

static const char BLOCK[] = "/sys/block", THERMAL[] = "/sys/class/thermal";

static void begin(struct host_metrics *h, const char *measurement, const char *tag,
		  const char *value)
{
	point_begin(&h->point, measurement);
	(void)!point_set_tag(&h->point, bytes_of(tag), bytes_of(value));
}

/* The number that a file of its own holds, as a field; false: there is none. */
static bool add_file(struct host_metrics *h, const char *folder, const char *name, const char *file,
		     const char *field)
{
	int64_t n;
	if (!host_metrics_read(h, folder, name, file) || !kernel_text_number(h->text, "", &n))
		return false;
	point_add_integer(&h->point, field, n);
	return true;
}

/* --- disks --- */

static void take_traffic(struct host_metrics *h, const char *name)
{
	int64_t n[STAT_NUMBERS];
	if (!host_metrics_read(h, BLOCK, name, "stat") ||
	    kernel_text_numbers(h->text, "", n, STAT_NUMBERS) != STAT_NUMBERS)
		return;
	begin(h, "diskio", "name", name);
	point_add_integer(&h->point, "reads", n[0]);
	point_add_integer(&h->point, "merged_reads", n[1]);
	point_add_integer(&h->point, "read_bytes", n[2] * SECTOR);
	point_add_integer(&h->point, "read_time", n[3]);
	point_add_integer(&h->point, "writes", n[4]);
	point_add_integer(&h->point, "merged_writes", n[5]);
	point_add_integer(&h->point, "write_bytes", n[6] * SECTOR);
	point_add_integer(&h->point, "write_time", n[7]);
	point_add_integer(&h->point, "iops_in_progress", n[8]);
	point_add_integer(&h->point, "io_time", n[9]);
	point_add_integer(&h->point, "weighted_io_time", n[10]);
	host_metrics_take(h);
}

/* eMMC 5.0: steps of a tenth of what its cells endure, 11 is beyond; 0 says nothing. */
static void take_emmc(struct host_metrics *h, const char *name)
{
	static const char *const ages[] = { "life_time_a", "life_time_b" };
	int64_t n[2];
	begin(h, "wear", "name", name);
	size_t count = 0;
	if (host_metrics_read(h, BLOCK, name, "device/life_time"))
		count = kernel_text_hex(h->text, n, 2);
	for (size_t i = 0; i < count && i < 2; i++)
		if (n[i] > 0)
			point_add_integer(&h->point, ages[i], n[i]);
	if (host_metrics_read(h, BLOCK, name, "device/pre_eol_info") &&
	    kernel_text_hex(h->text, n, 1) == 1 && n[0] > 0)
		point_add_integer(&h->point, "pre_eol", n[0]);
	host_metrics_take(h);
}

/* loop, ram, zram and dm are no hardware. */
static void on_disk(void *owner, const char *name)
{
	struct host_metrics *h = owner;
	char path[128], target[64];
	snprintf(path, sizeof path, "%s/%.64s/device", BLOCK, name);
	if (!vitals_link(path, target, sizeof target) || h->devices++ >= HOST_DEVICES_MAX)
		return;
	take_traffic(h, name);
	take_emmc(h, name);
}

/* What ext4 has written in its whole life, over all boots: the nearest to wear that a
 * card without a counter of its own has. */
static void on_ext4(void *owner, const char *name)
{
	struct host_metrics *h = owner;
	int64_t kib;
	if (!host_metrics_read(h, "/sys/fs/ext4", name, "lifetime_write_kbytes") ||
	    !kernel_text_number(h->text, "", &kib) || h->devices++ >= HOST_DEVICES_MAX)
		return;
	begin(h, "wear", "name", name);
	point_add_integer(&h->point, "written_bytes", kib * KIB);
	host_metrics_take(h);
}

/* Raw flash. Volumes (ubi0_1) and the class' own files have no max_ec. */
static void on_ubi(void *owner, const char *name)
{
	struct host_metrics *h = owner;
	begin(h, "wear", "name", name);
	if (!add_file(h, "/sys/class/ubi", name, "max_ec", "max_erase_count") ||
	    h->devices++ >= HOST_DEVICES_MAX)
		return;
	(void)add_file(h, "/sys/class/ubi", name, "bad_peb_count", "bad_blocks");
	host_metrics_take(h);
}

/* --- networks --- */

enum { RECEIVED = 0, SENT = 8 };

static void take_interface(struct host_metrics *h, const char *name, const int64_t *n)
{
	begin(h, "net", "interface", name);
	point_add_integer(&h->point, "bytes_recv", n[RECEIVED]);
	point_add_integer(&h->point, "packets_recv", n[RECEIVED + 1]);
	point_add_integer(&h->point, "err_in", n[RECEIVED + 2]);
	point_add_integer(&h->point, "drop_in", n[RECEIVED + 3]);
	point_add_integer(&h->point, "bytes_sent", n[SENT]);
	point_add_integer(&h->point, "packets_sent", n[SENT + 1]);
	point_add_integer(&h->point, "err_out", n[SENT + 2]);
	point_add_integer(&h->point, "drop_out", n[SENT + 3]);
	host_metrics_take(h);
}

/* One that was never used is as good as not there. */
static void take_interfaces(struct host_metrics *h)
{
	char name[INTERFACE_NAME_SIZE];
	int64_t n[INTERFACE_NUMBERS];
	if (!vitals_read("/proc/net/dev", h->text, sizeof h->text))
		return;
	for (const char *rest = h->text; kernel_text_interface(&rest, name, n);) {
		if (strcmp(name, "lo") == 0 || !(n[RECEIVED] || n[SENT]))
			continue;
		if (h->devices++ < HOST_DEVICES_MAX)
			take_interface(h, name, n);
	}
}

/* --- heat --- */

static bool read_type(struct host_metrics *h, const char *name, char *out, size_t cap)
{
	if (!host_metrics_read(h, THERMAL, name, "type"))
		return false;
	h->text[strcspn(h->text, "\n")] = '\0';
	return h->text[0] && text_copy(out, cap, bytes_of(h->text));
}

static void on_zone(void *owner, const char *name)
{
	struct host_metrics *h = owner;
	static const char prefix[] = "thermal_zone";
	char type[64];
	int64_t milli;
	if (!text_starts(name, prefix) || !read_type(h, name, type, sizeof type) ||
	    !host_metrics_read(h, THERMAL, name, "temp") ||
	    !kernel_text_number(h->text, "", &milli) || h->devices++ >= HOST_DEVICES_MAX)
		return;
	begin(h, "temp", "sensor", type);
	/* Two zones of one type would be one series. */
	(void)!point_set_tag(&h->point, BYTES_LIT("zone"), bytes_of(name + sizeof prefix - 1));
	point_add_number(&h->point, "temp", (double)milli / 1000);
	host_metrics_take(h);
}

/* The kernel slows processors down by the state of such a device; 0: it does not. */
static void on_cooling(void *owner, const char *name)
{
	struct host_metrics *h = owner;
	char type[64];
	if (!text_starts(name, "cooling_device") || !read_type(h, name, type, sizeof type) ||
	    !strstr(type, "cpufreq") || h->devices++ >= HOST_DEVICES_MAX)
		return;
	begin(h, "throttle", "device", type);
	(void)add_file(h, THERMAL, name, "cur_state", "state");
	(void)add_file(h, THERMAL, name, "max_state", "max_state");
	host_metrics_take(h);
}

/* What the firmware of a Raspberry Pi does behind the kernel's back. */
static void take_firmware(struct host_metrics *h)
{
	static const struct {
		const char *field;
		unsigned bit;
	} bits[] = { { "under_voltage", 0 },       { "frequency_capped", 1 },
		     { "throttled", 2 },           { "soft_temperature_limit", 3 },
		     { "under_voltage_ever", 16 }, { "frequency_capped_ever", 17 },
		     { "throttled_ever", 18 },     { "soft_temperature_limit_ever", 19 } };
	int64_t flags;
	if (!host_metrics_read(h, "/sys/devices/platform", "soc", "soc:firmware/get_throttled") ||
	    kernel_text_hex(h->text, &flags, 1) != 1)
		return;
	begin(h, "throttle", "device", "firmware");
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		point_add_integer(&h->point, bits[i].field, flags >> bits[i].bit & 1);
	host_metrics_take(h);
}

void host_devices_take(struct host_metrics *h)
{
	static const struct {
		const char *folder;
		void (*on_name)(void *owner, const char *name);
	} kinds[] = { { BLOCK, on_disk },
		      { "/sys/fs/ext4", on_ext4 },
		      { "/sys/class/ubi", on_ubi },
		      { THERMAL, on_zone },
		      { THERMAL, on_cooling } };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		h->devices = 0;
		vitals_each(kinds[i].folder, kinds[i].on_name, h);
	}
	h->devices = 0;
	take_interfaces(h);
	take_firmware(h);
}
