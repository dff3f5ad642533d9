#include "agent/doctor.h"

#include "agent/board.h"
#include "agent/identity.h"
#include "agent/program.h"
#include "base/quantity.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/cgroup.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/random.h"
#include "ports/tls.h"
#include "ports/walls.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	KERNEL_MAJOR = 5, /* 5.10: pidfds, clone3 into a cgroup, close_range */
	KERNEL_MINOR = 10,
	COMMAND_LINE_MAX = 4096,
	KERNELS_SHARE = 4, /* it and its initramfs keep up to a quarter of a small memory */
};

static const int64_t ROOM_MIN = 1LL << 20; /* bytes: the database and its log at least */

/* Something is not as it should be, and this helps. */
static PRINTF_LIKE(3, 4) void prescribe(struct finding *f, enum grade grade, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(f->remedy, sizeof f->remedy, fmt, args);
	va_end(args);
	f->grade = grade;
}

static const char *facts_name(const struct doctor *d)
{
	return d->facts->name[0] ? d->facts->name : "the board's facts";
}

/* --- the machine --- */

static void examine_architecture(const struct doctor *d, struct finding *f)
{
	static const struct {
		const char *machine, *runs[2]; /* uname's word, Debian's */
	} known[] = {
		{ "x86_64", { "amd64", "i386" } },  { "aarch64", { "arm64", "armhf" } },
		{ "armv8l", { "armhf", "armhf" } }, { "armv7l", { "armhf", "armhf" } },
		{ "armv6l", { "armel", "armel" } },
	};
	struct board b;
	board_read(&b);
	snprintf(f->found, sizeof f->found, "%s", b.architecture);
	if (!d->facts)
		return;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].machine, b.architecture) == 0 &&
		    (strcmp(known[i].runs[0], d->facts->architecture) == 0 ||
		     strcmp(known[i].runs[1], d->facts->architecture) == 0))
			return;
	prescribe(f, GRADE_FAIL, "%s says %s: use the facts of this board, or correct them",
		  facts_name(d), d->facts->architecture);
}

static void examine_memory(const struct doctor *d, struct finding *f)
{
	struct board b;
	char here[16], promised[16];
	board_read(&b);
	quantity_print(here, b.memory_bytes);
	snprintf(f->found, sizeof f->found, "%sB", here);
	if (!d->facts ||
	    b.memory_bytes >= d->facts->memory_bytes - d->facts->memory_bytes / KERNELS_SHARE)
		return;
	quantity_print(promised, d->facts->memory_bytes);
	prescribe(f, GRADE_FAIL,
		  "%s says %sB: use the facts of this board, or look for mem= and reserved memory "
		  "on the kernel's command line",
		  facts_name(d), promised);
}

static void examine_kernel(const struct doctor *d, struct finding *f)
{
	struct board b;
	int major = 0, minor = 0;
	(void)d;
	board_read(&b);
	snprintf(f->found, sizeof f->found, "Linux %s", b.kernel);
	if (sscanf(b.kernel, "%d.%d", &major, &minor) == 2 &&
	    (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)))
		return;
	prescribe(f, GRADE_FAIL, "install a kernel of version %d.%d or newer", KERNEL_MAJOR,
		  KERNEL_MINOR);
}

static bool has_word(const char *line, const char *word, size_t len)
{
	for (const char *at = line; (at = strstr(at, word)); at += len)
		if ((at == line || at[-1] == ' ') && strchr(" \n", at[len]))
			return true;
	return false;
}

