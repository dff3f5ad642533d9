#include "agent/ingest.h"

#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/socket.h"
#include "tests/contract/scratch.h"
#include "tests/unit/agent/gathered.h"
#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>

enum { SEQ_END = 1 << 30 };
static const int64_t WALL_MS = 1795514400000;

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct ingest ingest;
	int socket_fd; /* the workload's, the agent's end */
	int sender_fd;
	size_t told, full;
	bool makes_room;
	struct gathered gathered;
};

static void on_points(void *owner)
{
	struct fixture *f = owner;
	f->told++;
}

static bool on_full(void *owner)
{
	struct fixture *f = owner;
	f->full++;
	if (f->makes_room)
		gather_clear(&f->ingest.gather);
	return f->makes_room;
}

static void open_ingest(struct fixture *f)
{
	struct why why = { "" };
	if (ingest_open(&f->ingest, f->loop, f->scratch.folder, &why))
		fail_msg("%s", why.text);
	f->ingest.owner = f;
	f->ingest.on_points = on_points;
	f->ingest.on_full = on_full;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	log_set_level(LOG_ERR);
	clock_fake_set_wall(WALL_MS);
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	open_ingest(f);
	const char *path = scratch_at(&f->scratch, "cam.sock");
	assert_ok(socket_listen(path, SOCKET_DATAGRAM, 0600, &f->socket_fd, NULL));
	assert_ok(socket_connect(path, SOCKET_DATAGRAM, &f->sender_fd, NULL));
	ingest_add(&f->ingest, f->socket_fd, "cam", "cam/main");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	ingest_close(&f->ingest);
	close_quietly(f->socket_fd);
	close_quietly(f->sender_fd);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 4; i++)
		assert_ok(loop_turn(f->loop, 0, NULL));
}

static void send_bytes(struct fixture *f, struct bytes datagram)
{
	assert_ok(socket_send(f->sender_fd, datagram));
	turn(f);
}

static void send(struct fixture *f, const char *datagram)
{
	send_bytes(f, bytes_of(datagram));
}

static void assert_gathered(struct fixture *f, const char *expected)
{
	gathered_read(&f->gathered, &f->ingest.gather);
	assert_string_equal(f->gathered.text, expected);
}

static const struct source *source(struct fixture *f, const char *workload)
{
	for (size_t i = 0; i < INGEST_SOURCES_MAX; i++)
		if (f->ingest.sources[i] && strcmp(f->ingest.sources[i]->workload, workload) == 0)
			return &f->ingest.sources[i]->source;
	fail_msg("no source %s", workload);
	return NULL;
}

static void assert_counts(struct fixture *f, int64_t points, int64_t dropped, int64_t invalid)
{
	const struct source *s = source(f, "cam/main");
	assert_int_equal(s->points, points);
	assert_int_equal(s->dropped, dropped);
	assert_int_equal(s->invalid, invalid);
}

/* --- tests --- */

static void lines_are_gathered(void **state)
{
	struct fixture *f = *state;
	assert_true(ingest_is_empty(&f->ingest));
	send(f, "line,span=4 sag=1.93 1000000000\nline,span=4 sag=2i 2000000000\n");
	assert_false(ingest_is_empty(&f->ingest));
	assert_counts(f, 2, 0, 0);
	assert_gathered(f, "line,span=4,workload=cam/main sag=1.93 1000\n"
			   "line,span=4,workload=cam/main sag=2i 2000\n");
}

static void a_point_without_a_time_is_from_now(void **state)
{
	struct fixture *f = *state;
	send(f, "m f=1");
	assert_gathered(f, "m,workload=cam/main f=1 1795514400000\n");
}

static void senml_is_gathered_too(void **state)
{
	struct fixture *f = *state;
	send(f, " \n[{\"bn\":\"dev/\",\"n\":\"t\",\"u\":\"Cel\",\"v\":23.5,\"t\":-1},"
		"{\"n\":\"on\",\"vb\":true}]");
	assert_counts(f, 2, 0, 0);
	assert_gathered(f, "dev/t,unit=Cel,workload=cam/main value=23.5 1795514399000\n"
			   "dev/on,workload=cam/main value=1b 1795514400000\n");
}

static void whose_it_is_says_the_socket_not_the_text(void **state)
{
	struct fixture *f = *state;
	send(f, "m,workload=other/one f=1 1000000");
	assert_gathered(f, "m,workload=cam/main f=1 1\n");
}

static void the_boards_own_socket_belongs_to_no_workload(void **state)
{
	struct fixture *f = *state;
	int fd;
	ingest_add(&f->ingest, f->ingest.host_fd, "host", "");
	assert_ok(socket_connect(scratch_at(&f->scratch, "telemetry.sock"), SOCKET_DATAGRAM, &fd,
				 NULL));
	assert_ok(socket_send(fd, BYTES_LIT("uptime s=5i 1000000")));
	turn(f);
	close(fd);
	assert_gathered(f, "uptime s=5i 1\n");
	assert_int_equal(source(f, "")->points, 1);
}

