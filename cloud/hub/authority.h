/*
 * authority - signs certificates for boards: with a CA's key of its own, or by a command.
 *
 * The command gets the request in PEM on its standard input, SKERRY_FLEET and
 * SKERRY_DEVICE in its environment, and prints the certificate, with those between it
 * and the boards' CA behind it. It has SIGN_WAIT_MS, runs in the loop's background,
 * and what it prints is judged like anything else from outside.
 */
#pragma once

#include "base/label.h"
#include "ports/certificate.h"
#include "ports/json.h"
#include "ports/loop.h"
#include "ports/process.h"

enum {
	SIGN_WAIT_MS = 30 * 1000,
	SIGNINGS_MAX = 8,                          /* commands that run at once */
	CERTIFICATE_EARLY_MAX_MS = 60 * 60 * 1000, /* valid from before now: clocks differ */
	SIGN_PATH_MAX = 160,
};

#define CERTIFICATE_LIFE_MIN_MS (10LL * 1000)
#define CERTIFICATE_LIFE_MAX_MS (3650LL * 24 * 60 * 60 * 1000)

/* NULL: not given. Neither key nor command: nobody signs. */
struct authority_options {
	const char *cert, *key, *command;
	int64_t life_ms;
};

/* For whom; copied. */
struct signing_order {
	char fleet[LABEL_SIZE], device[LABEL_SIZE];
	char key[PUBLIC_KEY_SIZE], key_name[KEY_NAME_SIZE];
	bool is_claim; /* its answer goes to the claim's topic */
};

struct signing {
	struct authority *authority;
	struct signing_order order;
	struct process process;
	struct timer timer;
	char in[SIGN_PATH_MAX], out[SIGN_PATH_MAX];
	bool busy;
};

struct authority {
	struct authority_options options;
	struct loop *loop;
	const char *run_dir;
	struct signing signings[SIGNINGS_MAX];
	void *owner;
	/* The chain, leaf first, is the callee's; NULL: `why` says why not. */
	void (*on_signed)(void *owner, const struct signing_order *order, struct json *chain,
			  const struct why *why);
};

/* Look at the files. `owner` and `on_signed` are set by the caller. */
enum err authority_open(struct authority *a, struct loop *l,
			const struct authority_options *options, const char *run_dir,
			struct why *why);
void authority_close(struct authority *a);

bool authority_is_there(const struct authority *a);

/* Sign: on_signed follows, perhaps at once. ERR_AGAIN: too many at once, or the very same is
 * on its way. */
enum err authority_sign(struct authority *a, const struct signing_order *order, struct bytes csr,
			struct why *why);
