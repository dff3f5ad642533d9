/*
 * ports/tls.h against a server in the same process: every byte of what it sends can be
 * cut off or changed, and the clock is the test's.
 */
#include "ports/tls.h"

#include "ports/linux/mbedtls_compat.h"
#include "ports/random.h"
#include "tests/check.h"
#include "tests/contract/openssl.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

#include <errno.h>
#include <mbedtls/ssl_ticket.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000, HOUR_MS = 3600 * 1000, BULK = 200 * 1000 };

static const char HOST[] = "localhost";

/* What is done to the bytes of the server. */
struct tamper {
	enum { NOTHING, CUT, CHANGE } how;
	size_t at; /* which byte of the connection */
};

struct server {
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	mbedtls_x509_crt cert, ca;
	mbedtls_pk_context key;
	mbedtls_ssl_ticket_context tickets;
	int fd;
	size_t sent;
	bool is_dead, is_damaged;
	struct tamper tamper;
	char asked_for[64]; /* the name of SNI */
};

struct fixture {
	struct scratch scratch;
	struct tls *tls;
	char ca[128];
	struct tls_files files;
	struct server server;
	int fd;
	struct why why;
};

/* --- the server --- */

static int draw(void *unused, unsigned char *out, size_t len)
{
	(void)unused;
	random_bytes(out, len);
	return 0;
}

static void put(struct server *s, const unsigned char *at, size_t len)
{
	if (len)
		assert_int_equal(write(s->fd, at, len), len);
}

static int serve_bytes(void *owner, const unsigned char *at, size_t len)
{
	struct server *s = owner;
	unsigned char copy[20 * 1024];
	const size_t from = s->sent;
	if (s->tamper.how == CUT && from + len > s->tamper.at) {
		put(s, at, s->tamper.at > from ? s->tamper.at - from : 0);
		s->sent = s->tamper.at;
		s->is_dead = s->is_damaged = true;
		shutdown(s->fd, SHUT_WR);
		return MBEDTLS_ERR_SSL_CONN_EOF;
	}
	assert_true(len <= sizeof copy);
	memcpy(copy, at, len);
	if (s->tamper.how == CHANGE && s->tamper.at >= from && s->tamper.at < from + len) {
		copy[s->tamper.at - from] ^= 0x55;
		s->is_damaged = true;
	}
	const ssize_t n = write(s->fd, copy, len);
	if (n < 0)
		return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_CONN_EOF;
	s->sent += (size_t)n;
	return (int)n;
}

static int hear_bytes(void *owner, unsigned char *at, size_t cap)
{
	struct server *s = owner;
	const ssize_t n = read(s->fd, at, cap);
	if (n < 0)
		return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
	return (int)n;
}

static int on_name(void *owner, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
	struct server *s = owner;
	(void)ssl;
	snprintf(s->asked_for, sizeof s->asked_for, "%.*s", (int)len, (const char *)name);
	return 0;
}

static const char *in_pki(struct fixture *f, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "pki/%s", name);
	return scratch_at(&f->scratch, path);
}

static void load(struct fixture *f, const char *name)
{
	struct server *s = &f->server;
	char path[128], *pem;
	size_t len;
	snprintf(path, sizeof path, "%s.pem", name);
	mbedtls_x509_crt_free(&s->cert);
	mbedtls_pk_free(&s->key);
	assert_ok(file_read(in_pki(f, path), TLS_FILE_MAX, &pem, &len, NULL));
	assert_int_equal(mbedtls_x509_crt_parse(&s->cert, (unsigned char *)pem, len + 1), 0);
	free(pem);
	snprintf(path, sizeof path, "%s.key", name);
	assert_ok(file_read(in_pki(f, path), TLS_FILE_MAX, &pem, &len, NULL));
	assert_int_equal(compat_parse_key(&s->key, (unsigned char *)pem, len + 1, draw), 0);
	free(pem);
}

