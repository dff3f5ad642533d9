/* ports/cgroup.h against the real kernel: needs root and a cgroup file system. */
#include "ports/cgroup.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "tests/check.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

enum { MIB = 1024 * 1024, PATIENCE_MS = 90 * 1000 };

static const char LEAF[] = "pod.main";

struct fixture {
	char name[32];
	struct cgroup_tree *tree;
	struct cgroup_join join;
	struct why why;
};

static void name_tree(char out[32])
{
	snprintf(out, 32, "skerry-test-%d", getpid());
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	name_tree(f->name);
	if (cgroup_open(f->name, &f->tree, &f->why))
		fail_msg("%s", f->why.text);
	*state = f;
	return 0;
}

/* Until the kernel has buried them all. */
static void remove_leaf(struct fixture *f, const char *leaf)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	(void)!cgroup_kill(f->tree, leaf, NULL);
	while (cgroup_remove(f->tree, leaf, &f->why) == ERR_AGAIN && clock_now_ms() < until)
		poll(NULL, 0, 5);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	remove_leaf(f, LEAF);
	remove_leaf(f, "other");
	cgroup_close(f->tree, true);
	free(f);
	return 0;
}

static void make(struct fixture *f, const struct cgroup_limits *limits)
{
	if (cgroup_make(f->tree, LEAF, limits, &f->join, &f->why))
		fail_msg("%s", f->why.text);
}

/* Where the kernel can limit processes, a limit that is in nobody's way. */
static struct cgroup_limits roomy(const struct fixture *f)
{
	const bool can = cgroup_controllers(f->tree) & CGROUP_PIDS;
	return (struct cgroup_limits){ .pids = can ? 64 : 0 };
}

static bool write_zero(const char *path)
{
	SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "0", 1) == 1;
}

/* What a workload's first process does with a join. */
static bool join(const struct cgroup_join *j)
{
	char procs[CGROUP_PATH_MAX + 16];
	for (size_t i = 0; i < CGROUP_JOINS_MAX && j->tasks[i][0]; i++)
		if (!write_zero(j->tasks[i]))
			return false;
	snprintf(procs, sizeof procs, "%s/cgroup.procs", j->into);
	return !j->into[0] || write_zero(procs);
}

