/*
 * hub - collects what devices send, acknowledges it after the commit, serves
 * artifacts, and shows a device its desired state again when it has an older one.
 *
 * Of several hubs at one database each does what its roles say (roles.h). While the
 * database is away nothing is acknowledged: devices keep what they have and send it again.
 *
 * Takes the role of a device called "hub": an operator's desk pushes artifacts
 * by telling it what there is, and the hub pulls them as devices do.
 */
#pragma once

#include "base/url.h"
#include "cloud/hub/agenda.h"
#include "cloud/hub/authority.h"
#include "cloud/hub/depot.h"
#include "cloud/hub/exposition.h"
#include "cloud/hub/intake.h"
#include "cloud/hub/keep.h"
#include "cloud/hub/ledger.h"
#include "cloud/hub/meter.h"
#include "cloud/hub/receipts.h"
#include "cloud/hub/roles.h"
#include "cloud/hub/roll.h"
#include "cloud/hub/share.h"
#include "cloud/hub/trail.h"
#include "ports/blobs.h"
#include "ports/json.h"
#include "ports/loop.h"
#include "ports/mqtt.h"
#include "sync/fetch.h"
#include "sync/pause.h"
#include "sync/topic.h"

enum {
	HUB_COMMIT_MS = 50, /* a batch waits this long for others to share its commit */
	HUB_COMMIT_BATCHES = 256,
	HUB_FILES_MAX = 256, /* of devices, under way; further ones take the quietest's place */
	HUB_PUSHES_MAX = 64, /* artifacts announced and not yet here */
	HUB_PUSH_STALL_MS = 60 * 1000, /* without progress an announced one is given up */
	HUB_VIEW_DEVICES = 64,         /* shown to a desk at once; it asks for the next ones */
	HUB_LOOK_MS = 2000, /* retained messages come within this time after subscribing */
	HUB_PAUSE_LIMIT_MS = 5 * 1000,     /* few hubs make no storm */
	HUB_DATABASE_PAUSE_MS = 15 * 1000, /* an attempt holds up the loop for 5 s at most */
};

/* How boards become members; NULL: not given. */
struct enrol_options {
	struct authority_options authority;
	const char *crl_file;               /* what is revoked, for the broker */
	const char *board_ca;               /* whom boards trust as the broker; NULL: whom we do */
	const char *claim_cert, *claim_key; /* what a board claims with */
};

struct hub_options {
	struct url broker;
	const char *database, *blobs, *files, *run_dir;
	unsigned roles;        /* ROLE_... */
	const char *shard;     /* "i/N"; NULL: all devices */
	const char *metrics;   /* 127.0.0.1:PORT; NULL: none */
	int64_t keep_ms;       /* rows older than this go; 0: they stay */
	const char *fresh_key; /* PEM file of the role `fresh`; NULL: boards' questions stay open */
	struct tls_files tls;  /* for mqtts:// */
	struct enrol_options enrol;
};

/* Who has sent a command, and how the answer is named. */
struct hub_caller {
	char fleet[LABEL_SIZE], requester[LABEL_SIZE], id[LABEL_SIZE];
};

/* An artifact that somebody has announced. */
struct hub_push {
	struct hub_caller caller;
	char digest[DIGEST_SIZE];
};

/* A file of a device that is under way; its `sum` is NULL: the place is free. */
struct hub_file {
	struct depot_file file;
	int64_t told, moved_ms;
};

struct hub {
	struct hub_options options;
	struct loop *loop;
	struct mqtt *mqtt;
	char client_id[24];
	struct timer timer; /* to connect again */
	struct timer look;  /* to see what the broker has lost */
	bool has_recalled;  /* what it did not show, on this connection */
	struct pause pause;
	bool stopping;
	struct why logged;

	struct ledger ledger;
	struct timer reopen; /* its database */
	struct pause reopen_pause;
	unsigned troubles; /* with it, since it worked last */
	struct why trouble;
	struct roles roles;
	struct timer renew; /* the leases */
	struct share share;
	struct timer share_wait;
	bool is_subscribed; /* as far as share went, on this connection */

	struct intake intake;
	struct receipts receipts;
	struct timer commit;
	size_t batches; /* since the last one */
	struct meter meter;
	struct keep keep;
	struct timer keep_step;
	struct exposition *exposition;
	struct timer pulse; /* for the service manager's watchdog */

	struct depot depot;
	struct hub_file files[HUB_FILES_MAX];

	struct blobs blobs;
	struct fetch fetch;
	struct hub_push pushes[HUB_PUSHES_MAX];
	size_t push_count;
	struct timer push_stall;
	int64_t push_arrived;

	struct roll roll;   /* open while the ledger is */
	struct trail trail; /* likewise */
	struct agenda agenda;
	struct drive *drives[AGENDA_OPEN_MAX]; /* rollouts that this hub runs; NULL: a free place */
	struct timer drive_look;
	struct authority authority;
	struct timer enrol_look;
};

enum err hub_open(struct hub *h, const struct hub_options *options, struct why *why);
enum err hub_run(struct hub *h, struct why *why);
void hub_close(struct hub *h);

/* --- for files.c, control.c, push.c and enrol.c --- */

/* Publish below a device's own topic, with QoS 1; retained. */
void hub_tell(struct hub *h, const struct ledger_source *to, const char *rest,
	      struct bytes payload);
void hub_tell_retained(struct hub *h, const struct ledger_source *to, const char *rest,
		       struct bytes payload);

/* Make durable what waits, and acknowledge it: now; or soon, with others. Trouble is noted. */
enum err hub_commit(struct hub *h, struct why *why);
void hub_commit_soon(struct hub *h);

/* Is the database there, and the state of devices ours to look after? */
bool hub_has_control(const struct hub *h);

/* Who has sent this command? False: nobody who can be answered. */
bool hub_read_caller(const struct json *command, const struct topic *t, struct hub_caller *out);
/* Answer a command; takes the body. */
void hub_answer(struct hub *h, const struct hub_caller *to, int code, struct json *body);

/* --- for database.c --- */

/* The database is there, or there again, or does a new part of the work: hear everything
 * that is retained, and what devices have not been told. */
void hub_resume(struct hub *h);

/* The database has failed us: nothing of the transaction counts. Said once, until it works. */
void hub_note_trouble(struct hub *h, const struct why *why);