static void limit_version(mbedtls_ssl_config *c, int minor)
{
#if MBEDTLS_VERSION_MAJOR < 3
	mbedtls_ssl_conf_min_version(c, 3, 1);
	mbedtls_ssl_conf_max_version(c, 3, minor);
#else
	mbedtls_ssl_conf_max_tls_version(c, minor == 3 ? MBEDTLS_SSL_VERSION_TLS1_2
						       : MBEDTLS_SSL_VERSION_TLS1_3);
#endif
}

/* A configuration that one test may change before it connects. */
static void configure(struct fixture *f, const char *name)
{
	struct server *s = &f->server;
	load(f, name);
	mbedtls_ssl_config_free(&s->config);
	mbedtls_ssl_config_init(&s->config);
	assert_int_equal(mbedtls_ssl_config_defaults(&s->config, MBEDTLS_SSL_IS_SERVER,
						     MBEDTLS_SSL_TRANSPORT_STREAM,
						     MBEDTLS_SSL_PRESET_DEFAULT),
			 0);
	compat_restrict(&s->config); /* for its curves, which cost less */
	mbedtls_ssl_conf_rng(&s->config, draw, NULL);
	mbedtls_ssl_conf_own_cert(&s->config, &s->cert, &s->key);
	mbedtls_ssl_conf_sni(&s->config, on_name, s);
	mbedtls_ssl_conf_session_tickets_cb(&s->config, mbedtls_ssl_ticket_write,
					    mbedtls_ssl_ticket_parse, &s->tickets);
	limit_version(&s->config, 3);
}

/* --- connecting --- */

static void hang_up(struct fixture *f)
{
	tls_end(f->tls);
	mbedtls_ssl_free(&f->server.ssl);
	if (f->fd >= 0) {
		close(f->fd);
		close(f->server.fd);
	}
	f->fd = f->server.fd = -1;
}

static void accept_client(struct fixture *f)
{
	int ends[2];
	struct server *s = &f->server;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			 0);
	f->fd = ends[0];
	s->fd = ends[1];
	s->sent = 0;
	s->is_dead = s->is_damaged = false;
	s->asked_for[0] = '\0';
	mbedtls_ssl_init(&s->ssl);
	assert_int_equal(mbedtls_ssl_setup(&s->ssl, &s->config), 0);
	mbedtls_ssl_set_bio(&s->ssl, s, serve_bytes, hear_bytes, NULL);
}

static void serve(struct server *s)
{
	if (s->is_dead)
		return;
	const int code = mbedtls_ssl_handshake(&s->ssl);
	if (!code || code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE)
		return;
	s->is_dead = true;
	shutdown(s->fd, SHUT_WR);
}

/* ERR_AGAIN: both wait for the other. */
static enum err shake(struct fixture *f)
{
	enum err e = ERR_AGAIN;
	size_t before = SIZE_MAX;
	bool was_dead = false;
	for (int i = 0; i < ROUNDS_MAX && e == ERR_AGAIN; i++) {
		f->why.text[0] = '\0';
		e = tls_shake(f->tls, &f->why);
		if (i > 2 && f->server.sent == before && was_dead == f->server.is_dead)
			break;
		before = f->server.sent;
		was_dead = f->server.is_dead;
		serve(&f->server);
	}
	return e;
}

static enum err connect_to(struct fixture *f, const char *host)
{
	hang_up(f);
	accept_client(f);
	enum err e = tls_prepare(f->tls, host, &f->files, &f->why);
	if (!e)
		e = tls_begin(f->tls, f->fd, &f->why);
	return e ? e : shake(f);
}

static void assert_connects(struct fixture *f, const char *host)
{
	enum err e = connect_to(f, host);
	if (e)
		fail_msg("%s: %s", err_name(e), f->why.text);
	serve(&f->server);
}

static void assert_refuses(struct fixture *f, const char *host, const char *want)
{
	assert_err(ERR_DENIED, connect_to(f, host));
	if (!strstr(f->why.text, want))
		fail_msg("want: %s, got: %s", want, f->why.text);
}

/* Its keys for tickets outlive a change of its certificate. */
static void forget_sessions(struct fixture *f)
{
	hang_up(f);
	tls_close(f->tls);
	f->tls = NULL;
	assert_ok(tls_open(&f->tls, NULL));
}

