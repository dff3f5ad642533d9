/*
 * Images, volumes and programs that mean harm. Each test has the number of its class in
 * docs/security.md. "Outside" is a folder that stands for the board: whatever is done, it
 * stays as it was, and so do the mounts of the board.
 *
 * Runs in a cage (cage.h), and nowhere else.
 */
#include "tests/contract/cage.h"
#include "tests/contract/keeper_fixture.h"

#include <dirent.h>
#include <elf.h>
#include <ftw.h>
#include <link.h>

enum {
	RACES = 80, /* an emulated board takes 150 ms for each */
	VISITS = 1000,
	ENDS = 300,
	PROWL_MS = 3000,
	PROWLS_MAX = 4, /* on a busy machine nobody may come by at the right moment */
	PEEK_MS = 2500,
	PROGRAM_MAX = 4 * MIB,
	SNAPSHOT_MAX = 64 * 1024,
};

#ifdef __SANITIZE_ADDRESS__
enum { GROWTH_KIB = 64 * 1024 }; /* what was freed is kept for a while, to be watched */
#else
enum { GROWTH_KIB = 64 };
#endif

struct hostile {
	struct fixture f; /* first: keeper_fixture's functions take it */
	char image[128], outside[128];
	char before[SNAPSHOT_MAX];
};

/* --- what must not change --- */

static struct text snapshot; /* nftw() takes no argument along */

static int add_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)kind;
	(void)where;
	text_add(&snapshot, "%s %o %lld %lld\n", path, st->st_mode, (long long)st->st_size,
		 (long long)st->st_mtim.tv_nsec);
	return 0;
}

static void take_snapshot(const struct hostile *h, char out[SNAPSHOT_MAX])
{
	static struct cage_mount mounts[CAGE_MOUNTS_MAX];
	const size_t n = cage_mounts(mounts);
	snapshot = text_in(out, SNAPSHOT_MAX);
	assert_int_equal(nftw(h->outside, add_entry, 16, FTW_PHYS), 0);
	for (size_t i = 0; i < n; i++)
		text_add(&snapshot, "%s %s\n", mounts[i].path, mounts[i].options);
	assert_false(text_is_cut(&snapshot));
}

static void assert_nothing_changed(struct hostile *h)
{
	static char after[SNAPSHOT_MAX];
	take_snapshot(h, after);
	assert_string_equal(h->before, after);
}

/* --- an image, and ways to spoil it --- */

static const char *in(const char *folder, const char *name)
{
	static char paths[4][256];
	static size_t turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	assert_ok(file_replace(path, bytes_of(text), false, NULL));
	assert_int_equal(chmod(path, mode), 0);
}