static void bad_lines_are_counted_and_cost_no_other(void **state)
{
	struct fixture *f = *state;
	send(f, "a f=1 1000000\nno line at all\nb f=nan\nc f=3 3000000");
	assert_counts(f, 2, 0, 2);
	assert_gathered(f, "a,workload=cam/main f=1 1\nc,workload=cam/main f=3 3\n");
	assert_string_not_equal(source(f, "cam/main")->last_invalid.text, "");
}

static void bad_senml_is_counted(void **state)
{
	struct fixture *f = *state;
	send(f, "[{\"n\":\"t\",\"v\":");
	assert_counts(f, 0, 0, 1);
	send(f, "[{\"n\":\"a\"},{\"n\":\"b\",\"v\":2,\"t\":1795514400}]");
	assert_counts(f, 1, 0, 2);
	assert_gathered(f, "b,workload=cam/main value=2 1795514400000\n");
}

static void a_datagram_that_is_too_long_is_counted(void **state)
{
	struct fixture *f = *state;
	static char text[DATAGRAM_MAX + 1];
	memset(text, '\n', sizeof text);
	memcpy(text, "m f=1", 5);
	send_bytes(f, (struct bytes){ text, DATAGRAM_MAX + 1 });
	assert_counts(f, 0, 0, 1);
	send_bytes(f, (struct bytes){ text, DATAGRAM_MAX });
	assert_counts(f, 1, 0, 1);
}

static void a_datagram_of_nothing_is_nothing(void **state)
{
	struct fixture *f = *state;
	send(f, "");
	send(f, "\n \n# a comment\n");
	send_bytes(f, BYTES_LIT("\0"));
	send(f, "m f=1");
	assert_int_equal(source(f, "cam/main")->points, 1);
}

static void a_point_with_no_room_for_its_workload_is_counted(void **state)
{
	struct fixture *f = *state;
	char line[256] = "m";
	for (int i = 0; i < POINT_TAGS_MAX; i++) {
		char tag[8];
		snprintf(tag, sizeof tag, ",t%d=v", i);
		strcat(line, tag);
	}
	strcat(line, " f=1");
	send(f, line);
	assert_counts(f, 0, 0, 1);
}

static void a_point_that_would_never_fit_is_counted(void **state)
{
	struct fixture *f = *state;
	static char line[POINT_KEY_MAX + 16];
	memset(line, 'm', POINT_KEY_MAX);
	strcpy(line + POINT_KEY_MAX, " f=1");
	send(f, line);
	assert_counts(f, 0, 0, 1);
}

static void only_the_first_point_is_told(void **state)
{
	struct fixture *f = *state;
	send(f, "m f=1\nm f=2");
	send(f, "m f=3");
	assert_int_equal(f->told, 1);
	ingest_stored(&f->ingest);
	send(f, "m f=4");
	assert_int_equal(f->told, 2);
}

static void fill(struct fixture *f)
{
	for (int i = 0; f->full == 0; i++) {
		assert_in_range(i, 0, SOURCE_BURST);
		send(f, "m f=1 1000000");
	}
}

static void without_room_points_are_dropped_and_counted(void **state)
{
	struct fixture *f = *state;
	fill(f);
	int64_t points = source(f, "cam/main")->points;
	assert_counts(f, points, 1, 0);
	send(f, "m f=1\nm f=2");
	assert_counts(f, points, 3, 0);
	assert_int_equal(f->ingest.gather.points, points);
}

static void where_room_is_made_nothing_is_dropped(void **state)
{
	struct fixture *f = *state;
	f->makes_room = true;
	fill(f);
	assert_int_equal(f->full, 1);
	assert_int_equal(source(f, "cam/main")->dropped, 0);
	assert_int_equal(f->ingest.gather.points, 1);
	assert_int_equal(f->told, 2); /* or it would lie there until the next flush */
}

static void a_flood_of_datagrams_is_dropped_and_counted(void **state)
{
	struct fixture *f = *state;
	f->makes_room = true;
	for (int i = 0; i < SOURCE_BURST + 100; i++) {
		assert_ok(socket_send(f->sender_fd, BYTES_LIT("m f=1i 1000000")));
		assert_ok(loop_turn(f->loop, 0, NULL));
	}
	assert_counts(f, SOURCE_BURST, 100, 0);
}

