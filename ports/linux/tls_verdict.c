#include "ports/linux/tls_verdict.h"

#include "ports/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	NAME_SIZE = 96, /* of a CA, as a person reads it */
	SAN_ADDRESS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7,
	TIME_FLAGS = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE |
		     MBEDTLS_X509_BADCRL_EXPIRED | MBEDTLS_X509_BADCRL_FUTURE,
};

/* What the library found, the worst first. */
static const struct {
	uint32_t flag;
	const char *text;
} findings[] = {
	{ MBEDTLS_X509_BADCERT_REVOKED, "is revoked" },
	{ MBEDTLS_X509_BADCERT_NOT_TRUSTED, "is signed by no CA of ours" },
	{ MBEDTLS_X509_BADCRL_NOT_TRUSTED, "has a revocation list that its CA did not sign" },
	{ MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
	  "uses a key or a hash that is too weak, or unknown" },
	{ MBEDTLS_X509_BADCRL_BAD_MD | MBEDTLS_X509_BADCRL_BAD_PK | MBEDTLS_X509_BADCRL_BAD_KEY,
	  "has a revocation list with a key or a hash that is too weak, or unknown" },
	{ UINT32_MAX, "does not hold" },
};

/* --- dates --- */

static int64_t to_ms(const mbedtls_x509_time *t)
{
	struct tm utc = { .tm_year = t->year - 1900,
			  .tm_mon = t->mon - 1,
			  .tm_mday = t->day,
			  .tm_hour = t->hour,
			  .tm_min = t->min,
			  .tm_sec = t->sec };
	return (int64_t)timegm(&utc) * 1000;
}

struct tls_dates tls_dates_of(const mbedtls_x509_crt *crt)
{
	return (struct tls_dates){ to_ms(&crt->valid_from), to_ms(&crt->valid_to) };
}

static struct tls_dates dates_of_list(const mbedtls_x509_crl *crl)
{
	const bool ends = crl->next_update.year != 0;
	return (struct tls_dates){ to_ms(&crl->this_update),
				   ends ? to_ms(&crl->next_update) : INT64_MAX };
}

enum err tls_dates_check(const struct tls_dates *d, int64_t wall_ms, const char *what,
			 struct why *why)
{
	enum { DAY = 10 }; /* "2026-11-27": a reason that repeats itself reads the same */
	char limit[24], now[24];
	if (wall_ms >= d->from_ms && wall_ms <= d->to_ms)
		return OK;
	clock_print(now, wall_ms);
	clock_print(limit, wall_ms < d->from_ms ? d->from_ms : d->to_ms);
	now[DAY] = limit[DAY] = '\0';
	if (wall_ms < d->from_ms)
		return why_set(why, ERR_DENIED,
			       "%s is not valid before %s, and this clock says %s: set the clock",
			       what, limit, now);
	return why_set(why, ERR_DENIED,
		       "%s has expired on %s, and this clock says %s: renew it, or set the clock",
		       what, limit, now);
}

static void narrow(struct tls_verdict *v, const struct tls_dates *d, const char *what)
{
	if (d->from_ms > v->dates.from_ms)
		v->dates.from_ms = d->from_ms;
	if (d->to_ms < v->dates.to_ms)
		v->dates.to_ms = d->to_ms;
	if (!v->why.text[0] && clock_is_set(v->wall_ms))
		(void)!tls_dates_check(d, v->wall_ms, what, &v->why);
}

/* --- the checks --- */

static bool is_same(const mbedtls_x509_buf *a, const mbedtls_x509_buf *b)
{
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

static bool is_anchor(const struct tls_verdict *v, const mbedtls_x509_crt *crt)
{
	for (const mbedtls_x509_crt *ca = &v->identity->ca; ca; ca = ca->next)
		if (is_same(&ca->raw, &crt->raw))
			return true;
	return false;
}

static const char *name_of(const mbedtls_x509_name *name, char out[NAME_SIZE])
{
	if (mbedtls_x509_dn_gets(out, NAME_SIZE, name) < 0)
		strcpy(out, "a CA with a long name");
	return out;
}

static bool names_address(const mbedtls_x509_crt *crt, const unsigned char *address, size_t len)
{
	for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s; s = s->next)
		if (s->buf.tag == SAN_ADDRESS && s->buf.len == len &&
		    memcmp(s->buf.p, address, len) == 0)
			return true;
	return false;
}

