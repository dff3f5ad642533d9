#include "cloud/hub/authority.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/pem.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/tls.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { EARLY_SHARE = 10, EXIT_MISSING = 127 };

static const char CERTIFICATE[] = "CERTIFICATE";

/* --- chains --- */

static void push_der(struct json *chain, struct bytes der)
{
	SCOPED_MEMORY char *text = malloc(base64_size(der.len));
	if (!text)
		return;
	base64_encode(der, text);
	json_push(chain, json_new_string(text));
}

/* Add the certificates of a PEM text that are no roots: whoever verifies has those. */
static enum err push_pem(struct json *chain, struct bytes text, struct why *why)
{
	struct pem_block b;
	while (pem_next(&text, &b)) {
		size_t len = 0;
		if (strcmp(b.label, CERTIFICATE) != 0)
			continue;
		SCOPED_MEMORY char *der = malloc(base64_room(b.base64));
		if (!der || base64_decode(b.base64, der, &len))
			return why_set(why, ERR_INVALID, "a certificate is no base64");
		if (!certificate_is_root((struct bytes){ der, len }))
			push_der(chain, (struct bytes){ der, len });
	}
	return OK;
}

/* --- with a key of our own --- */

static enum err sign_here(struct authority *a, const struct signing_order *o, struct why *why)
{
	char der[CERTIFICATE_MAX];
	SCOPED_MEMORY char *above = NULL;
	size_t len = 0, above_len = 0;
	const int64_t now = clock_wall_ms(), life = a->options.life_ms;
	const int64_t early = life / EARLY_SHARE;
	const struct authority_files ca = { a->options.cert, a->options.key };
	const struct certificate_order order = {
		.device = o->device,
		.key = o->key,
		.from_ms =
			now - (early < CERTIFICATE_EARLY_MAX_MS ? early : CERTIFICATE_EARLY_MAX_MS),
		.to_ms = now + life,
	};
	if (!clock_is_set(now))
		return why_set(why, ERR_AGAIN, "the hub's clock is not set");
	enum err e = certificate_issue(&ca, &order, der, &len, why);
	if (!e)
		e = file_read(ca.cert, TLS_FILE_MAX, &above, &above_len, why);
	if (e)
		return e;
	struct json *chain = json_new_array();
	push_der(chain, (struct bytes){ der, len });
	e = push_pem(chain, (struct bytes){ above, above_len }, why);
	if (e)
		json_free(chain);
	else
		a->on_signed(a->owner, o, chain, NULL);
	return e;
}

/* --- by a command --- */

static void end(struct signing *s)
{
	loop_disarm(s->authority->loop, &s->timer);
	process_end(&s->process);
	(void)!file_remove(s->in, NULL);
	(void)!file_remove(s->out, NULL);
	s->busy = false;
}

static void fail(struct signing *s, const struct why *why)
{
	struct authority *a = s->authority;
	const struct signing_order order = s->order;
	end(s);
	a->on_signed(a->owner, &order, NULL, why);
}

static void on_timeout(void *owner, int64_t now_ms)
{
	struct why why;
	(void)now_ms;
	(void)why_set(&why, ERR_AGAIN, "--csr-command has not ended in %d s", SIGN_WAIT_MS / 1000);
	fail(owner, &why);
}

static enum err read_output(struct signing *s, struct json **out, struct why *why)
{
	SCOPED_MEMORY char *text = NULL;
	size_t len = 0;
	enum err e = file_read(s->out, TLS_FILE_MAX, &text, &len, why);
	if (e)
		return e;
	struct json *chain = json_new_array();
	e = push_pem(chain, (struct bytes){ text, len }, why);
	if (!e && (!json_count(chain) || json_count(chain) > CHAIN_MAX))
		e = why_set(why, ERR_INVALID, "1 to %d certificates in PEM are expected",
			    CHAIN_MAX);
	if (e)
		json_free(chain);
	else
		*out = chain;
	return e ? why_in(why, e, "what --csr-command has printed") : OK;
}

static void on_command_end(void *owner, int code, int signo)
{
	struct signing *s = owner;
	struct authority *a = s->authority;
	const struct signing_order order = s->order;
	struct json *chain = NULL;
	struct why why;
	enum err e = OK;
	if (signo > 0)
		e = why_set(&why, ERR_SYSTEM, "--csr-command was ended by signal %d", signo);
	else if (code)
		e = why_set(&why, ERR_SYSTEM, "--csr-command has ended with exit code %d%s", code,
			    code == EXIT_MISSING ? ": is it there?" : "");
	if (!e)
		e = read_output(s, &chain, &why);
	end(s);
	a->on_signed(a->owner, &order, chain, e ? &why : NULL);
}

