/*
 * fuzz_mqtt - a hostile broker: libmosquitto behind the guard, in this process.
 *
 * Pieces are what the broker says, one after the other; then it hangs up. The connection
 * ends once, with a reason, and whatever came before stayed within its bounds.
 */
#include "base/mqtt_guard.h"
#include "ports/mqtt.h"
#include "ports/net.h"
#include "tests/fuzz/folder.h"
#include "tests/unit/sync/clock_fake.h"

#include <sys/socket.h>
#include <unistd.h>

enum { PIECES_MAX = 64, TURNS_MAX = 32 };

struct fixture {
	struct loop *loop;
	struct mqtt *mqtt;
	int broker;
	size_t ups, downs, messages, delivered;
};

struct dial {
	struct dial_hooks hooks;
};

static struct dial dialled;

/* In place of ports/linux/net_tcp.c: the connection is there. */
enum err net_dial(struct loop *l, const char *host, uint16_t port, int64_t wait_ms,
		  const struct dial_hooks *hooks, struct dial **out, struct why *why)
{
	(void)l;
	(void)host;
	(void)port;
	(void)wait_ms;
	(void)why;
	dialled.hooks = *hooks;
	*out = &dialled;
	return OK;
}

void net_cancel(struct dial *d)
{
	(void)d;
}

static void on_up(void *owner)
{
	static const char *const filters[] = { "skerry1/main/drone-07/dn/desired", "t/+" };
	struct fixture *f = owner;
	const struct mqtt_letter letter = { "t", BYTES_LIT("hello"), 1, false };
	assert(++f->ups == 1 && mqtt_is_up(f->mqtt));
	(void)!mqtt_subscribe(f->mqtt, filters, 2, NULL);
	(void)!mqtt_publish(f->mqtt, &letter, NULL, NULL);
}

static void on_down(void *owner, const struct why *why)
{
	struct fixture *f = owner;
	assert(why->text[0] && ++f->downs == 1 && !mqtt_is_up(f->mqtt));
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct fixture *f = owner;
	volatile unsigned sum = 0; /* every byte can be read */
	assert(f->ups == 1 && m->topic[0] && m->payload.len <= MQTT_FRAME_MAX);
	for (size_t i = 0; i < m->payload.len; i++)
		sum += (unsigned char)m->payload.at[i];
	f->messages++;
}

static void on_delivered(void *owner, int ticket)
{
	struct fixture *f = owner;
	(void)ticket;
	assert(++f->delivered <= 1); /* one was published */
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	(void)owner;
	(void)granted;
	assert(n <= MQTT_FILTERS_MAX);
}

/* Until nobody has anything more to say; what the client says is not listened to. */
static void turn(struct fixture *f)
{
	char room[4096];
	for (int i = 0; i < TURNS_MAX; i++) {
		const ssize_t heard = recv(f->broker, room, sizeof room, MSG_DONTWAIT);
		if (loop_turn(f->loop, 0, NULL))
			abort();
		if (heard <= 0 && i >= 4)
			return;
	}
}

static void connect_to(struct fixture *f)
{
	int ends[2];
	const struct url url = { .host = "broker", .port = 1883 };
	const struct mqtt_hooks hooks = {
		f, on_up, on_down, on_message, on_delivered, on_subscribed
	};
	const struct mqtt_options o = { .broker = &url,
					.client_id = "drone-07",
					.will_topic = "will",
					.will = BYTES_LIT("lost"),
					.join_dir = fuzz_folder() };
	const struct why none = { "" };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) ||
	    loop_open(&f->loop, NULL) || mqtt_open(f->loop, &hooks, &f->mqtt, NULL) ||
	    mqtt_connect(f->mqtt, &o, NULL))
		abort();
	f->broker = ends[0];
	dialled.hooks.on_dialled(dialled.hooks.owner, ends[1], &none);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = { (const char *)at, len };
	struct fixture f = { .broker = -1 };
	connect_to(&f);
	turn(&f);
	for (size_t i = 0; rest.len && i < PIECES_MAX && !f.downs; i++) {
		const struct bytes piece = fuzz_piece(&rest);
		(void)!send(f.broker, piece.at, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn(&f);
	}
	shutdown(f.broker, SHUT_RDWR);
	for (int i = 0; i < TURNS_MAX && !f.downs; i++)
		turn(&f);
	assert(f.downs == 1);
	mqtt_close(f.mqtt);
	loop_close(f.loop);
	close(f.broker);
	return 0;
}
