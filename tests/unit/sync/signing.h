/*
 * signing - what an operator does with the openssl command, for tests.
 *
 * Keys are files NAME.pem in a scratch folder. Texts that are given out are borrowed
 * until the 64th next one.
 */
#pragma once

#include "base/base64.h"
#include "base/text.h"
#include "sync/signed.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

enum { SIGNING_TEXT_MAX = 32 * 1024, SIGNING_TEXTS = 64 };

struct signing {
	struct scratch scratch;
	char *texts[SIGNING_TEXTS];
	size_t given;
};

static inline char *signing_room(struct signing *s)
{
	char **at = &s->texts[s->given++ % SIGNING_TEXTS];
	if (!*at)
		*at = malloc(SIGNING_TEXT_MAX);
	assert_non_null(*at);
	return *at;
}

static inline void signing_end(struct signing *s)
{
	for (size_t i = 0; i < SIGNING_TEXTS; i++)
		free(s->texts[i]);
	scratch_remove(&s->scratch);
}

/* Run a command in the folder. */
PRINTF_LIKE(2, 3) static inline void signing_run(struct signing *s, const char *fmt, ...)
{
	char command[1024];
	va_list args;
	int n = snprintf(command, sizeof command, "cd %s && ", s->scratch.folder);
	va_start(args, fmt);
	vsnprintf(command + n, sizeof command - (size_t)n, fmt, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static inline struct bytes signing_file(struct signing *s, const char *name)
{
	char *text = NULL, *room = signing_room(s);
	size_t len = 0;
	assert_ok(file_read(scratch_at(&s->scratch, name), SIGNING_TEXT_MAX, &text, &len, NULL));
	memcpy(room, text, len);
	free(text);
	return (struct bytes){ room, len };
}

static inline void signing_key(struct signing *s, const char *name, const char *curve)
{
	signing_run(s,
		    "openssl ecparam -name %s -genkey -noout -out %s.pem && "
		    "openssl pkey -in %s.pem -pubout -outform DER -out %s.der && "
		    "sha256sum %s.der | cut -c1-64 | tr -d '\\n' > %s.id",
		    curve, name, name, name, name, name);
}

static inline const char *signing_id(struct signing *s, const char *name)
{
	char file[32];
	snprintf(file, sizeof file, "%s.id", name);
	const struct bytes id = signing_file(s, file);
	((char *)(uintptr_t)id.at)[id.len] = '\0';
	return id.at;
}

static inline const char *signing_base64(struct signing *s, struct bytes b)
{
	char *room = signing_room(s);
	assert_true(base64_size(b.len) <= SIGNING_TEXT_MAX);
	base64_encode(b, room);
	return room;
}

/* The list of signatures of "a b c" over a text. */
static inline const char *signing_list(struct signing *s, struct bytes text, const char *names)
{
	static char list[4096];
	struct text t = text_in(list, sizeof list);
	char rest[128];
	assert_ok(file_replace(scratch_at(&s->scratch, "payload"), text, false, NULL));
	snprintf(rest, sizeof rest, "%s", names);
	text_add(&t, "[");
	for (char *at = rest, *name; (name = strsep(&at, " "));) {
		if (!*name)
			continue;
		signing_run(s, "openssl dgst -sha256 -sign %s.pem -out sig payload", name);
		text_add(&t, "%s{\"key\":\"%s\",\"sig\":\"%s\"}", t.len > 1 ? "," : "",
			 signing_id(s, name), signing_base64(s, signing_file(s, "sig")));
	}
	text_add(&t, "]");
	return list;
}

/* An envelope with what else stands in it, such as ",\"trust\":[...]". */
static inline const char *signing_envelope(struct signing *s, const char *payload,
					   const char *names, const char *more)
{
	char *room = signing_room(s);
	const char *list = signing_list(s, bytes_of(payload), names);
	snprintf(room, SIGNING_TEXT_MAX, "{\"payload\":\"%s\",\"sigs\":%s%s}",
		 signing_base64(s, bytes_of(payload)), list, more);
	return room;
}

/* Who has which role: names apart by blanks. */
struct signing_trust {
	int version;
	unsigned root_threshold;
	const char *keys, *root, *state, *artifact;
	const char *issued, *expires;
	const char *command, *fresh; /* NULL: nobody */
	const char *floors;          /* JSON; NULL: none */
};

static inline void signing_role(struct signing *s, struct text *t, const char *role,
				unsigned threshold, const char *names)
{
	char rest[128];
	text_add(t, "\"%s\":{\"threshold\":%u,\"keys\":[", role, threshold);
	snprintf(rest, sizeof rest, "%s", names);
	bool first = true;
	for (char *at = rest, *name; (name = strsep(&at, " ")); first = false)
		text_add(t, "%s\"%s\"", first ? "" : ",", signing_id(s, name));
	text_add(t, "]}");
}

static inline const char *signing_trust(struct signing *s, const struct signing_trust *w)
{
	char rest[128];
	char *room = signing_room(s);
	struct text t = text_in(room, SIGNING_TEXT_MAX);
	text_add(&t,
		 "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"Trust\",\"fleet\":\"main\","
		 "\"version\":%d,\"issued\":\"%s\",\"expires\":\"%s\",\"keys\":{",
		 w->version, w->issued, w->expires);
	snprintf(rest, sizeof rest, "%s", w->keys);
	bool first = true;
	for (char *at = rest, *name; (name = strsep(&at, " ")); first = false) {
		char file[32];
		snprintf(file, sizeof file, "%s.der", name);
		text_add(&t, "%s\"%s\":\"%s\"", first ? "" : ",", signing_id(s, name),
			 signing_base64(s, signing_file(s, file)));
	}
	text_add(&t, "},\"roles\":{");
	signing_role(s, &t, "root", w->root_threshold, w->root);
	text_add(&t, ",");
	signing_role(s, &t, "state", 1, w->state);
	text_add(&t, ",");
	signing_role(s, &t, "artifact", 1, w->artifact);
	if (w->command) {
		text_add(&t, ",");
		signing_role(s, &t, "command", 1, w->command);
	}
	if (w->fresh) {
		text_add(&t, ",");
		signing_role(s, &t, "fresh", 1, w->fresh);
	}
	text_add(&t, "},\"floors\":%s}", w->floors ? w->floors : "[]");
	return room;
}