static void a_flood_within_datagrams_is_dropped_and_counted(void **state)
{
	enum { LINES = 2000, DATAGRAMS = 30 };
	struct fixture *f = *state;
	static char text[LINES * 8 + 1];
	f->makes_room = true;
	for (int i = 0; i < LINES; i++)
		strcpy(text + (ptrdiff_t)i * 7, "m f=1i\n");
	for (int i = 0; i < DATAGRAMS; i++)
		send(f, text);
	const struct source *s = source(f, "cam/main");
	assert_int_equal(s->points + s->dropped, LINES * DATAGRAMS);
	assert_int_equal(s->points, SOURCE_BURST);
}

static void after_a_flood_it_goes_on_at_the_limit(void **state)
{
	struct fixture *f = *state;
	f->makes_room = true;
	for (int i = 0; i < SOURCE_BURST + 1; i++) {
		assert_ok(socket_send(f->sender_fd, BYTES_LIT("m f=1i 1000000")));
		assert_ok(loop_turn(f->loop, 0, NULL));
	}
	assert_counts(f, SOURCE_BURST, 1, 0);
	clock_fake_pass(10);
	for (int i = 0; i < SOURCE_POINTS_PER_S / 100 + 1; i++)
		send(f, "m f=1i 1000000");
	assert_counts(f, SOURCE_BURST + SOURCE_POINTS_PER_S / 100, 2, 0);
}

static void a_sender_is_never_held_up(void **state)
{
	struct fixture *f = *state;
	enum err e = OK;
	int sent = 0;
	for (; !e && sent < 100000; sent++)
		e = socket_send(f->sender_fd, BYTES_LIT("m f=1i 1000000"));
	assert_err(ERR_AGAIN, e);
	turn(f);
	assert_ok(socket_send(f->sender_fd, BYTES_LIT("m f=1i 1000000")));
}

static void what_was_sent_before_the_end_still_counts(void **state)
{
	struct fixture *f = *state;
	size_t sent = 0;
	while (socket_send(f->sender_fd, BYTES_LIT("m f=1i 1000000")) == OK)
		sent++;
	assert_true(sent > 0);
	ingest_remove(&f->ingest, "cam/main");
	assert_int_equal(f->ingest.gather.points, sent);
	send(f, "m f=1i 1000000");
	assert_int_equal(f->ingest.gather.points, sent);
}

static void removing_what_is_not_there_is_fine(void **state)
{
	struct fixture *f = *state;
	ingest_remove(&f->ingest, "other/one");
	send(f, "m f=1");
	assert_counts(f, 1, 0, 0);
}

static void a_workload_that_comes_again_takes_its_own_place(void **state)
{
	struct fixture *f = *state;
	send(f, "m f=1");
	ingest_add(&f->ingest, f->socket_fd, "cam", "cam/main");
	send(f, "m f=2");
	assert_counts(f, 1, 0, 0);
	size_t used = 0;
	for (size_t i = 0; i < INGEST_SOURCES_MAX; i++)
		used += f->ingest.sources[i] != NULL;
	assert_int_equal(used, 1);
}

static void the_report_counts_by_source(void **state)
{
	struct fixture *f = *state;
	struct json *empty = ingest_report(&f->ingest);
	assert_int_equal(json_count(empty), 0);
	json_free(empty);
	send(f, "m f=1\nm f=2\noops");
	struct json *j = ingest_report(&f->ingest);
	char *text = json_print(j);
	assert_string_equal(text, "{\"cam/main\":{\"points\":2,\"dropped\":0,\"invalid\":1}}");
	free(text);
	json_free(j);
}

/* --- storing --- */

struct kept {
	struct store *store;
	struct outbox outbox;
};

static struct kept open_store(struct fixture *f)
{
	struct kept k;
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &k.store, NULL));
	assert_ok(outbox_open(&k.outbox, k.store, 256 * 1024, NULL));
	return k;
}

/* As an agent that is killed and started again. */
static void restart(struct fixture *f, struct kept *k)
{
	ingest_close(&f->ingest);
	open_ingest(f);
	ingest_recover(&f->ingest, k->store);
}

static void what_is_gathered_becomes_letters(void **state)
{
	struct fixture *f = *state;
	struct kept k = open_store(f);
	struct letter l;
	send(f, "m f=1 1795514400000000000\nm f=2 1795514400005000000");
	assert_ok(ingest_store(&f->ingest, &k.outbox, NULL));
	ingest_stored(&f->ingest);
	assert_true(ingest_is_empty(&f->ingest));
	assert_ok(store_next(k.store, LETTER_TELEMETRY, 0, SEQ_END, &l));
	assert_string_equal(l.stream, "cam");
	assert_int_equal(l.items, 2);
	assert_int_equal(l.flags, LETTER_WALL);
	assert_true(l.made_ms == 1795514400005);
	f->gathered.text[0] = '\0';
	gathered_decode(&f->gathered, l.body);
	assert_string_equal(f->gathered.text, "m,workload=cam/main f=1 1795514400000\n"
					      "m,workload=cam/main f=2 1795514400005\n");
	store_close(k.store);
}

