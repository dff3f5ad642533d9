/*
 * skerry-hub --broker URL --db FILE [--blobs FOLDER] [--files FOLDER]
 *
 * Exit codes: 0 ended by a signal, 1 failed, 2 usage.
 */
#include "base/log.h"
#include "cloud/hub/hub.h"
#include "ports/file.h"
#include "ports/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"usage: skerry-hub --broker URL --db FILE [--blobs FOLDER] [--files FOLDER]\n"
	"\n"
	"Collects telemetry, logs and events of a fleet into a database, acknowledges\n"
	"what is committed, serves artifacts, and shows devices their desired state.\n"
	"\n"
	"  --broker URL     mqtt://[user[:password]@]host[:port]\n"
	"  --db FILE        SQLite database; made if it is not there\n"
	"  --blobs FOLDER   artifacts; FILE.blobs if not given\n"
	"  --files FOLDER   what devices send; FILE.files if not given\n"
	"  --version, --help\n";

struct arguments {
	const char *broker, *database, *blobs, *files;
};

static bool read_arguments(int argc, char **argv, struct arguments *out)
{
	*out = (struct arguments){ .broker = getenv("SKERRY_BROKER"),
				   .database = getenv("SKERRY_DB") };
	for (int i = 1; i < argc; i += 2) {
		const char **into = strcmp(argv[i], "--broker") == 0  ? &out->broker
				    : strcmp(argv[i], "--db") == 0    ? &out->database
				    : strcmp(argv[i], "--blobs") == 0 ? &out->blobs
				    : strcmp(argv[i], "--files") == 0 ? &out->files
								      : NULL;
		if (!into || i + 1 == argc)
			return false;
		*into = argv[i + 1];
	}
	return out->broker && out->database;
}

static enum err run(const struct arguments *a, const char *run_dir, struct why *why)
{
	static struct hub hub;
	char blobs[512], files[512];
	snprintf(blobs, sizeof blobs, "%s.blobs", a->database);
	snprintf(files, sizeof files, "%s.files", a->database);
	struct hub_options options = {
		.database = a->database,
		.blobs = a->blobs ? a->blobs : blobs,
		.files = a->files ? a->files : files,
		.run_dir = run_dir,
	};
	enum err e = url_parse(bytes_of(a->broker), &options.broker, why);
	if (!e && strncmp(a->database, "postgresql://", 13) == 0)
		e = why_set(why, ERR_INVALID,
			    "PostgreSQL is not in this version yet; give --db a file");
	if (!e)
		e = hub_open(&hub, &options, why);
	if (!e)
		e = hub_run(&hub, why);
	hub_close(&hub);
	return e;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct why why = { "" };
	char run_dir[] = "/tmp/skerry-hub-XXXXXX"; /* for the private socket, 0700 */
	if (net_is_resolver(argc, argv))
		return 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("skerry-hub " SKERRY_VERSION);
		return 0;
	}
	if (!read_arguments(argc, argv, &arguments)) {
		fputs(usage, stderr);
		return 2;
	}
	umask(077);
	if (!mkdtemp(run_dir)) {
		fprintf(stderr, "skerry-hub: no folder for the private socket below /tmp\n");
		return 1;
	}
	enum err e = run(&arguments, run_dir, &why);
	if (e)
		log_err("%s", why.text);
	(void)!dir_remove(run_dir, NULL);
	return e == ERR_INVALID ? 2 : e ? 1 : 0;
}