/* A child in the leaf that does `body`; it has joined when this returns. */
static pid_t start(struct fixture *f, void (*body)(void))
{
	int ends[2];
	char byte;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (!join(&f->join) || write(ends[1], "x", 1) != 1)
			_exit(99);
		body();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

static int wait_for(pid_t pid)
{
	int status;
	assert_true(waitpid(pid, &status, 0) == pid);
	return status;
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int64_t count_oom(const char *path)
{
	char text[512] = "";
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
	const char *at = strstr(text, "oom_kill ");
	assert_non_null(at);
	return strtoll(at + 9, NULL, 10);
}

/* --- the tree --- */

static void what_the_kernel_offers_is_found_out(void **state)
{
	struct fixture *f = *state;
	char text[128];
	cgroup_describe(f->tree, text, sizeof text);
	assert_true(text_starts(text, "v1:") || text_starts(text, "v2:"));
	assert_non_null(strstr(text, cgroup_controllers(f->tree) & CGROUP_MEMORY ? "memory" : "v"));
	assert_int_equal(cgroup_controllers(f->tree) &
				 ~(unsigned)(CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS |
					     CGROUP_CPUSET | CGROUP_IO),
			 0);
}

static void opening_it_again_finds_the_same(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	struct cgroup_tree *again;
	struct cgroup_usage usage;
	make(f, &limits);
	assert_ok(cgroup_open(f->name, &again, &f->why));
	assert_int_equal(cgroup_controllers(again), cgroup_controllers(f->tree));
	assert_ok(cgroup_read(again, LEAF, &usage));
	cgroup_close(again, false);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	cgroup_close(NULL, true);
}

static void a_leaf_can_be_made_again(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	struct cgroup_join again;
	make(f, &limits);
	assert_ok(cgroup_make(f->tree, LEAF, &limits, &again, &f->why));
	assert_memory_equal(&again, &f->join, sizeof again);
}

static void a_leaf_that_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	struct cgroup_usage usage;
	assert_err(ERR_NOT_FOUND, cgroup_read(f->tree, LEAF, &usage));
	assert_ok(cgroup_kill(f->tree, LEAF, &f->why));
	assert_ok(cgroup_remove(f->tree, LEAF, &f->why));
}

static void on_leaf(void *owner, const char *leaf)
{
	struct text *t = owner;
	text_add(t, "%s ", leaf);
}

static void each_leaf_is_told(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	struct cgroup_join unused;
	char at[128];
	struct text t = text_in(at, sizeof at);
	assert_ok(cgroup_each(f->tree, on_leaf, &t, &f->why));
	assert_string_equal(at, "");
	make(f, &limits);
	assert_ok(cgroup_make(f->tree, "other", &limits, &unused, &f->why));
	assert_ok(cgroup_each(f->tree, on_leaf, &t, &f->why));
	assert_non_null(strstr(at, "pod.main "));
	assert_non_null(strstr(at, "other "));
	assert_int_equal(strlen(at), strlen("pod.main other "));
}

/* In which of our groups a process is; "" for none of them. */
static void group_of(const struct fixture *f, pid_t pid, char out[64])
{
	SCOPED_MEMORY char *text = NULL;
	char path[32];
	size_t len;
	snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
	assert_ok(file_read(path, 64 * 1024, &text, &len, NULL));
	const char *at = strstr(text, f->name);
	at = at ? at + strlen(f->name) : "";
	snprintf(out, 64, "%.*s", (int)strcspn(at, "\n"), at);
}

static void keepers_are_beside_the_leaves(void **state)
{
	struct fixture *f = *state;
	char group[64];
	assert_ok(cgroup_keep(f->tree, &f->join, &f->why));
	pid_t pid = start(f, wait_for_ever);
	group_of(f, pid, group);
	assert_string_equal(group, "/" CGROUP_KEEPERS);
	group_of(f, getpid(), group);
	assert_string_equal(group, "");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void closing_removes_what_is_empty(void **state)
{
	struct fixture *f = *state;
	struct cgroup_tree *other;
	struct cgroup_join join_other;
	const struct cgroup_limits limits = roomy(f);
	char name[48];
	snprintf(name, sizeof name, "%s-b", f->name);
	assert_ok(cgroup_open(name, &other, &f->why));
	assert_ok(cgroup_make(other, LEAF, &limits, &join_other, &f->why));
	assert_ok(cgroup_remove(other, LEAF, &f->why));
	char folder[CGROUP_PATH_MAX];
	text_copy(folder, sizeof folder,
		  bytes_of(join_other.into[0] ? join_other.into : join_other.tasks[0]));
	*strstr(folder, "/pod.main") = '\0';
	assert_int_equal(access(folder, F_OK), 0);
	cgroup_close(other, true);
	assert_int_equal(access(folder, F_OK), -1);
}

/* --- processes --- */

static void a_process_that_joined_is_counted(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	struct cgroup_usage usage;
	if (!(cgroup_controllers(f->tree) & CGROUP_PIDS))
		return;
	make(f, &limits);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	assert_int_equal(usage.processes, 0);
	pid_t pid = start(f, wait_for_ever);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	assert_int_equal(usage.processes, 1);
	kill(pid, SIGKILL);
	wait_for(pid);
}

static void fork_twice_and_wait(void)
{
	if (fork() == 0 && fork() == 0)
		setsid();
	wait_for_ever();
}

static void killing_spares_nobody(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	make(f, &limits);
	pid_t pid = start(f, fork_twice_and_wait);
	assert_ok(cgroup_kill(f->tree, LEAF, &f->why));
	int status = wait_for(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	remove_leaf(f, LEAF);
	struct cgroup_usage usage;
	assert_err(ERR_NOT_FOUND, cgroup_read(f->tree, LEAF, &usage));
}

static void a_leaf_with_somebody_in_it_is_not_removed(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	struct cgroup_usage usage;
	make(f, &limits);
	pid_t pid = start(f, wait_for_ever);
	assert_err(ERR_AGAIN, cgroup_remove(f->tree, LEAF, &f->why));
	assert_string_not_equal(f->why.text, "");
	kill(pid, SIGKILL);
	wait_for(pid);
	remove_leaf(f, LEAF);
	assert_err(ERR_NOT_FOUND, cgroup_read(f->tree, LEAF, &usage));
}

/* --- limits --- */

enum { BURNT_MS = 100 };

/* So much of a processor, however long that takes on a busy machine. */
static void burn(void)
{
	struct timespec t;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < BURNT_MS * 1000000);
}

static void time_on_the_processor_is_counted(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	struct cgroup_usage usage;
	make(f, &limits);
	assert_int_equal(wait_for(start(f, burn)), 0);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	assert_in_range(usage.cpu_ms, BURNT_MS - 10, 50 * BURNT_MS);
}

static void a_cpu_limit_holds(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits tenth = { .cpu_milli = 100, .pids = roomy(f).pids };
	if (!(cgroup_controllers(f->tree) & CGROUP_CPU))
		return;
	make(f, &tenth);
	int64_t before = clock_now_ms();
	assert_int_equal(wait_for(start(f, burn)), 0);
	/* Ten times as long, but for what it may run ahead; a busy machine only adds to it. */
	assert_true(clock_now_ms() - before >= 5 * BURNT_MS);
}

/* A knob of the leaf, wherever it is; "": this kernel has none. */
static const char *knob(const struct fixture *f, const char *name)
{
	static char text[64];
	char path[CGROUP_PATH_MAX + 64];
	for (size_t i = 0; i <= CGROUP_JOINS_MAX; i++) {
		const bool is_tasks = i < CGROUP_JOINS_MAX;
		const char *at = is_tasks ? f->join.tasks[i] : f->join.into;
		const char *slash = is_tasks ? strrchr(at, '/') : at + strlen(at);
		if (!*at)
			continue;
		snprintf(path, sizeof path, "%.*s/%s", (int)(slash - at), at, name);
		SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
		const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
		if (n > 0) {
			text[n - 1] = '\0'; /* its newline */
			return text;
		}
	}
	return "";
}

static void assert_knob(const struct fixture *f, const char *name, const char *value)
{
	const char *text = knob(f, name);
	if (*text)
		assert_string_equal(text, value);
}

/* A group with somebody in it is not made anew, only changed. */
static void what_is_idle_is_the_lightest_until_it_is_not_idle(void **state)
{
	struct fixture *f = *state;
	const int64_t pids = roomy(f).pids;
	const struct cgroup_limits idle = { .idle = true, .memory_high = 16 * MIB, .pids = pids },
				   usual = { .cpu_request_milli = 500, .pids = pids };
	make(f, &idle);
	start(f, wait_for_ever);
	assert_knob(f, "cpu.idle", "1");
	assert_knob(f, "memory.high", "16777216");
	assert_knob(f, "memory.soft_limit_in_bytes", "16777216");
	make(f, &usual);
	assert_knob(f, "cpu.idle", "0");
	assert_knob(f, "cpu.shares", "512");
	assert_knob(f, "cpu.weight", "20");
	assert_knob(f, "memory.high", "max");
}

static void report_freeze(void)
{
	for (;;)
		usleep(1000);
}

static char state_of(pid_t pid)
{
	char path[64], *text;
	size_t len;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	assert_ok(file_read(path, 4096, &text, &len, NULL));
	char state = strrchr(text, ')')[2];
	free(text);
	return state;
}

static int64_t ticks_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;
	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &t), 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void what_is_frozen_stands_still(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	make(f, &limits);
	pid_t pid = start(f, report_freeze);
	enum err e = cgroup_freeze(f->tree, LEAF, true, &f->why);
	if (e == ERR_DENIED)
		skip(); /* neither v2 nor v1's freezer */
	assert_ok(e);
	poll(NULL, 0, 50);
	int64_t before = ticks_of(pid);
	poll(NULL, 0, 100);
	assert_true(ticks_of(pid) == before);
	assert_true(strchr("DS", state_of(pid)) != NULL);
	assert_ok(cgroup_freeze(f->tree, LEAF, false, &f->why));
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	while (ticks_of(pid) == before && clock_now_ms() < until)
		poll(NULL, 0, 5);
	assert_true(ticks_of(pid) > before);
	assert_ok(cgroup_freeze(f->tree, LEAF, true, &f->why));
	assert_ok(cgroup_kill(f->tree, LEAF, &f->why)); /* frozen or not */
	assert_ok(cgroup_freeze(f->tree, LEAF, false, &f->why));
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
}

static bool has_device_control(const struct fixture *f)
{
	char text[192];
	cgroup_describe(f->tree, text, sizeof text);
	return strstr(text, "devices") != NULL;
}

static const char *some_path;

/* One that nobody needs, and that root may open here. */
static const char *some_device(void)
{
	static const char *const paths[] = { "/dev/kmsg", "/dev/net/tun", "/dev/vda" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		SCOPED_FD fd = open(paths[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			return paths[i];
	}
	return NULL;
}

static void open_two_devices(void)
{
	/* Root, and not in a sandbox: only the group can refuse. */
	SCOPED_FD null = open("/dev/null", O_RDWR);
	SCOPED_FD other = open(some_path, O_RDONLY | O_NONBLOCK);
	_exit(null < 0 ? 1 : other >= 0 ? 2 : errno == EPERM ? 0 : 3);
}

static void devices_are_those_of_the_list(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits limits = roomy(f);
	struct stat st;
	some_path = some_device();
	if (!has_device_control(f) || !some_path)
		skip(); /* neither CONFIG_CGROUP_BPF nor v1's devices, or no device to try */
	assert_int_equal(stat(some_path, &st), 0);
	make(f, &limits);
	assert_int_equal(WEXITSTATUS(wait_for(start(f, open_two_devices))), 0);
	limits.devices[0] = (struct cgroup_device){ .major = major(st.st_rdev),
						    .minor = minor(st.st_rdev),
						    .is_block = S_ISBLK(st.st_mode) };
	limits.device_count = 1;
	make(f, &limits);
	assert_int_equal(WEXITSTATUS(wait_for(start(f, open_two_devices))), 2);
}

static void processors_are_those_of_the_list(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits limits = roomy(f);
	cpu_set_t set;
	limits.cpus = "0";
	if (!(cgroup_controllers(f->tree) & CGROUP_CPUSET)) {
		struct cgroup_join unused;
		assert_err(ERR_DENIED, cgroup_make(f->tree, LEAF, &limits, &unused, &f->why));
		return;
	}
	make(f, &limits);
	pid_t pid = start(f, wait_for_ever);
	assert_int_equal(sched_getaffinity(pid, sizeof set, &set), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
	assert_true(CPU_ISSET(0, &set));
	kill(pid, SIGKILL);
	wait_for(pid);
}

static void fork_until_it_fails(void)
{
	int children = 0;
	for (; children < 20; children++) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		if (pid == 0)
			wait_for_ever();
	}
	_exit(children);
}

static void a_limit_of_processes_holds(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits four = { .pids = 4 };
	if (!(cgroup_controllers(f->tree) & CGROUP_PIDS))
		return;
	make(f, &four);
	int status = wait_for(start(f, fork_until_it_fails));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3); /* and itself */
}

static void eat(void)
{
	char *at = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		_exit(98);
	for (size_t i = 0; i < 64 * MIB; i += 4096)
		at[i] = 1;
}

/* cgroup v2 has had memory.peak since Linux 5.19; before, it is what was seen last. */
static bool keeps_peak(const struct fixture *f)
{
	static const char *const names[] = { "memory.peak", "memory.max_usage_in_bytes" };
	const int folder = (int)(strrchr(f->join.oom, '/') - f->join.oom);
	bool found = false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[CGROUP_PATH_MAX + 32];
		snprintf(path, sizeof path, "%.*s/%s", folder, f->join.oom, names[i]);
		found |= access(path, R_OK) == 0;
	}
	return found;
}

static void a_memory_limit_holds_and_the_kill_is_counted(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits small = { .memory_bytes = 16 * MIB, .pids = roomy(f).pids };
	struct cgroup_usage usage;
	if (!(cgroup_controllers(f->tree) & CGROUP_MEMORY))
		return;
	make(f, &small);
	int64_t before = count_oom(f->join.oom);
	int status = wait_for(start(f, eat));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(count_oom(f->join.oom) > before);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	assert_in_range(usage.memory_peak, keeps_peak(f) ? MIB : 0, 16 * MIB);
}

static void a_limit_can_be_lifted(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits small = { .memory_bytes = 16 * MIB, .pids = 4, .cpu_milli = 50 };
	const struct cgroup_limits limits = roomy(f);
	const unsigned all = CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU;
	if (cgroup_controllers(f->tree) != all)
		return;
	make(f, &small);
	make(f, &limits);
	assert_int_equal(wait_for(start(f, eat)), 0);
}

static void fork_many(void)
{
	int children = 0;
	while (children < 20 && fork() > 0)
		children++;
	_exit(children);
}

static void no_limit_is_no_limit(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits four = { .pids = 4 }, none = { 0 };
	if (cgroup_controllers(f->tree) & CGROUP_PIDS)
		make(f, &four);
	make(f, &none);
	int status = wait_for(start(f, fork_many));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 20);
}

