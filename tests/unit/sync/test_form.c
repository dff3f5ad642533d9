#include "sync/form.h"

#include "ports/compress.h"
#include "ports/json.h"
#include "sync/columns.h"
#include "sync/gather.h"
#include "sync/line.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <math.h>
#include <stdio.h>

enum { BODY_MAX = 64 * 1024 };

struct fixture {
	struct scratch scratch;
	struct gather gather;
	struct letter letter;
	char body[BODY_MAX], scratch_text[FORM_SCRATCH];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(gather_open(&f->gather, scratch_at(&f->scratch, "gather"), GATHER_BYTES, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	gather_close(&f->gather);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static enum err keep(void *owner, const struct gather_segment *s, struct why *why)
{
	struct fixture *f = owner;
	(void)why;
	memcpy(f->body, s->body.at, s->body.len);
	f->letter.body = (struct bytes){ f->body, s->body.len };
	return OK;
}

static void add_lines(struct fixture *f, const char *text)
{
	char copy[1024];
	struct point p;
	snprintf(copy, sizeof copy, "%s", text);
	char *rest = copy;
	while (line_read(&rest, copy + strlen(text), &p, NULL) == OK)
		assert_ok(gather_add(&f->gather, "pod", &p, p.time_ms, true));
}

static void close_letter(struct fixture *f, uint32_t flags)
{
	f->letter = (struct letter){
		.class = LETTER_TELEMETRY, .seq = 7, .flags = flags | LETTER_WALL, .stream = "pod"
	};
	assert_ok(gather_encode(&f->gather, keep, f, NULL));
}

static struct form_part begin(void)
{
	struct form_part p = { .device = "drone-07", .head = { .buf = "k3f9", .seq = 7 } };
	return p;
}

static void lines_come_out_as_they_went_in(void **state)
{
	struct fixture *f = *state;
	static const char lines[] =
		"batt,cell=1,pl\\ ace=a\\,b\\=c volt=15.72,n=41i,ok=t,note=\"a \\\"b\\\" \\\\c\" "
		"1790000000000000000\n"
		"batt,cell=1,pl\\ ace=a\\,b\\=c volt=-0.1,n=-9223372036854775808i,ok=f,note=\"\" "
		"1790000000001000000\n";
	struct form_part p = begin();
	struct bytes out;
	add_lines(f, lines);
	close_letter(f, LETTER_AS_LINE | LETTER_ACK_BROKER);
	assert_true(form_is_text(&f->letter));
	assert_ok(form_print(&p, &f->letter, f->scratch_text, &out));
	assert_int_equal(out.len, strlen(lines));
	assert_memory_equal(out.at, lines, out.len);
	assert_err(ERR_NOT_FOUND, form_print(&p, &f->letter, f->scratch_text, &out));
}

static void json_is_what_the_page_says(void **state)
{
	struct fixture *f = *state;
	struct form_part p = begin();
	struct bytes out;
	p.head.history = true;
	p.head.clock = SEGMENT_OFFSET;
	p.head.clock_ms = 5;
	add_lines(f, "batt,cell=1 volt=15.72,n=41i,ok=t,note=\"x\\\"y\" 1790000000000000000");
	close_letter(f, LETTER_AS_JSON | LETTER_ACK_BROKER);
	assert_ok(form_print(&p, &f->letter, f->scratch_text, &out));
	static const char expected[] =
		"{\"v\":1,\"dev\":\"drone-07\",\"buf\":\"k3f9\",\"seq\":7,\"hist\":true,"
		"\"clock\":\"mono\",\"offset\":5,\"pts\":[{\"t\":1790000000000,\"m\":\"batt\","
		"\"g\":{\"cell\":\"1\"},\"f\":{\"volt\":15.72,\"n\":41,\"ok\":true,"
		"\"note\":\"x\\\"y\"}}]}";
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.at, expected, out.len);
}

static void an_offset_moves_the_times_of_lines_and_no_clock_leaves_them_out(void **state)
{
	struct fixture *f = *state;
	struct form_part p = begin();
	struct bytes out;
	add_lines(f, "m v=1i 1000000000");
	close_letter(f, LETTER_AS_LINE);
	p.head.clock = SEGMENT_OFFSET;
	p.head.clock_ms = 500;
	assert_ok(form_print(&p, &f->letter, f->scratch_text, &out));
	assert_memory_equal(out.at, "m v=1i 1500000000\n", out.len);
	p = begin();
	p.head.clock = SEGMENT_ARRIVAL;
	assert_ok(form_print(&p, &f->letter, f->scratch_text, &out));
	assert_memory_equal(out.at, "m v=1i\n", out.len);
}

static void what_is_not_finite_is_left_out_of_lines(void **state)
{
	struct fixture *f = *state;
	struct form_part p = begin();
	struct bytes out;
	struct point pt = { .measurement = bytes_of("m"), .field_count = 2 };
	pt.fields[0] = (struct point_field){ bytes_of("a"), { VALUE_FLOAT, .number = INFINITY } };
	pt.fields[1] = (struct point_field){ bytes_of("b"), { VALUE_FLOAT, .number = 2.5 } };
	assert_ok(gather_add(&f->gather, "pod", &pt, 1, true));
	close_letter(f, LETTER_AS_LINE);
	assert_ok(form_print(&p, &f->letter, f->scratch_text, &out));
	assert_memory_equal(out.at, "m b=2.5 1000000\n", out.len);
}

/* As many points as a flush may have: more than a message takes as text. */
static size_t fill(struct fixture *f)
{
	size_t n = 0;
	for (;; n++) {
		struct point p = { .measurement = bytes_of("measurement-of-some-length"),
				   .field_count = 1 };
		p.fields[0] = (struct point_field){ bytes_of("a-field-of-some-length-as-well"),
						    { VALUE_INTEGER } };
		p.fields[0].value.integer = (int64_t)n;
		if (gather_add(&f->gather, "pod", &p, 1790000000000 + (int64_t)n, true))
			return n;
	}
}

static void parts_hold_every_point_once(void **state)
{
	struct fixture *f = *state;
	struct form_part p = begin();
	struct bytes out;
	const size_t count = fill(f);
	size_t seen = 0;
	close_letter(f, LETTER_AS_LINE);
	while (form_print(&p, &f->letter, f->scratch_text, &out) == OK) {
		struct point pt;
		char *rest = f->scratch_text;
		assert_true(out.len <= MESSAGE_MAX);
		while (line_read(&rest, f->scratch_text + out.len, &pt, NULL) == OK)
			assert_int_equal(pt.fields[0].value.integer, seen++);
	}
	assert_int_equal(seen, count);
	assert_true(p.number > 1);
}

static void parts_of_json_have_names_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct form_part p = begin();
	struct bytes out;
	const size_t count = fill(f);
	size_t seen = 0;
	unsigned parts = 0;
	close_letter(f, LETTER_AS_JSON);
	for (; form_print(&p, &f->letter, f->scratch_text, &out) == OK; parts++) {
		char head[80];
		f->scratch_text[out.len] = '\0';
		snprintf(head, sizeof head, parts ? "\"buf\":\"k3f9-%u\"" : "\"buf\":\"k3f9\"",
			 parts);
		assert_non_null(strstr(f->scratch_text, head));
		for (const char *at = f->scratch_text; (at = strstr(at, "{\"t\":")); at++)
			seen++;
		assert_memory_equal(out.at + out.len - 2, "]}", 2);
	}
	assert_int_equal(seen, count);
	assert_true(parts > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(lines_come_out_as_they_went_in),
		TEST(json_is_what_the_page_says),
		TEST(an_offset_moves_the_times_of_lines_and_no_clock_leaves_them_out),
		TEST(what_is_not_finite_is_left_out_of_lines),
		TEST(parts_hold_every_point_once),
		TEST(parts_of_json_have_names_of_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
