/*
 * actor - plays the workload in tests. Static, needs nothing, does one thing.
 *
 *   sample RATE COUNT   send numbered samples, 0 for ever; print how many
 *   eat MIB_PER_S       take memory until the kernel objects
 *   hold MIB            take so much memory; print how much; then wait
 *   exit CODE MS        end with CODE after MS
 *   stubborn            ignore SIGTERM
 *   talk COUNT          print COUNT numbered lines, then wait
 *   serve PORT FILE     answer HTTP 200 while FILE exists, else 500; at the socket that
 *                       it was handed, if any (LISTEN_FDS)
 *   show PORT TEXT      answer HTTP: TEXT at /metrics, at /away a redirect to PORT + 1, at
 *                       /endless no end, at /silent nothing; print what was asked for
 *   notify MS TEXT...   say each TEXT by sd_notify, MS before each, then wait
 *   last WORDS          write them to /dev/termination-log, and exit with 3
 *   flood SECONDS       send as many datagrams as it can; print how many
 *   beat MS             send a sample every MS; once a second print how late they were
 *   bomb                fork for ever
 *   fill FOLDER...      write until each is full; print how much went in; then wait
 *   leave COUNT BYTES MS [FOLDER]
 *                       leave so many files, one every MS, in the outbox's FOLDER; then wait
 *   shout               print for ever, as fast as it can
 *   sockets COUNT       open so many sockets; print how many there are; then wait
 *   halt                stop itself
 *   look                print what a sandbox should not allow, one finding a line
 *   wait                do nothing until SIGTERM
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int open_socket(struct sockaddr_un *to)
{
	const char *path = getenv("SKERRY_SOCKET");
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!path || strlen(path) >= sizeof to->sun_path)
		exit(3);
	strcpy(to->sun_path, path);
	return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static int sample(long rate, long count)
{
	struct sockaddr_un to;
	struct timespec started;
	long made = 0;
	int fd = open_socket(&to);
	clock_gettime(CLOCK_REALTIME, &started);
	while (!stopping && (count == 0 || made < count)) {
		char line[128];
		int len = snprintf(line, sizeof line, "made,run=%lx n=%ldi,half=%ld.5",
				   (long)started.tv_nsec, made + 1, made);
		ssize_t sent = sendto(fd, line, (size_t)len, 0, (struct sockaddr *)&to, sizeof to);
		if (sent < 0 && (errno == EINTR || errno == ECONNREFUSED || errno == ENOBUFS)) {
			pause_ms(10);
			continue;
		}
		if (sent < 0)
			return 4;
		made++;
		if (rate)
			pause_ms(1000 / rate);
	}
	printf("made %ld\n", made);
	while (!stopping)
		pause_ms(50);
	return 0;
}

static int eat(long mib_per_s)
{
	for (;;) {
		char *p = malloc(1024 * 1024);
		if (!p)
			return 5;
		memset(p, 1, 1024 * 1024);
		pause_ms(1000 / mib_per_s);
	}
}

static int hold(long mib)
{
	char *p = malloc((size_t)mib << 20);
	if (!p)
		return 5;
	memset(p, 1, (size_t)mib << 20);
	printf("holds %ld\n", mib);
	while (!stopping)
		pause_ms(50);
	return p[0] - 1;
}

static int talk(long count)
{
	for (long i = 1; i <= count; i++)
		printf("line %ld\n", i);
	printf("all said\n"); /* one stream: between two there is no order */
	while (!stopping)
		pause_ms(50);
	return 0;
}

static int handed_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	return pid && count && atoi(pid) == getpid() && atoi(count) > 0 ? 3 : -1;
}

static int own_socket(int port)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((unsigned short)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 8) ? -1 : fd;
}

static int serve(int port, const char *file)
{
	const int handed = handed_socket(), fd = handed < 0 ? own_socket(port) : handed;
	if (fd < 0)
		return 6;
	fcntl(fd, F_SETFL, 0); /* the board's do not block */
	puts(handed < 0 ? "serving" : "serving what was handed over");
	while (!stopping) {
		char request[512];
		int c = accept(fd, NULL, NULL);
		if (c < 0)
			continue;
		if (read(c, request, sizeof request) > 0)
			dprintf(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
				access(file, F_OK) ? "500 Broken" : "200 OK");
		close(c);
	}
	return 0;
}

static void answer(int c, const char *path, const char *text, int port)
{
	char junk[4096];
	if (!strcmp(path, "/metrics"))
		dprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n%s\n",
			text);
	else if (!strcmp(path, "/away"))
		dprintf(c, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/metrics\r\n\r\n",
			port + 1);
	else if (!strcmp(path, "/silent"))
		while (!stopping && read(c, junk, sizeof junk) > 0)
			;
	else if (!strcmp(path, "/endless")) {
		memset(junk, '#', sizeof junk);
		dprintf(c, "HTTP/1.1 200 OK\r\n\r\n");
		while (!stopping && send(c, junk, sizeof junk, MSG_NOSIGNAL) > 0)
			;
	} else
		dprintf(c, "HTTP/1.1 404 Not Found\r\n\r\n");
}

