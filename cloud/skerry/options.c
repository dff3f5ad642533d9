#include "cloud/skerry/options.h"

#include "base/duration.h"
#include "base/text.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 1000 * 1000 };

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

/* An option with a value, or (value NULL) a switch. `of` are the verbs that look at it; "@"
 * stands for those that speak with the broker. One that means something else to another
 * verb has a second row. */
static const struct option {
	const char *long_name, *short_name;
	const char *of, *value, *help;
	enum err (*read)(struct options *o, const char *value, void *into, struct why *why);
	size_t offset;
} all_options[] = {
	{ "--broker", "-b", "@", "URL", "mqtt[s]://[user[:password]@]host[:port]; $SKERRY_BROKER",
	  set_text, offsetof(struct options, broker_text) },
	{ "--ca", NULL, "@", "FILE", "for mqtts://: the CA to trust, in PEM; $SKERRY_CA", set_text,
	  offsetof(struct options, tls.ca) },
	{ "--cert", NULL, "@", "FILE", "who the desk is; $SKERRY_CERT", set_text,
	  offsetof(struct options, tls.cert) },
	{ "--key", NULL, "@", "FILE", "its key; $SKERRY_KEY", set_text,
	  offsetof(struct options, tls.key) },
	{ "--crl", NULL, "@", "FILE",
	  "revocation lists of every CA in the broker's chain; $SKERRY_CRL", set_text,
	  offsetof(struct options, tls.crl) },
	{ "--alpn", NULL, "@", "NAME", "the protocol to ask for; $SKERRY_ALPN", set_text,
	  offsetof(struct options, tls.alpn) },
	{ "--fleet", "-F", "@ telemetry files history key", "NAME",
	  "\"main\" if not given; $SKERRY_FLEET", set_text, offsetof(struct options, fleet) },
	{ "--db", NULL, "explain logs events telemetry files history import", "FILE",
	  "the hub's database; $SKERRY_DB", set_text, offsetof(struct options, database) },
	{ "--run-dir", NULL, "status logs history wake export top restart exec", "FOLDER",
	  "of the agent on this board; /run/skerry", set_text, offsetof(struct options, run_dir) },
	{ "--config", NULL, "doctor export", "FILE",
	  "of the agent on this board; /etc/skerry/skerryd.conf", set_text,
	  offsetof(struct options, config) },
	{ "--output", "-o",
	  "get diff logs events telemetry files history status doctor validate explain pack push "
	  "rollout top "
	  "device",
	  "json", "for programs; the schema is in docs/schema", set_output, 0 },
	{ "--output", "-o", "pack key", "PATH", "what to write", set_output, 0 },
	{ "--file", "-f", "apply diff explain validate dev rollout", "FILE",
	  "manifests, or - for standard input", add_file, 0 },
	{ "--file", "-f", "key", "FILE", "key trust: the document before", add_file, 0 },
	{ "--device", "-d", "apply diff explain logs events telemetry files top restart exec",
	  "NAME", "once for each device", add_device, 0 },
	{ "--selector", "-l", "apply diff explain get", "SELECTOR",
	  "devices by their labels, such as site=north,stage!=canary", set_text,
	  offsetof(struct options, selector) },
	{ "--arch", NULL, "apply diff explain pack push rollout", "NAME",
	  "which image of several: amd64, arm64, arm, 386, riscv64", set_text,
	  offsetof(struct options, architecture) },
	{ "--board-broker", NULL, "device", "URL",
	  "device add: where the board finds the broker, if not where this desk does", set_text,
	  offsetof(struct options, board_broker) },
	{ "--label", NULL, "device", "KEY=VALUE", "device add: of the board", add_item,
	  offsetof(struct options, labels) },
	{ "--sql", NULL, "telemetry", "QUERY", "one query that reads", set_text,
	  offsetof(struct options, sql) },
	{ "--depot", NULL, "import", "FOLDER",
	  "the hub's folder of files, if not beside its database", set_text,
	  offsetof(struct options, depot) },
	{ "--lines", "-n", "logs events telemetry files history", "N", "how many lines", set_count,
	  offsetof(struct options, count) },
	{ "--healthy-for", NULL, "apply diff", "TIME", "how long pods must be well, such as 30s",
	  set_span, offsetof(struct options, healthy_ms) },
	{ "--since", NULL, "events telemetry files history", "TIME",
	  "not older than that, such as 1h", set_span, offsetof(struct options, since_ms) },
	{ "--timeout", NULL, "apply device push rollout exec events", "TIME", "how long to wait",
	  set_span, offsetof(struct options, wait_ms) },
	{ "--sign", NULL, "apply device export rollout logs top restart exec", "FILE",
	  "a PEM file that signs", add_item, offsetof(struct options, keys) },
	{ "--public", NULL, "import", "FILE", "whose signature an export must have", add_item,
	  offsetof(struct options, public_keys) },
	{ "--agent", NULL, "apply diff", "FILE",
	  "the board's own programs: an image of them, or package", set_text,
	  offsetof(struct options, agent) },
	{ "--sign-images", NULL, "apply rollout", "FILE", "a PEM file of who has built the images",
	  add_item, offsetof(struct options, build_keys) },
	{ "--trust", NULL, "apply device rollout", "FILE",
	  "a trust document that boards may not have yet", add_item,
	  offsetof(struct options, trust) },
	{ "--signature", NULL, "apply rollout", "FILE", "of an image, as key sign has written it",
	  add_item, offsetof(struct options, signatures) },
	{ "--root", NULL, "key", "FILE", "key trust: who signs the next trust document", add_item,
	  offsetof(struct options, root_keys) },
	{ "--state", NULL, "key", "FILE", "key trust: who signs what runs", add_item,
	  offsetof(struct options, state_keys) },
	{ "--artifact", NULL, "key", "FILE", "key trust: who signs images", add_item,
	  offsetof(struct options, artifact_keys) },
	{ "--command", NULL, "key", "FILE", "key trust: who signs commands; --state if not given",
	  add_item, offsetof(struct options, command_keys) },
	{ "--fresh", NULL, "key", "FILE", "key trust: who tells the time, and what is newest",
	  add_item, offsetof(struct options, fresh_keys) },
	{ "--floor", NULL, "key", "[DEVICE=]DATE|EPOCH.GENERATION",
	  "key trust: below which no state is taken", add_item, offsetof(struct options, floors) },
	{ "--threshold", NULL, "key", "N", "key trust: how many roots it takes", set_count,
	  offsetof(struct options, threshold) },
	{ "--valid-for", NULL, "apply device key rollout", "TIME",
	  "until when a signature counts, such as 720h", set_span,
	  offsetof(struct options, valid_ms) },
	{ "--follow", NULL, "logs events", NULL, "go on with what comes; -f here", NULL,
	  offsetof(struct options, follow) },
	{ "--watch", "-w", "get rollout", NULL, "again whenever something has changed", NULL,
	  offsetof(struct options, watch) },
	{ "--watch", "-w", "events", NULL, "go on with what comes", NULL,
	  offsetof(struct options, watch) },
	{ "--all", NULL, "apply diff", NULL, "to every device of the fleet", NULL,
	  offsetof(struct options, all) },
	{ "--prune", NULL, "apply diff explain", NULL,
	  "pods and configs that are not in the files go", NULL, offsetof(struct options, prune) },
	{ "--wait", NULL, "rollout", NULL,
	  "rollout start: run it from here until it is over; else a hub does", NULL,
	  offsetof(struct options, wait) },
	{ "--batch", NULL, "rollout", "N", "rollout approve: which one", set_count,
	  offsetof(struct options, count) },
	{ "--retry", NULL, "apply diff", NULL, "the agent once more that a board has given up",
	  NULL, offsetof(struct options, retry) },
	{ "--no-wait", NULL, "apply device rollout", NULL, "do not wait for the devices", NULL,
	  offsetof(struct options, no_wait) },
	{ "--timestamps", NULL, "logs", NULL, "say when", NULL,
	  offsetof(struct options, timestamps) },
	{ "--once", NULL, "top", NULL, "once, as in a pipe", NULL, offsetof(struct options, once) },
	{ "--stdin", "-i", "exec", NULL, "the command reads what we are given", NULL,
	  offsetof(struct options, use_stdin) },
	{ "--dry-run", NULL, "apply device rollout", NULL, "say what would change", NULL,
	  offsetof(struct options, dry_run) },
};

