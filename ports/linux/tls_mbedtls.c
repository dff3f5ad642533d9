#include "ports/tls.h"

#include "base/text.h"
#include "ports/clock.h"
#include "ports/linux/tls_identity.h"
#include "ports/linux/tls_reason.h"
#include "ports/linux/tls_token.h"
#include "ports/linux/tls_verdict.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	HOST_SIZE = 256, /* of struct url */
	RECORD_ALERT = 21,
	RECORD_ALERT_BYTES = 7, /* type, version, length, level, description */
	OLD_2 = 0x021c0a00,     /* 2.28.10 and 3.6.5: what is older has known holes */
	OLD_3 = 0x03060500,
	MAJOR_3 = 0x03000000,
};

/* What makes the next handshake short. */
struct session {
	mbedtls_ssl_session saved;
	bool is_there;
	char digest[DIGEST_SIZE]; /* of the files and the host that it was made with */
	int64_t born_ms;          /* when certificates were last looked at */
	struct tls_dates dates;
};

struct tls {
	char host[HOST_SIZE], alpn[TLS_ALPN_MAX + 1];
	const char *protocols[2]; /* points to alpn */
	struct tls_identity identity;
	struct tls_verdict verdict;
	bool has_identity;
	char matched[DIGEST_SIZE]; /* the files whose key was tried, and fits */
	struct session session;

	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	int fd, alert, error; /* -1; -1; errno of the socket, 0 */
	size_t held;          /* bytes of the call of tls_send() that could not end */
	bool has_connection, is_secure, is_resumed, wants_write;
	bool owes_dates; /* the clock was not set: see tls_recheck() */
};

/* ChaCha20 first: boards without AES instructions are faster with it, and nobody
 * is much slower. */
static const int ciphers[] = {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
#endif
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	0,
};

/* --- the socket --- */

static int send_bytes(void *owner, const unsigned char *at, size_t len)
{
	struct tls *t = owner;
	const ssize_t n = send(t->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN || errno == EINTR)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	t->error = errno;
	return MBEDTLS_ERR_SSL_CONN_EOF;
}

static int receive_bytes(void *owner, unsigned char *at, size_t cap)
{
	struct tls *t = owner;
	const ssize_t n = recv(t->fd, at, cap, MSG_DONTWAIT);
	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN || errno == EINTR)
		return MBEDTLS_ERR_SSL_WANT_READ;
	t->error = errno;
	return MBEDTLS_ERR_SSL_CONN_EOF;
}

/* A broker that refuses us says so and closes while we still write: its words wait
 * behind our broken pipe. */
static void look_for_alert(struct tls *t)
{
	unsigned char record[RECORD_ALERT_BYTES];
	if (recv(t->fd, record, sizeof record, MSG_DONTWAIT) == sizeof record &&
	    record[0] == RECORD_ALERT)
		t->alert = record[RECORD_ALERT_BYTES - 1];
}

/* True: not now. Else the alert, if one came, is kept for the reason. */
static bool must_wait(struct tls *t, int code)
{
	t->wants_write = code == MBEDTLS_ERR_SSL_WANT_WRITE;
	if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
		t->alert = t->ssl.in_msg[1];
	return code == MBEDTLS_ERR_SSL_WANT_WRITE || code == MBEDTLS_ERR_SSL_WANT_READ;
}

/* --- sessions --- */

static void forget_session(struct tls *t)
{
	if (t->session.is_there)
		mbedtls_ssl_session_free(&t->session.saved);
	t->session.is_there = false;
}

/* The library would resume it without another look at any certificate. */
static bool may_resume(const struct tls *t)
{
	const struct session *s = &t->session;
	const int64_t wall_ms = clock_wall_ms();
	return s->is_there && strcmp(s->digest, t->identity.digest) == 0 &&
	       clock_now_ms() - s->born_ms < TLS_SESSION_MAX_MS &&
	       (!clock_is_set(wall_ms) || !tls_dates_check(&s->dates, wall_ms, "", NULL));
}

static void keep_session(struct tls *t)
{
	mbedtls_ssl_session saved;
	mbedtls_ssl_session_init(&saved);
	if (mbedtls_ssl_get_session(&t->ssl, &saved)) {
		mbedtls_ssl_session_free(&saved);
		return;
	}
	forget_session(t);
	t->session.saved = saved;
	t->session.is_there = true;
}

/* --- preparing --- */

enum err tls_open(struct tls **out, struct why *why)
{
	struct tls *t = calloc(1, sizeof *t);
	if (!t || compat_start()) {
		free(t);
		return why_set(why, ERR_SYSTEM, "tls: no memory");
	}
	t->fd = t->alert = -1;
	*out = t;
	return OK;
}