static void examine_command_line(const struct doctor *d, struct finding *f)
{
	SCOPED_MEMORY char *line = NULL;
	struct text missing = text_in(f->found, sizeof f->found);
	char wanted[sizeof d->facts->command_line];
	size_t len;
	if (file_read("/proc/cmdline", COMMAND_LINE_MAX, &line, &len, NULL)) {
		text_add(&missing, "/proc/cmdline cannot be read");
		prescribe(f, GRADE_WARN, "mount -t proc proc /proc");
		return;
	}
	if (!d->facts) {
		text_add(&missing, "not compared: no facts");
		return;
	}
	text_copy(wanted, sizeof wanted, bytes_of(d->facts->command_line));
	for (char *rest = wanted, *word; (word = strsep(&rest, " "));)
		if (*word && !has_word(line, word, strlen(word)))
			text_add(&missing, "%s%s", missing.len ? " " : "without ", word);
	if (missing.len)
		prescribe(f, GRADE_FAIL, "add %s to %s, in its one line, and boot again",
			  f->found + strlen("without "),
			  d->facts->command_line_file[0] ? d->facts->command_line_file
							 : "the kernel's command line");
	else
		text_add(&missing, "all that the facts name");
}

/* --- the kernel's services --- */

static void examine_cgroup(const struct doctor *d, struct finding *f)
{
	static const struct {
		unsigned controller;
		const char *lost;
	} needed[] = { { CGROUP_MEMORY, "memory" },
		       { CGROUP_CPU, "cpu" },
		       { CGROUP_PIDS, "pids" } };
	struct cgroup_tree *t = NULL;
	struct why why;
	(void)d;
	if (cgroup_open("skerry-doctor", &t, &why)) {
		snprintf(f->found, sizeof f->found, "%.180s", why.text);
		prescribe(f, GRADE_FAIL, "run as root, and mount a cgroup file system");
		return;
	}
	struct text found = text_in(f->found, sizeof f->found);
	cgroup_describe(t, f->found, sizeof f->found);
	found.len = strlen(f->found);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		if (cgroup_controllers(t) & needed[i].controller)
			continue;
		text_add(&found, "; no %s controller: such limits are refused", needed[i].lost);
		if (f->grade != GRADE_OK)
			continue;
		f->grade = GRADE_FAIL;
		cgroup_remedy(t, needed[i].controller, f->remedy, sizeof f->remedy);
	}
	cgroup_close(t, true);
}

static void examine_sandbox(const struct doctor *d, struct finding *f)
{
	const struct walls walls = walls_find();
	(void)d;
	walls_describe(&walls, f->found, sizeof f->found);
	if (!walls.seccomp)
		prescribe(f, GRADE_FAIL,
			  "no workload starts: build the kernel with CONFIG_SECCOMP_FILTER");
}

static void examine_entropy(const struct doctor *d, struct finding *f)
{
	(void)d;
	const bool ready = random_is_ready();
	snprintf(f->found, sizeof f->found, "%s",
		 ready ? "random numbers are ready"
		       : "no random numbers yet: the agent waits for them when it starts");
	if (!ready)
		prescribe(f, GRADE_WARN,
			  "enable the board's generator (CONFIG_HW_RANDOM), or keep a seed over "
			  "reboots (systemd-random-seed, seedrng)");
}

static void examine_clock(const struct doctor *d, struct finding *f)
{
	char now[24];
	(void)d;
	const int64_t wall_ms = clock_wall_ms();
	const bool battery = file_exists("/dev/rtc0");
	clock_print(now, wall_ms);
	snprintf(f->found, sizeof f->found, "%s%s", now,
		 battery ? "" : ", no clock runs while the board is off");
	if (!clock_is_set(wall_ms))
		prescribe(f, GRADE_WARN,
			  "set it by NTP or with date -s; until then telemetry carries times "
			  "since boot, and the hub knows when it was");
}

/* --- places and devices --- */

/* The nearest folder at or above `path` that is there. */
static void find_place(const char *path, char out[128])
{
	text_copy(out, 128, bytes_of(path));
	while (!file_exists(out)) {
		char *slash = strrchr(out, '/');
		if (!slash)
			return;
		slash[slash == out] = '\0';
	}
}

static void blame_place(struct finding *f, enum err e, const char *key)
{
	switch (e) {
	case ERR_FULL:
		prescribe(f, GRADE_FAIL, "delete something there, or choose another %s", key);
		break;
	case ERR_DENIED:
		prescribe(f, GRADE_FAIL,
			  "run as root; if it is mounted read-only, mount -o remount,rw, or choose "
			  "another %s",
			  key);
		break;
	default:
		prescribe(f, GRADE_FAIL,
			  "look at dmesg for errors of the card: a worn one is replaced");
	}
}