enum { OPTIONS = sizeof all_options / sizeof *all_options };

static const char SPEAKING[] =
	"apply diff explain get logs events push doctor rollout top restart exec device"; /* with
											   * the
											   * broker
											   */

static bool is_of(const struct option *opt, const char *verb)
{
	return text_list_has(opt->of, verb) ||
	       (text_list_has(opt->of, "@") && text_list_has(SPEAKING, verb));
}

void options_each(const char *verb, option_seen *seen, void *owner)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (is_of(&all_options[i], verb))
			seen(owner, &(struct option_help){
					    .long_name = all_options[i].long_name,
					    .short_name = all_options[i].short_name,
					    .value = all_options[i].value,
					    .help = all_options[i].help,
				    });
}

static bool is_word(const struct option *opt, const char *word)
{
	return strcmp(word, opt->long_name) == 0 ||
	       (opt->short_name && strcmp(word, opt->short_name) == 0);
}

static const struct option *find_option(const char *word)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (is_word(&all_options[i], word))
			return &all_options[i];
	return NULL;
}

bool options_takes_value(const char *word)
{
	const struct option *opt = find_option(word);
	return opt && opt->value;
}

/* How to reach the fleet may be said of any verb. */
static bool is_taken(const char *verb, const char *word)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *opt = &all_options[i];
		if (is_word(opt, word) && (is_of(opt, verb) || text_list_has(opt->of, "@")))
			return true;
	}
	return false;
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