static bool is_resumed(const struct fixture *f)
{
	char text[TLS_TEXT_SIZE];
	tls_describe(f->tls, text);
	return strstr(text, "resumed");
}

/* --- around the tests --- */

static int make_pki(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char command[256];
	assert_non_null(f);
	scratch_make(&f->scratch);
	snprintf(command, sizeof command, "exec python3 -B %s %s/pki", PKI, f->scratch.folder);
	assert_int_equal(system(command), 0);
	mbedtls_ssl_ticket_init(&f->server.tickets);
	assert_int_equal(mbedtls_ssl_ticket_setup(&f->server.tickets, draw, NULL,
						  MBEDTLS_CIPHER_AES_256_GCM, 24 * 3600),
			 0);
	mbedtls_ssl_config_init(&f->server.config);
	*state = f;
	return 0;
}

static int remove_pki(void **state)
{
	struct fixture *f = *state;
	struct server *s = &f->server;
	mbedtls_ssl_ticket_free(&s->tickets);
	mbedtls_ssl_config_free(&s->config);
	mbedtls_x509_crt_free(&s->cert);
	mbedtls_x509_crt_free(&s->ca);
	mbedtls_pk_free(&s->key);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static int set_up(void **state)
{
	struct fixture *f = *state;
	clock_fake_set_wall((int64_t)time(NULL) * 1000);
	snprintf(f->ca, sizeof f->ca, "%s/pki/root/cert.pem", f->scratch.folder);
	f->files = (struct tls_files){ .ca = f->ca };
	f->fd = f->server.fd = -1;
	f->server.tamper = (struct tamper){ NOTHING, 0 };
	mbedtls_ssl_init(&f->server.ssl);
	configure(f, "short");
	assert_ok(tls_open(&f->tls, NULL));
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	hang_up(f);
	tls_close(f->tls);
	f->tls = NULL;
	return 0;
}

/* --- who the server is --- */

static void a_server_is_who_it_was_configured_to_be(void **state)
{
	struct fixture *f = *state;
	assert_connects(f, HOST);
	assert_string_equal(f->server.asked_for, HOST);
	configure(f, "server");
	assert_connects(f, HOST);
	configure(f, "elsewhere");
	forget_sessions(f);
	assert_refuses(f, HOST, "is for another host (asked for localhost)");
	assert_connects(f, "elsewhere.example");
}

static void a_wildcard_is_one_label(void **state)
{
	struct fixture *f = *state;
	configure(f, "wild");
	assert_connects(f, "north.fleet.example");
	assert_refuses(f, "a.north.fleet.example", "is for another host");
	assert_refuses(f, "fleet.example", "is for another host");
}

static void an_address_is_compared_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	configure(f, "wild");
	assert_connects(f, "192.0.2.7");
	assert_string_equal(f->server.asked_for, ""); /* no name to ask for */
	assert_connects(f, "::1");
	assert_refuses(f, "192.0.2.8", "is for another host");
	assert_refuses(f, "::2", "is for another host");
	/* Digits and dots that are no address are a name. */
	assert_refuses(f, "192.0.2.7.1", "is for another host");
}

static void a_weak_key_is_refused(void **state)
{
	struct fixture *f = *state;
	configure(f, "weak");
	assert_int_not_equal(connect_to(f, HOST), OK);
	assert_string_not_equal(f->why.text, "");
	/* Nor may it have signed. */
	configure(f, "below-frail");
	assert_int_not_equal(connect_to(f, HOST), OK);
	assert_string_not_equal(f->why.text, "");
}

static void a_broken_hash_is_not_offered(void **state)
{
#if MBEDTLS_VERSION_MAJOR < 3
	static const int sha1[] = { MBEDTLS_MD_SHA1, MBEDTLS_MD_NONE };
	struct fixture *f = *state;
	mbedtls_ssl_conf_sig_hashes(&f->server.config, sha1);
	assert_int_not_equal(connect_to(f, HOST), OK);
#else
	(void)state;
	print_message("mbedTLS 3 has no SHA-1 in a key exchange\n");
	skip();
#endif
}