static void memory_is_accounted(void **state)
{
	struct fixture *f = *state;
	const struct cgroup_limits limits = roomy(f);
	struct cgroup_usage usage;
	if (!(cgroup_controllers(f->tree) & CGROUP_MEMORY))
		return;
	make(f, &limits);
	assert_int_equal(wait_for(start(f, eat)), 0);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	assert_true(usage.memory_peak >= (keeps_peak(f) ? 60 * MIB : 0));
	assert_true(usage.memory_bytes <= usage.memory_peak);
}

static void a_limit_of_a_controller_that_is_missing_is_refused(void **state)
{
	struct fixture *f = *state;
	const int64_t pids = roomy(f).pids;
	const struct {
		unsigned controller;
		struct cgroup_limits limits;
	} table[] = { { CGROUP_MEMORY, { .memory_bytes = 8 * MIB, .pids = pids } },
		      { CGROUP_CPU, { .cpu_milli = 100, .pids = pids } },
		      { CGROUP_PIDS, { .pids = 4 } } };
	for (size_t i = 0; i < 3; i++) {
		enum err e = cgroup_make(f->tree, LEAF, &table[i].limits, &f->join, &f->why);
		bool there = cgroup_controllers(f->tree) & table[i].controller;
		assert_err(there ? OK : ERR_DENIED, e);
	}
}

