/*
 * skerry-launcher [--trial SECONDS] ARGUMENT... - becomes skerryd, of the slot whose turn it is.
 *
 * The table of base/slots.h lies in the state folder that the configuration names. A start of a
 * slot on trial is counted on flash before it happens, and an alarm of the kernel's ends it at
 * its deadline, whatever it does by then: an alarm outlives exec(), and the agent calls it off
 * when it has proved itself. Whoever started us starts us again, and then it is the old one's
 * turn. Nothing of us stays in memory.
 *
 * Exit code: 1, if nothing can be started.
 */
#include "base/scoped.h"
#include "base/slots.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACE_MAX = 192, PROGRAM_MAX = PLACE_MAX + 96, CONFIG_BYTES_MAX = 65536, TURNS_MAX = 4 };

struct launcher {
	char state_dir[PLACE_MAX];
	char beside[PLACE_MAX]; /* the folder that we stand in */
	char boot[SLOTS_BOOT_SIZE];
	int64_t trial_ms;
	struct slots slots;
};

static void say(const char *what, const char *why)
{
	fprintf(stderr, "skerry-launcher: %s: %s\n", what, why);
}

/* --- where the state is --- */

static void take_state_dir(struct launcher *l, struct bytes line)
{
	static const char KEY[] = "state_dir";
	const size_t key = sizeof KEY - 1;
	size_t at = 0, end = line.len;
	while (at < end && strchr(" \t", line.at[at]))
		at++;
	if (end - at <= key || memcmp(line.at + at, KEY, key) != 0)
		return;
	for (at += key; at < end && strchr(" \t", line.at[at]);)
		at++;
	if (at == end || line.at[at++] != '=')
		return;
	while (at < end && strchr(" \t", line.at[at]))
		at++;
	while (end > at && strchr(" \t\r", line.at[end - 1]))
		end--;
	(void)!text_copy(l->state_dir, PLACE_MAX, (struct bytes){ line.at + at, end - at });
}

/* As skerryd reads it: the last line counts. What is wrong with it, skerryd says. */
static void read_config(struct launcher *l, const char *path)
{
	SCOPED_MEMORY char *text = NULL;
	size_t len = 0;
	if (file_read(path, CONFIG_BYTES_MAX, &text, &len, NULL))
		return;
	for (const char *at = text; at < text + len;) {
		const char *end = memchr(at, '\n', len - (size_t)(at - text));
		if (!end)
			end = text + len;
		take_state_dir(l, (struct bytes){ at, (size_t)(end - at) });
		at = end + 1;
	}
}

static void read_arguments(struct launcher *l, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--config") == 0)
			read_config(l, argv[i + 1]);
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--set") == 0)
			take_state_dir(l, bytes_of(argv[i + 1]));
}

/* --- the table --- */

static void table_path(const struct launcher *l, char out[PLACE_MAX + 16])
{
	snprintf(out, PLACE_MAX + 16, "%s/" SLOTS_FILE, l->state_dir);
}

static void read_table(struct launcher *l)
{
	SCOPED_MEMORY char *text = NULL;
	char path[PLACE_MAX + 16];
	size_t len = 0;
	table_path(l, path);
	slots_init(&l->slots);
	if (file_read(path, SLOTS_TEXT_MAX, &text, &len, NULL) == OK &&
	    slots_read((struct bytes){ text, len }, &l->slots))
		say(path, "does not read back; the package's programs run");
}

static bool write_table(const struct launcher *l)
{
	char path[PLACE_MAX + 16], room[SLOTS_TEXT_MAX];
	struct why why = { "" };
	table_path(l, path);
	if (file_replace(path, slots_print(&l->slots, room), true, &why) == OK)
		return true;
	say("the table of slots cannot be written", why.text);
	return false;
}

/* --- starting --- */

static void program_of(const struct launcher *l, const char *slot, char out[PROGRAM_MAX])
{
	if (strcmp(slot, SLOT_PACKAGE) != 0)
		snprintf(out, PROGRAM_MAX, "%s/images/%s/rootfs/skerryd", l->state_dir, slot + 7);
	else
		snprintf(out, PROGRAM_MAX, "%s/skerryd", l->beside);
}

static void set_alarm(const struct launcher *l, const char *slot)
{
	sigset_t mask;
	const int64_t left_ms = l->slots.until_ms - clock_now_ms();
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	if (slot == l->slots.trial)
		alarm(left_ms > 0 ? (unsigned)((left_ms + 999) / 1000) : 1);
	else
		alarm(0);
}

/* Returns only if it cannot be started. */
static void become(const struct launcher *l, const char *slot, char **argv)
{
	char program[PROGRAM_MAX];
	program_of(l, slot, program);
	set_alarm(l, slot);
	setenv("SKERRY_SLOT", slot, 1);
	setenv("SKERRY_LAUNCHER", SKERRY_VERSION, 1);
	argv[0] = program;
	execv(program, argv);
	say(program, strerror(errno));
}

/* A slot that does not even start is given up at once; the package's is the last. */
static int launch(struct launcher *l, char **argv)
{
	for (int turn = 0; turn < TURNS_MAX; turn++) {
		bool changed;
		const char *slot = slots_choose(&l->slots, SKERRY_VERSION, l->boot, clock_now_ms(),
						l->trial_ms, &changed);
		/* What cannot be counted is not tried: it would be tried for ever. */
		if (changed && !write_table(l) && slot == l->slots.trial)
			slot = l->slots.run;
		become(l, slot, argv);
		if (slot == l->slots.trial)
			slots_fail(&l->slots, "it cannot be executed");
		else if (strcmp(slot, SLOT_PACKAGE) != 0)
			slots_fall_back(&l->slots, "it cannot be executed");
		else
			break;
		(void)write_table(l);
	}
	return EXIT_FAILURE;
}

static void find_boot(struct launcher *l)
{
	SCOPED_MEMORY char *text = NULL;
	size_t len = 0;
	if (file_read("/proc/sys/kernel/random/boot_id", SLOTS_BOOT_SIZE, &text, &len, NULL) == OK)
		(void)!text_copy(l->boot, sizeof l->boot,
				 (struct bytes){ text, strcspn(text, "\n") });
}

static void find_place(struct launcher *l)
{
	const ssize_t n = readlink("/proc/self/exe", l->beside, PLACE_MAX - 1);
	l->beside[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(l->beside, '/');
	if (slash)
		*slash = '\0';
}

int main(int argc, char **argv)
{
	static struct launcher l = { .state_dir = "/var/lib/skerry", .trial_ms = SLOTS_TRIAL_MS };
	long long seconds;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("skerry-launcher " SKERRY_VERSION);
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "--trial") == 0) {
		if (text_number(bytes_of(argv[2]), 1, 3600, &seconds)) {
			say("--trial", "seconds within 1-3600 are expected");
			return EXIT_FAILURE;
		}
		l.trial_ms = seconds * 1000;
		argv += 2;
		argc -= 2;
	}
	umask(077);
	find_place(&l);
	find_boot(&l);
	read_arguments(&l, argc, argv);
	read_table(&l);
	return launch(&l, argv);
}