static int show(int port, const char *text)
{
	const int fd = own_socket(port);
	if (fd < 0)
		return 6;
	while (!stopping) {
		char request[1024], path[256] = "";
		int c = accept(fd, NULL, NULL);
		ssize_t n = c < 0 ? 0 : read(c, request, sizeof request - 1);
		if (n > 0) {
			request[n] = '\0';
			sscanf(request, "GET %255s", path);
			printf("asked for %s\n", path);
			answer(c, path, text, port);
		}
		if (c >= 0)
			close(c);
	}
	return 0;
}

static int notify(long ms, char **texts)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path ? path : "");
	for (; *texts; texts++) {
		pause_ms(ms);
		if (sendto(fd, *texts, strlen(*texts), 0, (struct sockaddr *)&to, sizeof to) < 0)
			return 7;
	}
	while (!stopping)
		pause_ms(50);
	return 0;
}

static int write_last_words(const char *words)
{
	int fd = open("/dev/termination-log", O_WRONLY);
	return fd >= 0 && write(fd, words, strlen(words)) > 0 ? 3 : 8;
}

static int flood(long seconds)
{
	struct sockaddr_un to;
	long until = now_ms() + seconds * 1000, sent = 0;
	int fd = open_socket(&to);
	while (now_ms() < until)
		for (int i = 0; i < 100; i++)
			sent += sendto(fd, "flood n=1i", 10, 0, (struct sockaddr *)&to,
				       sizeof to) == 10;
	printf("sent %ld\n", sent);
	while (!stopping)
		pause_ms(50);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const long x = *(const long *)a, y = *(const long *)b;
	return x < y ? -1 : x > y;
}

static int beat(long ms)
{
	enum { LATE_MAX = 1000 };
	static long late[LATE_MAX];
	struct sockaddr_un to;
	struct timespec due, now;
	const long a_second = 1000 / ms < LATE_MAX ? 1000 / ms : LATE_MAX;
	long made = 0;
	int fd = open_socket(&to);
	clock_gettime(CLOCK_MONOTONIC, &due);
	while (!stopping) {
		char line[64];
		due.tv_nsec += ms * 1000000;
		due.tv_sec += due.tv_nsec / 1000000000;
		due.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		int len = snprintf(line, sizeof line, "beat n=%ldi", made + 1);
		if (sendto(fd, line, (size_t)len, 0, (struct sockaddr *)&to, sizeof to) != len)
			continue; /* the gap shows */
		clock_gettime(CLOCK_MONOTONIC, &now);
		late[made++ % a_second] =
			(now.tv_sec - due.tv_sec) * 1000000 + (now.tv_nsec - due.tv_nsec) / 1000;
		if (made % a_second)
			continue;
		qsort(late, (size_t)a_second, sizeof *late, compare);
		printf("beat %ld p99_us %ld\n", made, late[a_second * 99 / 100]);
	}
	return 0;
}

static void bomb(void)
{
	long forked = 0;
	for (;;) {
		pid_t pid = fork();
		if (pid < 0 && forked) {
			printf("no more after %ld\n", forked);
			forked = 0;
		}
		forked += pid > 0;
		if (pid < 0)
			pause_ms(1);
	}
}

static int fill(char **folders)
{
	static char block[64 * 1024];
	for (; *folders; folders++) {
		char path[256];
		long long all = 0;
		ssize_t n;
		snprintf(path, sizeof path, "%s/filling", *folders);
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		while (fd >= 0 && (n = write(fd, block, sizeof block)) > 0)
			all += n;
		printf("%s took %lld, then: %s\n", *folders, all, strerror(errno));
	}
	while (!stopping)
		pause_ms(50);
	return 0;
}

/* Byte k of file i is (i * 31 + k / 7) % 251: whoever gets it can tell. */
static int leave_one(const char *folder, long i, long bytes)
{
	char hidden[256], name[256];
	snprintf(hidden, sizeof hidden, "%s/.photo-%04ld.jpg", folder, i);
	snprintf(name, sizeof name, "%s/photo-%04ld.jpg", folder, i);
	FILE *f = fopen(hidden, "w");
	for (long k = 0; f && k < bytes; k++)
		putc((int)((i * 31 + k / 7) % 251), f);
	return !f || fclose(f) || rename(hidden, name);
}

static int leave(long count, long bytes, long every_ms, const char *below)
{
	char folder[128];
	snprintf(folder, sizeof folder, "%s/%s", getenv("SKERRY_OUTBOX"), below);
	for (long i = 0; i < count && !stopping; i++) {
		if (leave_one(folder, i, bytes)) {
			perror(folder);
			return 1;
		}
		pause_ms(every_ms);
	}
	puts("all left");
	while (!stopping)
		pause_ms(50);
	return 0;
}

static int shout(void)
{
	static char line[1024];
	memset(line, 'a', sizeof line - 1);
	setvbuf(stdout, NULL, _IOFBF, 64 * 1024);
	while (!stopping)
		puts(line);
	return 0;
}