/* A program beside this test. */
static void copy_program(const char *name, const char *to)
{
	char path[256], *text;
	size_t len;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
	assert_true(n > 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/') + 1, name);
	assert_ok(file_read(path, PROGRAM_MAX, &text, &len, NULL));
	assert_ok(file_replace(to, (struct bytes){ text, len }, false, NULL));
	assert_int_equal(chmod(to, 0755), 0);
	free(text);
}

static int set_up_hostile(void **state)
{
	struct fixture *f;
	struct hostile *h;
	assert_true(cage_is_closed());
	assert_int_equal(set_up((void **)&f), 0);
	h = calloc(1, sizeof *h);
	assert_non_null(h);
	h->f = *f;
	free(f);
	snprintf(h->image, sizeof h->image, "%s/image", h->f.scratch.folder);
	snprintf(h->outside, sizeof h->outside, "%s/outside", h->f.scratch.folder);
	assert_ok(dir_make(h->image, 0755, NULL));
	assert_ok(dir_make(h->outside, 0755, NULL));
	assert_ok(dir_make(in(h->outside, "folder"), 0755, NULL));
	write_file(in(h->outside, "file"), "outside\n", 0666);
	copy_program("bench.probe", in(h->image, "probe"));
	copy_program("bench.villain", in(h->image, "villain"));
	h->f.launch.root = h->image;
	h->f.launch.argv[0] = "/probe";
	h->f.launch.argv[1] = "user";
	take_snapshot(h, h->before);
	*state = h;
	return 0;
}

#define HOSTILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_hostile, tear_down)

static void run_to_end(struct hostile *h)
{
	h->f.ends = 0;
	start(&h->f, "");
	turn_until(h->f.loop, &h->f.ended);
}

static void assert_refused(struct hostile *h, const char *reason)
{
	run_to_end(h);
	if (!h->f.exit.failed_start)
		fail_msg("it was started, and printed: %s", printed(&h->f));
	if (!strstr(h->f.exit.message, reason))
		fail_msg("\"%s\" does not say \"%s\"", h->f.exit.message, reason);
	assert_nothing_changed(h);
}

static void assert_runs(struct hostile *h, const char *output)
{
	run_to_end(h);
	if (h->f.exit.failed_start)
		fail_msg("%s", h->f.exit.message);
	assert_string_equal(printed(&h->f), output);
	assert_nothing_changed(h);
}

static void mount_at(struct hostile *h, size_t i, const char *source, const char *target)
{
	h->f.launch.mounts[i] = (struct launch_mount){
		.kind = MOUNT_BIND, .root = h->f.scratch.folder, .source = source, .target = target
	};
	h->f.launch.mount_count = i + 1;
}

static const char *make_volume(struct hostile *h)
{
	const char *path = in(h->f.scratch.folder, "volume");
	assert_ok(dir_make(path, 0755, NULL));
	assert_int_equal(chown(path, UID, GID), 0);
	return path;
}

/* --- the cage itself --- */

static void nothing_of_the_board_can_be_written_in_the_cage(void **state)
{
	static struct cage_mount mounts[CAGE_MOUNTS_MAX];
	const size_t n = cage_mounts(mounts);
	size_t tried = 0;
	(void)state;
	for (size_t i = 0; i < n; i++) {
		char path[300];
		struct stat st;
		if (cage_may_be_written(&mounts[i]) || stat(mounts[i].path, &st) ||
		    !S_ISDIR(st.st_mode))
			continue;
		snprintf(path, sizeof path, "%s/skerry-cage", mounts[i].path);
		assert_int_equal(mkdir(path, 0700), -1);
		tried++;
	}
	assert_true(tried > 0);
	assert_int_equal(open("/skerry-cage", O_WRONLY | O_CREAT, 0600), -1);
	assert_int_equal(errno, EROFS);
}

static void what_is_not_a_cage_is_told_from_one(void **state)
{
	int status;
	(void)state;
	assert_true(cage_is_closed());
	pid_t pid = fork();
	if (pid == 0) {
		/* One mount that takes something is enough. */
		_exit(unshare(CLONE_NEWNS) || mount("hole", "/proc", "tmpfs", 0, NULL) ? 2
		      : cage_is_closed()                                               ? 1
										       : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pid = fork();
	if (pid == 0)
		_exit(setns(cage_outside, CLONE_NEWNS) ? 2 : cage_is_closed() ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- T06, T07, T08: folders of an image that are something else --- */

static void an_image_leads_no_mount_elsewhere(void **state)
{
	static const char *const folders[] = { "proc", "dev", "tmp", "run" };
	struct hostile *h = *state;
	const char *const targets[] = { "../outside", h->outside, "/", "/etc", "outside/gone" };
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char path[256], reason[32];
		snprintf(path, sizeof path, "%s/%s", h->image, folders[i]);
		snprintf(reason, sizeof reason, "/%s", folders[i]);
		for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
			rmdir(path); /* an earlier start made it */
			assert_int_equal(symlink(targets[t], path), 0);
			assert_refused(h, reason);
			assert_int_equal(unlink(path), 0);
		}
	}
}

static void a_file_where_a_folder_is_needed_is_refused(void **state)
{
	static const char *const folders[] = { "proc", "dev", "tmp", "run" };
	struct hostile *h = *state;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		const char *path = in(h->image, folders[i]);
		rmdir(path);
		write_file(path, "no folder", 0644);
		assert_refused(h, folders[i]);
		assert_int_equal(unlink(path), 0);
	}
}

static void what_an_image_has_in_sys_is_left_alone(void **state)
{
	struct hostile *h = *state;
	assert_int_equal(symlink(h->outside, in(h->image, "sys")), 0);
	assert_runs(h, "user other\n");
}

/* --- T04, T05: nodes of an image --- */

static void what_an_image_has_in_dev_is_not_used(void **state)
{
	static const char *const names[] = { "null", "zero", "fd", "shm", "termination-log" };
	struct hostile *h = *state;
	assert_ok(dir_make(in(h->image, "dev"), 0755, NULL));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[256];
		snprintf(path, sizeof path, "%s/dev/%s", h->image, names[i]);
		assert_int_equal(symlink(in(h->outside, "file"), path), 0);
	}
	h->f.launch.termination = "/dev/termination-log";
	h->f.launch.argv[1] = "null-device";
	h->f.launch.argv[2] = "entries-in-dev";
	h->f.launch.argv[3] = "open-console";
	assert_runs(h, "null-device ok\nentries-in-dev 11\nopen-console absent\n");
}

/* --- T01: the program is the image's own --- */

/* A program whose interpreter is what `path` says; it never gets to run by itself. */
static void write_elf(const char *to, const char *interpreter)
{
	struct {
		ElfW(Ehdr) head;
		ElfW(Phdr) parts[2];
		char interpreter[64];
	} elf = { 0 };
	char *own;
	size_t len;
	assert_ok(file_read("/proc/self/exe", PROGRAM_MAX * 4, &own, &len, NULL));
	memcpy(&elf.head, own, sizeof elf.head);
	free(own);
	elf.head.e_type = ET_EXEC;
	elf.head.e_phoff = offsetof(typeof(elf), parts);
	elf.head.e_phnum = 2;
	elf.head.e_shnum = elf.head.e_shstrndx = 0;
	elf.head.e_shoff = 0;
	snprintf(elf.interpreter, sizeof elf.interpreter, "%s", interpreter);
	elf.parts[0] = (ElfW(Phdr)){ .p_type = PT_INTERP,
				     .p_flags = PF_R,
				     .p_offset = offsetof(typeof(elf), interpreter),
				     .p_filesz = strlen(interpreter) + 1,
				     .p_memsz = strlen(interpreter) + 1,
				     .p_align = 1 };
	elf.parts[1] = (ElfW(Phdr)){ .p_type = PT_LOAD,
				     .p_flags = PF_R | PF_X,
				     .p_vaddr = 0x10000000,
				     .p_filesz = sizeof elf,
				     .p_memsz = sizeof elf,
				     .p_align = 0x10000 };
	elf.head.e_entry = 0x10000000;
	assert_ok(file_replace(to, (struct bytes){ (const char *)&elf, sizeof elf }, false, NULL));
	assert_int_equal(chmod(to, 0755), 0);
}

static void no_way_leads_to_the_keepers_own_program(void **state)
{
	static const char *const ways[] = { "/script-unreadable",
					    "/elf-unreadable",
					    "/proc/self/exe",
					    "/proc/thread-self/exe",
					    "/proc/1/exe",
					    "/proc/self/fd/3",
					    "/link",
					    "/script",
					    "/script-by-link",
					    "exe",
					    "/elf",
					    "/elf-by-link",
					    "/proc/self/../self/exe" };
	struct hostile *h = *state;
	assert_int_equal(symlink("/proc/self/exe", in(h->image, "link")), 0);
	write_file(in(h->image, "script"), "#!/proc/self/exe\n", 0755);
	write_file(in(h->image, "script-by-link"), "#!/link\n", 0755);
	write_elf(in(h->image, "elf"), "/proc/self/exe");
	write_elf(in(h->image, "elf-by-link"), "/link");
	/* What we may not read, the kernel may. */
	write_file(in(h->image, "script-unreadable"), "#!/proc/self/exe\n", 0111);
	write_elf(in(h->image, "elf-unreadable"), "/proc/self/exe");
	assert_int_equal(chmod(in(h->image, "elf-unreadable"), 0111), 0);
	h->f.launch.env[0] = "PATH=/proc/self";
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		h->f.launch.argv[0] = ways[i];
		assert_refused(h, "execute");
	}
}