static void each_issuer_needs_its_list(void **state)
{
	struct fixture *f = *state;
	configure(f, "server");
	f->files.crl = in_pki(f, "half.pem");
	assert_refuses(f, HOST, "tls_crl has no revocation list of CN=ca");
	f->files.crl = in_pki(f, "crl.pem");
	assert_connects(f, HOST);
	f->files.crl = in_pki(f, "revoked.pem");
	assert_refuses(f, HOST, "the broker's certificate is revoked");
}

/* --- versions, ciphers, protocols --- */

static void old_versions_are_refused(void **state)
{
#if MBEDTLS_VERSION_MAJOR < 3
	struct fixture *f = *state;
	limit_version(&f->server.config, 2);
	assert_refuses(f, HOST, "the broker refused");
#else
	(void)state;
	print_message("mbedTLS 3 has no server of older versions\n");
	skip();
#endif
}

static void ciphers_without_forward_secrecy_or_aead_are_not_offered(void **state)
{
	static const int old[] = { MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
				   MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
				   MBEDTLS_TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256, 0 };
	struct fixture *f = *state;
	mbedtls_ssl_conf_ciphersuites(&f->server.config, old);
	assert_refuses(f, HOST, "shares no cipher with us");
}

static void a_protocol_is_asked_for(void **state)
{
	static const char *offers[] = { "x-amzn-mqtt-ca", NULL };
	struct fixture *f = *state;
	mbedtls_ssl_conf_alpn_protocols(&f->server.config, offers);
	f->files.alpn = "x-amzn-mqtt-ca";
	assert_connects(f, HOST);
	assert_string_equal(mbedtls_ssl_get_alpn_protocol(&f->server.ssl), "x-amzn-mqtt-ca");
	f->files.alpn = "mqtt";
	assert_refuses(f, HOST, "does not speak this protocol (tls_alpn)");
}

/* --- who we are --- */

static void our_certificate_is_shown_when_asked_for(void **state)
{
	struct fixture *f = *state;
	struct server *s = &f->server;
	f->files.cert = in_pki(f, "client.pem");
	f->files.key = in_pki(f, "client.key");
	if (!s->ca.version) {
		char *pem;
		size_t len;
		assert_ok(file_read(f->files.ca, TLS_FILE_MAX, &pem, &len, NULL));
		assert_int_equal(mbedtls_x509_crt_parse(&s->ca, (unsigned char *)pem, len + 1), 0);
		free(pem);
	}
	mbedtls_ssl_conf_ca_chain(&s->config, &s->ca, NULL);
	mbedtls_ssl_conf_authmode(&s->config, MBEDTLS_SSL_VERIFY_REQUIRED);
	assert_connects(f, HOST);
	assert_non_null(mbedtls_ssl_get_peer_cert(&s->ssl));
	f->files.cert = f->files.key = NULL;
	assert_int_not_equal(connect_to(f, HOST), OK);
	assert_string_not_equal(f->why.text, "");
}

static void a_key_that_does_not_fit_is_found_before_anything_is_sent(void **state)
{
	struct fixture *f = *state;
	f->files.cert = in_pki(f, "client.pem");
	f->files.key = in_pki(f, "other.key");
	assert_err(ERR_INVALID, tls_prepare(f->tls, HOST, &f->files, &f->why));
	assert_non_null(strstr(f->why.text, "is not the key of"));
	assert_err(ERR_INVALID, tls_examine(&f->files, &f->why));
}

static void a_key_is_for_our_eyes_only(void **state)
{
	static const unsigned bad[] = { 0604, 0640, 0620, 0610, 0601 };
	struct fixture *f = *state;
	f->files.cert = in_pki(f, "client.pem");
	f->files.key = in_pki(f, "client.key");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		chmod(f->files.key, bad[i]);
		assert_err(ERR_DENIED, tls_prepare(f->tls, HOST, &f->files, &f->why));
		assert_non_null(strstr(f->why.text, "chmod 600"));
	}
	chmod(f->files.key, 0400);
	assert_ok(tls_prepare(f->tls, HOST, &f->files, &f->why));
	chmod(f->files.key, 0600);
	assert_ok(tls_examine(&f->files, &f->why));
}

