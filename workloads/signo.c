#include "workloads/signo.h"

#include "base/text.h"

#include <signal.h>

/* As programs see them that were linked with glibc; musl keeps one more to itself. */
enum { SIGNO_FIRST_REAL_TIME = 34, SIGNO_MAX = 64 };

static const struct {
	const char *name;
	int signo;
} known[] = {
	{ "HUP", SIGHUP },   { "INT", SIGINT },   { "QUIT", SIGQUIT },   { "ABRT", SIGABRT },
	{ "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 },   { "PIPE", SIGPIPE },
	{ "ALRM", SIGALRM }, { "TERM", SIGTERM }, { "CONT", SIGCONT },   { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP }, { "URG", SIGURG },   { "WINCH", SIGWINCH }, { "IO", SIGIO },
	{ "PWR", SIGPWR },   { "SYS", SIGSYS },   { "TRAP", SIGTRAP },
};

static bool read_real_time(const char *name, int *out)
{
	long long more = 0;
	if (!text_starts(name, "RTMIN"))
		return false;
	name += strlen("RTMIN");
	if (*name && (*name != '+' ||
		      text_number(bytes_of(name + 1), 0, SIGNO_MAX - SIGNO_FIRST_REAL_TIME, &more)))
		return false;
	*out = SIGNO_FIRST_REAL_TIME + (int)more;
	return true;
}

enum err signo_read(const char *text, int *out, struct why *why)
{
	const char *name = text_starts(text, "SIG") ? text + 3 : text;
	long long number;
	if (text_number(bytes_of(text), 1, SIGNO_MAX, &number) == OK) {
		*out = (int)number;
		return OK;
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(name, known[i].name) == 0) {
			*out = known[i].signo;
			return OK;
		}
	if (read_real_time(name, out))
		return OK;
	return why_set(why, ERR_INVALID, "\"%.20s\" is no signal", text);
}
