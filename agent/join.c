#include "agent/join.h"

#include "agent/claim.h"
#include "agent/identity.h"
#include "agent/lock.h"
#include "base/duration.h"
#include "base/pem.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/token_uri.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS_MAX = 16, CONFIG_LINE_MAX = 2048, KEY_PEM_MAX = 1024 };

static const char CONFIG_FILE[] = "/etc/skerry/skerryd.conf";

static const char usage[] =
	"usage: skerryd join LINE|- [--config FILE] [--set KEY=VALUE ...] [--force]\n"
	"                    [--timeout T]\n"
	"\n"
	"Makes this board a member of a fleet. LINE is what `skerry device add` has\n"
	"printed; with - it comes on the standard input, where nobody else sees it.\n"
	"Interrupted at any point, the same line goes on from there.\n"
	"\n"
	"  --config FILE     what is written; /etc/skerry/skerryd.conf if not given\n"
	"  --set KEY=VALUE   a line of it, such as state_dir=/data/skerry\n"
	"  --force           a file that says otherwise is changed: only the keys that\n"
	"                    joining is about\n"
	"  --timeout T       how long to wait for the certificate; 2m if not given\n";

struct join {
	const char *file, *line, *sets[SETS_MAX];
	size_t set_count;
	bool force, is_same; /* the file says all this already */
	int64_t wait_ms;
	struct invitation invitation;
	struct url claim_broker;       /* perhaps with user and password */
	struct config config, present; /* to be, and as the file is */
	char *text;                    /* of the file to be */
	struct identity identity;
	int lock_fd;
};

/* --- what is asked for --- */

/* An option and its value. ERR_NOT_FOUND: it is none. */
static enum err take_option(struct join *j, const char *name, const char *value, struct why *why)
{
	if (strcmp(name, "--config") == 0) {
		j->file = value;
		return OK;
	}
	if (strcmp(name, "--timeout") == 0)
		return duration_ms(bytes_of(value), &j->wait_ms, why);
	if (strcmp(name, "--set") != 0)
		return ERR_NOT_FOUND;
	if (j->set_count == SETS_MAX)
		return why_set(why, ERR_INVALID, "more than %d of --set", SETS_MAX);
	j->sets[j->set_count++] = value;
	return OK;
}

static enum err read_arguments(struct join *j, int argc, char **argv, struct why *why)
{
	*j = (struct join){ .file = CONFIG_FILE, .wait_ms = CLAIM_WAIT_MS, .lock_fd = -1 };
	for (int i = 1; i < argc; i++) {
		enum err e = ERR_NOT_FOUND;
		if (i + 1 < argc)
			e = take_option(j, argv[i], argv[i + 1], why);
		if (e && e != ERR_NOT_FOUND)
			return e;
		if (!e)
			i++;
		else if (strcmp(argv[i], "--force") == 0)
			j->force = true;
		else if (!j->line && (argv[i][0] != '-' || !argv[i][1]))
			j->line = argv[i];
		else
			return why_set(why, ERR_INVALID, "unknown argument %.60s", argv[i]);
	}
	return j->line ? OK
		       : why_set(why, ERR_INVALID, "the line of `skerry device add` is missing");
}

static enum err read_line(struct join *j, struct why *why)
{
	SCOPED_MEMORY char *line = malloc(INVITATION_MAX + 2);
	if (!line)
		return why_set(why, ERR_SYSTEM, "no memory");
	if (strcmp(j->line, "-") != 0)
		snprintf(line, INVITATION_MAX + 2, "%s", j->line);
	else if (!fgets(line, INVITATION_MAX + 2, stdin))
		return why_set(why, ERR_INVALID, "nothing came on the standard input");
	line[strcspn(line, " \r\n")] = '\0';
	enum err e = invitation_read(line, &j->invitation, why);
	key_wipe(line, INVITATION_MAX + 2);
	if (!e)
		e = url_parse(bytes_of(j->invitation.broker), &j->claim_broker, why);
	if (!e && !j->claim_broker.tls)
		e = why_set(why, ERR_INVALID, "the invitation's broker is not mqtts://");
	if (!e && !j->invitation.claim_cert.count && !j->claim_broker.user[0])
		e = why_set(why, ERR_INVALID,
			    "the invitation has neither certificate nor user to claim with");
	return e;
}

/* --- the configuration --- */

