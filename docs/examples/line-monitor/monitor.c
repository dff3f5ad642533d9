/*
 * monitor - an example workload: measures a power line's sag, for ever.
 *
 * It needs no library of ours: a sample is one datagram of text to the Unix
 * socket in $SKERRY_SOCKET, and what it prints are its logs. Samples are
 * numbered, so that anybody can count whether all of them arrived.
 *
 *   RATE   samples a second (20)
 *   BAD    when set, fail at once: an update that went wrong
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;

static void on_term(int signo)
{
	(void)signo;
	stopping = 1;
}

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

/* A sample counts as made once it is handed over. */
static int send_sample(int fd, const struct sockaddr_un *to, const char *run, long n)
{
	char line[160];
	double sag = 1.9 + 0.2 * sin((double)n / 50);
	int len = snprintf(line, sizeof line, "line,span=4,run=%s sag=%.3f,tension=%.1f,n=%ldi",
			   run, sag, 24 - 2 * sag, n);
	while (sendto(fd, line, (size_t)len, 0, (const struct sockaddr *)to, sizeof *to) < 0) {
		if (errno != EINTR && errno != ECONNREFUSED && errno != EAGAIN && errno != ENOBUFS)
			return 0;
		if (stopping)
			return 0;
		pause_ms(20);
	}
	return 1;
}

int main(void)
{
	const char *path = getenv("SKERRY_SOCKET"), *rate = getenv("RATE");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct sigaction act = { .sa_handler = on_term };
	struct timespec now;
	char run[32];
	long made = 0, per_second = rate ? atol(rate) : 20;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getenv("BAD")) {
		puts("cannot open the sensor: this build was made for another board");
		return 1;
	}
	if (!path || strlen(path) >= sizeof to.sun_path || per_second < 1) {
		puts("SKERRY_SOCKET or RATE is not usable");
		return 2;
	}
	strcpy(to.sun_path, path);
	sigaction(SIGTERM, &act, NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(run, sizeof run, "%lx", (long)now.tv_sec ^ (long)getpid() << 16);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	printf("measuring run=%s\n", run);
	while (!stopping) {
		made += send_sample(fd, &to, run, made + 1);
		if (made % (10 * per_second) == 0)
			printf("%ld samples so far\n", made);
		pause_ms(1000 / per_second);
	}
	printf("stopped run=%s made=%ld\n", run, made);
	return 0;
}
