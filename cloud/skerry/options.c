#include "cloud/skerry/options.h"

#include "base/duration.h"
#include "base/text.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 1000 * 1000, WAIT_DEFAULT_MS = 180 * 1000 };

static enum err set_text(struct options *o, const char *value, void *into, struct why *why)
{
	(void)o;
	(void)why;
	*(const char **)into = value;
	return OK;
}

static enum err set_output(struct options *o, const char *value, void *into, struct why *why)
{
	(void)into;
	(void)why;
	o->json = strcmp(value, "json") == 0;
	o->output = o->json || strcmp(value, "table") == 0 ? NULL : value;
	return OK;
}

static enum err add_file(struct options *o, const char *value, void *into, struct why *why)
{
	(void)into;
	if (o->file_count == OPTIONS_FILES_MAX)
		return why_set(why, ERR_INVALID, "more than %d files", OPTIONS_FILES_MAX);
	o->files[o->file_count++] = value;
	return OK;
}

static enum err add_device(struct options *o, const char *value, void *into, struct why *why)
{
	(void)into;
	if (!label_is_valid(bytes_of(value)))
		return why_set(why, ERR_INVALID,
			       "\"%.60s\" is not the name of a device: " LABEL_RULE, value);
	if (o->device_count == OPTIONS_DEVICES_MAX)
		return why_set(why, ERR_INVALID, "more than %d devices", OPTIONS_DEVICES_MAX);
	o->devices[o->device_count++] = value;
	return OK;
}

static enum err add_item(struct options *o, const char *value, void *into, struct why *why)
{
	struct option_list *l = into;
	(void)o;
	if (l->count == OPTION_LIST_MAX)
		return why_set(why, ERR_INVALID, "more than %d of one option", OPTION_LIST_MAX);
	l->items[l->count++] = value;
	return OK;
}

static enum err set_count(struct options *o, const char *value, void *into, struct why *why)
{
	long long n;
	(void)o;
	if (text_number(bytes_of(value), 1, COUNT_MAX, &n))
		return why_set(why, ERR_INVALID, "\"%.20s\" is not a count within 1-%d", value,
			       COUNT_MAX);
	*(int64_t *)into = n;
	return OK;
}

static enum err set_span(struct options *o, const char *value, void *into, struct why *why)
{
	(void)o;
	return duration_ms(bytes_of(value), into, why);
}

/* An option with a value, or (read NULL) a switch. */
static const struct option {
	const char *long_name, *short_name;
	enum err (*read)(struct options *o, const char *value, void *into, struct why *why);
	size_t offset;
} all_options[] = {
	{ "--broker", "-b", set_text, offsetof(struct options, broker_text) },
	{ "--ca", NULL, set_text, offsetof(struct options, tls.ca) },
	{ "--cert", NULL, set_text, offsetof(struct options, tls.cert) },
	{ "--key", NULL, set_text, offsetof(struct options, tls.key) },
	{ "--crl", NULL, set_text, offsetof(struct options, tls.crl) },
	{ "--alpn", NULL, set_text, offsetof(struct options, tls.alpn) },
	{ "--fleet", "-F", set_text, offsetof(struct options, fleet) },
	{ "--db", NULL, set_text, offsetof(struct options, database) },
	{ "--run-dir", NULL, set_text, offsetof(struct options, run_dir) },
	{ "--config", NULL, set_text, offsetof(struct options, config) },
	{ "--output", "-o", set_output, 0 },
	{ "--file", "-f", add_file, 0 },
	{ "--device", "-d", add_device, 0 },
	{ "--arch", NULL, set_text, offsetof(struct options, architecture) },
	{ "--sql", NULL, set_text, offsetof(struct options, sql) },
	{ "--depot", NULL, set_text, offsetof(struct options, depot) },
	{ "--lines", "-n", set_count, offsetof(struct options, count) },
	{ "--healthy-for", NULL, set_span, offsetof(struct options, healthy_ms) },
	{ "--since", NULL, set_span, offsetof(struct options, since_ms) },
	{ "--timeout", NULL, set_span, offsetof(struct options, wait_ms) },
	{ "--sign", NULL, add_item, offsetof(struct options, keys) },
	{ "--public", NULL, add_item, offsetof(struct options, public_keys) },
	{ "--sign-images", NULL, add_item, offsetof(struct options, build_keys) },
	{ "--trust", NULL, add_item, offsetof(struct options, trust) },
	{ "--signature", NULL, add_item, offsetof(struct options, signatures) },
	{ "--root", NULL, add_item, offsetof(struct options, root_keys) },
	{ "--state", NULL, add_item, offsetof(struct options, state_keys) },
	{ "--artifact", NULL, add_item, offsetof(struct options, artifact_keys) },
	{ "--threshold", NULL, set_count, offsetof(struct options, threshold) },
	{ "--valid-for", NULL, set_span, offsetof(struct options, valid_ms) },
	{ "--follow", NULL, NULL, offsetof(struct options, follow) },
	{ "--all", NULL, NULL, offsetof(struct options, all) },
	{ "--prune", NULL, NULL, offsetof(struct options, prune) },
	{ "--no-wait", NULL, NULL, offsetof(struct options, no_wait) },
	{ "--timestamps", NULL, NULL, offsetof(struct options, timestamps) },
	{ "--dry-run", NULL, NULL, offsetof(struct options, dry_run) },
};

