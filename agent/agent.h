/*
 * agent - puts the parts together: this file is the map of skerryd.
 *
 * Letters come in through the link and go to the one that they are for; news
 * of workloads goes to events, to the report and to deploy; what is collected
 * goes to the outbox, and the uplink sends it. In safe mode there is only the
 * link, the report and the way back: workloads are left as they are.
 */
#pragma once

#include "agent/board.h"
#include "agent/collect.h"
#include "agent/command.h"
#include "agent/config.h"
#include "agent/control.h"
#include "agent/crashes.h"
#include "agent/deploy.h"
#include "agent/event.h"
#include "agent/files.h"
#include "agent/ingest.h"
#include "agent/program.h"
#include "agent/pulse.h"
#include "agent/renewal.h"
#include "agent/report.h"
#include "agent/sources/host_metrics.h"
#include "agent/sources/local_broker.h"
#include "agent/sources/scrape.h"
#include "agent/sources/statsd_server.h"
#include "agent/stream.h"
#include "agent/update.h"
#include "sync/fresh.h"
#include "sync/link.h"
#include "sync/uplink.h"
#include "workloads/supervisor.h"

struct agent {
	struct config config;
	struct board board;
	struct loop *loop;
	struct store *store;
	struct cgroup_tree *cgroups;
	struct anchor *anchor; /* NULL: states need no signature */
	struct blobs blobs;
	struct images images;
	struct inspection inspection;
	char keeper_program[PROGRAM_PATH_MAX], unpack_program[PROGRAM_PATH_MAX];
	struct networks networks;
	struct supervisor supervisor;
	struct outbox outbox;
	struct events events;
	struct ingest ingest;
	struct compact compact;
	struct collect collect;
	struct files files;
	struct host_metrics *host_metrics; /* NULL: off */
	struct local_broker *local_broker; /* likewise */
	struct statsd_server *statsd;      /* likewise */
	struct scrapes scrapes;
	struct renewal *renewal;     /* NULL: its certificate, if any, is the configuration's */
	int64_t certificate_ends_ms; /* of that one, since 1970; 0: there is none */
	struct link link;
	struct uplink uplink;
	struct fresh fresh;
	struct deploy deploy;
	struct update update;
	struct report report;
	struct command command;
	struct control control;
	struct pulse pulse;
	struct crashes crashes;
	int lock_fd;
	int64_t started_ms;
	struct timer goodbye; /* leave without the broker's answer */
	bool stopping;
	bool starting_again; /* safe mode is over, or another agent's turn: ends as after a failure
			      */
};

/* Bring everything up; workloads run when it returns. agent_close() also after
 * a failure. */
enum err agent_open(struct agent *a, const struct config *config, struct why *why);

/* Run until SIGTERM or SIGINT; workloads stay. */
enum err agent_run(struct agent *a, struct why *why);

void agent_close(struct agent *a);