static enum err start(struct signing *s, const char *command, struct why *why)
{
	char fleet[LABEL_SIZE + 16], device[LABEL_SIZE + 16], line[PATH_LIMIT];
	SCOPED_FD in = open(s->in, O_RDONLY | O_CLOEXEC);
	SCOPED_FD out = open(s->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in < 0 || out < 0)
		return why_set(why, ERR_SYSTEM, "%s: %s", s->in, strerror(errno));
	/* A child's standard input is /dev/null: the shell takes the request from the next. */
	const int written = snprintf(line, sizeof line, "exec 0<&3 3<&-\n%s", command);
	if (written < 0 || (size_t)written >= sizeof line)
		return why_set(why, ERR_INVALID, "--csr-command is too long");
	snprintf(fleet, sizeof fleet, "SKERRY_FLEET=%s", s->order.fleet);
	snprintf(device, sizeof device, "SKERRY_DEVICE=%s", s->order.device);
	const char *const argv[] = { "/bin/sh", "-c", line, NULL };
	const char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", fleet, device, NULL };
	const struct process_options options = { .argv = argv,
						 .envp = env,
						 .out_fd = out,
						 .err_fd = STDERR_FILENO,
						 .fds = &in,
						 .fd_count = 1 };
	return process_start(s->authority->loop, &options, &s->process, why);
}

static bool is_same(const struct signing *s, const struct signing_order *o)
{
	return s->busy && strcmp(s->order.fleet, o->fleet) == 0 &&
	       strcmp(s->order.device, o->device) == 0 &&
	       strcmp(s->order.key_name, o->key_name) == 0;
}

static enum err find_place(struct authority *a, const struct signing_order *o, struct signing **out,
			   struct why *why)
{
	*out = NULL;
	for (size_t i = 0; i < SIGNINGS_MAX; i++) {
		if (is_same(&a->signings[i], o))
			return why_set(why, ERR_AGAIN, "it is being signed");
		if (!a->signings[i].busy)
			*out = &a->signings[i];
	}
	return *out ? OK : why_set(why, ERR_AGAIN, "too many are being signed; try again");
}

static enum err sign_elsewhere(struct authority *a, const struct signing_order *o, struct bytes csr,
			       struct why *why)
{
	char pem[2 * CSR_MAX + 160];
	struct signing *s;
	struct text t = text_in(pem, sizeof pem);
	enum err e = find_place(a, o, &s, why);
	if (e)
		return e;
	*s = (struct signing){ .authority = a, .order = *o, .busy = true };
	s->timer = (struct timer){ .owner = s, .on_due = on_timeout };
	s->process.owner = s;
	s->process.on_exit = on_command_end;
	const int place = (int)(s - a->signings);
	snprintf(s->in, sizeof s->in, "%s/csr-%d", a->run_dir, place);
	snprintf(s->out, sizeof s->out, "%s/crt-%d", a->run_dir, place);
	pem_add(&t, "CERTIFICATE REQUEST", csr);
	e = file_replace(s->in, text_bytes(&t), false, why);
	if (!e)
		e = start(s, a->options.command, why);
	if (e)
		end(s);
	else
		loop_arm(a->loop, &s->timer, clock_now_ms() + SIGN_WAIT_MS);
	return e;
}

/* --- the calls --- */

enum err authority_open(struct authority *a, struct loop *l,
			const struct authority_options *options, const char *run_dir,
			struct why *why)
{
	a->loop = l;
	a->options = *options;
	a->run_dir = run_dir;
	const struct authority_files ca = { options->cert, options->key };
	if (options->key && options->command)
		return why_set(why, ERR_INVALID,
			       "--ca-key and --csr-command are two ways to the same: give one");
	if (options->key && !options->cert)
		return why_set(why, ERR_INVALID, "--ca-key needs --ca-cert, its certificate");
	if (options->life_ms < CERTIFICATE_LIFE_MIN_MS ||
	    options->life_ms > CERTIFICATE_LIFE_MAX_MS)
		return why_set(why, ERR_INVALID, "--certificate-life: 10s to 87600h is expected");
	return options->key ? authority_check(&ca, why) : OK;
}

void authority_close(struct authority *a)
{
	for (size_t i = 0; i < SIGNINGS_MAX; i++)
		if (a->signings[i].busy)
			end(&a->signings[i]);
}

bool authority_is_there(const struct authority *a)
{
	return a->options.key || a->options.command;
}

enum err authority_sign(struct authority *a, const struct signing_order *order, struct bytes csr,
			struct why *why)
{
	return a->options.key ? sign_here(a, order, why) : sign_elsewhere(a, order, csr, why);
}
