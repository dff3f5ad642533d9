/* The library reads revocation lists and writes none: this is RFC 5280, 5.1, from its end. */
#include "ports/certificate.h"

#include "base/pem.h"
#include "base/scoped.h"
#include "ports/linux/tls_identity.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE,
	EXTENSIONS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0,
	ENTRY_BYTES = 64, /* a serial and a date, at most */
	HEAD_BYTES = 1024,
	VERSION_2 = 1,
	NUMBER_BYTES = 8,
	SIGNATURE_BYTES = 160, /* P-521's, and more */
};

/* Where the next bytes go, from the end on; the library's own convention. */
struct writer {
	unsigned char *at, *start;
	int failed;
};

/* What one of the library's calls has answered: its length, or an error. */
static size_t note(struct writer *w, int code)
{
	if (code < 0)
		w->failed = code;
	return code < 0 ? 0 : (size_t)code;
}

static size_t wrap(struct writer *w, size_t len, unsigned char tag)
{
	len += note(w, mbedtls_asn1_write_len(&w->at, w->start, len));
	return len + note(w, mbedtls_asn1_write_tag(&w->at, w->start, tag));
}

static size_t put_number(struct writer *w, const unsigned char *at, size_t len)
{
	mbedtls_mpi n;
	mbedtls_mpi_init(&n);
	note(w, mbedtls_mpi_read_binary(&n, at, len));
	const size_t written = note(w, mbedtls_asn1_write_mpi(&w->at, w->start, &n));
	mbedtls_mpi_free(&n);
	return written;
}

/* UTCTime until 2049, as the RFC wants it. */
static size_t put_time(struct writer *w, int64_t ms)
{
	enum { LAST_SHORT = 149, CENTURY = 2 };
	char text[24];
	struct tm utc;
	const time_t s = (time_t)(ms / 1000);
	gmtime_r(&s, &utc);
	const bool is_short = utc.tm_year <= LAST_SHORT;
	strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &utc);
	const char *from = text + (is_short ? CENTURY : 0);
	const size_t len =
		note(w, mbedtls_asn1_write_raw_buffer(&w->at, w->start, (const unsigned char *)from,
						      strlen(from)));
	return wrap(w, len, is_short ? MBEDTLS_ASN1_UTC_TIME : MBEDTLS_ASN1_GENERALIZED_TIME);
}

static size_t put_serial(struct writer *w, const char *hex)
{
	unsigned char raw[SERIAL_SIZE / 2] = { 0 };
	size_t len = 0;
	for (; hex[0] && hex[1] && len < sizeof raw; hex += 2) {
		const char pair[] = { hex[0], hex[1], '\0' };
		raw[len++] = (unsigned char)strtoul(pair, NULL, 16);
	}
	return put_number(w, raw, len);
}

static size_t put_entries(struct writer *w, const struct revoked *all, size_t count)
{
	size_t len = 0;
	for (size_t i = count; i-- > 0;) {
		size_t one = put_time(w, all[i].at_ms);
		one += put_serial(w, all[i].serial);
		len += wrap(w, one, SEQUENCE);
	}
	/* An empty list is left out: RFC 5280, 5.1.2.6. */
	return count ? wrap(w, len, SEQUENCE) : 0;
}

/* The number of the list alone. */
static size_t put_extensions(struct writer *w, int64_t number)
{
	unsigned char big[NUMBER_BYTES];
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (unsigned char)((uint64_t)number >> (8 * (sizeof big - 1 - i)));
	size_t len = wrap(w, put_number(w, big, sizeof big), MBEDTLS_ASN1_OCTET_STRING);
	len += note(w, mbedtls_asn1_write_oid(&w->at, w->start, MBEDTLS_OID_ID_CE "\x14",
					      MBEDTLS_OID_SIZE(MBEDTLS_OID_ID_CE "\x14")));
	len = wrap(w, wrap(w, len, SEQUENCE), SEQUENCE);
	return wrap(w, len, EXTENSIONS);
}

static size_t put_algorithm(struct writer *w)
{
	const size_t len =
		note(w, mbedtls_asn1_write_oid(&w->at, w->start, MBEDTLS_OID_ECDSA_SHA256,
					       MBEDTLS_OID_SIZE(MBEDTLS_OID_ECDSA_SHA256)));
	return wrap(w, len, SEQUENCE);
}

/* What is signed. Members stand in the RFC's order, so they are written in the other. */
static struct bytes put_body(struct writer *w, const mbedtls_x509_buf *issuer,
			     const struct revocation *r)
{
	static const unsigned char version[] = { VERSION_2 };
	size_t len = put_extensions(w, r->number);
	len += put_entries(w, r->all, r->count);
	len += put_time(w, r->next_ms);
	len += put_time(w, r->now_ms);
	len += note(w, mbedtls_asn1_write_raw_buffer(&w->at, w->start, issuer->p, issuer->len));
	len += put_algorithm(w);
	len += put_number(w, version, sizeof version);
	len = wrap(w, len, SEQUENCE);
	return (struct bytes){ (const char *)w->at, len };
}

/* The body, how it is signed, and the signature. */
static struct bytes put_list(struct writer *w, struct bytes body, mbedtls_pk_context *key)
{
	unsigned char hash[32], signature[SIGNATURE_BYTES];
	size_t signature_len = 0;
	note(w, mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256),
			   (const unsigned char *)body.at, body.len, hash));
	note(w, compat_sign(key, hash, signature, sizeof signature, &signature_len, tls_random));
	size_t len = note(
		w, mbedtls_asn1_write_bitstring(&w->at, w->start, signature, 8 * signature_len));
	len += put_algorithm(w);
	len += note(w, mbedtls_asn1_write_raw_buffer(&w->at, w->start,
						     (const unsigned char *)body.at, body.len));
	len = wrap(w, len, SEQUENCE);
	return (struct bytes){ (const char *)w->at, len };
}

static char *print(struct bytes der)
{
	char *text = malloc(pem_size(der.len));
	if (text) {
		struct text t = text_in(text, pem_size(der.len));
		pem_add(&t, "X509 CRL", der);
	}
	return text;
}

static enum err make(struct tls_identity *ca, const struct revocation *r, char **out,
		     struct why *why)
{
	const size_t cap = HEAD_BYTES + ca->cert.subject_raw.len + ENTRY_BYTES * r->count;
	SCOPED_MEMORY unsigned char *inner = malloc(cap), *outer = malloc(cap);
	if (!inner || !outer)
		return why_set(why, ERR_SYSTEM, "no memory for a revocation list");
	struct writer w = { inner + cap, inner, 0 };
	const struct bytes body = put_body(&w, &ca->cert.subject_raw, r);
	w.at = outer + cap;
	w.start = outer;
	const struct bytes list = put_list(&w, body, &ca->key);
	*out = w.failed ? NULL : print(list);
	return *out ? OK
		    : why_set(why, ERR_SYSTEM, "a revocation list cannot be made (-0x%04x)",
			      (unsigned)-w.failed);
}

enum err revocation_make(const struct authority_files *ca, const struct revocation *r, char **out,
			 struct why *why)
{
	struct tls_identity i;
	enum err e = authority_load(ca, &i, why);
	if (!e && r->count > REVOKED_MAX)
		e = why_set(why, ERR_FULL, "a revocation list of %zu; %d are written at most",
			    r->count, REVOKED_MAX);
	if (!e)
		e = make(&i, r, out, why);
	tls_identity_drop(&i);
	return e;
}
