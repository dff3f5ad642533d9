/* compose_life - how it is run, and by whom. */
#include "cloud/skerry/compose_parts.h"

#include "base/duration.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { ENV_MAX = 3072 }; /* a variable and its value */

/* --- what runs --- */

/* One word as a shell reads it, with its quotes taken away; behind it, or NULL. */
static const char *read_word(const char *s, char *word, size_t cap)
{
	char quote = 0;
	size_t len = 0;
	for (; *s && (quote || !strchr(" \t\n", *s)); s++) {
		if (*s == quote) {
			quote = 0;
			continue;
		}
		if (!quote && strchr("\"'", *s)) {
			quote = *s;
			continue;
		}
		s += *s == '\\' && quote != '\'' && s[1];
		if (len == cap - 1)
			return NULL;
		word[len++] = *s;
	}
	word[len] = '\0';
	return quote ? NULL : s;
}

static enum err split(struct conversion *c, const char *field, const char *s, struct json *out)
{
	char word[1024];
	for (s += strspn(s, " \t\n"); *s; s += strspn(s, " \t\n")) {
		s = read_word(s, word, sizeof word);
		if (!s)
			return compose_wrong(c, field, "a quote is not closed, or a word too long");
		json_push(out, json_new_string(word));
	}
	return OK;
}

static enum err words(struct conversion *c, const char *field, const struct json *j,
		      struct json *into, const char *key)
{
	if (json_type_of(j) == JSON_ARRAY) {
		json_set(into, key, json_copy(j));
		return OK;
	}
	if (json_type_of(j) == JSON_NULL)
		return OK;
	if (!json_string(j))
		return compose_wrong(c, field, "a text or a list is expected");
	return split(c, field, json_string(j), compose_list_in(into, key));
}

enum err compose_take_command(struct conversion *c, const char *field, const struct json *j)
{
	return words(c, field, j, c->container, "args");
}

enum err compose_take_entrypoint(struct conversion *c, const char *field, const struct json *j)
{
	return words(c, field, j, c->container, "command");
}

enum err compose_take_image(struct conversion *c, const char *field, const struct json *j)
{
	char path[160];
	const char *image = json_string(j);
	if (!image)
		return compose_wrong(c, field, "a text is expected");
	if (strstr(image, "@sha256:")) {
		json_set_string(c->container, "image", image);
		return OK;
	}
	snprintf(path, sizeof path, "./%.100s.tar", c->name);
	json_set_string(c->container, "image", path);
	compose_note(c, field, "boards pull from no registry: docker save %.120s -o %.60s.tar",
		     image, c->name);
	return OK;
}

enum err compose_take_build(struct conversion *c, const char *field, const struct json *j)
{
	char path[160];
	(void)j;
	snprintf(path, sizeof path, "./%.100s.tar", c->name);
	if (!json_member(c->container, "image"))
		json_set_string(c->container, "image", path);
	compose_note(c, field,
		     "nothing is built here: docker compose build %.60s, then docker save",
		     c->name);
	return OK;
}

/* KEY=VALUE in a list, or KEY: VALUE in a map. */
enum err compose_take_environment(struct conversion *c, const char *field, const struct json *j)
{
	struct json *env = compose_list_in(c->container, "env");
	for (const struct json *x = json_first(j); x; x = json_next(x)) {
		struct json *one = json_new_object();
		char text[ENV_MAX];
		json_push(env, one);
		if (!compose_text_of(x, text, sizeof text))
			return compose_wrong(c, field, "a value is too long, or no text");
		char *value = *json_key(x) ? text : strchr(text, '=');
		if (!value)
			return compose_wrong(c, field,
					     "a variable of the desk has no value on a board");
		if (!*json_key(x))
			*value++ = '\0';
		json_set_string(one, "name", *json_key(x) ? json_key(x) : text);
		json_set_string(one, "value", value);
	}
	return OK;
}

/* --- who it is --- */

enum err compose_take_user(struct conversion *c, const char *field, const struct json *j)
{
	char text[32];
	long long uid, gid;
	struct json *who = compose_object_in(c->container, "securityContext");
	if (!compose_text_of(j, text, sizeof text))
		return compose_wrong(c, field, "a number is expected");
	char *group = strchr(text, ':');
	if (group)
		*group++ = '\0';
	if (text_number(bytes_of(text), 0, INT32_MAX, &uid))
		return compose_wrong(c, field,
				     "a number is expected, a board knows no names of images");
	json_set_integer(who, "runAsUser", uid);
	if (uid == 0)
		json_set_bool(who, "runAsNonRoot", false);
	if (group && !text_number(bytes_of(group), 0, INT32_MAX, &gid))
		json_set_integer(who, "runAsGroup", gid);
	return OK;
}

