#include "base/slots.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

#define HEAD "skerry-slots=1\n"

/* The members by name: one table for reading and for writing. */
static const struct member {
	const char *key;
	size_t offset, size; /* size 0: a number */
} members[] = {
	{ "run", offsetof(struct slots, run), DIGEST_SIZE },
	{ "old", offsetof(struct slots, old), DIGEST_SIZE },
	{ "trial", offsetof(struct slots, trial), DIGEST_SIZE },
	{ "package", offsetof(struct slots, package), SLOTS_VERSION_SIZE },
	{ "attempt", offsetof(struct slots, attempt), 0 },
	{ "tries", offsetof(struct slots, tries), 0 },
	{ "ready", offsetof(struct slots, ready), 0 },
	{ "until-ms", offsetof(struct slots, until_ms), 0 },
	{ "boot", offsetof(struct slots, boot), SLOTS_BOOT_SIZE },
	{ "failed", offsetof(struct slots, failed), DIGEST_SIZE },
	{ "failed-attempt", offsetof(struct slots, failed_attempt), 0 },
	{ "told", offsetof(struct slots, told), 0 },
	{ "reason", offsetof(struct slots, reason), sizeof(struct why) },
};

enum { MEMBERS = sizeof members / sizeof *members };

void slots_init(struct slots *s)
{
	*s = (struct slots){ .run = SLOT_PACKAGE };
}

static enum err set_member(struct slots *s, const struct member *m, struct bytes value)
{
	char *at = (char *)s + m->offset;
	long long n;
	if (m->size)
		return text_copy(at, m->size, value) ? OK : ERR_INVALID;
	if (text_number(value, 0, INT64_MAX, &n))
		return ERR_INVALID;
	memcpy(at, &(int64_t){ n }, sizeof(int64_t));
	return OK;
}

/* Unknown keys are a newer version's. */
static enum err read_line(struct slots *s, struct bytes line)
{
	const char *equals = memchr(line.at, '=', line.len);
	const size_t len = equals ? (size_t)(equals - line.at) : 0;
	for (size_t i = 0; len && i < MEMBERS; i++)
		if (strlen(members[i].key) == len && memcmp(members[i].key, line.at, len) == 0)
			return set_member(s, &members[i],
					  (struct bytes){ equals + 1, line.len - len - 1 });
	return len ? OK : ERR_INVALID;
}

static bool is_slot(const char *s, bool may_be_none)
{
	return strcmp(s, SLOT_PACKAGE) == 0 || label_is_digest(bytes_of(s)) || (may_be_none && !*s);
}

enum err slots_read(struct bytes text, struct slots *out)
{
	const size_t head = strlen(HEAD);
	enum err e = text.len > head && memcmp(text.at, HEAD, head) == 0 ? OK : ERR_INVALID;
	slots_init(out);
	out->run[0] = '\0';
	for (size_t at = head; !e && at < text.len;) {
		const char *end = memchr(text.at + at, '\n', text.len - at);
		const size_t len = end ? (size_t)(end - text.at) - at : 0;
		e = end ? read_line(out, (struct bytes){ text.at + at, len }) : ERR_INVALID;
		at += len + 1;
	}
	if (!e && is_slot(out->run, false) && is_slot(out->old, true) &&
	    is_slot(out->trial, true) && is_slot(out->failed, true))
		return OK;
	slots_init(out);
	return ERR_INVALID;
}

struct bytes slots_print(const struct slots *s, char room[SLOTS_TEXT_MAX])
{
	struct text t = text_in(room, SLOTS_TEXT_MAX);
	text_add(&t, HEAD);
	for (size_t i = 0; i < MEMBERS; i++) {
		const char *at = (const char *)s + members[i].offset;
		int64_t n;
		memcpy(&n, at, sizeof n);
		if (members[i].size && *at)
			text_add(&t, "%s=%.*s\n", members[i].key, (int)strcspn(at, "\n"), at);
		else if (!members[i].size && n)
			text_add(&t, "%s=%lld\n", members[i].key, (long long)n);
	}
	return text_bytes(&t);
}

static void end_trial(struct slots *s)
{
	s->trial[0] = s->boot[0] = '\0';
	s->attempt = s->tries = s->until_ms = s->ready = 0;
}

/* A start that is about to happen; false: there is none left. */
static bool count_try(struct slots *s, const char *boot, int64_t now_ms, int64_t trial_ms)
{
	const bool is_same_boot = strcmp(s->boot, boot) == 0;
	char reason[80];
	struct text t = text_in(reason, sizeof reason);
	if (s->tries >= SLOTS_TRIES_MAX)
		text_add(&t, "it ended %d times before it had proved itself", SLOTS_TRIES_MAX);
	else if (s->tries && is_same_boot && now_ms >= s->until_ms)
		text_add(&t, "it had not proved itself after %lld s", (long long)trial_ms / 1000);
	if (t.len) {
		slots_fail(s, reason);
		return false;
	}
	if (!s->tries || !is_same_boot) {
		(void)!text_copy(s->boot, sizeof s->boot, bytes_of(boot));
		s->until_ms = now_ms + trial_ms;
	}
	s->tries++;
	return true;
}

const char *slots_choose(struct slots *s, const char *version, const char *boot, int64_t now_ms,
			 int64_t trial_ms, bool *out_changed)
{
	const bool is_plain = strcmp(s->run, SLOT_PACKAGE) == 0 && !s->trial[0];
	*out_changed = false;
	if (!is_plain && strcmp(s->package, version) != 0) {
		slots_init(s);
		*out_changed = true;
	}
	if (!s->trial[0])
		return s->run;
	*out_changed = true;
	return count_try(s, boot, now_ms, trial_ms) ? s->trial : s->run;
}

void slots_try(struct slots *s, const char *slot, int64_t attempt, int64_t ready)
{
	end_trial(s);
	(void)!text_copy(s->trial, sizeof s->trial, bytes_of(slot));
	s->attempt = attempt;
	s->ready = ready;
}

void slots_commit(struct slots *s)
{
	strcpy(s->old, s->run);
	strcpy(s->run, s->trial);
	end_trial(s);
	s->failed[0] = s->reason.text[0] = '\0';
	s->failed_attempt = s->told = 0;
}

static void note_failure(struct slots *s, const char *slot, int64_t attempt, const char *reason)
{
	memmove(s->failed, slot, DIGEST_SIZE);
	s->failed_attempt = attempt;
	s->told = 0;
	(void)why_set(&s->reason, OK, "%s", reason);
}

void slots_fail(struct slots *s, const char *reason)
{
	note_failure(s, s->trial, s->attempt, reason);
	end_trial(s);
}

void slots_fall_back(struct slots *s, const char *reason)
{
	note_failure(s, s->run, 0, reason);
	strcpy(s->run, s->old[0] ? s->old : SLOT_PACKAGE);
	s->old[0] = '\0';
}

bool slots_need(const struct slots *s, const char *slot)
{
	return strcmp(s->run, slot) == 0 || strcmp(s->old, slot) == 0 ||
	       strcmp(s->trial, slot) == 0;
}
