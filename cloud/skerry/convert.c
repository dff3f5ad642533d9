/*
 * convert - a compose file as manifests: each service becomes a pod.
 *
 * Manifests go to stdout; stderr names, with file and line, everything that was dropped
 * or wants a hand.
 */
#include "base/text.h"
#include "cloud/skerry/compose_file.h"
#include "cloud/skerry/verbs.h"
#include "ports/file.h"
#include "ports/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPOSE_BYTES_MAX = 1024 * 1024 };

/* The file that is read, and the service that it is about. */
struct source {
	const char *file;
	struct yaml_document yaml;
	const char *service;
};

static int line_of(const struct source *s, const char *field)
{
	char path[200];
	snprintf(path, sizeof path, "services.%.60s%s%.100s", s->service, *field ? "." : "", field);
	return yaml_line(&s->yaml, path);
}

static void warn(void *owner, const char *field, const char *text)
{
	const struct source *s = owner;
	fprintf(stderr, "warning: %s:%d: %s.%s: %s\n", s->file, line_of(s, field), s->service,
		field, text);
}

/* "field: reason" becomes "file:line: service: field: reason". */
static enum err point_at(const struct source *s, enum err e, struct why *why)
{
	char field[64], where[300];
	text_copy(field, sizeof field, (struct bytes){ why->text, strcspn(why->text, ":") });
	snprintf(where, sizeof where, "%.200s:%d: %.60s", s->file, line_of(s, field), s->service);
	return why_in(why, e, where);
}

static enum err add_service(struct source *s, const struct json *service, FILE *to, struct why *why)
{
	struct json *pod;
	const struct compose_notes notes = { s, warn };
	s->service = json_key(service);
	enum err e = compose_service(s->service, service, &notes, &pod, why);
	if (e)
		return point_at(s, e, why);
	char *text = yaml_print(pod);
	fprintf(to, "---\n%s", text ? text : "");
	json_free(pod);
	free(text);
	return text ? OK : why_set(why, ERR_SYSTEM, "no memory");
}

/* All of them or none. */
static enum err print_services(struct source *s, struct why *why)
{
	const struct json *services = json_member(s->yaml.tree, "services");
	char *text = NULL;
	size_t len;
	if (json_type_of(services) != JSON_OBJECT || !json_count(services))
		return why_set(why, ERR_INVALID,
			       "%.200s: it has no services; is it a compose file?", s->file);
	FILE *to = open_memstream(&text, &len);
	enum err e = to ? OK : why_set(why, ERR_SYSTEM, "no memory");
	for (const struct json *x = e ? NULL : json_first(services); x && !e; x = json_next(x))
		e = add_service(s, x, to, why);
	if (to && fclose(to) && !e)
		e = why_set(why, ERR_SYSTEM, "no memory");
	if (!e)
		fputs(text, stdout);
	free(text);
	return e;
}

/* The names of this desk are not those of a board, and anchors are compose's own. */
static enum err refuse_what_compose_resolves(const char *file, const char *text, struct why *why)
{
	const char *at = strstr(text, "${");
	if (!at)
		return OK;
	int line = 1;
	for (const char *c = text; c < at; c++)
		line += *c == '\n';
	return why_set(
		why, ERR_INVALID,
		"%.200s:%d: ${...} is compose's to fill in: docker compose config > flat.yaml, "
		"then convert that",
		file, line);
}

static enum err convert(const char *file, struct why *why)
{
	char *text;
	size_t len, count;
	struct source s = { .file = file };
	enum err e = file_read(file, COMPOSE_BYTES_MAX, &text, &len, why);
	if (e)
		return e;
	e = refuse_what_compose_resolves(file, text, why);
	if (!e && yaml_parse((struct bytes){ text, len }, &s.yaml, 1, &count, why))
		e = why_in(why, ERR_INVALID, file);
	free(text);
	if (e)
		return e;
	if (count)
		e = print_services(&s, why);
	else
		e = why_set(why, ERR_INVALID, "%.200s: it is empty", file);
	yaml_documents_free(&s.yaml, count);
	return e;
}

enum exit_code verb_convert(struct options *o)
{
	struct why why;
	if (o->word_count != 1)
		return exit_code_tell(why_set(&why, ERR_INVALID, "one compose file is expected"),
				      &why);
	return exit_code_tell(convert(o->words[0], &why), &why);
}
