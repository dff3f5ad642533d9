#include "cloud/fleet/answer.h"

#include "ports/digest.h"
#include "sync/signed.h"

#include <stdio.h>
#include <string.h>

static bool is_text(const struct json *j, const char *expected)
{
	const char *s = json_string(j);
	return s && strcmp(s, expected) == 0;
}

/* --- names --- */

static enum err read_document(struct bytes document, struct state_id *out, struct why *why)
{
	struct json *j;
	enum err e = json_parse(document, &j, why);
	if (e)
		return e;
	if (!is_text(json_member(j, "kind"), "DesiredState") ||
	    !json_integer(json_member(j, "epoch"), &out->epoch) ||
	    !json_integer(json_member(j, "generation"), &out->generation))
		e = why_set(why, ERR_INVALID, "this is no desired state");
	json_free(j);
	digest_of(document, out->document);
	return e;
}

enum err state_id_read(struct bytes message, struct state_id *out, struct why *why)
{
	struct signed_text s = { 0 };
	struct json *envelope;
	*out = (struct state_id){ 0 };
	digest_of(message, out->message);
	enum err e = json_parse(message, &envelope, why);
	if (e)
		return e;
	if (json_member(envelope, "payload")) {
		e = signed_read(envelope, &s, why);
		if (!e)
			e = read_document(signed_payload(&s), out, why);
		signed_free(&s);
	} else {
		e = read_document(message, out, why);
	}
	json_free(envelope);
	return e;
}

/* --- answers --- */

/* A message whose signatures do not hold is not looked into: it is known by its digest. */
static bool is_about(const struct json *condition, const struct state_id *id)
{
	int64_t about;
	const struct json *digest = json_member(condition, "document");
	if (json_string(digest))
		return is_text(digest, id->message);
	return !json_integer(json_member(condition, "generation"), &about) ||
	       (about == id->generation && (!json_member(condition, "epoch") ||
					    json_integer_at(condition, "epoch") == id->epoch));
}

const struct json *answer_condition(const struct json *report, const char *type,
				    const struct state_id *id)
{
	const struct json *c = json_first(json_member(report, "conditions"));
	while (c && !(is_text(json_member(c, "type"), type) && is_about(c, id)))
		c = json_next(c);
	return c;
}

bool answer_is_same(const struct json *report, const struct state_id *id)
{
	const char *document = json_string(json_member(report, "document"));
	return !document || !id->document[0] || strcmp(document, id->document) == 0;
}

static void copy_message(const struct json *condition, char note[MEMBER_NOTE_SIZE])
{
	const char *s = json_string(json_member(condition, "message"));
	snprintf(note, MEMBER_NOTE_SIZE, "%s", s ? s : "");
}

static int compare(const struct json *report, const struct state_id *id)
{
	const int64_t epoch = json_integer_at(report, "epoch"),
		      seen = json_integer_at(report, "observed");
	if (epoch != id->epoch)
		return epoch < id->epoch ? -1 : 1;
	return seen < id->generation ? -1 : seen > id->generation;
}

/* It has accepted it: how is it? */
static enum answer judge_phase(const struct json *report, const struct state_id *id,
			       char note[MEMBER_NOTE_SIZE])
{
	const struct json *phase = json_member(report, "phase");
	if (is_text(phase, "Available"))
		return ANSWER_HEALTHY;
	if (!is_text(phase, "RolledBack") && !is_text(phase, "Degraded"))
		return ANSWER_UPDATING;
	copy_message(answer_condition(report, "Available", id), note);
	return ANSWER_FAILED;
}

enum answer answer_of(const struct json *report, const struct state_id *id,
		      char note[MEMBER_NOTE_SIZE])
{
	const struct json *rejected = answer_condition(report, "Rejected", id);
	note[0] = '\0';
	if (!report)
		return ANSWER_NONE;
	if (rejected) {
		copy_message(rejected, note);
		return ANSWER_FAILED;
	}
	const int order = compare(report, id);
	if (order > 0)
		return ANSWER_OTHER;
	if (order < 0)
		return ANSWER_NONE;
	/* Another of our generation was there first: ours is refused for ever. */
	const bool is_ours = json_member(report, "document")
				     ? answer_is_same(report, id)
				     : !answer_condition(report, "Conflict", id);
	return is_ours ? judge_phase(report, id, note) : ANSWER_OTHER;
}

bool answer_is_down(const struct json *report)
{
	const struct json *phase = json_member(report, "phase");
	return is_text(phase, "Degraded") || is_text(phase, "Progressing");
}