/* --- T02: the working folder --- */

static void no_working_folder_leads_out(void **state)
{
	static const char *const ways[] = { "/proc/self/cwd",  "/proc/self/root",
					    "/proc/1/root",    "/proc/1/cwd",
					    "/proc/self/fd/4", "/proc/self/fd/9",
					    "/link",           "/file" };
	struct hostile *h = *state;
	int leaked = open("/", O_RDONLY | O_DIRECTORY);
	assert_int_equal(symlink("/proc/self/fd/4", in(h->image, "link")), 0);
	write_file(in(h->image, "file"), "", 0644);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		h->f.launch.workdir = ways[i];
		assert_refused(h, "workingDir");
	}
	close(leaked);
}

/* --- T09, T22: volumes and their places --- */

static void no_link_of_an_image_leads_a_volume_elsewhere(void **state)
{
	static const char *const targets[] = { "/data", "/data/folder", "/data/new", "/up/new",
					       "/absolute/new" };
	struct hostile *h = *state;
	make_volume(h);
	assert_int_equal(symlink("../outside", in(h->image, "data")), 0);
	assert_int_equal(symlink("../../../../..", in(h->image, "up")), 0);
	assert_int_equal(symlink(h->outside, in(h->image, "absolute")), 0);
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		mount_at(h, 0, "volume", targets[i]);
		assert_refused(h, targets[i]);
	}
}

