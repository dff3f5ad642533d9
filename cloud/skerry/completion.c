/*
 * completion - what a shell needs to complete a command line of skerry.
 *
 * The scripts know nothing: they give the line so far to `skerry completion
 * candidates LINE`, which answers a candidate a line, with a tab and its help behind
 * it. The line ":" says that files may stand there.
 */
#include "base/text.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/verbs.h"
#include "completion_scripts.h"
#include "workloads/guide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_WORDS_MAX = 128,
	PATIENCE_MS = 1500, /* a shell waits for it */
};

/* The line so far. */
struct line {
	char *words[LINE_WORDS_MAX];
	int count;        /* those that are whole, skerry itself included */
	const char *last; /* that is being written, perhaps "" */
	const struct verb *verb;
};

static void offer(const struct line *l, const char *word, const char *help)
{
	if (strncmp(word, l->last, strlen(l->last)) == 0)
		printf("%s\t%s\n", word, help);
}

static void offer_list(const struct line *l, const char *list)
{
	char word[32];
	for (int n = 0; sscanf(list, "%31s%n", word, &n) == 1; list += n)
		offer(l, word, "");
}

static void offer_verbs(const struct line *l)
{
	for (const struct verb *v = verbs_all(); v->name; v++)
		offer(l, v->name, v->help);
}

static void offer_option(void *owner, const struct option_help *h)
{
	const struct line *l = owner;
	offer(l, h->long_name, h->help);
}

static void offer_fields(const struct line *l)
{
	size_t n;
	const struct guide_entry *all = guide_all(&n);
	for (size_t i = 0; i < n; i++)
		offer(l, all[i].path, guide_verdict_name(all[i].verdict));
}

/* --- names that only the fleet, or the agent of this board, knows --- */

static void offer_workloads(const struct line *l, const struct json *workloads, const char *where)
{
	for (const struct json *w = json_first(workloads); w; w = json_next(w))
		offer(l, json_key(w), where);
}

static void offer_local(const struct line *l, const struct options *o)
{
	struct json *ask = json_new_object(), *answer = NULL;
	struct why why;
	json_set_string(ask, "verb", "status");
	if (!local_ask(o->run_dir, ask, &answer, &why))
		offer_workloads(l, json_member(answer, "workloads"), "on this board");
	json_free(answer);
	json_free(ask);
}

/* "pod/NAME", of names such as NAME/CONTAINER. */
static void offer_pods(const struct line *l, const struct json *workloads, const char *where)
{
	char pod[LABEL_SIZE + sizeof "pod/"];
	for (const struct json *w = json_first(workloads); w; w = json_next(w)) {
		snprintf(pod, sizeof pod, "pod/%.*s", (int)strcspn(json_key(w), "/"), json_key(w));
		offer(l, pod, where);
	}
}

static void offer_view(const struct line *l, const struct fleet_view *v, enum verb_words what)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct device_view *d = &v->devices[i];
		if (what == WORDS_DEVICES)
			offer(l, d->name, device_view_word(d));
		else if (what == WORDS_FIELDS)
			offer_pods(l, json_member(d->state, "workloads"), d->name);
		else
			offer_workloads(l, json_member(d->state, "workloads"), d->name);
	}
}

static void offer_fleet(const struct line *l, struct options *o, enum verb_words what)
{
	struct desk d = { 0 };
	struct fleet_view v = { 0 };
	struct why why;
	if (!o->broker_text || desk_open(&d, o, &why))
		return;
	if (!fleet_view_read(&v, &d, NULL, &why))
		offer_view(l, &v, what);
	fleet_view_free(&v);
	desk_close(&d);
}

static void offer_names(const struct line *l, struct options *o, enum verb_words what)
{
	if (what == WORDS_WORKLOADS)
		offer_local(l, o);
	offer_fleet(l, o, what);
}

/* --- the line --- */

/* Words as a shell would split them, without its quotes: names here need none. */
static void read_line(struct line *l, char *text)
{
	static char nothing[] = "";
	const size_t len = strlen(text);
	char *save = NULL;
	l->last = nothing;
	for (char *w = strtok_r(text, " \t", &save); w && l->count < LINE_WORDS_MAX;
	     w = strtok_r(NULL, " \t", &save))
		l->words[l->count++] = w;
	if (l->count && l->words[l->count - 1] + strlen(l->words[l->count - 1]) == text + len)
		l->last = l->words[--l->count];
	for (int i = 1; i < l->count && !l->verb; i++)
		if (!options_takes_value(l->words[i - 1]))
			l->verb = verbs_find(l->words[i]);
}

/* What has been said of broker, fleet and board so far; the environment says the rest. */
static void read_options(const struct line *l, struct options *o)
{
	struct why why;
	const struct options_of of = { .verb = l->verb->name, .f_follows = l->verb->f_follows };
	char *rest[LINE_WORDS_MAX];
	int n = 0;
	for (int i = 1; i < l->count; i++)
		if (strcmp(l->words[i], l->verb->name) != 0)
			rest[n++] = l->words[i];
	if (n && options_takes_value(rest[n - 1]))
		n--;
	if (options_read(o, &of, n, rest, &why))
		o->broker_text = NULL; /* nobody is asked with half an option */
	o->patience_ms = PATIENCE_MS;
}

static void offer_value(const struct line *l, const char *option, struct options *o)
{
	if (text_list_has("--device -d", option))
		offer_names(l, o, WORDS_DEVICES);
	else if (text_list_has("--output -o", option) && l->verb->words != WORDS_FILES)
		offer(l, "json", "for programs");
	else if (!text_list_has("--broker -b --fleet -F --alpn --lines -n --since --timeout",
				option))
		puts(":");
}

/* Nobody is asked for pods by who writes a field. */
static void offer_explained(const struct line *l, struct options *o)
{
	offer_fields(l);
	if (strncmp(l->last, "pod/", strlen("pod/")) == 0)
		offer_names(l, o, WORDS_FIELDS);
}

static void offer_words(const struct line *l, struct options *o)
{
	if (!o->word_count)
		offer_list(l, l->verb->choices);
	if (l->verb->words == WORDS_FILES)
		puts(":");
	else if (l->verb->words == WORDS_FIELDS)
		offer_explained(l, o);
	else if (l->verb->words && !o->word_count)
		offer_names(l, o, l->verb->words);
}

static void print_candidates(char *text)
{
	static struct options o;
	struct line l = { 0 };
	read_line(&l, text);
	if (!l.verb) {
		offer_verbs(&l);
		return;
	}
	read_options(&l, &o);
	const char *before = l.words[l.count - 1];
	const bool is_follow = l.verb->f_follows && strcmp(before, "-f") == 0;
	if (options_takes_value(before) && !is_follow)
		offer_value(&l, before, &o);
	else if (l.last[0] == '-')
		options_each(l.verb->name, offer_option, &l);
	else
		offer_words(&l, &o);
}

enum exit_code verb_completion(struct options *o)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = { { "bash", BASH }, { "zsh", ZSH }, { "fish", FISH } };
	struct why why;
	const char *what = o->word_count ? o->words[0] : "";
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		if (strcmp(what, scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return EXIT_CODE_OK;
		}
	if (strcmp(what, "candidates") == 0 && o->word_count == 2) {
		char *line = strdup(o->words[1]);
		if (line)
			print_candidates(line);
		free(line);
		return EXIT_CODE_OK;
	}
	return exit_code_tell(why_set(&why, ERR_INVALID, "which shell? bash, zsh or fish"), &why);
}
