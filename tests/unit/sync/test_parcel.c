#include "sync/parcel.h"

#include "base/log.h"
#include "ports/json.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"
#include "tests/unit/sync/mqtt_fake.h"

#include <stdio.h>

#define TOPIC(rest) "skerry1/main/drone-07/" rest
#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

enum { LARGE = 300 * 1024 };

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct store *store;
	struct outbox outbox;
	struct link link;
	struct uplink uplink;
	struct spool spool;
	struct parcel parcel;
	size_t gone;
	char refused[128]; /* of the last that is gone; "" for none */
	char content[LARGE];
};

static void on_up(void *owner)
{
	struct fixture *f = owner;
	uplink_on_up(&f->uplink);
	parcel_on_up(&f->parcel);
}

static void on_down(void *owner)
{
	struct fixture *f = owner;
	uplink_on_down(&f->uplink);
	parcel_on_down(&f->parcel);
}

static void on_letter(void *owner, const struct topic *topic, struct bytes payload)
{
	struct fixture *f = owner;
	assert_string_equal(topic->channel, "file");
	parcel_on_answer(&f->parcel, topic->a, payload);
}

static void on_delivered(void *owner, int ticket)
{
	struct fixture *f = owner;
	parcel_on_delivered(&f->parcel, ticket);
}

static void on_gone(void *owner, const struct spool_file *file, const char *refused)
{
	struct fixture *f = owner;
	(void)file;
	f->gone++;
	snprintf(f->refused, sizeof f->refused, "%s", refused ? refused : "");
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct url broker = { .host = "broker", .port = 1883 };
	assert_non_null(f);
	const struct link_hooks hooks = { f, on_up, on_down, on_letter, on_delivered };
	const struct parcel_hooks parcel_hooks = { f, on_gone };
	log_set_level(LOG_ERR);
	fake_broker_reset();
	fake_broker()->acknowledges = true;
	scratch_make(&f->scratch);
	const struct link_options options = { &broker, "main", "drone-07", f->scratch.folder };
	assert_ok(loop_open(&f->loop, NULL));
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(outbox_open(&f->outbox, f->store, LARGE, NULL));
	assert_ok(link_open(&f->link, f->loop, f->store, &options, &hooks, NULL));
	assert_ok(uplink_open(&f->uplink, f->loop, &f->link, &f->outbox, 0, 0, NULL));
	assert_ok(spool_open(&f->spool, scratch_at(&f->scratch, "spool"), NULL));
	parcel_init(&f->parcel, f->loop, &f->link, &f->uplink, &f->spool, &parcel_hooks);
	for (size_t i = 0; i < LARGE; i++)
		f->content[i] = (char)(i / 3);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	parcel_close(&f->parcel);
	uplink_close(&f->uplink);
	link_close(&f->link);
	store_close(f->store);
	loop_close(f->loop);
	fake_broker_reset();
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 80; i++)
		assert_ok(loop_turn(f->loop, 0, NULL));
}

static void pass(struct fixture *f, int64_t ms)
{
	clock_fake_pass(ms);
	turn(f);
}

static void start(struct fixture *f)
{
	link_start(&f->link);
	turn(f);
	assert_true(f->link.is_up);
}

/* `class` is 0 for urgent; the title tells files apart. */
static void put(struct fixture *f, int class, const char *title, size_t size)
{
	char folder[300], path[600];
	assert_ok(spool_folder(&f->spool, "camera", folder, sizeof folder, NULL));
	snprintf(path, sizeof path, "%s/%d-0000000000001-" HEX "-%s", folder, class, title);
	assert_ok(file_replace(path, (struct bytes){ f->content, size }, false, NULL));
	spool_count(&f->spool, NULL, NULL);
	parcel_wake(&f->parcel);
	turn(f);
}

static void say(struct fixture *f, const char *text)
{
	char topic[TOPIC_MAX];
	snprintf(topic, sizeof topic, TOPIC("dn/file/%s"), f->parcel.id);
	fake_broker_publish(topic, bytes_of(text));
	turn(f);
}