static int open_sockets(long count)
{
	long n = 0;
	while (n < count && socket(AF_INET, SOCK_STREAM, 0) >= 0)
		n++;
	printf("opened %ld, then: %s\n", n, n < count ? strerror(errno) : "enough");
	while (!stopping)
		pause_ms(50);
	return 0;
}

static void look_at_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; d && (e = readdir(d));) {
		int fd = atoi(e->d_name);
		if (e->d_name[0] != '.' && fd > 2 && fd != dirfd(d))
			printf("BAD inherited descriptor %d\n", fd);
	}
	if (d)
		closedir(d);
}

static void look_at_status(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f)) {
		if (!strncmp(line, "Cap", 3) && strcmp(line + 8, "0000000000000000\n"))
			printf("BAD %s", line);
		if (!strncmp(line, "NoNewPrivs:", 11) && !strchr(line, '1'))
			printf("BAD %s", line);
		if (!strncmp(line, "Groups:", 7) && strpbrk(line + 7, "0123456789"))
			printf("BAD %s", line);
	}
	if (f)
		fclose(f);
}

static void look_at_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd >= 0)
		printf("BAD %s can be written\n", path);
	if (fd >= 0)
		close(fd);
}

static int look(void)
{
	char name[64];
	struct stat st;
	look_at_fds();
	look_at_status();
	look_at_write("/written");
	look_at_write("/etc/written");
	look_at_write("/proc/sys/kernel/core_pattern");
	look_at_write("/proc/sysrq-trigger");
	look_at_write("/dev/written");
	look_at_write("/run/skerry/written");
	if (getuid() < 700000 || getgid() < 700000)
		printf("BAD uid %d gid %d\n", getuid(), getgid());
	if (mount("none", "/tmp", "tmpfs", 0, NULL) == 0)
		puts("BAD mount works");
	if (setuid(0) == 0)
		puts("BAD setuid works");
	if (kill(1, SIGKILL) == 0 && errno == 0)
		puts("BAD init was killed");
	if (readlink("/proc/1/exe", name, sizeof name) > 0)
		puts("BAD /proc/1 can be looked into");
	if (stat("/proc/2/root", &st) == 0 && getpid() != 2)
		puts("BAD another process is visible");
	if (mknod("/tmp/mem", S_IFCHR | 0600, 0x101) == 0)
		puts("BAD mknod works");
	int fd = open("/tmp/ok", O_WRONLY | O_CREAT, 0600);
	printf("%s /tmp can be written\n", fd >= 0 ? "good" : "BAD not");
	gethostname(name, sizeof name);
	printf("host name %s\n", name);
	printf("pid %d\n", getpid());
	puts("looked");
	return 0;
}

static long number(char **argv, int at)
{
	return argv[at] ? atol(argv[at]) : 0;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	const char *role = argc > 1 ? argv[1] : "wait";
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &act, NULL);
	if (!strcmp(role, "sample") && argc == 4)
		return sample(number(argv, 2), number(argv, 3));
	if (!strcmp(role, "eat") && argc == 3)
		return eat(number(argv, 2));
	if (!strcmp(role, "hold") && argc == 3)
		return hold(number(argv, 2));
	if (!strcmp(role, "talk") && argc == 3)
		return talk(number(argv, 2));
	if (!strcmp(role, "serve") && argc == 4)
		return serve((int)number(argv, 2), argv[3]);
	if (!strcmp(role, "show") && argc == 4)
		return show((int)number(argv, 2), argv[3]);
	if (!strcmp(role, "notify") && argc >= 4)
		return notify(number(argv, 2), argv + 3);
	if (!strcmp(role, "last") && argc == 3)
		return write_last_words(argv[2]);
	if (!strcmp(role, "flood") && argc == 3)
		return flood(number(argv, 2));
	if (!strcmp(role, "beat") && argc == 3)
		return beat(number(argv, 2));
	if (!strcmp(role, "bomb"))
		bomb();
	if (!strcmp(role, "fill") && argc > 2)
		return fill(argv + 2);
	if (!strcmp(role, "leave") && argc >= 5)
		return leave(number(argv, 2), number(argv, 3), number(argv, 4),
			     argc > 5 ? argv[5] : "");
	if (!strcmp(role, "shout"))
		return shout();
	if (!strcmp(role, "sockets") && argc == 3)
		return open_sockets(number(argv, 2));
	if (!strcmp(role, "halt")) {
		puts("halting");
		return raise(SIGSTOP);
	}
	if (!strcmp(role, "look"))
		return look();
	if (!strcmp(role, "exit") && argc == 4) {
		printf("exiting with %s\n", argv[2]);
		pause_ms(number(argv, 3));
		return (int)number(argv, 2);
	}
	if (!strcmp(role, "stubborn"))
		signal(SIGTERM, SIG_IGN);
	else if (strcmp(role, "wait") != 0)
		return 2;
	puts("waiting");
	while (!stopping)
		pause_ms(50);
	puts("told to stop");
	return 0;
}
