#include "cloud/hub/agenda.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/cloud/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t NOON = INT64_C(1795780800000);

struct fixture {
	struct scratch scratch;
	struct ledger ledger;
	struct agenda agenda;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	scratch_make(&f->scratch);
	assert_ok(ledger_open(&f->ledger, scratch_at(&f->scratch, "hub.db"), NULL));
	assert_ok(agenda_open(&f->agenda, &f->ledger, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	ledger_rollback(&f->ledger);
	agenda_close(&f->agenda);
	ledger_close(&f->ledger);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* A rollout to one device; `made` tells two of a name apart. */
static enum err add(struct fixture *f, const char *name, int made)
{
	char text[1024], got[LABEL_SIZE];
	static const char message[] = "{\\\"kind\\\":\\\"DesiredState\\\",\\\"epoch\\\":1,"
				      "\\\"generation\\\":%d}";
	char forward[128], back[128];
	snprintf(forward, sizeof forward, message, 2);
	snprintf(back, sizeof back, message, 3);
	snprintf(text, sizeof text,
		 "{\"v\":1,\"rollout\":\"%s\",\"fleet\":\"main\",\"by\":\"olga\",\"made\":%lld,"
		 "\"spec\":{}}\n{\"device\":\"d1\",\"batch\":0,\"group\":\"\",\"base\":\"\","
		 "\"forward\":\"%s\",\"back\":\"%s\"}\n",
		 name, (long long)(NOON + made), forward, back);
	const enum err e = agenda_add(&f->agenda, "main", bytes_of(text), got, &f->why);
	if (!e)
		assert_string_equal(got, name);
	return e;
}

static enum err wish(struct fixture *f, const char *name, const char *what)
{
	char *line = campaign_print_wish(what, 0, "olga", NOON);
	const enum err e = agenda_wish(&f->agenda, "main", name, line, &f->why);
	free(line);
	return e;
}

/* The only one that goes on. */
static struct agenda_entry the_open_one(struct fixture *f)
{
	struct agenda_entry open[AGENDA_OPEN_MAX];
	size_t n;
	assert_ok(agenda_list_open(&f->agenda, open, &n, &f->why));
	assert_int_equal(n, 1);
	return open[0];
}

static void finish(struct fixture *f, const char *name)
{
	struct campaign c;
	char *wishes;
	const struct agenda_entry entry = the_open_one(f);
	assert_string_equal(entry.key.name, name);
	assert_ok(agenda_load(&f->agenda, "main", name, &c, &wishes, &f->why));
	c.rollout.phase = ROLLOUT_COMPLETE;
	assert_ok(agenda_save(&f->agenda, &entry, &c, true, "hub-1", &f->why));
	campaign_free(&c);
	free(wishes);
}

static void the_same_again_is_fine_and_another_of_its_name_is_none(void **state)
{
	struct fixture *f = *state;
	assert_ok(add(f, "one", 1));
	assert_ok(wish(f, "one", "pause"));
	assert_ok(add(f, "one", 1)); /* a desk that has not heard the answer */
	assert_err(ERR_CONFLICT, add(f, "one", 2));
	assert_non_null(strstr(f->why.text, "still goes on at the hub"));
	assert_string_equal(rows_of(f->ledger.sql, "SELECT name, length(wishes) > 0 FROM rollout"),
			    "one|1");
	finish(f, "one");
	assert_ok(add(f, "one", 2));
	assert_string_equal(rows_of(f->ledger.sql, "SELECT wishes, is_over FROM rollout"), "|0");
}

static void what_is_none_or_of_another_fleet_is_refused(void **state)
{
	struct fixture *f = *state;
	char name[LABEL_SIZE];
	assert_err(ERR_INVALID, agenda_add(&f->agenda, "main", bytes_of("{}\n"), name, &f->why));
	assert_err(ERR_INVALID,
		   agenda_add(&f->agenda, "main",
			      bytes_of("{\"v\":1,\"rollout\":\"one\",\"fleet\":\"other\","
				       "\"by\":\"x\",\"made\":1,\"spec\":{}}\n"),
			      name, &f->why));
	assert_string_equal(f->why.text, "it is of the fleet other");
}

/* What is shown at a desk has no messages, and nobody can take it for a rollout. */
static void a_view_cannot_be_run(void **state)
{
	struct fixture *f = *state;
	struct campaign c, view;
	char *wishes, name[LABEL_SIZE];
	assert_ok(add(f, "one", 1));
	assert_ok(agenda_load(&f->agenda, "main", "one", &c, &wishes, &f->why));
	char *text = campaign_print_view(&c);
	assert_ok(campaign_read_view(bytes_of(text), &view, &f->why));
	assert_string_equal(view.rollout.members[0].name, "d1");
	assert_int_equal(view.states[0].forward_id.generation, 2);
	assert_err(ERR_INVALID, agenda_add(&f->agenda, "main", bytes_of(text), name, &f->why));
	campaign_free(&view);
	campaign_free(&c);
	free(wishes);
	free(text);
}

static void a_wish_is_tried_before_it_is_written(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_NOT_FOUND, wish(f, "one", "pause"));
	assert_ok(add(f, "one", 1));
	assert_err(ERR_CONFLICT, wish(f, "one", "resume"));
	assert_ok(wish(f, "one", "pause"));
	assert_err(ERR_CONFLICT, wish(f, "one", "pause"));
	assert_ok(wish(f, "one", "resume"));
	assert_err(ERR_INVALID, wish(f, "one", "dance"));
}

static void a_wish_opens_what_is_over_even_while_it_is_being_closed(void **state)
{
	struct fixture *f = *state;
	struct campaign c;
	char *wishes;
	assert_ok(add(f, "one", 1));
	const struct agenda_entry before = the_open_one(f);
	assert_ok(agenda_load(&f->agenda, "main", "one", &c, &wishes, &f->why));
	c.rollout.phase = ROLLOUT_COMPLETE;
	/* Whoever runs it has not heard this yet. */
	assert_ok(wish(f, "one", "undo"));
	assert_ok(agenda_save(&f->agenda, &before, &c, true, "hub-1", &f->why));
	const struct agenda_entry after = the_open_one(f);
	assert_true(after.wishes > before.wishes);
	assert_ok(agenda_save(&f->agenda, &after, &c, true, "hub-1", &f->why));
	assert_string_equal(rows_of(f->ledger.sql, "SELECT is_over FROM rollout"), "1");
	campaign_free(&c);
	free(wishes);
}

static void what_was_replaced_is_not_saved(void **state)
{
	struct fixture *f = *state;
	struct campaign c;
	char *wishes;
	assert_ok(add(f, "one", 1));
	const struct agenda_entry old = the_open_one(f);
	assert_ok(agenda_load(&f->agenda, "main", "one", &c, &wishes, &f->why));
	finish(f, "one");
	assert_ok(add(f, "one", 2));
	assert_err(ERR_CONFLICT, agenda_save(&f->agenda, &old, &c, true, "hub-1", &f->why));
	campaign_free(&c);
	free(wishes);
}

static void so_many_go_on_at_once_and_so_many_are_kept(void **state)
{
	struct fixture *f = *state;
	char name[16];
	for (int i = 0; i < AGENDA_ROLLOUTS_MAX + 3; i++) {
		snprintf(name, sizeof name, "r%d", i);
		assert_ok(add(f, name, i));
		finish(f, name);
	}
	/* The oldest have made room. */
	assert_string_equal(rows_of(f->ledger.sql, "SELECT count(*), min(made_ms) FROM rollout"),
			    "64|1795780800003");
	for (int i = 0; i < AGENDA_OPEN_MAX; i++) {
		snprintf(name, sizeof name, "open%d", i);
		assert_ok(add(f, name, 1000 + i));
	}
	assert_err(ERR_FULL, add(f, "one-more", 2000));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_again_is_fine_and_another_of_its_name_is_none),
		TEST(what_is_none_or_of_another_fleet_is_refused),
		TEST(a_view_cannot_be_run),
		TEST(a_wish_is_tried_before_it_is_written),
		TEST(a_wish_opens_what_is_over_even_while_it_is_being_closed),
		TEST(what_was_replaced_is_not_saved),
		TEST(so_many_go_on_at_once_and_so_many_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
