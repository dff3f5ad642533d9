/*
 * config - what this board is, from one file of `key = value` lines.
 *
 * Comments begin with #. An unknown key, a wrong value and a key of a feature
 * that is not there yet are errors with their line; nothing is guessed. Keys
 * are listed in docs/configuration.md.
 */
#pragma once

#include "agent/sources/topic_rule.h"
#include "base/err.h"
#include "base/label.h"
#include "base/token_uri.h"
#include "base/url.h"
#include "ports/tls.h"
#include "workloads/networks.h"
#include "workloads/telemetry.h"

#include <stdbool.h>
#include <stdint.h>

enum { CONFIG_PATHS_MAX = 16, CONFIG_LABELS_MAX = 16, CONFIG_FILE_MAX = 64 * 1024 };

struct config_label {
	char key[LABEL_SIZE], value[LABEL_SIZE];
};

struct config {
	char device[LABEL_SIZE], fleet[LABEL_SIZE];
	bool has_broker;
	struct url broker, local_broker; /* the second: no host if there is none */
	char local_topics[TOPIC_RULES_TEXT];
	char state_dir[128], run_dir[128], watchdog[128];
	char tls_ca[128], tls_cert[128], tls_key[TOKEN_URI_SIZE], tls_crl[128],
		tls_alpn[TLS_ALPN_MAX + 1];
	char trust_anchor[128]; /* "": states need no signature */
	bool allow_host_image, allow_exec;
	unsigned unsigned_verbs; /* 1 << enum verb, ...: what a board with an anchor takes unsigned
				  */
	enum network_mode network; /* of pods that do not say */
	char path_text[1024];      /* what host_paths points into */
	const char *host_paths[CONFIG_PATHS_MAX + 1];
	int64_t flush_ms;
	enum telemetry_ack ack;       /* of streams that do not say */
	enum telemetry_format format; /* likewise */
	int64_t thin_ms;              /* 0: points are never thinned */
	int64_t quota_bytes;
	int64_t host_metrics_ms; /* 0: off */
	char statsd_address[46]; /* of loopback; "": off */
	uint16_t statsd_port;
	int64_t statsd_interval_ms;
	int64_t link_rate;  /* bytes a second; 0: no limit */
	int64_t link_daily; /* bytes; 0: no limit */
	struct config_label labels[CONFIG_LABELS_MAX];
	size_t label_count;
};

/* Defaults: what a board runs with when the file says nothing. */
void config_init(struct config *c);

/* ERR_INVALID: "FILE:LINE: reason". ERR_NOT_FOUND: there is no such file. */
enum err config_read(struct config *c, const char *path, struct why *why);

/* One "key=value", as behind --set. */
enum err config_set(struct config *c, const char *assignment, struct why *why);

/* A copy by assignment still points into the original: make it point into itself. */
void config_rebase(struct config *copy, const struct config *original);

/* The files for mqtts://; what it points to is the configuration's. */
struct tls_files config_tls(const struct config *c);

/* What must be set is, and what is set fits together. Files are not looked at. */
enum err config_check(const struct config *c, struct why *why);