static void no_volume_is_mounted_from_elsewhere(void **state)
{
	static const char *const sources[] = {
		"link", "link/folder", "../outside", "sub/../../outside",
		"/etc", "proc",        "proc/etc",
	};
	struct hostile *h = *state;
	const char *volume = make_volume(h);
	char path[256];
	snprintf(path, sizeof path, "%s/link", volume);
	assert_int_equal(symlink("../outside", path), 0);
	snprintf(path, sizeof path, "%s/proc", volume);
	assert_int_equal(symlink("/proc/self/root", path), 0);
	snprintf(path, sizeof path, "%s/sub", volume);
	assert_ok(dir_make(path, 0755, NULL));
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		mount_at(h, 0, sources[i], "/data");
		h->f.launch.mounts[0].root = volume;
		assert_refused(h, "/data");
	}
}

/* We write to /proc/self/oom_score_adj as root when we are inside already. */
static void no_volume_takes_the_place_of_proc_or_dev(void **state)
{
	static const char *const targets[] = {
		"/proc",     "/proc/self", "/proc/sys", "/dev",
		"/dev/null", "/",          "//proc",    "/dev/shm/.."
	};
	struct hostile *h = *state;
	char path[256];
	snprintf(path, sizeof path, "%s/self", make_volume(h));
	assert_ok(dir_make(path, 0755, NULL));
	snprintf(path, sizeof path, "%s/volume/self/oom_score_adj", h->f.scratch.folder);
	write_file(path, "", 0600);
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		struct stat st;
		mount_at(h, 0, "volume", targets[i]);
		run_to_end(h);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, 0);
		assert_refused(h, targets[i]);
	}
}

