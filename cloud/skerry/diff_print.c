#include "cloud/skerry/diff.h"

#include "base/utf8.h"
#include "cloud/fleet/named.h"
#include "cloud/skerry/terminal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAMES_SHOWN = 8,   /* devices of a group; then how many more */
	VALUE_SHOWN = 200, /* bytes of a value */
	LINES_SHOWN = 40,  /* of a text with many, each way */
};

static char sign_of(const char *change)
{
	if (*change == 'a')
		return '+';
	return *change == 'r' ? '-' : '~';
}

/* One line, in the colour of its sign. */
static void print_line(int depth, char sign, const char *text, int len)
{
	const char *colour = !terminal_has_colour(stdout) ? ""
			     : sign == '+'                ? terminal_colour_of("ok")
			     : sign == '-'                ? terminal_colour_of("failed")
							  : "";
	char *plain = strndup(text, (size_t)len);
	assert(plain);
	utf8_make_plain(plain);
	printf("%*s%s%c %s%s\n", depth, "", colour, sign, plain, *colour ? TERMINAL_PLAIN : "");
	free(plain);
}

/* --- texts of many lines --- */

static size_t line_len(const char *s)
{
	const char *end = strchr(s, '\n');
	return end ? (size_t)(end - s) + 1 : strlen(s);
}

static int count_lines(const char *s, const char *end)
{
	int n = 0;
	for (; s < end; s += line_len(s))
		n++;
	return n;
}

static bool is_one_line(const char *a, const char *b)
{
	return line_len(a) == line_len(b) && strncmp(a, b, line_len(a)) == 0;
}

/* Where the last line of [from, end) begins. */
static const char *last_line(const char *from, const char *end)
{
	const char *s = end - 1;
	while (s > from && s[-1] != '\n')
		s--;
	return s;
}

static void print_lines(char sign, const char *s, const char *end)
{
	char line[VALUE_SHOWN + 8];
	const int n = count_lines(s, end);
	for (int i = 0; i < n && i < LINES_SHOWN; i++, s += line_len(s)) {
		int len = (int)line_len(s);
		if (len && s[len - 1] == '\n')
			len--;
		snprintf(line, sizeof line, "%.*s%s", len < VALUE_SHOWN ? len : VALUE_SHOWN, s,
			 len > VALUE_SHOWN ? "..." : "");
		print_line(8, sign, line, (int)strlen(line));
	}
	if (n > LINES_SHOWN)
		printf("          and %d lines more\n", n - LINES_SHOWN);
}

/* What stands between the lines that begin both and those that end both. */
static void print_text_change(const char *path, const char *before, const char *after)
{
	char title[VALUE_SHOWN];
	const char *a = before, *b = after;
	const char *a_end = before + strlen(before), *b_end = after + strlen(after);
	while (*a && *b && is_one_line(a, b)) {
		a += line_len(a);
		b += line_len(b);
	}
	while (a < a_end && b < b_end && is_one_line(last_line(a, a_end), last_line(b, b_end))) {
		a_end = last_line(a, a_end);
		b_end = last_line(b, b_end);
	}
	snprintf(title, sizeof title, "%s: from line %d on", path, count_lines(before, a) + 1);
	print_line(4, '~', title, VALUE_SHOWN);
	print_lines('-', a, a_end);
	print_lines('+', b, b_end);
}

static bool has_lines(const struct json *value)
{
	const char *s = json_string(value);
	return s && strchr(s, '\n');
}

/* --- one field --- */

/* A value as JSON; "..." where it is cut. */
static void show(char *out, size_t cap, const struct json *value)
{
	char *text = json_print(value);
	snprintf(out, cap, "%.*s%s", VALUE_SHOWN, text, strlen(text) > VALUE_SHOWN ? "..." : "");
	free(text);
}

static void print_field(const struct json *f)
{
	char line[1024], was[VALUE_SHOWN + 8], is[VALUE_SHOWN + 8];
	const char *path = json_text_at(f, "path"), *change = json_text_at(f, "change");
	const struct json *before = json_member(f, "before"), *after = json_member(f, "after");
	if (json_string(before) && json_string(after) && (has_lines(before) || has_lines(after))) {
		print_text_change(path, json_string(before), json_string(after));
		return;
	}
	if (before)
		show(was, sizeof was, before);
	if (after)
		show(is, sizeof is, after);
	if (!before && !after)
		snprintf(line, sizeof line, "%s: (secret)", path);
	else if (before && after)
		snprintf(line, sizeof line, "%s: %s -> %s", path, was, is);
	else
		snprintf(line, sizeof line, "%s: %s", path, before ? was : is);
	print_line(4, sign_of(change), line, (int)strlen(line));
}

static void print_change(const struct json *c)
{
	char line[256];
	const char *name = json_text_at(c, "name"), *change = json_text_at(c, "change");
	snprintf(line, sizeof line, "%s%s%s", json_text_at(c, "kind"), *name ? " " : "", name);
	print_line(0, sign_of(change), line, (int)strlen(line));
	if (*change == 'r')
		return; /* all of it */
	for (const struct json *f = json_first(json_member(c, "fields")); f; f = json_next(f))
		print_field(f);
}

/* --- groups --- */

static void print_devices(const struct json *devices)
{
	const size_t n = json_count(devices);
	const struct json *d = json_first(devices);
	for (size_t i = 0; d && i < NAMES_SHOWN; d = json_next(d), i++) {
		int64_t base = 0, generation = 0;
		json_integer(json_member(d, "base"), &base);
		json_integer(json_member(d, "generation"), &generation);
		printf("%s  generation %lld->%lld\n", json_text_at(d, "device"), (long long)base,
		       (long long)generation);
	}
	if (n > NAMES_SHOWN)
		printf("and %zu more\n", n - NAMES_SHOWN);
}

void diff_print(const struct json *report)
{
	const struct json *g = json_first(json_member(report, "groups"));
	for (bool is_first = true; g; g = json_next(g), is_first = false) {
		if (!is_first)
			putchar('\n');
		print_devices(json_member(g, "devices"));
		const struct json *c = json_first(json_member(g, "changes"));
		for (; c; c = json_next(c))
			print_change(c);
	}
}