static void files_go_together(void **state)
{
	const struct tls_files ca = { .ca = "ca" }, half = { .ca = "ca", .cert = "cert" },
			       none = { 0 }, list = { .crl = "crl" };
	struct why why;
	(void)state;
	assert_ok(tls_files_check(&none, false, NULL));
	assert_ok(tls_files_check(&ca, true, NULL));
	assert_err(ERR_INVALID, tls_files_check(&none, true, &why));
	assert_non_null(strstr(why.text, "tls_ca"));
	assert_err(ERR_INVALID, tls_files_check(&half, true, &why));
	assert_non_null(strstr(why.text, "tls_key"));
	assert_err(ERR_INVALID, tls_files_check(&list, false, &why));
	assert_non_null(strstr(why.text, "mqtts://"));
}

static void a_file_has_a_size(void **state)
{
	struct fixture *f = *state;
	const char *big = scratch_at(&f->scratch, "big.pem");
	assert_int_equal(truncate(big, 0) ? errno : 0, ENOENT);
	assert_ok(file_replace(big, BYTES_LIT(""), false, NULL));
	assert_int_equal(truncate(big, TLS_FILE_MAX + 1), 0);
	f->files.ca = big;
	assert_err(ERR_FULL, tls_prepare(f->tls, HOST, &f->files, &f->why));
	assert_non_null(strstr(f->why.text, "big.pem"));
}

/* --- sessions --- */

static void the_next_connection_is_short(void **state)
{
	struct fixture *f = *state;
	configure(f, "server");
	assert_connects(f, HOST);
	assert_false(is_resumed(f));
	const size_t full = f->server.sent;
	assert_connects(f, HOST);
	assert_true(is_resumed(f));
	assert_true(f->server.sent * 3 < full);
}

static void a_session_is_dropped_when_what_it_rests_on_changes(void **state)
{
	struct fixture *f = *state;
	const char *ca = strdupa(f->files.ca);
	const struct tls_files files[] = {
		{ .ca = ca },
		{ .ca = ca, .crl = strdupa(in_pki(f, "crl.pem")) },
		{ .ca = ca,
		  .cert = strdupa(in_pki(f, "client.pem")),
		  .key = strdupa(in_pki(f, "client.key")) },
		{ .ca = strdupa(in_pki(f, "two.pem")) },
	};
	char *pem, *twice;
	size_t len;
	assert_ok(file_read(ca, TLS_FILE_MAX, &pem, &len, NULL));
	assert_true(asprintf(&twice, "%s%s", pem, pem) > 0);
	assert_ok(file_replace(files[3].ca, bytes_of(twice), false, NULL));
	free(pem);
	free(twice);
	configure(f, "server");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		f->files = files[i];
		assert_connects(f, HOST);
		assert_false(is_resumed(f));
		assert_connects(f, HOST);
		assert_true(is_resumed(f));
	}
	assert_connects(f, "127.0.0.1");
	assert_false(is_resumed(f));
}

static void a_session_does_not_outlive_revocation(void **state)
{
	struct fixture *f = *state;
	configure(f, "server");
	f->files.crl = in_pki(f, "crl.pem");
	assert_connects(f, HOST);
	f->files.crl = in_pki(f, "revoked.pem");
	assert_refuses(f, HOST, "is revoked");
}

static void a_session_ends_after_a_day(void **state)
{
	struct fixture *f = *state;
	assert_connects(f, HOST);
	clock_fake_pass(TLS_SESSION_MAX_MS - 1);
	assert_connects(f, HOST);
	assert_true(is_resumed(f));
	/* Being used does not make it younger. */
	clock_fake_pass(1);
	assert_connects(f, HOST);
	assert_false(is_resumed(f));
}