/* Can it be tried here at all? The reason is said once. */
static bool is_possible(void)
{
	struct cgroup_tree *tree;
	struct why why = { "" };
	char name[32];
	name_tree(name);
	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return false;
	}
	if (cgroup_open(name, &tree, &why)) {
		printf("skipped: %s\n", why.text);
		return false;
	}
	cgroup_close(tree, true);
	return true;
}

int main(void)
{
	if (!is_possible())
		return SKIPPED;
#define CGROUP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(what_the_kernel_offers_is_found_out),
		CGROUP_TEST(opening_it_again_finds_the_same),
		CGROUP_TEST(a_leaf_can_be_made_again),
		CGROUP_TEST(a_leaf_that_is_not_there_is_told),
		CGROUP_TEST(each_leaf_is_told),
		CGROUP_TEST(keepers_are_beside_the_leaves),
		CGROUP_TEST(closing_removes_what_is_empty),
		CGROUP_TEST(a_process_that_joined_is_counted),
		CGROUP_TEST(what_is_frozen_stands_still),
		CGROUP_TEST(devices_are_those_of_the_list),
		CGROUP_TEST(processors_are_those_of_the_list),
		CGROUP_TEST(killing_spares_nobody),
		CGROUP_TEST(a_leaf_with_somebody_in_it_is_not_removed),
		CGROUP_TEST(time_on_the_processor_is_counted),
		CGROUP_TEST(a_cpu_limit_holds),
		CGROUP_TEST(what_is_idle_is_the_lightest_until_it_is_not_idle),
		CGROUP_TEST(a_limit_of_processes_holds),
		CGROUP_TEST(a_memory_limit_holds_and_the_kill_is_counted),
		CGROUP_TEST(a_limit_can_be_lifted),
		CGROUP_TEST(no_limit_is_no_limit),
		CGROUP_TEST(memory_is_accounted),
		CGROUP_TEST(a_limit_of_a_controller_that_is_missing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
