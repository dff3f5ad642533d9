/*
 * fuzz_layer - a layer of an image, unpacked into a root that lower layers have prepared.
 *
 * As skerry-unpack does it: chrooted. Whatever the layer holds, nothing appears or changes
 * beside that root. Needs the right to chroot.
 */
#include "ports/digest.h"
#include "ports/tar.h"
#include "tests/fuzz/folder.h"
#include "workloads/unpack/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void __asan_on_error(void);

enum { BYTES_MAX = 1024 * 1024, ENTRIES_MAX = 256, CANARY_MODE = 0640, CANNOT_RUN = 77 };

static const char CANARY[] = "what is beside the root";

static int outside = -1; /* the root of this process, while it is in another */
static int home;         /* its working folder */

static void go_out(void)
{
	if (outside < 0)
		return;
	if (fchdir(outside) || chroot(".") || fchdir(home))
		_exit(1);
	close(outside);
	outside = -1;
}

/* What goes wrong in there is written down out here. */
void __asan_on_error(void)
{
	go_out();
}

static struct sigaction on_abort, on_alarm; /* the fuzzer's own */

static void pass_on(int signo)
{
	go_out();
	sigaction(signo, signo == SIGABRT ? &on_abort : &on_alarm, NULL);
	raise(signo);
}

static void go_in(const char *root)
{
	const struct sigaction ours = { .sa_handler = pass_on, .sa_flags = SA_NODEFER };
	if (!on_abort.sa_handler)
		sigaction(SIGABRT, NULL, &on_abort);
	if (!on_alarm.sa_handler)
		sigaction(SIGALRM, NULL, &on_alarm);
	sigaction(SIGABRT, &ours, NULL);
	sigaction(SIGALRM, &ours, NULL);
	outside = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (outside < 0 || chdir(root) || chroot(".")) {
		printf("skipped: chroot: %s\n", strerror(errno));
		outside = -1;
		exit(CANNOT_RUN);
	}
}

static void go_back(void)
{
	go_out();
	sigaction(SIGABRT, &on_abort, NULL);
	sigaction(SIGALRM, &on_alarm, NULL);
}

/* What a lower layer may have left, links that lead out among it. */
static void prepare(void)
{
	static const char *const links[][2] = { { "/canary", "root/file" },
						{ "../canary", "root/etc/out" },
						{ "..", "root/up" },
						{ "/", "root/all" },
						{ "../../..", "root/etc/far" } };
	home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (home < 0 || chdir(fuzz_folder()) || mkdir("root", 0755) || mkdir("root/etc", 0755))
		abort();
	fuzz_folder_put("canary", bytes_of(CANARY));
	if (chmod("canary", CANARY_MODE))
		abort();
	fuzz_folder_put("root/etc/passwd", BYTES_LIT("root:x:0:0::/:/bin/sh\n"));
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlink(links[i][0], links[i][1]))
			abort();
}

static void check_name(void *owner, const char *name)
{
	size_t *names = owner;
	assert(strcmp(name, "canary") == 0 || strcmp(name, "root") == 0);
	(*names)++;
}

static void check_outside(void)
{
	char *text = NULL;
	size_t len = 0, names = 0;
	struct stat st;
	assert(dir_each(".", check_name, &names, NULL) == OK && names == 2);
	assert(lstat("canary", &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1);
	assert((st.st_mode & 07777) == CANARY_MODE);
	assert(lstat("root", &st) == 0 && S_ISDIR(st.st_mode));
	if (file_read("canary", sizeof CANARY, &text, &len, NULL))
		abort();
	assert(bytes_are((struct bytes){ text, len }, CANARY));
	free(text);
	if (dir_remove("root", NULL) || fchdir(home))
		abort();
	close(home);
}

static int hold(struct bytes b)
{
	const int fd = memfd_create("layer", MFD_CLOEXEC);
	if (fd < 0 || write(fd, b.at, b.len) != (ssize_t)b.len)
		abort();
	return fd;
}

static void check_failure(enum err e, const struct why *why)
{
	assert(!e || e == ERR_INVALID || e == ERR_CORRUPT || e == ERR_FULL || e == ERR_SYSTEM);
	assert(!e || why->text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct bytes b = { (const char *)at, len };
	char digest[DIGEST_SIZE], diff_id[DIGEST_SIZE], path[32];
	struct layer_budget budget = { .bytes = BYTES_MAX, .entries = ENTRIES_MAX };
	struct why why = { "" };
	const struct layer l = { hold(b), digest, diff_id };
	digest_of(b, digest);
	snprintf(path, sizeof path, "/proc/self/fd/%d", l.fd);
	if (tar_digest(path, BYTES_MAX, diff_id, NULL))
		diff_id[0] = '\0';
	prepare();
	go_in("root");
	enum err e = layer_delete(&l, &budget, &why);
	check_failure(e, &why);
	if (!e)
		e = layer_extract(&l, &budget, &why);
	if (!e)
		e = layer_complete(&why);
	check_failure(e, &why);
	go_back();
	if (chdir(fuzz_folder()))
		abort();
	check_outside();
	close(l.fd);
	return 0;
}