/* The key of a line, "" if it has none. */
static struct bytes key_of(struct bytes line)
{
	size_t from = 0, to;
	while (from < line.len && strchr(" \t", line.at[from]))
		from++;
	for (to = from; to < line.len && !strchr(" \t=#", line.at[to]);)
		to++;
	return (struct bytes){ line.at + from, to - from };
}

/* Keys that joining is about: what the file says of them gives way. */
static bool is_ours(const struct join *j, struct bytes key)
{
	static const char *const ours[] = { "device",   "fleet",   "broker", "tls_ca",
					    "tls_cert", "tls_key", "tls_crl" };
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (bytes_are(key, ours[i]))
			return true;
	for (size_t i = 0; i < j->set_count; i++)
		if (bytes_equal(key, key_of(bytes_of(j->sets[i]))))
			return true;
	return j->invitation.labels[0] && bytes_are(key, "labels");
}

static enum err next_line(struct bytes *rest, struct bytes *line)
{
	const char *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
	if (!rest->len)
		return ERR_NOT_FOUND;
	line->at = rest->at;
	line->len = end ? (size_t)(end - rest->at) : rest->len;
	const size_t step = line->len + (end != NULL);
	*rest = (struct bytes){ rest->at + step, rest->len - step };
	return OK;
}

static void keep_others(const struct join *j, struct text *t, struct bytes before)
{
	for (struct bytes line; next_line(&before, &line) == OK;) {
		if (is_ours(j, key_of(line)))
			continue;
		text_add_bytes(t, line);
		text_add(t, "\n");
	}
}

static enum err apply_lines(struct config *c, struct bytes text, struct why *why)
{
	for (struct bytes line; next_line(&text, &line) == OK;) {
		char one[CONFIG_LINE_MAX];
		if (!key_of(line).len || line.at[0] == '#')
			continue;
		if (!text_copy(one, sizeof one, line))
			return why_set(why, ERR_INVALID, "a line is longer than %d bytes",
				       CONFIG_LINE_MAX - 1);
		enum err e = config_set(c, one, why);
		if (e)
			return e;
	}
	return OK;
}

static void add_ours(const struct join *j, struct text *t, const char *state_dir)
{
	char broker[300];
	url_print(&j->claim_broker, broker, sizeof broker);
	text_add(t, "device = %s\nfleet = %s\nbroker = %s\n", j->invitation.device,
		 j->invitation.fleet, broker);
	text_add(t, "tls_ca = %s/identity/ca.pem\n", state_dir);
	if (j->invitation.labels[0])
		text_add(t, "labels = %s\n", j->invitation.labels);
	for (size_t i = 0; i < j->set_count; i++)
		text_add(t, "%s\n", j->sets[i]);
}

/* The hub knows certificates by their keys, and each has a key of its own: one that cannot be
 * made anew could not be renewed. */
static enum err check_key(const struct config *c, struct why *why)
{
	return token_uri_is(c->tls_key) ? why_set(why, ERR_CONFLICT,
						  "tls_key is in a token (pkcs11:), and joining "
						  "makes keys in files: "
						  "have your own CA sign the token's key and set "
						  "tls_cert, or remove "
						  "tls_key to join with a file")
					: OK;
}

/* What the file will say: what others have written there, and what joining is about. */
static enum err compose(struct join *j, struct bytes before, struct why *why)
{
	const size_t cap = CONFIG_FILE_MAX;
	j->text = malloc(cap);
	if (!j->text)
		return why_set(why, ERR_SYSTEM, "no memory");
	struct text t = text_in(j->text, cap);
	if (!before.len)
		text_add(&t,
			 "# Written by skerryd join. docs/configuration.md has the other keys.\n");
	keep_others(j, &t, before);
	/* Where the state is decides where the identity is. */
	config_init(&j->config);
	enum err e = apply_lines(&j->config, text_bytes(&t), why);
	for (size_t i = 0; i < j->set_count && !e; i++)
		e = config_set(&j->config, j->sets[i], why);
	if (e)
		return why_in(why, e, j->file);
	add_ours(j, &t, j->config.state_dir);
	config_init(&j->config);
	e = text_is_cut(&t) ? why_set(why, ERR_FULL, "the file would be too long")
			    : apply_lines(&j->config, text_bytes(&t), why);
	if (e)
		return why_in(why, e, j->file);
	e = check_key(&j->config, why);
	return e ? e : config_check(&j->config, why);
}

