/*
 * skerry VERB ... - the command line, for the operator and the technician.
 */
#include "cloud/skerry/verbs.h"
#include "ports/net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void print_help(FILE *to)
{
	fputs("usage: skerry VERB ...\n\n", to);
	for (const struct verb *v = verbs_all(); v->name; v++)
		fprintf(to, "  %-10s %-44s %s\n", v->name, v->arguments, v->help);
	fputs("\nThe options of a verb: skerry VERB --help\n"
	      "Broker, fleet and database may stand in the environment: SKERRY_BROKER, "
	      "SKERRY_FLEET,\n"
	      "SKERRY_DB. For programs: -o json; the schemas are in docs/schema.\n"
	      "\nexit codes: 0 ok, 1 failed, 2 usage or invalid file, 3 not found, 4 conflict,\n"
	      "5 not allowed, 6 broker or device not reachable, 7 timeout or partly done,\n"
	      "8 rollout halted, 130 interrupted\n",
	      to);
}

static void print_option(void *owner, const struct option_help *h)
{
	char name[48];
	(void)owner;
	snprintf(name, sizeof name, "%s%s%s%s%s", h->short_name ? h->short_name : "  ",
		 h->short_name ? ", " : "  ", h->long_name, h->value ? " " : "",
		 h->value ? h->value : "");
	printf("  %-24s %s\n", name, h->help);
}

static void print_verb_help(const struct verb *v)
{
	printf("usage: skerry %s %s\n\n%s\n\n", v->name, v->arguments, v->help);
	options_each(v->name, print_option, NULL);
}

/* What could not be printed was not done. A reader that left knows that itself. */
static enum exit_code end_output(enum exit_code code, enum exit_code failed)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	if (errno && errno != EPIPE)
		fprintf(stderr, "error: the output cannot be written: %s\n", strerror(errno));
	return failed;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			break; /* a command of its own */
		else if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

static enum exit_code run_verb(const struct verb *v, int argc, char **argv)
{
	static struct options o;
	struct why why;
	if (asks_for_help(argc, argv)) {
		print_verb_help(v);
		return end_output(EXIT_CODE_OK, EXIT_CODE_FAILED);
	}
	const struct options_of of = { .verb = v->name, .f_follows = v->f_follows };
	if (options_read(&o, &of, argc, argv, &why)) {
		fprintf(stderr, "error: %s\nusage: skerry %s %s\n", why.text, v->name,
			v->arguments);
		return EXIT_CODE_USAGE;
	}
	if (o.output && v->run != verb_pack && v->run != verb_key) {
		fprintf(stderr, "error: -o %.20s: table and json are known\n", o.output);
		return EXIT_CODE_USAGE;
	}
	/* Half of a diff is not to be taken for one that differs. */
	return end_output(v->run(&o), v->run == verb_diff ? EXIT_CODE_USAGE : EXIT_CODE_FAILED);
}

/* Options may stand before the verb too: skerry --broker URL get devices. */
static int find_verb(int argc, char **argv, const struct verb **out)
{
	for (int i = 1; i < argc; i++)
		if (!(i > 1 && options_takes_value(argv[i - 1])) && (*out = verbs_find(argv[i])))
			return i;
	return 0;
}

int main(int argc, char **argv)
{
	const struct verb *verb = NULL;
	if (net_is_resolver(argc, argv))
		return 0;
	if (argc < 2) {
		print_help(stderr);
		return EXIT_CODE_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_CODE_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("skerry " SKERRY_VERSION);
		return EXIT_CODE_OK;
	}
	umask(077);
	signal(SIGPIPE, SIG_IGN); /* end_output() sees it */
	int at = find_verb(argc, argv, &verb);
	if (!verb) {
		fprintf(stderr, "error: no verb \"%.40s\"\nTry: skerry --help\n", argv[1]);
		return EXIT_CODE_USAGE;
	}
	/* The verb is taken out; everything else is options and words. */
	for (int i = at; i + 1 < argc; i++)
		argv[i] = argv[i + 1];
	return run_verb(verb, argc - 2, argv + 1);
}
