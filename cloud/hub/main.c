/*
 * skerry-hub --broker URL --db FILE|postgresql://... [--collect] [--control] [--serve] ...
 *
 * Exit codes: 0 ended by a signal, 1 failed, 2 usage.
 */
#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "cloud/hub/audit.h"
#include "cloud/hub/hub.h"
#include "cloud/hub/migrate.h"
#include "ports/file.h"
#include "ports/net.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"usage: skerry-hub --broker URL --db FILE [--blobs FOLDER] [--files FOLDER]\n"
	"                  [--collect] [--control] [--serve] [--shard I/N]\n"
	"                  [--fresh-key FILE] [--ca FILE ...]\n"
	"\n"
	"Collects telemetry, logs and events of a fleet into a database, acknowledges\n"
	"what is committed, serves artifacts, and shows devices their desired state.\n"
	"\n"
	"  --broker URL     mqtt[s]://[user[:password]@]host[:port]\n"
	"  --ca FILE        for mqtts://: the CA to trust; in PEM, as are the next\n"
	"  --cert FILE, --key FILE   who the hub is\n"
	"  --crl FILE       who is not trusted any more\n"
	"  --alpn NAME      the protocol to ask for\n"
	"  --db FILE        SQLite database; made if it is not there; or postgresql://...\n"
	"  --blobs FOLDER   artifacts; FILE.blobs if not given\n"
	"  --files FOLDER   what devices send; FILE.files if not given\n"
	"  --collect, --control, --serve   of several hubs at one server, what this one\n"
	"                   does: letters; states; artifacts and files. All if none is named\n"
	"  --shard I/N      collect from each N-th device; for brokers that cannot share out\n"
	"  --keep TIME      30d, 12h: points, events and log lines that are older are removed\n"
	"  --metrics 127.0.0.1:PORT   numbers for Prometheus: GET /metrics\n"
	"  --fresh-key FILE answer boards that ask what is new, as the role fresh; in PEM.\n"
	"                   For every hub with --control\n"
	"\n"
	"Boards become members with `skerry device add`, where the hub signs:\n"
	"  --ca-cert FILE --ca-key FILE   a CA for boards, in PEM, its key for our eyes only\n"
	"  --certificate-life T   how long a certificate lasts; 2160h if not given\n"
	"  --csr-command CMD      instead of the key: a request in, a certificate out\n"
	"  --crl-file FILE        where the broker reads which certificates are revoked\n"
	"  --board-ca FILE        whom boards trust as the broker; --ca if not given\n"
	"  --claim-cert FILE --claim-key FILE   what boards claim with, CN claim\n"
	"\n"
	"  --version, --help\n"
	"\n"
	"       skerry-hub migrate --from FILE --to postgresql://...\n"
	"\n"
	"Copies what a hub has kept in a file; goes on where it was interrupted, counts.\n"
	"\n"
	"       skerry-hub audit [--db FILE|postgresql://...] [--verify] [--has HASH]\n"
	"\n"
	"Prints which desired states were seen, and whose; with --verify says which rows\n"
	"are not as they were written. --has: a hash that was the last one earlier.\n";

#define LIFE_MS (90LL * 24 * 60 * 60 * 1000)

struct arguments {
	const char *broker, *database, *blobs, *files, *shard, *metrics, *keep, *fresh_key, *life;
	struct tls_files tls;
	struct enrol_options enrol;
	unsigned roles;
};

static const struct {
	const char *name;
	size_t offset;
} options[] = {
	{ "--broker", offsetof(struct arguments, broker) },
	{ "--db", offsetof(struct arguments, database) },
	{ "--blobs", offsetof(struct arguments, blobs) },
	{ "--files", offsetof(struct arguments, files) },
	{ "--shard", offsetof(struct arguments, shard) },
	{ "--metrics", offsetof(struct arguments, metrics) },
	{ "--keep", offsetof(struct arguments, keep) },
	{ "--fresh-key", offsetof(struct arguments, fresh_key) },
	{ "--ca", offsetof(struct arguments, tls.ca) },
	{ "--cert", offsetof(struct arguments, tls.cert) },
	{ "--key", offsetof(struct arguments, tls.key) },
	{ "--crl", offsetof(struct arguments, tls.crl) },
	{ "--alpn", offsetof(struct arguments, tls.alpn) },
	{ "--ca-cert", offsetof(struct arguments, enrol.authority.cert) },
	{ "--ca-key", offsetof(struct arguments, enrol.authority.key) },
	{ "--certificate-life", offsetof(struct arguments, life) },
	{ "--csr-command", offsetof(struct arguments, enrol.authority.command) },
	{ "--crl-file", offsetof(struct arguments, enrol.crl_file) },
	{ "--board-ca", offsetof(struct arguments, enrol.board_ca) },
	{ "--claim-cert", offsetof(struct arguments, enrol.claim_cert) },
	{ "--claim-key", offsetof(struct arguments, enrol.claim_key) },
};

static const char **find_option(struct arguments *a, const char *word)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (strcmp(word, options[i].name) == 0)
			return (const char **)((char *)a + options[i].offset);
	return NULL;
}

static unsigned role_of(const char *word)
{
	return strcmp(word, "--collect") == 0   ? ROLE_COLLECT
	       : strcmp(word, "--control") == 0 ? ROLE_CONTROL
	       : strcmp(word, "--serve") == 0   ? ROLE_SERVE
						: 0;
}