static void a_session_ends_with_the_certificate(void **state)
{
	struct fixture *f = *state;
	configure(f, "ending");
	assert_connects(f, HOST);
	clock_fake_pass(13 * HOUR_MS);
	assert_refuses(f, HOST, "the broker's certificate has expired on ");
}

/* --- the clock --- */

static void dates_are_forgiven_until_the_clock_is_set(void **state)
{
	struct fixture *f = *state;
	const int64_t now = (int64_t)time(NULL) * 1000;
	configure(f, "server");
	f->files.crl = in_pki(f, "crl.pem");
	clock_fake_set_wall(0);
	assert_connects(f, HOST);
	assert_ok(tls_recheck(f->tls, NULL));
	clock_fake_set_wall(now);
	assert_ok(tls_recheck(f->tls, NULL));
	/* Looked at once: it was right when it was made. */
	clock_fake_set_wall(now + 40LL * 365 * 24 * HOUR_MS);
	assert_ok(tls_recheck(f->tls, NULL));
}

static void what_was_forgiven_wrongly_ends_when_the_clock_is_set(void **state)
{
	struct fixture *f = *state;
	clock_fake_set_wall(0);
	assert_connects(f, HOST);
	clock_fake_set_wall((int64_t)time(NULL) * 1000 + 40LL * 365 * 24 * HOUR_MS);
	assert_err(ERR_DENIED, tls_recheck(f->tls, &f->why));
	assert_non_null(strstr(f->why.text, "has expired"));
	/* Nor is its session of use. */
	assert_refuses(f, HOST, "has expired");
}

static void a_resumed_session_is_looked_at_too(void **state)
{
	struct fixture *f = *state;
	clock_fake_set_wall(0);
	assert_connects(f, HOST);
	assert_connects(f, HOST);
	assert_true(is_resumed(f));
	clock_fake_set_wall((int64_t)time(NULL) * 1000 + 40LL * 365 * 24 * HOUR_MS);
	assert_err(ERR_DENIED, tls_recheck(f->tls, &f->why));
}

static void a_clock_in_the_past_that_was_set_forgives_nothing(void **state)
{
	struct fixture *f = *state;
	clock_fake_set_wall(1767225600LL * 1000); /* 2026-01-01: the least that counts as set */
	assert_refuses(f, HOST, "set the clock");
	clock_fake_set_wall(4102444800LL * 1000);
	assert_refuses(f, HOST, "and this clock says 4102444800");
}

/* --- bytes --- */

/* One direction of a long talk. */
struct stream {
	char said[BULK], heard[BULK];
	size_t sent, got;
};

/* Offers more each time that it must wait, as a buffer does that fills meanwhile. */
static bool send_some(struct fixture *f, struct stream *s, size_t *offer)
{
	size_t n = 0;
	const size_t left = BULK - s->sent, len = *offer < left ? *offer : left;
	if (!len)
		return false;
	enum err e = tls_send(f->tls, (struct bytes){ s->said + s->sent, len }, &n, NULL);
	assert_true(e == OK || e == ERR_AGAIN);
	s->sent += n;
	*offer = e ? *offer + 1000 : 1000;
	return e == ERR_AGAIN;
}

static void receive_some(struct fixture *f, struct stream *s)
{
	size_t n, room = BULK - s->got < 777 ? BULK - s->got : 777;
	enum err e = room ? tls_receive(f->tls, s->heard + s->got, room, &n, NULL) : ERR_AGAIN;
	assert_true(e == OK || e == ERR_AGAIN);
	s->got += e ? 0 : n;
}

static void serve_some(struct server *server, struct stream *up, struct stream *down)
{
	const size_t left = BULK - down->sent;
	int code = left ? mbedtls_ssl_write(&server->ssl, (unsigned char *)down->said + down->sent,
					    left < 5000 ? left : 5000)
			: 0;
	down->sent += code > 0 ? (size_t)code : 0;
	code = mbedtls_ssl_read(&server->ssl, (unsigned char *)up->heard + up->got, BULK - up->got);
	up->got += code > 0 ? (size_t)code : 0;
}

