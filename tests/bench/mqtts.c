/*
 * mqtts ours|openssl HOST PORT CA CERT KEY FOLDER - one client of tests/bench/tls.
 *
 * Connects for each line "connect" on stdin and answers "up CPU_US" when CONNACK has come:
 * by ports/mqtt.h, or by libmosquitto over its own OpenSSL. "drop" ends the connection
 * and is answered by "down"; the end of stdin ends it all.
 */
#include "base/text.h"
#include "ports/loop.h"
#include "ports/mqtt.h"
#include "ports/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if WITH_OPENSSL
#include <mosquitto.h>
#endif

enum { WAIT_MS = 10 * 1000 };

struct client {
	struct url broker;
	struct tls_files files;
	const char *folder;
	struct loop *loop;
	struct mqtt *ours;
	bool is_up, is_down;
	struct why why;
};

static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void on_up(void *owner)
{
	((struct client *)owner)->is_up = true;
}

static void on_down(void *owner, const struct why *why)
{
	struct client *c = owner;
	c->is_down = true;
	c->why = *why;
}

static bool connect_ours(struct client *c)
{
	const struct mqtt_hooks hooks = { .owner = c, .on_up = on_up, .on_down = on_down };
	const struct mqtt_options o = {
		.broker = &c->broker, .client_id = "bench", .join_dir = c->folder, .tls = c->files
	};
	if (!c->loop &&
	    (loop_open(&c->loop, &c->why) || mqtt_open(c->loop, &hooks, &c->ours, &c->why)))
		return false;
	c->is_up = c->is_down = false;
	if (mqtt_connect(c->ours, &o, &c->why))
		return false;
	while (!c->is_up && !c->is_down)
		if (loop_turn(c->loop, WAIT_MS, &c->why))
			return false;
	return c->is_up;
}

static void drop_ours(struct client *c)
{
	mqtt_drop(c->ours);
}

#if WITH_OPENSSL

static struct mosquitto *theirs;

static void on_connack(struct mosquitto *m, void *owner, int rc)
{
	struct client *c = owner;
	(void)m;
	c->is_up = rc == 0;
	c->is_down = rc != 0;
}

static bool connect_theirs(struct client *c)
{
	if (!theirs) {
		mosquitto_lib_init();
		theirs = mosquitto_new("bench", true, c);
		mosquitto_tls_set(theirs, c->files.ca, NULL, c->files.cert, c->files.key, NULL);
		mosquitto_connect_callback_set(theirs, on_connack);
	}
	c->is_up = c->is_down = false;
	int rc = mosquitto_connect(theirs, c->broker.host, c->broker.port, MQTT_KEEPALIVE_S);
	while (!rc && !c->is_up && !c->is_down)
		rc = mosquitto_loop(theirs, WAIT_MS, 1);
	if (rc)
		(void)why_set(&c->why, ERR_OFFLINE, "%s", mosquitto_strerror(rc));
	return c->is_up;
}

static void drop_theirs(struct client *c)
{
	(void)c;
	mosquitto_disconnect(theirs);
	while (!mosquitto_loop(theirs, WAIT_MS, 1))
		;
}

#else

static bool connect_theirs(struct client *c)
{
	(void)why_set(&c->why, ERR_DENIED, "a board's build has no OpenSSL");
	return false;
}

static void drop_theirs(struct client *c)
{
	(void)c;
}

#endif

int main(int argc, char **argv)
{
	static struct client c;
	char line[32];
	long long port;
	if (net_is_resolver(argc, argv))
		return 0;
	if (argc != 8 || text_number(bytes_of(argv[3]), 1, 65535, &port))
		return 2;
	const bool is_ours = strcmp(argv[1], "ours") == 0;
	text_copy(c.broker.host, sizeof c.broker.host, bytes_of(argv[2]));
	c.broker.port = (uint16_t)port;
	c.broker.tls = true;
	c.files = (struct tls_files){ .ca = argv[4], .cert = argv[5], .key = argv[6] };
	c.folder = argv[7];
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		const int64_t before = cpu_us();
		if (strcmp(line, "drop\n") == 0) {
			is_ours ? drop_ours(&c) : drop_theirs(&c);
			puts("down");
		} else if (is_ours ? connect_ours(&c) : connect_theirs(&c)) {
			printf("up %lld\n", (long long)(cpu_us() - before));
		} else {
			fprintf(stderr, "%s\n", c.why.text);
			return 1;
		}
	}
	return 0;
}
