#include "agent/verb.h"

#include "base/text.h"

#include <string.h>

const unsigned VERBS_THAT_READ =
	1u << VERB_PING | 1u << VERB_LOGS | 1u << VERB_TAIL | 1u << VERB_TOP;

enum verb verb_find(struct bytes name)
{
	static const char *const names[] = {
		[VERB_PING] = "ping", [VERB_LOGS] = "logs",
		[VERB_TAIL] = "tail", [VERB_TOP] = "top",
		[VERB_WAKE] = "wake", [VERB_RESTART] = "restart",
		[VERB_EXEC] = "exec", [VERB_CERTIFICATE] = "certificate",
	};
	enum verb v = 0;
	while (v < VERBS && !bytes_are(name, names[v]))
		v++;
	return v;
}

bool verb_acts(enum verb v)
{
	return v != VERB_CERTIFICATE && !(VERBS_THAT_READ & 1u << v);
}

bool verb_needs_signature(enum verb v, unsigned unsigned_verbs)
{
	return v != VERB_CERTIFICATE && !(unsigned_verbs & 1u << v);
}

static struct bytes trim(struct bytes s)
{
	while (s.len && strchr(" \t", s.at[0]))
		s = (struct bytes){ s.at + 1, s.len - 1 };
	while (s.len && strchr(" \t", s.at[s.len - 1]))
		s.len--;
	return s;
}

enum err verb_set_read(struct bytes text, unsigned *out, struct why *why)
{
	*out = 0;
	if (bytes_are(text, "none"))
		return OK;
	while (text.len) {
		const char *comma = memchr(text.at, ',', text.len);
		const size_t len = comma ? (size_t)(comma - text.at) : text.len;
		const struct bytes name = trim((struct bytes){ text.at, len });
		const enum verb v = verb_find(name);
		if (v == VERBS || !(VERBS_THAT_READ & 1u << v))
			return why_set(
				why, ERR_INVALID,
				"\"%.*s\": ping, logs, tail and top may come unsigned; or none",
				(int)(name.len < 20 ? name.len : 20), name.at);
		*out |= 1u << v;
		text = (struct bytes){ text.at + len + !!comma, text.len - len - !!comma };
	}
	return *out ? OK : why_set(why, ERR_INVALID, "a list of verbs, or none, is expected");
}