static void bytes_arrive_whole_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct stream *up = calloc(1, sizeof *up), *down = calloc(1, sizeof *down);
	const int small = 4096;
	size_t offer = 1000, waits = 0;
	assert_connects(f, HOST);
	setsockopt(f->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	random_bytes(up->said, BULK);
	random_bytes(down->said, BULK);
	for (int i = 0; i < 1000 * 1000 && (up->got < BULK || down->got < BULK); i++) {
		waits += send_some(f, up, &offer);
		receive_some(f, down);
		if (i % 3 == 0) /* slower than we are */
			serve_some(&f->server, up, down);
	}
	assert_true(waits > 0);
	assert_memory_equal(up->heard, up->said, BULK);
	assert_memory_equal(down->heard, down->said, BULK);
	free(up);
	free(down);
}

static void what_has_been_read_and_not_handed_out_is_told(void **state)
{
	struct fixture *f = *state;
	char piece[4];
	size_t n;
	assert_connects(f, HOST);
	assert_int_equal(mbedtls_ssl_write(&f->server.ssl, (const unsigned char *)"abcdefgh", 8),
			 8);
	assert_ok(tls_receive(f->tls, piece, sizeof piece, &n, NULL));
	assert_true(tls_has_pending(f->tls));
	assert_ok(tls_receive(f->tls, piece, sizeof piece, &n, NULL));
	assert_memory_equal(piece, "efgh", 4);
	assert_false(tls_has_pending(f->tls));
	assert_err(ERR_AGAIN, tls_receive(f->tls, piece, sizeof piece, &n, NULL));
}