enum err compose_take_read_only(struct conversion *c, const char *field, const struct json *j)
{
	bool on;
	if (!json_bool(j, &on))
		return compose_wrong(c, field, "true or false is expected");
	json_set_bool(compose_object_in(c->container, "securityContext"), "readOnlyRootFilesystem",
		      on);
	return OK;
}

enum err compose_take_working_dir(struct conversion *c, const char *field, const struct json *j)
{
	if (!json_string(j))
		return compose_wrong(c, field, "a path is expected");
	json_set_string(c->container, "workingDir", json_string(j));
	return OK;
}

/* --- how it lives --- */

enum err compose_take_restart(struct conversion *c, const char *field, const struct json *j)
{
	const char *s = json_string(j);
	bool off = true;
	if (s && text_starts(s, "on-failure"))
		json_set_string(c->spec, "restartPolicy", "OnFailure");
	else if ((s && strcmp(s, "no") == 0) || (json_bool(j, &off) && !off))
		json_set_string(c->spec, "restartPolicy", "Never");
	else if (s && text_list_has("always unless-stopped", s))
		json_set_string(c->spec, "restartPolicy", "Always");
	else
		return compose_wrong(c, field,
				     "no, always, unless-stopped and on-failure are known");
	return OK;
}

static enum err seconds_of(struct conversion *c, const char *field, const struct json *j,
			   struct json *into, const char *key)
{
	int64_t ms;
	const char *s = json_string(j);
	struct why why;
	if (!s || duration_ms(bytes_of(s), &ms, &why))
		return compose_wrong(c, field, "a duration such as 30s is expected");
	json_set_integer(into, key, (ms + 999) / 1000);
	return OK;
}

enum err compose_take_grace(struct conversion *c, const char *field, const struct json *j)
{
	return seconds_of(c, field, j, c->spec, "terminationGracePeriodSeconds");
}

/* "CMD", "CMD-SHELL" or "NONE"; NULL: nothing that is known. */
static const char *kind_of_test(const struct json *check)
{
	const struct json *test = json_member(check, "test");
	const char *kind = json_string(test) ? "CMD-SHELL" : json_string(json_first(test));
	bool disabled = false;
	json_bool(json_member(check, "disable"), &disabled);
	if (disabled)
		return "NONE";
	return kind && text_list_has("CMD CMD-SHELL NONE", kind) ? kind : NULL;
}

static void add_command(struct json *probe, const struct json *test, bool in_shell)
{
	struct json *command = json_new_array();
	json_set(compose_object_in(probe, "exec"), "command", command);
	if (in_shell) {
		json_push(command, json_new_string("/bin/sh"));
		json_push(command, json_new_string("-c"));
	}
	if (json_string(test)) {
		json_push(command, json_copy(test));
		return;
	}
	for (const struct json *x = json_next(json_first(test)); x; x = json_next(x))
		json_push(command, json_copy(x));
}

static const struct {
	const char *compose, *ours;
} check_spans[] = { { "interval", "periodSeconds" },
		    { "timeout", "timeoutSeconds" },
		    { "start_period", "initialDelaySeconds" } };

/* A compose healthcheck restarts nothing: it says whether a service is ready. */
enum err compose_take_healthcheck(struct conversion *c, const char *field, const struct json *j)
{
	const char *kind = kind_of_test(j);
	int64_t retries;
	if (!kind)
		return compose_wrong(c, field,
				     "test: a text, or a list with CMD or CMD-SHELL first");
	if (strcmp(kind, "NONE") == 0)
		return OK;
	struct json *probe = compose_object_in(c->container, "readinessProbe");
	add_command(probe, json_member(j, "test"), strcmp(kind, "CMD-SHELL") == 0);
	enum err e = OK;
	for (size_t i = 0; i < sizeof check_spans / sizeof *check_spans && !e; i++)
		if (json_member(j, check_spans[i].compose))
			e = seconds_of(c, field, json_member(j, check_spans[i].compose), probe,
				       check_spans[i].ours);
	if (json_integer(json_member(j, "retries"), &retries))
		json_set_integer(probe, "failureThreshold", retries);
	return e;
}
