#include "workloads/telemetry.h"

#include <stddef.h>
#include <string.h>

/* The place of a word among others that end in NULL; their count if it is none of them. */
static size_t find_word(const char *text, const char *const *words)
{
	size_t i = 0;
	while (words[i] && strcmp(text, words[i]) != 0)
		i++;
	return i;
}

bool telemetry_ack_read(const char *text, enum telemetry_ack *out)
{
	static const char *const words[] = { "hub", "broker", "none", NULL };
	const size_t i = find_word(text, words);
	*out = (enum telemetry_ack)(ACK_HUB + i);
	return words[i] != NULL;
}

bool telemetry_format_read(const char *text, enum telemetry_format *out)
{
	static const char *const words[] = { "columns", "json", "line", NULL };
	const size_t i = find_word(text, words);
	*out = (enum telemetry_format)(FORMAT_COLUMNS + i);
	return words[i] != NULL;
}

bool telemetry_rank_read(const char *text, enum telemetry_rank *out)
{
	static const char *const words[] = { "normal", "high", "low", NULL };
	const size_t i = find_word(text, words);
	*out = (enum telemetry_rank)(RANK_NORMAL + i);
	return words[i] != NULL;
}

bool telemetry_fits(enum telemetry_ack ack, enum telemetry_format format)
{
	return ack != ACK_HUB || format <= FORMAT_COLUMNS;
}