/* Blocks of the file that is being carried are those of its content, and reach so far. */
static size_t sent_up_to(const struct fixture *f)
{
	char prefix[TOPIC_MAX];
	size_t end = 0;
	const size_t n =
		(size_t)snprintf(prefix, sizeof prefix, TOPIC("up/file/%s/"), f->parcel.id);
	for (size_t i = 0; i < fake_broker()->sent_count; i++) {
		const struct fake_message *m = &fake_broker()->sent[i];
		if (strncmp(m->topic, prefix, n) != 0)
			continue;
		const size_t at = strtoul(m->topic + n, NULL, 10);
		assert_memory_equal(m->payload, f->content + at, m->len);
		assert_true(m->len <= PARCEL_BLOCK_MAX);
		end = at + m->len > end ? at + m->len : end;
	}
	return end;
}

static size_t announced(const struct fixture *f)
{
	char topic[TOPIC_MAX];
	snprintf(topic, sizeof topic, TOPIC("up/file/%s"), f->parcel.id);
	return fake_broker_count(topic);
}

static void a_new_file_is_announced_and_its_beginning_follows_at_once(void **state)
{
	struct fixture *f = *state;
	struct json *j;
	char topic[TOPIC_MAX];
	start(f);
	put(f, 1, "a.jpg", 3);
	snprintf(topic, sizeof topic, TOPIC("up/file/%s"), f->parcel.id);
	const struct fake_message *m = fake_broker_last(topic);
	assert_ok(json_parse((struct bytes){ m->payload, m->len }, &j, NULL));
	assert_string_equal(json_string(json_member(j, "name")), "a.jpg");
	assert_string_equal(json_string(json_member(j, "pod")), "camera");
	assert_string_equal(json_string(json_member(j, "d")), "sha256:" HEX);
	json_free(j);
	assert_int_equal(sent_up_to(f), 3);
	say(f, "{\"done\":true}");
	assert_int_equal(f->gone, 1);
	assert_string_equal(f->refused, "");
	assert_int_equal(f->spool.total.files, 0);
}

static void no_more_goes_ahead_than_the_hub_has_room_to_tell(void **state)
{
	struct fixture *f = *state;
	char text[64];
	start(f);
	put(f, 1, "a", LARGE);
	assert_int_equal(sent_up_to(f), LARGE); /* less than PARCEL_AHEAD */
	snprintf(text, sizeof text, "{\"have\":%d}", LARGE);
	say(f, text);
	assert_int_equal(f->gone, 0); /* it has all, but has not said that it is well */
}

static void over_a_slow_link_blocks_are_small_and_one_at_a_time(void **state)
{
	struct fixture *f = *state;
	start(f);
	turn(f);
	fake_broker()->puback_ms = PARCEL_SLOW_MS + 1;
	put(f, 1, "a", LARGE);
	say(f, "{\"have\":0}");
	for (int i = 0; i < 10; i++) {
		const size_t before = sent_up_to(f);
		pass(f, PARCEL_SLOW_MS + 1);
		assert_in_range(sent_up_to(f) - before, 0, 4096);
	}
	assert_int_equal(f->parcel.block, PARCEL_BLOCK_MIN);
	assert_in_range(sent_up_to(f), 1, 20 * 1024);
}

static void it_goes_on_where_the_hub_is_after_a_cut(void **state)
{
	struct fixture *f = *state;
	start(f);
	put(f, 1, "a", LARGE);
	fake_broker_cut("cut");
	fake_broker_forget();
	pass(f, PAUSE_LIMIT_MS);
	assert_true(f->link.is_up);
	assert_int_equal(announced(f), 1);
	assert_int_equal(sent_up_to(f), 0); /* it asks first */
	say(f, "{\"have\":200000}");
	assert_int_equal(sent_up_to(f), LARGE);
	char first[TOPIC_MAX];
	snprintf(first, sizeof first, TOPIC("up/file/%s/200000"), f->parcel.id);
	assert_int_equal(fake_broker_count(first), 1);
}

static void a_hub_that_has_forgotten_it_hears_of_it_again(void **state)
{
	struct fixture *f = *state;
	start(f);
	put(f, 1, "a", LARGE);
	say(f, "{\"again\":true}");
	assert_int_equal(announced(f), 2);
	fake_broker_forget();
	say(f, "{\"have\":0}");
	assert_int_equal(sent_up_to(f), LARGE);
}