static bool says_the_same(const struct config *a, const struct config *b)
{
	return strcmp(a->device, b->device) == 0 && strcmp(a->fleet, b->fleet) == 0 &&
	       strcmp(a->broker.host, b->broker.host) == 0 && a->broker.port == b->broker.port &&
	       a->broker.tls == b->broker.tls && strcmp(a->tls_ca, b->tls_ca) == 0 &&
	       strcmp(a->tls_cert, b->tls_cert) == 0 && strcmp(a->state_dir, b->state_dir) == 0;
}

static enum err plan_config(struct join *j, struct why *why)
{
	SCOPED_MEMORY char *before = NULL;
	size_t len = 0;
	enum err e = file_read(j->file, CONFIG_FILE_MAX, &before, &len, why);
	const bool is_there = !e;
	if (e && e != ERR_NOT_FOUND)
		return e;
	e = compose(j, (struct bytes){ before, len }, why);
	if (e || !is_there)
		return e;
	config_init(&j->present);
	j->is_same =
		!config_read(&j->present, j->file, NULL) && says_the_same(&j->present, &j->config);
	e = check_key(&j->present, why);
	if (e)
		return why_in(why, e, j->file);
	if (!j->is_same && !j->force)
		return why_set(why, ERR_CONFLICT,
			       "%s is there already and says otherwise: with --force its device, "
			       "fleet, broker and TLS files are changed, the rest stays",
			       j->file);
	return OK;
}

/* --- the identity --- */

/* SEC1 says version 1 where PKCS#8 says 0, each behind the head of a sequence. */
static const char *key_label(struct bytes der)
{
	const size_t head = der.len > 2 && (unsigned char)der.at[1] == 0x81 ? 3 : 2;
	const bool is_sec1 = der.len > head + 2 && der.at[head + 2] == 1;
	return is_sec1 ? "EC PRIVATE KEY" : "PRIVATE KEY";
}

static enum err write_chain(const struct join *j, const char *name, const struct chain *chain,
			    struct why *why)
{
	char path[IDENTITY_PATH_MAX];
	SCOPED_MEMORY char *pem = chain_print(chain);
	identity_path(&j->identity, name, path);
	return pem ? file_replace(path, bytes_of(pem), true, why)
		   : why_set(why, ERR_SYSTEM, "no memory");
}

static enum err write_claim(const struct join *j, struct why *why)
{
	const struct invitation *i = &j->invitation;
	char path[IDENTITY_PATH_MAX], pem[KEY_PEM_MAX];
	struct text t = text_in(pem, sizeof pem);
	enum err e = write_chain(j, "claim-ca.pem", &i->ca, why);
	if (e || !i->claim_cert.count)
		return e;
	pem_add(&t, key_label(i->claim_key.der[0]), i->claim_key.der[0]);
	identity_path(&j->identity, "claim.key", path);
	e = text_is_cut(&t) ? why_set(why, ERR_INVALID, "the key to claim with is too long")
			    : file_replace(path, bytes_of(pem), true, why);
	key_wipe(pem, sizeof pem);
	return e ? e : write_chain(j, "claim.pem", &i->claim_cert, why);
}

static void remove_claim(const struct join *j)
{
	static const char *const names[] = { "claim.key", "claim.pem", "claim-ca.pem" };
	char path[IDENTITY_PATH_MAX];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		identity_path(&j->identity, names[i], path);
		(void)!file_remove(path, NULL);
	}
}

static enum err take(void *owner, const struct chain *chain, struct why *why)
{
	struct join *j = owner;
	return identity_take(&j->identity, j->config.device, chain, why);
}

static void tell(void *owner, const struct why *why)
{
	(void)owner;
	fprintf(stderr, "waiting     %s\n", why->text);
}

static enum err claim(struct join *j, struct why *why)
{
	char key[IDENTITY_PATH_MAX], ca[IDENTITY_PATH_MAX], cert[IDENTITY_PATH_MAX],
		claim_key[IDENTITY_PATH_MAX];
	const bool has_cert = j->invitation.claim_cert.count > 0;
	identity_key_path(&j->identity, j->identity.next, key);
	identity_path(&j->identity, "claim-ca.pem", ca);
	identity_path(&j->identity, "claim.pem", cert);
	identity_path(&j->identity, "claim.key", claim_key);
	const struct claim_options options = {
		.broker = &j->claim_broker,
		.tls = { .ca = ca,
			 .cert = has_cert ? cert : NULL,
			 .key = has_cert ? claim_key : NULL,
			 .alpn = j->config.tls_alpn[0] ? j->config.tls_alpn : NULL },
		.fleet = j->config.fleet,
		.device = j->config.device,
		.token = j->invitation.token,
		.key_path = key,
		.join_dir = j->config.run_dir,
		.wait_ms = j->wait_ms,
		.owner = j,
		.take = take,
		.tell = tell,
	};
	fprintf(stderr, "claiming    a certificate for %s\n", j->config.device);
	return claim_certificate(&options, why);
}