void tls_close(struct tls *t)
{
	if (!t)
		return;
	tls_end(t);
	forget_session(t);
	free(t);
}

static void forget_identity(struct tls *t)
{
	if (t->has_identity)
		tls_identity_drop(&t->identity);
	t->has_identity = false;
}

enum err tls_prepare(struct tls *t, const char *host, const struct tls_files *files,
		     struct why *why)
{
	tls_end(t);
	t->alpn[0] = '\0';
	if (!text_copy(t->host, sizeof t->host, bytes_of(host)) ||
	    (files->alpn && !text_copy(t->alpn, sizeof t->alpn, bytes_of(files->alpn))))
		return why_set(why, ERR_INVALID,
			       "tls: the host's or the protocol's name is too long");
	t->has_identity = true;
	enum err e = tls_identity_read(&t->identity, host, files, why);
	if (!e && strcmp(t->matched, t->identity.digest) != 0)
		e = tls_identity_match(&t->identity, files, why);
	if (e) {
		forget_identity(t);
		return e;
	}
	strcpy(t->matched, t->identity.digest);
	if (!may_resume(t))
		forget_session(t);
	return OK;
}

static int configure(struct tls *t)
{
	mbedtls_ssl_config *c = &t->config;
	struct tls_identity *i = &t->identity;
	int code = mbedtls_ssl_config_defaults(
		c, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (code)
		return code;
	compat_restrict(c);
	mbedtls_ssl_conf_ciphersuites(c, ciphers);
	mbedtls_ssl_conf_cert_profile(c, &tls_profile);
	mbedtls_ssl_conf_rng(c, tls_random, NULL);
	mbedtls_ssl_conf_authmode(c, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(c, &i->ca, i->has_crl ? &i->crl : NULL);
	mbedtls_ssl_conf_verify(c, tls_verdict_on_certificate, &t->verdict);
	if (i->has_cert)
		code = mbedtls_ssl_conf_own_cert(c, &i->cert, &i->key);
	t->protocols[0] = t->alpn;
	if (!code && t->alpn[0])
		code = mbedtls_ssl_conf_alpn_protocols(c, t->protocols);
	return code;
}

/* An address is no name to ask for (RFC 6066), and tls_verdict looks for it itself. */
static int name_host(struct tls *t)
{
	unsigned char unused[TLS_ADDRESS_MAX];
	return mbedtls_ssl_set_hostname(&t->ssl, tls_address_of(t->host, unused) ? NULL : t->host);
}

enum err tls_begin(struct tls *t, int fd, struct why *why)
{
	assert(t->has_identity && !t->has_connection);
	mbedtls_ssl_config_init(&t->config);
	mbedtls_ssl_init(&t->ssl);
	t->has_connection = true;
	t->fd = fd;
	const int64_t wall_ms = clock_wall_ms();
	tls_verdict_begin(&t->verdict, t->host, &t->identity, wall_ms);
	t->owes_dates = !clock_is_set(wall_ms);

	int code = configure(t);
	if (!code)
		code = mbedtls_ssl_setup(&t->ssl, &t->config);
	if (!code)
		code = name_host(t);
	if (!code && t->session.is_there)
		code = mbedtls_ssl_set_session(&t->ssl, &t->session.saved);
	if (code) {
		tls_end(t);
		return why_set(why, ERR_SYSTEM, "tls: cannot begin (-0x%04x)", (unsigned)-code);
	}
	mbedtls_ssl_set_bio(&t->ssl, t, send_bytes, receive_bytes, NULL);
	return OK;
}

/* --- the handshake --- */

static enum err fail(struct tls *t, int code, struct why *why)
{
	/* Whatever it was, the next attempt looks at everything again. */
	forget_session(t);
	if (t->verdict.why.text[0])
		return why_set(why, ERR_DENIED, "%s", t->verdict.why.text);
	const char *token = tls_token_reason(&t->identity.key);
	if (token)
		return why_set(why, ERR_DENIED, "%s", token);
	if (t->error)
		look_for_alert(t);
	if (t->error && t->alert < 0 && t->error != ECONNRESET && t->error != EPIPE)
		return why_set(why, ERR_OFFLINE, "the TLS handshake broke: %s", strerror(t->error));
	return tls_reason_shaking(code, t->alert, why);
}

enum err tls_shake(struct tls *t, struct why *why)
{
	const int code = mbedtls_ssl_handshake(&t->ssl);
	if (must_wait(t, code))
		return ERR_AGAIN;
	if (code)
		return fail(t, code, why);
	t->is_resumed = !t->verdict.has_seen_leaf;
	if (t->is_resumed ? !t->session.is_there : t->verdict.why.text[0] != '\0')
		return why_set(why, ERR_DENIED, "tls: the broker showed no certificate");

	if (!t->is_resumed) {
		strcpy(t->session.digest, t->identity.digest);
		t->session.born_ms = clock_now_ms();
		t->session.dates = t->verdict.dates;
	}
	keep_session(t);
	t->is_secure = true;
	forget_identity(t);
	return OK;
}

/* --- bytes --- */

static enum err stop(struct tls *t, int code, struct why *why)
{
	if (t->error)
		return why_set(why, ERR_OFFLINE, "closed the connection: %s", strerror(t->error));
	return tls_reason_open(code, t->alert, why);
}

enum err tls_receive(struct tls *t, char *out, size_t cap, size_t *out_len, struct why *why)
{
	int code = mbedtls_ssl_read(&t->ssl, (unsigned char *)out, cap);
	while (compat_is_ticket(code)) {
		keep_session(t);
		code = mbedtls_ssl_read(&t->ssl, (unsigned char *)out, cap);
	}
	*out_len = code > 0 ? (size_t)code : 0;
	if (code > 0)
		return OK;
	return must_wait(t, code) ? ERR_AGAIN : stop(t, code, why);
}

enum err tls_send(struct tls *t, struct bytes b, size_t *out_len, struct why *why)
{
	/* A record that could not leave is there already: the library counts the
	 * bytes of this call for it, whatever they are. */
	const size_t len = t->held ? t->held : b.len;
	assert(len <= b.len);
	int code = mbedtls_ssl_write(&t->ssl, (const unsigned char *)b.at, len);
	while (compat_is_ticket(code)) {
		keep_session(t);
		code = mbedtls_ssl_write(&t->ssl, (const unsigned char *)b.at, len);
	}
	*out_len = code > 0 ? (size_t)code : 0;
	t->held = 0;
	if (code > 0)
		return OK;
	if (!must_wait(t, code))
		return stop(t, code, why);
	t->held = len;
	return ERR_AGAIN;
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

bool tls_has_pending(const struct tls *t)
{
	return t->is_secure && mbedtls_ssl_check_pending(&t->ssl);
}

void tls_say_goodbye(struct tls *t)
{
	if (t->is_secure)
		(void)!mbedtls_ssl_close_notify(&t->ssl);
}

void tls_end(struct tls *t)
{
	if (t->has_connection) {
		mbedtls_ssl_free(&t->ssl);
		mbedtls_ssl_config_free(&t->config);
	}
	forget_identity(t);
	t->has_connection = t->is_secure = t->is_resumed = t->wants_write = t->owes_dates = false;
	t->held = 0;
	t->error = 0;
	t->fd = t->alert = -1;
}

/* --- what it says of itself --- */

enum err tls_recheck(struct tls *t, struct why *why)
{
	const int64_t wall_ms = clock_wall_ms();
	if (!t->is_secure || !t->owes_dates || !clock_is_set(wall_ms))
		return OK;
	t->owes_dates = false;
	enum err e = tls_dates_check(&t->session.dates, wall_ms,
				     "something in the broker's chain of certificates", why);
	if (e)
		forget_session(t);
	return e;
}

void tls_describe(const struct tls *t, char out[TLS_TEXT_SIZE])
{
	out[0] = '\0';
	if (t->is_secure)
		snprintf(out, TLS_TEXT_SIZE, "%s%s", mbedtls_ssl_get_version(&t->ssl),
			 t->is_resumed ? " resumed" : "");
}

enum err tls_examine(const struct tls_files *files, struct why *why)
{
	struct tls_identity i;
	enum err e = tls_identity_read(&i, "", files, why);
	if (!e)
		e = tls_identity_match(&i, files, why);
	const int64_t wall_ms = clock_wall_ms();
	if (!e && i.has_cert && clock_is_set(wall_ms)) {
		const struct tls_dates dates = tls_dates_of(&i.cert);
		e = tls_dates_check(&dates, wall_ms, files->cert, why);
	}
	tls_identity_drop(&i);
	return e;
}

bool tls_library(char out[TLS_TEXT_SIZE], struct why *remedy)
{
	/* What is linked, not what was compiled against. */
	const unsigned version = mbedtls_version_get_number();
	snprintf(out, TLS_TEXT_SIZE, "mbedTLS %u.%u.%u", version >> 24, version >> 16 & 0xff,
		 version >> 8 & 0xff);
	if (version >= (version < MAJOR_3 ? OLD_2 : OLD_3))
		return true;
	(void)why_set(remedy, ERR_DENIED,
		      "%s has known security holes: use 2.28.10, 3.6.5 or newer", out);
	return false;
}
