#include "agent/sources/statsd_server.h"

#include "base/log.h"
#include "base/scoped.h"
#include "ports/net.h"
#include "tests/contract/scratch.h"
#include "tests/unit/agent/gathered.h"
#include "tests/unit/sync/clock_fake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static const int64_t WALL_MS = 1795514400000;
enum { INTERVAL_MS = 10 * 1000 };

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct ingest ingest;
	struct statsd_server *server;
	uint16_t port;
	int fd;
	struct gathered gathered;
};

static void on_points(void *owner)
{
	(void)owner;
}

static bool on_full(void *owner)
{
	(void)owner;
	return false;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	log_set_level(LOG_ERR);
	clock_fake_set_wall(WALL_MS);
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	assert_ok(ingest_open(&f->ingest, f->loop, f->scratch.folder, NULL));
	f->ingest.owner = f;
	f->ingest.on_points = on_points;
	f->ingest.on_full = on_full;
	f->port = (uint16_t)net_free_port();
	const struct statsd_options o = { &f->ingest, f->loop, "127.0.0.1", f->port, INTERVAL_MS };
	assert_ok(statsd_server_open(&o, &f->server, NULL));
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(f->port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(f->fd, (const struct sockaddr *)&to, sizeof to), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	statsd_server_close(f->server);
	ingest_close(&f->ingest);
	close_quietly(f->fd);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void tell(struct fixture *f, const char *datagram)
{
	assert_int_equal(send(f->fd, datagram, strlen(datagram), 0), strlen(datagram));
	assert_ok(loop_turn(f->loop, 0, NULL));
}

/* As an interval passes; what is gathered then. */
static void flush(struct fixture *f)
{
	clock_fake_pass(INTERVAL_MS);
	assert_ok(loop_turn(f->loop, 0, NULL));
	gathered_read(&f->gathered, &f->ingest.gather);
	gather_clear(&f->ingest.gather);
}

static const struct source *source(struct fixture *f)
{
	assert_non_null(f->ingest.joined);
	return f->ingest.joined;
}

static void counters_are_summed_by_interval(void **state)
{
	struct fixture *f = *state;
	tell(f, "page.views:1|c\npage.views:2|c|@0.1");
	tell(f, "page.views:3:4|c\n");
	assert_int_equal(f->ingest.gather.points, 0);
	flush(f);
	assert_line(&f->gathered, "page_views,metric_type=counter value=28");
	flush(f);
	assert_int_equal(f->gathered.points, 0);
	tell(f, "page.views:1|c");
	flush(f);
	assert_line(&f->gathered, "page_views,metric_type=counter value=1");
}

static void a_gauge_is_remembered(void **state)
{
	struct fixture *f = *state;
	tell(f, "level:10|g\nlevel:+5|g\nlevel:-1|g");
	flush(f);
	assert_line(&f->gathered, "level,metric_type=gauge value=14");
	flush(f);
	assert_int_equal(f->gathered.points, 0);
	tell(f, "level:-4|g");
	flush(f);
	assert_line(&f->gathered, "level,metric_type=gauge value=10");
	/* But not for ever. */
	clock_fake_pass(STATSD_GAUGE_MS);
	flush(f);
	tell(f, "level:-4|g");
	flush(f);
	assert_line(&f->gathered, "level,metric_type=gauge value=-4");
}

static void timings_are_put_together(void **state)
{
	struct fixture *f = *state;
	tell(f, "wait:1:2:3:4|ms\nwait:10|ms|@0.5");
	tell(f, "size:5|h\nsize:5|d");
	flush(f);
	assert_line(&f->gathered, "wait,metric_type=timing count=6i,sum=30,mean=5,lower=1,upper=10,"
				  "50_percentile=3,95_percentile=10");
	assert_line(&f->gathered,
		    "size,metric_type=histogram count=1i,sum=5,mean=5,lower=5,upper=5,"
		    "50_percentile=5,95_percentile=5");
	assert_line(&f->gathered, "size,metric_type=distribution count=1i,sum=5,mean=5,lower=5,"
				  "upper=5,50_percentile=5,95_percentile=5");
	tell(f, "wait:7|ms");
	flush(f);
	assert_line(&f->gathered, "wait,metric_type=timing count=1i,sum=7,mean=7,lower=7,upper=7,"
				  "50_percentile=7,95_percentile=7");
}

static void a_set_counts_who_differs(void **state)
{
	struct fixture *f = *state;
	tell(f, "users:anna|s\nusers:bert|s\nusers:anna|s");
	flush(f);
	assert_line(&f->gathered, "users,metric_type=set value=2i");
	tell(f, "users:anna|s");
	flush(f);
	assert_line(&f->gathered, "users,metric_type=set value=1i");
}

static void tags_tell_series_apart(void **state)
{
	struct fixture *f = *state;
	tell(f, "v:1|c|#b:2,a:1\nv:1|c|#a:1,b:2\nv:1|c|#a:1\nv,a=1:1|c");
	flush(f);
	assert_int_equal(f->gathered.points, 2);
	assert_line(&f->gathered, "v,a=1,b=2,metric_type=counter value=2");
	assert_line(&f->gathered, "v,a=1,metric_type=counter value=2");
}

static void nonsense_is_counted_and_costs_no_other(void **state)
{
	struct fixture *f = *state;
	char long_name[STATSD_KEY_MAX + 8];
	tell(f, "good:1|c\nbad\n\nbad:x|g\r\ngood:1|c\r\n");
	memset(long_name, 'n', STATSD_KEY_MAX);
	strcpy(long_name + STATSD_KEY_MAX, ":1|c");
	tell(f, long_name);
	tell(f, "");
	assert_int_equal(source(f)->invalid, 3);
	flush(f);
	assert_line(&f->gathered, "good,metric_type=counter value=2");
	assert_int_equal(source(f)->points, 1);
	assert_int_equal(source(f)->dropped, 0);
}

static void a_datagram_that_is_too_long_is_counted(void **state)
{
	struct fixture *f = *state;
	static char text[DATAGRAM_MAX + 2];
	memset(text, '\n', DATAGRAM_MAX + 1);
	tell(f, text);
	assert_int_equal(source(f)->invalid, 1);
}

static void series_are_bounded_and_places_become_free(void **state)
{
	struct fixture *f = *state;
	char line[32];
	for (int i = 0; i < STATSD_SERIES_MAX + 5; i++) {
		snprintf(line, sizeof line, "s%d:1:1|c", i);
		tell(f, line);
	}
	assert_int_equal(source(f)->dropped, 10);
	/* Those that are there go on. */
	tell(f, "s0:1|c");
	assert_int_equal(source(f)->dropped, 10);
	gathered_read(&f->gathered, &f->ingest.gather);
	clock_fake_pass(INTERVAL_MS);
	assert_ok(loop_turn(f->loop, 0, NULL));
	assert_int_equal(source(f)->points, STATSD_SERIES_MAX);
	gather_clear(&f->ingest.gather);
	flush(f);
	tell(f, "new:1|c");
	flush(f);
	assert_line(&f->gathered, "new,metric_type=counter value=1");
	assert_int_equal(source(f)->dropped, 10);
}

static void a_flood_is_bounded(void **state)
{
	struct fixture *f = *state;
	static char text[30000];
	struct text t = text_in(text, sizeof text);
	text_add(&t, "flood:1");
	for (int i = 1; i < 10000; i++)
		text_add(&t, ":1");
	text_add(&t, "|c");
	for (int i = 0; i < 5; i++)
		tell(f, text);
	assert_int_equal(source(f)->dropped, 50000 - SOURCE_BURST);
	flush(f);
	assert_line(&f->gathered, "flood,metric_type=counter value=40000");
}

static void the_last_interval_is_not_lost(void **state)
{
	struct fixture *f = *state;
	tell(f, "last:1|c");
	statsd_server_close(f->server);
	f->server = NULL;
	gathered_read(&f->gathered, &f->ingest.gather);
	assert_line(&f->gathered, "last,metric_type=counter value=1");
	assert_null(f->ingest.joined);
}

static void a_port_that_is_taken_is_told_and_tried_again(void **state)
{
	struct fixture *f = *state;
	struct statsd_server *second;
	const struct statsd_options o = { &f->ingest, f->loop, "127.0.0.1", f->port, INTERVAL_MS };
	assert_ok(statsd_server_open(&o, &second, NULL));
	assert_int_equal(source(f)->failures, 1);
	assert_non_null(strstr(source(f)->trouble.text, "127.0.0.1"));
	statsd_server_close(f->server);
	f->server = second;
	flush(f);
	assert_string_equal(source(f)->trouble.text, "");
	tell(f, "now:1|c");
	flush(f);
	assert_line(&f->gathered, "now,metric_type=counter value=1");
}

int main(void)
{
#define STATSD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		STATSD_TEST(counters_are_summed_by_interval),
		STATSD_TEST(a_gauge_is_remembered),
		STATSD_TEST(timings_are_put_together),
		STATSD_TEST(a_set_counts_who_differs),
		STATSD_TEST(tags_tell_series_apart),
		STATSD_TEST(nonsense_is_counted_and_costs_no_other),
		STATSD_TEST(a_datagram_that_is_too_long_is_counted),
		STATSD_TEST(series_are_bounded_and_places_become_free),
		STATSD_TEST(a_flood_is_bounded),
		STATSD_TEST(the_last_interval_is_not_lost),
		STATSD_TEST(a_port_that_is_taken_is_told_and_tried_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
