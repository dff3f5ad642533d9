/*
 * options - the command line of one call: what every verb understands, and the rest.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"
#include "base/url.h"
#include "ports/tls.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OPTIONS_FILES_MAX = 16,
	OPTIONS_DEVICES_MAX = 64,
	OPTIONS_WORDS_MAX = 8,
	OPTION_LIST_MAX = 8,
};

struct option_list {
	const char *items[OPTION_LIST_MAX];
	size_t count;
};

struct options {
	/* How to reach the fleet: an option, or the environment. */
	const char *broker_text; /* $SKERRY_BROKER; NULL: not given */
	struct url broker;
	struct tls_files tls; /* $SKERRY_CA, _CERT, _KEY, _CRL, _ALPN */
	const char *fleet;    /* $SKERRY_FLEET, "main" */
	const char *database; /* $SKERRY_DB; NULL: not given */
	const char *run_dir;  /* of an agent on this board */
	const char *config;   /* of that agent; NULL: not given */

	bool json;          /* -o json */
	const char *output; /* -o anything else: pack's folder */
	bool follow, watch, all, prune, wait, no_wait, timestamps, dry_run, once;
	bool use_stdin; /* -i */
	bool preview;   /* diff: nothing is handed over, signed or published */
	const char *files[OPTIONS_FILES_MAX];
	size_t file_count;
	const char *devices[OPTIONS_DEVICES_MAX];
	size_t device_count;
	const char *selector; /* -l; NULL: not given */
	const char *sql;
	const char *depot; /* --depot: the hub's folder of files; NULL: beside its database */
	const char *architecture; /* --arch; NULL: not given */
	const char *agent;        /* --agent: a folder, a tar, NAME@sha256:... or "package"; NULL */
	bool retry;               /* --retry: the agent once more */
	const char *board_broker; /* --board-broker: a URL; NULL: the one of this desk */
	struct option_list labels;        /* --label: KEY=VALUE */
	struct option_list label_changes; /* of device label: KEY=VALUE, KEY- */
	int64_t count;                    /* -n */
	int64_t healthy_ms;               /* --healthy-for; -1: not given */
	int64_t since_ms;                 /* --since; -1: not given */
	int64_t wait_ms;                  /* --timeout; -1: not given */
	int64_t patience_ms;              /* no wait for the broker is longer; 0: as each is */

	struct option_list keys;        /* --sign: PEM files that sign a state */
	struct option_list public_keys; /* --public: whose signature an export may have */
	struct option_list build_keys;  /* --sign-images: likewise, its images */
	struct option_list trust;       /* --trust: envelopes, to stand beside a state */
	struct option_list signatures;  /* --signature: what `key sign DIGEST` has written */
	struct option_list root_keys, state_keys, artifact_keys; /* for a trust document */
	struct option_list command_keys, fresh_keys, floors;     /* likewise */
	int64_t threshold;                                       /* of roots; 0: not given */
	int64_t valid_ms;                                        /* --valid-for; 0: not given */

	const char *words[OPTIONS_WORDS_MAX]; /* behind the verb */
	size_t word_count;
	char *const *command; /* behind -- */
	size_t command_count;
};

/* Whose options they are. */
struct options_of {
	const char *verb;
	bool f_follows; /* -f is --follow here, elsewhere a file */
};

/* Read everything behind the verb. ERR_INVALID: what is wrong, an option that this verb
 * does not look at included. */
enum err options_read(struct options *o, const struct options_of *of, int argc, char **argv,
		      struct why *why);

/* What a verb understands, for its help and for shells. */
struct option_help {
	const char *long_name, *short_name; /* short NULL: there is none */
	const char *value;                  /* NULL: a switch */
	const char *help;
};
typedef void option_seen(void *owner, const struct option_help *option);
void options_each(const char *verb, option_seen *seen, void *owner);

/* Does the word behind this one belong to it? */
bool options_takes_value(const char *word);

/* For verbs that need it. */
enum err options_need_broker(struct options *o, struct why *why);
enum err options_need_database(const struct options *o, struct why *why);
