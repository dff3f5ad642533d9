/*
 * skerryd --config FILE [--set key=value ...] [--check]
 * skerryd join LINE ...: see agent/join.h
 *
 * Exit codes, but those of join: 0 ended by a signal or checked, 1 failed, 2 usage or
 * configuration.
 */
#include "agent/agent.h"

#include "agent/join.h"
#include "base/log.h"
#include "ports/confine.h"
#include "ports/mailbox.h"
#include "ports/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: skerryd --config FILE [--set KEY=VALUE ...] [--check|--debug]\n"
	"       skerryd join LINE ...   become a member of a fleet; skerryd join --help\n"
	"\n"
	"Runs the workloads that the cloud asks for, keeps their telemetry while the\n"
	"network is away, and stays in the foreground, logging to stderr.\n"
	"\n"
	"  --config FILE     lines of `key = value`; see docs/configuration.md\n"
	"  --set KEY=VALUE   instead of what the file says\n"
	"  --check           read the configuration, say what is wrong with it, and leave\n"
	"  --debug           log more\n"
	"  --version, --help\n"
	"\n"
	"A file needs two lines:  device = drone-07\n"
	"                         broker = mqtt://192.0.2.1:1883\n";

static enum err read_arguments(int argc, char **argv, struct config *c, bool *out_check,
			       struct why *why)
{
	const char *file = NULL;
	enum err e = OK;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			file = argv[++i];
	if (!file)
		return why_set(why, ERR_INVALID, "--config FILE is needed");
	e = config_read(c, file, why);
	for (int i = 1; i < argc && !e; i++) {
		if (strcmp(argv[i], "--config") == 0)
			i++;
		else if (strcmp(argv[i], "--set") == 0 && i + 1 < argc)
			e = config_set(c, argv[++i], why);
		else if (strcmp(argv[i], "--check") == 0)
			*out_check = true;
		else if (strcmp(argv[i], "--debug") == 0)
			log_set_level(LOG_DEBUG);
		else
			e = why_set(why, ERR_INVALID, "unknown argument %.60s", argv[i]);
	}
	return e ? e : config_check(c, why);
}

int main(int argc, char **argv)
{
	static struct config config;
	static struct agent agent;
	struct why why = { "" };
	bool check = false;
	int code;
	if (net_is_resolver(argc, argv))
		return 0;
	if (mailbox_is_collector(argc, argv, &code))
		return code;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("skerryd " SKERRY_VERSION);
		return 0;
	}

	umask(077);
	if (argc > 1 && strcmp(argv[1], "join") == 0)
		return join_run(argc - 1, argv + 1);
	config_init(&config);
	if (read_arguments(argc, argv, &config, &check, &why)) {
		fprintf(stderr, "skerryd: %s\nTry: skerryd --help\n", why.text);
		return EXIT_USAGE;
	}
	if (check)
		return 0;
	if (confine_agent(&why)) {
		log_err("%s", why.text);
		return EXIT_FAILED;
	}
	enum err e = agent_open(&agent, &config, &why);
	if (!e)
		e = agent_run(&agent, &why);
	if (e && e != ERR_AGAIN)
		log_err("%s; `skerry doctor` says what is wrong with a board", why.text);
	agent_close(&agent);
	return e ? EXIT_FAILED : 0;
}