static void examine_state(const struct doctor *d, struct finding *f)
{
	const char *path = d->config->state_dir;
	char place[128], room[16], quota[16];
	int64_t left = 0, total = 0;
	struct why why;
	find_place(path, place);
	enum err e = dir_try(place, &why);
	if (!e)
		e = dir_space(place, &left, &total, &why);
	if (e) {
		snprintf(f->found, sizeof f->found, "%.180s", why.text);
		blame_place(f, e, "state_dir");
		return;
	}
	quantity_print(room, left);
	quantity_print(quota, d->config->quota_bytes);
	snprintf(f->found, sizeof f->found, "%s: %sB free", path, room);
	if (left < ROOM_MIN)
		blame_place(f, ERR_FULL, "state_dir");
	else if (dir_medium(place) != MEDIUM_STORAGE)
		prescribe(f, GRADE_WARN,
			  "it is kept in memory and lost at a reboot: mount flash there, or choose "
			  "another state_dir");
	else if (left < d->config->quota_bytes)
		prescribe(f, GRADE_WARN,
			  "outbox_quota is %sB: lower it, so that an outage does not fill the disk",
			  quota);
}

static void examine_run(const struct doctor *d, struct finding *f)
{
	char place[128];
	struct why why;
	find_place(d->config->run_dir, place);
	enum err e = dir_try(place, &why);
	snprintf(f->found, sizeof f->found, "%.180s", e ? why.text : d->config->run_dir);
	if (e)
		blame_place(f, e, "run_dir");
	else if (dir_medium(place) != MEDIUM_MEMORY)
		prescribe(f, GRADE_WARN,
			  "it is not in memory and wears the flash: choose a run_dir on a tmpfs, "
			  "such as below /run");
}

static void examine_identity(const struct doctor *d, struct finding *f)
{
	enum { DAY = 10 };
	struct identity i;
	struct certificate_view v;
	char path[IDENTITY_PATH_MAX], until[24];
	struct why why;
	const int64_t wall_ms = clock_wall_ms();
	enum err e =
		identity_is_wanted(d->config) ? identity_open(&i, d->config, &why) : ERR_NOT_FOUND;
	if (e == ERR_NOT_FOUND) {
		snprintf(f->found, sizeof f->found, "none of its own: this board has not joined");
		return;
	}
	if (!e)
		identity_cert_path(&i, identity_slot(&i), path);
	if (!e)
		e = certificate_read(path, &v, &why);
	if (e) {
		snprintf(f->found, sizeof f->found, "%.190s", why.text);
		prescribe(
			f, GRADE_FAIL,
			"join again: at a desk skerry device add %s, here the line that it prints",
			d->config->device);
		return;
	}
	clock_print(until, v.to_ms);
	until[DAY] = '\0';
	snprintf(f->found, sizeof f->found, "%s until %s", path, until);
	if (!clock_is_set(wall_ms))
		return;
	if (wall_ms > v.to_ms)
		prescribe(f, GRADE_FAIL,
			  "it has expired; join again: at a desk skerry device add %s, here the "
			  "line that it prints",
			  d->config->device);
	else if (wall_ms > v.from_ms + (v.to_ms - v.from_ms) / 10 * 9)
		prescribe(f, GRADE_WARN,
			  "it should have been renewed by now: skerry status says why not");
}

/* The certificate of the configuration, or the board's own. */
static struct tls_files find_files(const struct doctor *d, char cert[IDENTITY_PATH_MAX],
				   char key[IDENTITY_PATH_MAX])
{
	struct tls_files files = config_tls(d->config);
	struct identity i;
	if (!identity_is_wanted(d->config) || identity_open(&i, d->config, NULL))
		return files;
	identity_cert_path(&i, identity_slot(&i), cert);
	identity_key_path(&i, identity_slot(&i), key);
	files.cert = cert;
	files.key = key;
	return files;
}