static const struct option *find_option(const char *word)
{
	for (size_t i = 0; i < sizeof all_options / sizeof *all_options; i++) {
		const struct option *opt = &all_options[i];
		if (strcmp(word, opt->long_name) == 0 ||
		    (opt->short_name && strcmp(word, opt->short_name) == 0))
			return opt;
	}
	return NULL;
}

bool options_takes_value(const char *word)
{
	const struct option *opt = find_option(word);
	return opt && opt->read;
}

static enum err read_word(struct options *o, const char *word, struct why *why)
{
	if (word[0] == '-' && word[1])
		return why_set(why, ERR_INVALID, "unknown option %.40s", word);
	if (o->word_count == OPTIONS_WORDS_MAX)
		return why_set(why, ERR_INVALID, "too many arguments");
	o->words[o->word_count++] = word;
	return OK;
}

enum err options_read(struct options *o, int argc, char **argv, bool f_follows, struct why *why)
{
	*o = (struct options){
		.broker_text = getenv("SKERRY_BROKER"),
		.tls = tls_files_of_environment(),
		.fleet = getenv("SKERRY_FLEET"),
		.database = getenv("SKERRY_DB"),
		.run_dir = "/run/skerry",
		.healthy_ms = -1,
		.since_ms = -1,
		.wait_ms = WAIT_DEFAULT_MS,
	};
	enum err e = OK;
	for (int i = 0; i < argc && !e; i++) {
		const struct option *opt = find_option(argv[i]);
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		if (f_follows && strcmp(argv[i], "-f") == 0) {
			o->follow = true;
		} else if (!opt) {
			e = read_word(o, argv[i], why);
		} else if (!opt->read) {
			*((bool *)o + opt->offset) = true;
		} else if (!next) {
			e = why_set(why, ERR_INVALID, "%s needs a value", argv[i]);
		} else {
			e = opt->read(o, next, (char *)o + opt->offset, why);
			i++;
		}
	}
	if (!o->fleet)
		o->fleet = "main";
	if (!e && !label_is_valid(bytes_of(o->fleet)))
		e = why_set(why, ERR_INVALID, "\"%.60s\" is not the name of a fleet: " LABEL_RULE,
			    o->fleet);
	return e;
}

enum err options_need_broker(struct options *o, struct why *why)
{
	if (!o->broker_text)
		return why_set(why, ERR_INVALID,
			       "which broker? give --broker mqtt://HOST:1883 or set SKERRY_BROKER");
	enum err e = url_parse(bytes_of(o->broker_text), &o->broker, why);
	return e ? e : tls_files_check(&o->tls, o->broker.tls, why);
}

enum err options_need_database(const struct options *o, struct why *why)
{
	if (o->database)
		return OK;
	return why_set(why, ERR_INVALID,
		       "which database? give --db FILE (the hub's) or set SKERRY_DB");
}