static void an_end_in_peace_is_one(void **state)
{
	struct fixture *f = *state;
	char piece[4];
	size_t n;
	assert_connects(f, HOST);
	mbedtls_ssl_close_notify(&f->server.ssl);
	assert_err(ERR_NOT_FOUND, tls_receive(f->tls, piece, sizeof piece, &n, &f->why));
	tls_say_goodbye(f->tls);
	unsigned char byte;
	assert_int_equal(mbedtls_ssl_read(&f->server.ssl, &byte, 1),
			 MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
}

/* --- damage --- */

static size_t bytes_of_a_handshake(struct fixture *f)
{
	assert_connects(f, HOST);
	return f->server.sent;
}

/* Never a success, a crash or an empty reason; at most a wait for more, which has a deadline. */
static void damage_every_byte(struct fixture *f, struct tamper t, size_t total)
{
	for (t.at = 0; t.at < total; t.at++) {
		forget_sessions(f);
		f->server.tamper = t;
		enum err e = connect_to(f, HOST);
		/* Signatures have not always the same length: the last bytes may not come. */
		if (e == OK && f->server.is_damaged)
			fail_msg("damage to byte %zu of %zu was not noticed", t.at, total);
		assert_true(e != ERR_AGAIN || t.how == CHANGE);
		assert_true(e == OK || e == ERR_AGAIN || f->why.text[0] != '\0');
	}
	f->server.tamper.how = NOTHING;
}

static void a_handshake_cut_at_any_byte_fails(void **state)
{
	struct fixture *f = *state;
	const size_t total = bytes_of_a_handshake(f);
	damage_every_byte(f, (struct tamper){ .how = CUT }, total);
	assert_connects(f, HOST);
}

static void a_handshake_changed_at_any_byte_fails(void **state)
{
	struct fixture *f = *state;
	const size_t total = bytes_of_a_handshake(f);
	damage_every_byte(f, (struct tamper){ .how = CHANGE }, total);
	assert_connects(f, HOST);
}

static void a_record_damaged_at_any_byte_hands_out_nothing(void **state)
{
	struct fixture *f = *state;
	char piece[64];
	size_t n, whole = bytes_of_a_handshake(f);
	mbedtls_ssl_write(&f->server.ssl, (const unsigned char *)"hello", 5);
	const size_t total = f->server.sent;
	assert_true(total > whole);
	for (int how = CUT; how <= CHANGE; how++)
		for (size_t at = 0; at < total - whole; at++) {
			assert_connects(f, HOST);
			f->server.tamper.how = how == CUT ? CUT : CHANGE;
			f->server.tamper.at = f->server.sent + at;
			mbedtls_ssl_write(&f->server.ssl, (const unsigned char *)"hello", 5);
			f->server.tamper.how = NOTHING;
			enum err e = tls_receive(f->tls, piece, sizeof piece, &n, &f->why);
			assert_int_equal(n, 0);
			assert_true(e == ERR_OFFLINE || e == ERR_NOT_FOUND || e == ERR_AGAIN);
			assert_true(e == ERR_AGAIN || f->why.text[0] != '\0');
		}
}

/* --- 1.3, where the library has it --- */

static void tls_1_3_connects_and_resumes(void **state)
{
#if MBEDTLS_VERSION_MAJOR < 3
	(void)state;
	print_message(
		"mbedTLS 2.28 has no TLS 1.3: see SKERRY_MBEDTLS_SOURCE in docs/porting.md\n");
	skip();
#else
	struct fixture *f = *state;
	char text[TLS_TEXT_SIZE], piece[8];
	size_t n;
	configure(f, "server");
	limit_version(&f->server.config, 4);
	assert_connects(f, HOST);
	tls_describe(f->tls, text);
	assert_string_equal(text, "TLSv1.3");
	/* The ticket comes behind the handshake, before the first byte. */
	assert_int_equal(mbedtls_ssl_write(&f->server.ssl, (const unsigned char *)"hello", 5), 5);
	for (int i = 0; i < 4 && tls_receive(f->tls, piece, sizeof piece, &n, NULL); i++)
		;
	assert_int_equal(n, 5);
	assert_connects(f, HOST);
	assert_true(is_resumed(f));
#endif
}

int main(void)
{
#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TLS_TEST(a_server_is_who_it_was_configured_to_be),
		TLS_TEST(a_wildcard_is_one_label),
		TLS_TEST(an_address_is_compared_byte_by_byte),
		TLS_TEST(a_weak_key_is_refused),
		TLS_TEST(a_broken_hash_is_not_offered),
		TLS_TEST(each_issuer_needs_its_list),
		TLS_TEST(old_versions_are_refused),
		TLS_TEST(ciphers_without_forward_secrecy_or_aead_are_not_offered),
		TLS_TEST(a_protocol_is_asked_for),
		TLS_TEST(our_certificate_is_shown_when_asked_for),
		TLS_TEST(a_key_that_does_not_fit_is_found_before_anything_is_sent),
		TLS_TEST(a_key_is_for_our_eyes_only),
		TLS_TEST(files_go_together),
		TLS_TEST(a_file_has_a_size),
		TLS_TEST(the_next_connection_is_short),
		TLS_TEST(a_session_is_dropped_when_what_it_rests_on_changes),
		TLS_TEST(a_session_does_not_outlive_revocation),
		TLS_TEST(a_session_ends_after_a_day),
		TLS_TEST(a_session_ends_with_the_certificate),
		TLS_TEST(dates_are_forgiven_until_the_clock_is_set),
		TLS_TEST(what_was_forgiven_wrongly_ends_when_the_clock_is_set),
		TLS_TEST(a_resumed_session_is_looked_at_too),
		TLS_TEST(a_clock_in_the_past_that_was_set_forgives_nothing),
		TLS_TEST(bytes_arrive_whole_and_in_order),
		TLS_TEST(what_has_been_read_and_not_handed_out_is_told),
		TLS_TEST(an_end_in_peace_is_one),
		TLS_TEST(a_handshake_cut_at_any_byte_fails),
		TLS_TEST(a_handshake_changed_at_any_byte_fails),
		TLS_TEST(a_record_damaged_at_any_byte_hands_out_nothing),
		TLS_TEST(tls_1_3_connects_and_resumes),
	};
	if (openssl_is_missing())
		return SKIPPED;
	return cmocka_run_group_tests(tests, make_pki, remove_pki);
}