static bool read_arguments(int argc, char **argv, struct arguments *out)
{
	*out = (struct arguments){ .broker = getenv("SKERRY_BROKER"),
				   .database = getenv("SKERRY_DB"),
				   .tls = tls_files_of_environment() };
	for (int i = 1; i < argc; i++) {
		const char **into = find_option(out, argv[i]);
		const unsigned role = role_of(argv[i]);
		if (!role && (!into || i + 1 == argc))
			return false;
		out->roles |= role;
		if (into)
			*into = argv[++i];
	}
	if (!out->roles)
		out->roles = ROLES_ALL;
	return out->broker && out->database;
}

static void warn_of_library(void)
{
	char name[TLS_TEXT_SIZE];
	struct why remedy;
	if (!tls_library(name, &remedy))
		log_warn("connecting all the same, %s", remedy.text);
}

/* Beside the file, if the database is one. */
static enum err set_folders(const struct arguments *a, struct hub_options *o, struct why *why)
{
	static char blobs[512], files[512];
	o->blobs = a->blobs ? a->blobs : blobs;
	o->files = a->files ? a->files : files;
	if (sql_is_address(a->database) && (!a->blobs || !a->files))
		return why_set(why, ERR_INVALID,
			       "beside a server --blobs and --files are needed: folders that every "
			       "hub with --serve sees");
	snprintf(blobs, sizeof blobs, "%s.blobs", a->database);
	snprintf(files, sizeof files, "%s.files", a->database);
	return OK;
}

/* A duration, or whole days. */
static enum err read_keep(const char *text, int64_t *out_ms, struct why *why)
{
	const size_t len = strlen(text);
	long long days;
	if (len && text[len - 1] == 'd' &&
	    !text_number((struct bytes){ text, len - 1 }, 1, 36500, &days)) {
		*out_ms = days * 24 * 3600 * 1000;
		return OK;
	}
	enum err e = duration_ms(bytes_of(text), out_ms, why);
	if (e)
		return why_in(why, e, "--keep");
	return *out_ms > 0 ? OK : why_set(why, ERR_INVALID, "--keep: more than nothing");
}

static enum err run(const struct arguments *a, const char *run_dir, struct why *why)
{
	static struct hub hub;
	struct hub_options o = {
		.database = a->database,
		.run_dir = run_dir,
		.roles = a->roles,
		.shard = a->shard,
		.metrics = a->metrics,
		.fresh_key = a->fresh_key,
		.tls = a->tls,
		.enrol = a->enrol,
	};
	o.enrol.authority.life_ms = LIFE_MS;
	enum err e = url_parse(bytes_of(a->broker), &o.broker, why);
	if (!e)
		e = tls_files_check(&a->tls, o.broker.tls, why);
	if (!e)
		e = set_folders(a, &o, why);
	if (!e && a->keep)
		e = read_keep(a->keep, &o.keep_ms, why);
	if (!e && a->life)
		e = duration_ms(bytes_of(a->life), &o.enrol.authority.life_ms, why);
	if (!e && o.broker.tls)
		warn_of_library();
	if (!e)
		e = hub_open(&hub, &o, why);
	if (!e)
		e = hub_run(&hub, why);
	hub_close(&hub);
	return e;
}

static int run_migrate(int argc, char **argv)
{
	struct why why;
	if (argc != 6 || strcmp(argv[2], "--from") != 0 || strcmp(argv[4], "--to") != 0) {
		fputs(usage, stderr);
		return 2;
	}
	const enum err e = migrate(argv[3], argv[5], &why);
	if (e)
		fprintf(stderr, "error: %s\n", why.text);
	return e == ERR_INVALID ? 2 : e ? 1 : 0;
}

static bool read_audit(int argc, char **argv, struct audit_options *out)
{
	*out = (struct audit_options){ .database = getenv("SKERRY_DB") };
	for (int i = 2; i < argc; i++) {
		const bool has_value = i + 1 < argc;
		if (strcmp(argv[i], "--verify") == 0)
			out->verify = true;
		else if (has_value && strcmp(argv[i], "--db") == 0)
			out->database = argv[++i];
		else if (has_value && strcmp(argv[i], "--has") == 0)
			out->has = argv[++i];
		else
			return false;
	}
	return out->database != NULL;
}

/* Exit codes: 0 it is whole, 1 it is not. */
static int run_audit(int argc, char **argv)
{
	struct audit_options o;
	struct why why;
	if (!read_audit(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	const enum err e = audit(&o, &why);
	if (e)
		fprintf(stderr, "error: %s\n", why.text);
	return e == ERR_INVALID ? 2 : e ? 1 : 0;
}

/* The private socket is in a folder of 0700: that of systemd's unit, or one of our own, which
 * whoever sweeps /tmp could take away below us. */
static enum err run_in_folder(const struct arguments *a, struct why *why)
{
	char made[] = "/tmp/skerry-hub-XXXXXX";
	const char *given = getenv("RUNTIME_DIRECTORY");
	if (given && *given)
		return run(a, given, why);
	if (!mkdtemp(made))
		return why_set(why, ERR_SYSTEM, "no folder for the private socket below /tmp");
	enum err e = run(a, made, why);
	(void)!dir_remove(made, NULL);
	return e;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct why why = { "" };
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
	if (argc > 1 && strcmp(argv[1], "migrate") == 0)
		return run_migrate(argc, argv);
	if (argc > 1 && strcmp(argv[1], "audit") == 0)
		return run_audit(argc, argv);
	if (!read_arguments(argc, argv, &arguments)) {
		fputs(usage, stderr);
		return 2;
	}
	umask(077);
	enum err e = run_in_folder(&arguments, &why);
	if (e)
		log_err("%s", why.text);
	return e == ERR_INVALID ? 2 : e ? 1 : 0;
}