static void examine_tls(const struct doctor *d, struct finding *f)
{
	char library[TLS_TEXT_SIZE], cert[IDENTITY_PATH_MAX], key[IDENTITY_PATH_MAX];
	const struct tls_files files = find_files(d, cert, key);
	struct why why;
	if (!d->config->broker.tls) {
		snprintf(f->found, sizeof f->found, "not used: the broker is mqtt://");
		return;
	}
	const bool is_current = tls_library(library, &why);
	snprintf(f->found, sizeof f->found, "%s", library);
	if (!is_current)
		prescribe(f, GRADE_WARN, "%s", why.text);
	if (!tls_examine(&files, &why))
		return;
	snprintf(f->found, sizeof f->found, "%.190s", why.text);
	prescribe(
		f, GRADE_FAIL,
		"correct tls_ca, tls_cert, tls_key or tls_crl; docs/security.md says how they are "
		"made");
}

static void examine_watchdog(const struct doctor *d, struct finding *f)
{
	const char *configured = d->config->watchdog;
	const char *known = d->facts ? d->facts->watchdog : "";
	if (configured[0] && !file_exists(configured)) {
		snprintf(f->found, sizeof f->found, "%s is not there", configured);
		prescribe(f, GRADE_FAIL,
			  "load its driver (or softdog), or take watchdog from the configuration");
		return;
	}
	if (configured[0]) {
		snprintf(f->found, sizeof f->found, "%s", configured);
		return;
	}
	snprintf(f->found, sizeof f->found, "none configured");
	if (known[0])
		prescribe(
			f, GRADE_WARN,
			"the board has one: add \"watchdog = %s\", so that a hung agent resets it",
			known);
}

static void examine_devices(const struct doctor *d, struct finding *f)
{
	struct text missing = text_in(f->found, sizeof f->found);
	for (size_t i = 0; d->facts && i < d->facts->device_count; i++)
		if (!file_exists(d->facts->devices[i]))
			text_add(&missing, "%s%s",
				 missing.len ? ", " : "missing: ", d->facts->devices[i]);
	if (missing.len)
		prescribe(f, GRADE_FAIL,
			  "load the driver, enable it in the device tree, or correct the facts");
	else
		text_add(&missing, "%zu of the facts are there",
			 d->facts ? d->facts->device_count : 0);
}

static void examine_programs(const struct doctor *d, struct finding *f)
{
	char path[PROGRAM_PATH_MAX];
	struct why why;
	(void)d;
	for (const char *const *name =
		     (const char *const[]){ "skerry-keeper", "skerry-unpack", NULL };
	     *name; name++) {
		enum err e = program_find(*name, path, &why);
		if (!e && access(path, X_OK))
			e = why_set(&why, ERR_DENIED, "%s cannot be executed", path);
		if (!e)
			continue;
		snprintf(f->found, sizeof f->found, "%.180s", why.text);
		prescribe(f, GRADE_FAIL, "install the whole package again");
		return;
	}
	snprintf(f->found, sizeof f->found, "skerry-keeper and skerry-unpack");
}

void doctor_examine(struct doctor *d)
{
	static const struct {
		const char *check;
		void (*examine)(const struct doctor *d, struct finding *f);
	} all[] = {
		{ "architecture", examine_architecture },
		{ "memory", examine_memory },
		{ "kernel", examine_kernel },
		{ "command-line", examine_command_line },
		{ "cgroup", examine_cgroup },
		{ "sandbox", examine_sandbox },
		{ "entropy", examine_entropy },
		{ "clock", examine_clock },
		{ "state_dir", examine_state },
		{ "run_dir", examine_run },
		{ "tls", examine_tls },
		{ "identity", examine_identity },
		{ "watchdog", examine_watchdog },
		{ "devices", examine_devices },
		{ "programs", examine_programs },
	};
	_Static_assert(sizeof all / sizeof *all <= FINDINGS_MAX, "room for every finding");
	d->count = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct finding *f = &d->findings[d->count++];
		*f = (struct finding){ .check = all[i].check };
		all[i].examine(d, f);
	}
}

const char *grade_name(enum grade g)
{
	static const char *const names[] = { "ok", "warn", "fail" };
	return names[g];
}