static bool is_for_host(const mbedtls_x509_crt *crt, const char *host, uint32_t flags)
{
	unsigned char address[TLS_ADDRESS_MAX];
	const size_t len = tls_address_of(host, address);
	return len ? names_address(crt, address, len) : !(flags & MBEDTLS_X509_BADCERT_CN_MISMATCH);
}

static bool is_for_servers(const mbedtls_x509_crt *crt)
{
	return crt->ext_types & MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE &&
	       !mbedtls_x509_crt_check_extended_key_usage(
		       crt, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
}

static void judge_leaf(struct tls_verdict *v, const mbedtls_x509_crt *crt, uint32_t *flags)
{
	const char *wrong = NULL;
	v->has_seen_leaf = true;
	if (crt->version != 3)
		wrong = "is not X.509 v3";
	else if (!(crt->ext_types & MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
		wrong = "names no host: it needs subjectAltName, CN is not enough";
	else if (!is_for_host(crt, v->host, *flags))
		wrong = "is for another host";
	else if (crt->ca_istrue || crt->key_usage & MBEDTLS_X509_KU_KEY_CERT_SIGN)
		wrong = "is a CA's own: brokers have one without CA:TRUE and keyCertSign";
	else if (!is_for_servers(crt))
		wrong = "is not for servers: it needs extendedKeyUsage serverAuth";
	else
		*flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
	if (wrong && !v->why.text[0])
		why_write(&v->why, "the broker's certificate %s (asked for %s)", wrong, v->host);
}

/* To the library, no list is as good as a list without this certificate. */
static void look_for_list(struct tls_verdict *v, const mbedtls_x509_crt *crt)
{
	char name[NAME_SIZE], what[NAME_SIZE + 32];
	for (const mbedtls_x509_crl *crl = &v->identity->crl; crl; crl = crl->next) {
		if (!is_same(&crl->issuer_raw, &crt->issuer_raw))
			continue;
		const struct tls_dates dates = dates_of_list(crl);
		snprintf(what, sizeof what, "the revocation list of %s",
			 name_of(&crt->issuer, name));
		narrow(v, &dates, what);
		return;
	}
	if (!v->why.text[0])
		why_write(&v->why, "tls_crl has no revocation list of %s",
			  name_of(&crt->issuer, name));
}

static void tell_findings(struct tls_verdict *v, const char *what, uint32_t flags)
{
	for (size_t i = 0; flags && !v->why.text[0]; i++)
		if (flags & findings[i].flag)
			why_write(&v->why, "%s %s", what, findings[i].text);
}

/* --- the calls --- */

size_t tls_address_of(const char *host, unsigned char out[TLS_ADDRESS_MAX])
{
	if (inet_pton(AF_INET, host, out) == 1)
		return sizeof(struct in_addr);
	return inet_pton(AF_INET6, host, out) == 1 ? sizeof(struct in6_addr) : 0;
}

void tls_verdict_begin(struct tls_verdict *v, const char *host, const struct tls_identity *identity,
		       int64_t wall_ms)
{
	*v = (struct tls_verdict){ .host = host,
				   .identity = identity,
				   .wall_ms = wall_ms,
				   .dates = { INT64_MIN, INT64_MAX } };
}

int tls_verdict_on_certificate(void *owner, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct tls_verdict *v = owner;
	char name[NAME_SIZE], what[NAME_SIZE + 32] = "the broker's certificate";
	if (depth)
		snprintf(what, sizeof what, "the CA's certificate %s",
			 name_of(&crt->subject, name));

	/* The library asks the wall clock, whether it was ever set or not. */
	*flags &= ~(uint32_t)TIME_FLAGS;
	tell_findings(v, what, *flags & ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH);
	const struct tls_dates dates = tls_dates_of(crt);
	narrow(v, &dates, what);
	if (v->identity->has_crl && !is_anchor(v, crt))
		look_for_list(v, crt);
	if (depth == 0)
		judge_leaf(v, crt, flags);
	if (v->why.text[0])
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
	return 0;
}