static pid_t start_swapping(const char *folder)
{
	char program[256], a[256], b[256];
	snprintf(program, sizeof program, "%s/../image/villain", folder);
	snprintf(a, sizeof a, "%s/sub", folder);
	snprintf(b, sizeof b, "%s/link", folder);
	pid_t pid = fork();
	if (pid == 0) {
		execl(program, program, "swap", a, b, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Another workload of the pod swaps a folder and a link to the outside while this one is
 * started again and again, with the folder as source and as place of a volume. */
static void a_volume_that_changes_meanwhile_leads_nowhere_else(void **state)
{
	struct hostile *h = *state;
	size_t started = 0, refused = 0;
	const char *volume = in(h->f.scratch.folder, "volume");
	char path[256];
	make_volume(h);
	snprintf(path, sizeof path, "%s/sub", volume);
	assert_ok(dir_make(path, 0755, NULL));
	snprintf(path, sizeof path, "%s/sub/file", volume);
	write_file(path, "inside\n", 0644);
	snprintf(path, sizeof path, "%s/link", volume);
	assert_int_equal(symlink(h->outside, path), 0);
	h->f.launch.argv[0] = "/villain";
	h->f.launch.argv[1] = "say";
	h->f.launch.argv[2] = "/data/file";
	const pid_t swapping = start_swapping(volume);
	for (size_t i = 0; i < RACES; i++) {
		mount_at(h, 0, "volume/sub", "/data");
		mount_at(h, 1, "volume", "/run/shared");
		mount_at(h, 2, "outside/folder", "/run/shared/sub");
		run_to_end(h);
		if (h->f.exit.failed_start)
			refused++;
		else
			started++;
	}
	kill(swapping, SIGKILL);
	assert_int_equal(waitpid(swapping, NULL, 0), swapping);
	assert_nothing_changed(h);
	/* All that was ever printed. */
	const char *text = printed(&h->f);
	assert_null(strstr(text, "outside"));
	assert_non_null(strstr(text, "inside"));
	assert_true(started > 0 && refused > 0); /* the race was one */
}

/* --- T03, T10, T38: commands inside beside a hostile workload --- */

static const char *execute(struct hostile *h, const char *const *argv)
{
	h->f.has_exec = false;
	assert_ok(keeper_exec(h->f.keeper, 1, argv, PATIENCE_MS, &h->f.why));
	turn_until(h->f.loop, &h->f.has_exec);
	return h->f.exec_output;
}

/* How many starting commands somebody beside them has seen; nothing was found in any. */
static long prowl_once(struct hostile *h)
{
	static const char *const argv[] = { "/probe", "user", NULL };
	long looks, seen;
	h->f.launch.argv[0] = "/villain";
	h->f.launch.argv[1] = "prowl";
	char ms[16];
	snprintf(ms, sizeof ms, "%d", PROWL_MS);
	h->f.launch.argv[2] = ms;
	h->f.ends = 0;
	start(&h->f, "");
	turn_until(h->f.loop, &h->f.started);
	const int64_t until = clock_now_ms() + PEEK_MS;
	while (clock_now_ms() < until)
		assert_string_equal(execute(h, argv), "user other\n");
	wait_for_end(&h->f);
	const char *text = printed(&h->f); /* of all runs; the last line is this one's */
	if (strstr(text, "FOUND"))
		fail_msg("%s", text);
	const char *last = strstr(text, "looked");
	for (const char *at = last; at; at = strstr(at + 1, "looked"))
		last = at;
	assert_non_null(last);
	assert_int_equal(sscanf(last, "looked %ld saw %ld", &looks, &seen), 2);
	return seen;
}

static void a_command_cannot_be_looked_into_while_it_starts(void **state)
{
	long seen = 0;
	for (int i = 0; i < PROWLS_MAX && !seen; i++)
		seen = prowl_once(*state);
	assert_true(seen > 0); /* it did look at some of them */
}

static void a_command_has_no_more_than_its_workload(void **state)
{
	static const char *const argv[] = { "/probe",
					    "user",
					    "groups",
					    "capabilities-effective",
					    "capabilities-permitted",
					    "capabilities-inheritable",
					    "capabilities-ambient",
					    "capabilities-bounding",
					    "no-new-privs",
					    "seccomp",
					    "inherited-descriptors",
					    NULL };
	struct hostile *h = *state;
	h->f.launch.argv[0] = "/villain";
	h->f.launch.argv[1] = "prowl";
	h->f.launch.argv[2] = "3000";
	start(&h->f, "");
	turn_until(h->f.loop, &h->f.started);
	assert_string_equal(execute(h, argv),
			    "user other\ngroups none\ncapabilities-effective 0\n"
			    "capabilities-permitted 0\ncapabilities-inheritable 0\n"
			    "capabilities-ambient 0\ncapabilities-bounding 0\nno-new-privs 1\n"
			    "seccomp 2\ninherited-descriptors 0\n");
}

static void a_command_has_its_workloads_environment_alone(void **state)
{
	static const char *const argv[] = { "/usr/bin/env", NULL };
	struct hostile *h = *state;
	setenv("SKERRY_TEST_LEAK", "1", 1);
	h->f.launch.root = "/";
	h->f.launch.argv[0] = NULL;
	start(&h->f, "echo ready; exec sleep 1000");
	wait_for_log(&h->f);
	assert_string_equal(execute(h, argv), "PATH=/usr/bin:/bin\nA=1\n");
}

/* --- T12, T13: cgroups --- */

static void cgroups_can_be_read_at_most(void **state)
{
	struct hostile *h = *state;
	h->f.launch.root = "/";
	h->f.launch.argv[0] = NULL;
	start(&h->f, "for d in $(grep -E ' cgroup2? ' /proc/mounts | cut -d' ' -f2); do"
		     " echo looked; mkdir $d/hole 2>/dev/null && echo HOLE;"
		     " for k in release_agent cgroup.procs tasks notify_on_release; do"
		     " [ ! -e $d/$k ] || (echo 0 >$d/$k) 2>/dev/null && [ -e $d/$k ] && echo HOLE;"
		     " done; done; echo end");
	wait_for_end(&h->f);
	const char *text = printed(&h->f);
	assert_non_null(strstr(text, "looked\n"));
	assert_non_null(strstr(text, "end\n"));
	assert_null(strstr(text, "HOLE"));
}

/* --- T16: groups --- */

static void a_group_opens_its_files_and_no_others(void **state)
{
	struct hostile *h = *state;
	const char *volume = make_volume(h);
	char path[256];
	snprintf(path, sizeof path, "%s/ours", volume);
	write_file(path, "ours\n", 0640);
	assert_int_equal(chown(path, 0, 61240), 0);
	mount_at(h, 0, "volume", "/data");
	h->f.launch.argv[0] = "/villain";
	h->f.launch.argv[1] = "say";
	h->f.launch.argv[2] = "/data/ours";
	assert_runs(h, "Permission denied\n");
	h->f.launch.groups[0] = 61240;
	h->f.launch.group_count = 1;
	assert_runs(h, "Permission denied\nours\n");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_runs(h, "Permission denied\nours\nPermission denied\n");
}

/* --- T24: guests that come and go --- */

static long resident_kib(pid_t pid)
{
	char path[64], *text;
	size_t len;
	long kib = 0;
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	assert_ok(file_read(path, 8192, &text, &len, NULL));
	const char *at = strstr(text, "VmRSS:");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "VmRSS: %ld", &kib), 1);
	free(text);
	return kib;
}

static size_t count_descriptors(pid_t pid)
{
	char path[64];
	size_t n = 0;
	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	DIR *d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void guests_that_come_and_go_leave_nothing(void **state)
{
	struct hostile *h = *state;
	char path[160];
	long before, after;
	h->f.launch.argv[0] = "/villain";
	h->f.launch.argv[1] = "prowl";
	h->f.launch.argv[2] = "60000";
	start(&h->f, "");
	turn_until(h->f.loop, &h->f.started);
	snprintf(path, sizeof path, "%s/sock", h->f.folder);
	const pid_t keeper = parent_of(h->f.pid);
	const size_t descriptors = count_descriptors(keeper);
	before = resident_kib(keeper);
	for (int i = 0; i < VISITS; i++) {
		int fd;
		char text[256];
		size_t len;
		struct socket_peer peer;
		assert_ok(socket_connect(path, SOCKET_PACKET, &fd, NULL));
		struct pollfd hello = { .fd = fd, .events = POLLIN };
		assert_int_equal(poll(&hello, 1, PATIENCE_MS), 1);
		assert_ok(socket_receive(fd, text, sizeof text, &len, &peer));
		close(fd);
	}
	after = resident_kib(keeper);
	/* The agent's own connection may have had to give way. */
	assert_true(count_descriptors(keeper) <= descriptors + 3);
	assert_in_range(after, 1, before + GROWTH_KIB);
}

/* --- T40: ends in a row --- */

static void many_ends_in_a_row_leave_nothing(void **state)
{
	struct hostile *h = *state;
	struct cgroup_usage usage;
	size_t descriptors = 0;
	long before = 0;
	pid_t keeper = 0;
	h->f.launch.hold = 1;
	h->f.launch.argv[0] = "/villain"; /* without a role: it ends with 2 */
	h->f.launch.argv[1] = NULL;
	start(&h->f, "");
	struct keeper *k = h->f.keeper;
	for (size_t i = 0; i < ENDS; i++) {
		turn_until(h->f.loop, &h->f.ended);
		assert_int_equal(h->f.exit.code, 2);
		assert_true(h->f.exit.held);
		h->f.keeper = k;
		if (i == 0) {
			keeper = keeper_pid(k);
			descriptors = count_descriptors(keeper);
			before = resident_kib(keeper);
		}
		h->f.ended = false;
		assert_ok(keeper_restart(k, &h->f.launch, &h->f.why));
	}
	turn_until(h->f.loop, &h->f.ended);
	h->f.keeper = k;
	assert_int_equal(h->f.ends, ENDS + 1);
	assert_int_equal(count_descriptors(keeper), descriptors);
	assert_in_range(resident_kib(keeper), 1, before + GROWTH_KIB);
	assert_ok(cgroup_read(h->f.tree, LEAF, &usage));
	assert_int_equal(usage.processes, 0);
	assert_nothing_changed(h);
}

/* --- T30: the log --- */

static void a_log_is_never_written_through_a_link(void **state)
{
	struct hostile *h = *state;
	assert_ok(dir_make(h->f.folder, 0700, NULL));
	assert_int_equal(symlink(in(h->outside, "file"), in(h->f.folder, "log.0")), 0);
	assert_refused(h, "log");
}

int main(void)
{
	struct why why;
	if (!is_possible())
		return SKIPPED;
	if (cage_enter(&why)) {
		printf("skipped: %s\n", why.text);
		return SKIPPED;
	}
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_the_board_can_be_written_in_the_cage),
		cmocka_unit_test(what_is_not_a_cage_is_told_from_one),
		HOSTILE_TEST(an_image_leads_no_mount_elsewhere),
		HOSTILE_TEST(a_file_where_a_folder_is_needed_is_refused),
		HOSTILE_TEST(what_an_image_has_in_sys_is_left_alone),
		HOSTILE_TEST(what_an_image_has_in_dev_is_not_used),
		HOSTILE_TEST(no_way_leads_to_the_keepers_own_program),
		HOSTILE_TEST(no_working_folder_leads_out),
		HOSTILE_TEST(no_link_of_an_image_leads_a_volume_elsewhere),
		HOSTILE_TEST(no_volume_is_mounted_from_elsewhere),
		HOSTILE_TEST(no_volume_takes_the_place_of_proc_or_dev),
		HOSTILE_TEST(a_volume_that_changes_meanwhile_leads_nowhere_else),
		HOSTILE_TEST(a_command_cannot_be_looked_into_while_it_starts),
		HOSTILE_TEST(a_command_has_no_more_than_its_workload),
		HOSTILE_TEST(a_command_has_its_workloads_environment_alone),
		HOSTILE_TEST(cgroups_can_be_read_at_most),
		HOSTILE_TEST(a_group_opens_its_files_and_no_others),
		HOSTILE_TEST(guests_that_come_and_go_leave_nothing),
		HOSTILE_TEST(many_ends_in_a_row_leave_nothing),
		HOSTILE_TEST(a_log_is_never_written_through_a_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
