#include "agent/sources/source.h"

#include "base/log.h"
#include "ports/clock.h"

void source_init(struct source *s, const char *name, const char *stream)
{
	*s = (struct source){
		.name = name, .stream = stream, .tokens = SOURCE_BURST, .filled_ms = clock_now_ms()
	};
}

bool source_may_pass(struct source *s, int64_t now_ms)
{
	s->tokens += (now_ms - s->filled_ms) * SOURCE_POINTS_PER_S / 1000;
	s->filled_ms = now_ms;
	if (s->tokens > SOURCE_BURST)
		s->tokens = SOURCE_BURST;
	if (s->tokens <= 0)
		return false;
	s->tokens--;
	return true;
}

void source_note_invalid(struct source *s, const struct why *why)
{
	s->invalid++;
	if (strcmp(s->last_invalid.text, why->text) == 0)
		return;
	s->last_invalid = *why;
	log_warn("telemetry not understood, dropped source=%s why=\"%.120s\"", s->name, why->text);
}

void source_note_failure(struct source *s, const struct why *why)
{
	s->failures++;
	if (strcmp(s->trouble.text, why->text) == 0)
		return;
	s->trouble = *why;
	log_warn("telemetry source fails, it is tried again source=%s why=\"%.120s\"", s->name,
		 why->text);
}

void source_note_well(struct source *s)
{
	if (s->trouble.text[0])
		log_info("telemetry source is back source=%s", s->name);
	s->trouble.text[0] = '\0';
}

struct json *source_report(const struct source *s)
{
	struct json *j = json_new_object();
	json_set_integer(j, "points", s->points);
	json_set_integer(j, "dropped", s->dropped);
	json_set_integer(j, "invalid", s->invalid);
	if (s->failures)
		json_set_integer(j, "failures", s->failures);
	if (s->trouble.text[0])
		json_set_string(j, "trouble", s->trouble.text);
	return j;
}

bool source_is_known(const struct source *s)
{
	return s->points || s->dropped || s->invalid || s->failures;
}