static void each_stream_is_a_letter_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct kept k = open_store(f);
	struct store_total t;
	int fd;
	const char *path = scratch_at(&f->scratch, "other.sock");
	assert_ok(socket_listen(path, SOCKET_DATAGRAM, 0600, &fd, NULL));
	ingest_add(&f->ingest, fd, "other", "other/one");
	send(f, "m f=1");
	close(f->sender_fd);
	assert_ok(socket_connect(scratch_at(&f->scratch, "other.sock"), SOCKET_DATAGRAM,
				 &f->sender_fd, NULL));
	send(f, "m f=1");
	assert_ok(ingest_store(&f->ingest, &k.outbox, NULL));
	store_total(k.store, LETTER_TELEMETRY, &t);
	assert_int_equal(t.letters, 2);
	ingest_remove(&f->ingest, "other/one");
	close(fd);
	store_close(k.store);
}

static void killed_after_the_commit_nothing_is_stored_twice(void **state)
{
	struct fixture *f = *state;
	struct kept k = open_store(f);
	send(f, "m f=1");
	assert_ok(ingest_store(&f->ingest, &k.outbox, NULL));
	restart(f, &k);
	assert_true(ingest_is_empty(&f->ingest));
	store_close(k.store);
}

static void killed_before_the_commit_nothing_is_lost(void **state)
{
	struct fixture *f = *state;
	struct kept k = open_store(f);
	struct store_total t;
	send(f, "m f=1");
	assert_ok(ingest_store(&f->ingest, &k.outbox, NULL));
	ingest_stored(&f->ingest);
	send(f, "m f=2");
	assert_ok(store_begin(k.store, NULL));
	assert_ok(ingest_store(&f->ingest, &k.outbox, NULL));
	store_rollback(k.store);
	restart(f, &k);
	assert_int_equal(f->ingest.gather.points, 1);
	store_total(k.store, LETTER_TELEMETRY, &t);
	assert_int_equal(t.letters, 1);
	store_close(k.store);
}

static void what_finds_no_room_in_the_outbox_is_counted_there(void **state)
{
	struct fixture *f = *state;
	struct kept k = open_store(f);
	k.outbox.quota = 10;
	send(f, "m f=1\nm f=2");
	assert_ok(ingest_store(&f->ingest, &k.outbox, NULL));
	assert_int_equal(k.outbox.dropped[LETTER_TELEMETRY], 2);
	store_close(k.store);
}

static void one_that_was_never_opened_may_be_closed(void **state)
{
	static struct ingest never;
	(void)state;
	ingest_close(&never);
}

int main(void)
{
#define INGEST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		INGEST_TEST(lines_are_gathered),
		INGEST_TEST(a_point_without_a_time_is_from_now),
		INGEST_TEST(senml_is_gathered_too),
		INGEST_TEST(whose_it_is_says_the_socket_not_the_text),
		INGEST_TEST(the_boards_own_socket_belongs_to_no_workload),
		INGEST_TEST(bad_lines_are_counted_and_cost_no_other),
		INGEST_TEST(bad_senml_is_counted),
		INGEST_TEST(a_datagram_that_is_too_long_is_counted),
		INGEST_TEST(a_datagram_of_nothing_is_nothing),
		INGEST_TEST(a_point_with_no_room_for_its_workload_is_counted),
		INGEST_TEST(a_point_that_would_never_fit_is_counted),
		INGEST_TEST(only_the_first_point_is_told),
		INGEST_TEST(without_room_points_are_dropped_and_counted),
		INGEST_TEST(where_room_is_made_nothing_is_dropped),
		INGEST_TEST(a_flood_of_datagrams_is_dropped_and_counted),
		INGEST_TEST(a_flood_within_datagrams_is_dropped_and_counted),
		INGEST_TEST(after_a_flood_it_goes_on_at_the_limit),
		INGEST_TEST(a_sender_is_never_held_up),
		INGEST_TEST(what_was_sent_before_the_end_still_counts),
		INGEST_TEST(removing_what_is_not_there_is_fine),
		INGEST_TEST(a_workload_that_comes_again_takes_its_own_place),
		INGEST_TEST(the_report_counts_by_source),
		INGEST_TEST(what_is_gathered_becomes_letters),
		INGEST_TEST(each_stream_is_a_letter_of_its_own),
		INGEST_TEST(killed_after_the_commit_nothing_is_stored_twice),
		INGEST_TEST(killed_before_the_commit_nothing_is_lost),
		INGEST_TEST(what_finds_no_room_in_the_outbox_is_counted_there),
		INGEST_TEST(one_that_was_never_opened_may_be_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