static enum err open_identity(struct join *j, struct why *why)
{
	enum err e = dir_make(j->config.state_dir, 0700, why);
	if (!e)
		e = dir_make(j->config.run_dir, 0700, why);
	if (!e)
		e = lock_take(j->config.state_dir, &j->lock_fd, why);
	if (e == ERR_CONFLICT)
		return why_in(why, e, "stop it first (systemctl stop skerryd)");
	if (!e)
		e = identity_open(&j->identity, &j->config, why);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* Has the last attempt trusted the same CA for certificates as this line? */
static bool is_same_issuer(const struct join *j)
{
	const struct invitation *i = &j->invitation;
	char path[IDENTITY_PATH_MAX];
	SCOPED_MEMORY char *kept = NULL,
			   *given = chain_print(i->issuer.count ? &i->issuer : &i->ca);
	size_t len = 0;
	identity_path(&j->identity, "issuer.pem", path);
	return given && file_read(path, TLS_FILE_MAX, &kept, &len, NULL) == OK &&
	       strcmp(given, kept) == 0;
}

/* A certificate that came the last time, for whom this line is, by whom it trusts? */
static bool has_certificate(const struct join *j, struct certificate_view *v)
{
	char path[IDENTITY_PATH_MAX];
	if (!identity_is_ready(&j->identity) || !is_same_issuer(j))
		return false;
	identity_cert_path(&j->identity, j->identity.next, path);
	return certificate_read(path, v, NULL) == OK && strcmp(v->device, j->config.device) == 0 &&
	       (!clock_is_set(clock_wall_ms()) || clock_wall_ms() < v->to_ms);
}

static enum err get_certificate(struct join *j, struct why *why)
{
	const struct invitation *i = &j->invitation;
	enum err e = OK;
	if (identity_is_ready(&j->identity))
		e = identity_give_up(&j->identity, why);
	if (!e)
		e = identity_begin(&j->identity, why);
	if (!e)
		e = write_claim(j, why);
	if (!e)
		e = write_chain(j, "issuer.pem", i->issuer.count ? &i->issuer : &i->ca, why);
	return e ? e : claim(j, why);
}

static enum err join(struct join *j, struct why *why)
{
	struct certificate_view v;
	enum err e = plan_config(j, why);
	if (!e)
		e = open_identity(j, why);
	if (!e && !has_certificate(j, &v))
		e = get_certificate(j, why);
	if (!e)
		e = write_chain(j, "ca.pem", &j->invitation.ca, why);
	if (!e && !j->is_same)
		e = file_replace(j->file, bytes_of(j->text), true, why);
	if (!e)
		remove_claim(j);
	return e;
}

static void print_result(const struct join *j)
{
	struct certificate_view v;
	char path[IDENTITY_PATH_MAX], until[24];
	identity_cert_path(&j->identity, j->identity.next, path);
	if (certificate_read(path, &v, NULL))
		return;
	clock_print(until, v.to_ms);
	printf("joined      %s of fleet %s\n", j->config.device, j->config.fleet);
	printf("certificate %s, until %s; the agent renews it\n", path, until);
	printf("config      %s%s\n", j->file, j->is_same ? ", as it was" : "");
	printf("start       systemctl enable --now skerryd, or skerryd --config %s\n", j->file);
}

enum exit_code join_run(int argc, char **argv)
{
	static struct join j;
	struct why why = { "" };
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return EXIT_CODE_OK;
	}
	enum err e = read_arguments(&j, argc, argv, &why);
	if (!e)
		e = read_line(&j, &why);
	if (!e)
		e = join(&j, &why);
	if (!e)
		print_result(&j);
	invitation_free(&j.invitation);
	free(j.text);
	close_quietly(j.lock_fd);
	return exit_code_tell(e, &why);
}