/* One word of the command line, and the value behind it; *at is moved on. */
static enum err read_one(struct options *o, const struct options_of *of, char **argv, int argc,
			 int *at, struct why *why)
{
	const char *word = argv[(*at)++];
	const struct option *opt = find_option(word);
	if (of->f_follows && strcmp(word, "-f") == 0) {
		o->follow = true;
		return OK;
	}
	if (!opt)
		return read_word(o, word, why);
	if (!is_taken(of->verb, word))
		return why_set(why, ERR_INVALID, "%s does not take %s", of->verb, word);
	if (!opt->value) {
		*((bool *)o + opt->offset) = true;
		return OK;
	}
	if (*at == argc)
		return why_set(why, ERR_INVALID, "%s needs a value", word);
	return opt->read(o, argv[(*at)++], (char *)o + opt->offset, why);
}

/* What stands behind -- is somebody else's; how many words are ours. */
static int set_command_apart(struct options *o, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		o->command = argv + i + 1;
		o->command_count = (size_t)(argc - i - 1);
		return i;
	}
	return argc;
}

enum err options_read(struct options *o, const struct options_of *of, int argc, char **argv,
		      struct why *why)
{
	*o = (struct options){
		.broker_text = getenv("SKERRY_BROKER"),
		.tls = tls_files_of_environment(),
		.fleet = getenv("SKERRY_FLEET"),
		.database = getenv("SKERRY_DB"),
		.run_dir = "/run/skerry",
		.healthy_ms = -1,
		.since_ms = -1,
		.wait_ms = -1,
	};
	enum err e = OK;
	argc = set_command_apart(o, argc, argv);
	for (int at = 0; at < argc && !e;)
		e = read_one(o, of, argv, argc, &at, why);
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