static void a_gap_is_closed_once_not_for_every_block_behind_it(void **state)
{
	struct fixture *f = *state;
	start(f);
	put(f, 1, "a", LARGE);
	say(f, "{\"have\":100000}");
	fake_broker_forget();
	pass(f, PARCEL_SLOW_MS + 1);
	say(f, "{\"have\":50000}");
	const size_t sent = fake_broker()->sent_count;
	assert_int_equal(sent_up_to(f), LARGE);
	say(f, "{\"have\":50000}");
	assert_int_equal(fake_broker()->sent_count, sent);
}

static void silence_is_asked_into_later_each_time(void **state)
{
	struct fixture *f = *state;
	start(f);
	put(f, 1, "a", 10);
	pass(f, PARCEL_STALL_MS);
	assert_int_equal(announced(f), 2);
	pass(f, PARCEL_STALL_MS);
	assert_int_equal(announced(f), 2);
	pass(f, PARCEL_STALL_MS);
	assert_int_equal(announced(f), 3);
}

static void three_refusals_give_it_up_and_the_next_one_follows(void **state)
{
	struct fixture *f = *state;
	start(f);
	put(f, 1, "a", 10);
	put(f, 2, "b", 10);
	for (int i = 0; i < PARCEL_REFUSALS; i++)
		say(f, "{\"bad\":\"no\"}");
	assert_int_equal(f->gone, 1);
	assert_string_equal(f->refused, "no");
	assert_string_equal(mailbox_title(&f->parcel.file.file), "b");
	assert_int_equal(sent_up_to(f), 10);
}

static void a_more_urgent_one_takes_its_place(void **state)
{
	struct fixture *f = *state;
	start(f);
	put(f, 2, "bulk", LARGE);
	put(f, 1, "other", 10);
	assert_string_equal(mailbox_title(&f->parcel.file.file), "other");
	put(f, 1, "later", 10); /* no more urgent: it waits */
	assert_string_equal(mailbox_title(&f->parcel.file.file), "other");
}

static void what_was_given_up_meanwhile_is_put_down(void **state)
{
	struct fixture *f = *state;
	struct spool_file last;
	start(f);
	put(f, 1, "a", LARGE);
	assert_ok(spool_last(&f->spool, "camera", &last));
	assert_ok(spool_remove(&f->spool, &last, NULL));
	fake_broker_cut("cut");
	pass(f, PAUSE_LIMIT_MS);
	say(f, "{\"have\":0}");
	assert_int_equal(f->parcel.id[0], '\0');
	assert_int_equal(f->gone, 0);
}

static void answers_that_make_no_sense_do_nothing(void **state)
{
	struct fixture *f = *state;
	start(f);
	put(f, 1, "a", 10);
	const size_t sent = fake_broker()->sent_count;
	say(f, "{\"have\":-1}");
	say(f, "{\"have\":11}");
	say(f, "{\"done\":false}");
	say(f, "[]");
	say(f, "no json");
	fake_broker_publish(TOPIC("dn/file/other"), bytes_of("{\"done\":true}"));
	turn(f);
	assert_int_equal(fake_broker()->sent_count, sent);
	assert_int_equal(f->gone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_new_file_is_announced_and_its_beginning_follows_at_once),
		TEST(no_more_goes_ahead_than_the_hub_has_room_to_tell),
		TEST(over_a_slow_link_blocks_are_small_and_one_at_a_time),
		TEST(it_goes_on_where_the_hub_is_after_a_cut),
		TEST(a_hub_that_has_forgotten_it_hears_of_it_again),
		TEST(a_gap_is_closed_once_not_for_every_block_behind_it),
		TEST(silence_is_asked_into_later_each_time),
		TEST(three_refusals_give_it_up_and_the_next_one_follows),
		TEST(a_more_urgent_one_takes_its_place),
		TEST(what_was_given_up_meanwhile_is_put_down),
		TEST(answers_that_make_no_sense_do_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
