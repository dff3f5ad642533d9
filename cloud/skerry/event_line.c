#include "cloud/skerry/event_line.h"

#include "base/utf8.h"
#include "ports/clock.h"
#include "ports/json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_TIME = 20, WIDTH_DEVICE = 12, WIDTH_TYPE = 7, WIDTH_REASON = 14, WIDTH_OBJECT = 20 };

static void print_text(struct bytes s)
{
	char *text = strndup(s.len ? s.at : "", s.len);
	assert(text);
	utf8_make_plain(text);
	fputs(text, stdout);
	free(text);
}

static void print_cell(struct bytes s, size_t width)
{
	print_text(s);
	for (size_t i = s.len; i < width; i++)
		putchar(' ');
	fputs("  ", stdout);
}

static void print_columns(struct bytes when, const struct event_line *e)
{
	print_cell(when, WIDTH_TIME);
	print_cell(e->device, WIDTH_DEVICE);
	print_cell(e->type, WIDTH_TYPE);
	print_cell(e->reason, WIDTH_REASON);
	print_cell(e->object, WIDTH_OBJECT);
	print_text(e->message);
	putchar('\n');
}

static void print_json(const struct event_line *e)
{
	struct json *j = json_new_object();
	json_set_integer(j, "TIME", e->time_ms);
	json_set_bytes(j, "DEVICE", e->device);
	json_set_bytes(j, "TYPE", e->type);
	json_set_bytes(j, "REASON", e->reason);
	json_set_bytes(j, "OBJECT", e->object);
	json_set_bytes(j, "MESSAGE", e->message);
	char *text = json_print(j);
	puts(text);
	free(text);
	json_free(j);
}

void event_line_print_titles(bool json)
{
	const struct event_line titles = {
		.device = bytes_of("DEVICE"),
		.type = bytes_of("TYPE"),
		.reason = bytes_of("REASON"),
		.object = bytes_of("OBJECT"),
		.message = bytes_of("MESSAGE"),
	};
	if (!json)
		print_columns(bytes_of("TIME"), &titles);
	fflush(stdout);
}

void event_line_print(const struct event_line *e, bool json)
{
	char when[24];
	clock_print(when, e->time_ms);
	if (json)
		print_json(e);
	else
		print_columns(bytes_of(when), e);
	fflush(stdout);
}

/* 64-bit FNV-1a. */
static uint64_t mix(uint64_t hash, const void *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const unsigned char *)at)[i]) * 1099511628211U;
	return hash;
}

uint64_t event_line_hash(const struct event_line *e)
{
	const struct bytes parts[] = { e->device, e->type, e->reason, e->object, e->message };
	uint64_t hash = mix(14695981039346656037U, &e->time_ms, sizeof e->time_ms);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		hash = mix(hash, parts[i].at, parts[i].len);
		hash = mix(hash, "", 1); /* "a","bc" is not "ab","c" */
	}
	return hash;
}
