#include "ports/certificate.h"

#include "base/text.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "ports/linux/tls_identity.h"
#include "ports/linux/tls_verdict.h"
#include "ports/random.h"

#include <mbedtls/asn1.h>
#include <mbedtls/md.h>
#include <mbedtls/platform.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	NAME_SIZE = LABEL_SIZE + 4, /* "CN=..." */
	SERIAL_BYTES = 16,
	DATE_SIZE = 16, /* "20261127120000" */
	TIME_FLAGS = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE,
	SAN_DNS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2,
};

void key_name_of(const char key[PUBLIC_KEY_SIZE], char out[KEY_NAME_SIZE])
{
	char digest[DIGEST_SIZE];
	digest_of((struct bytes){ key, PUBLIC_KEY_SIZE }, digest);
	text_copy(out, KEY_NAME_SIZE, (struct bytes){ digest + 7, KEY_NAME_SIZE - 1 });
}

/* The library writes at the end of its buffer. */
static bool print_key(mbedtls_pk_context *pk, char out[PUBLIC_KEY_SIZE])
{
	unsigned char der[2 * PUBLIC_KEY_SIZE];
	const int len = mbedtls_pk_write_pubkey_der(pk, der, sizeof der);
	if (len != PUBLIC_KEY_SIZE)
		return false;
	memcpy(out, der + sizeof der - PUBLIC_KEY_SIZE, PUBLIC_KEY_SIZE);
	return public_key_is_valid((struct bytes){ out, PUBLIC_KEY_SIZE });
}

/* The CN of a name, if it is a label. */
static void read_device(const mbedtls_x509_name *name, char out[LABEL_SIZE])
{
	out[0] = '\0';
	for (; name; name = name->next) {
		const struct bytes value = { (const char *)name->val.p, name->val.len };
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0 && label_is_valid(value))
			text_copy(out, LABEL_SIZE, value);
	}
}

/* --- requests --- */

static enum err write_request(mbedtls_pk_context *key, const char *device, char out[CSR_MAX],
			      size_t *out_len, struct why *why)
{
	char name[NAME_SIZE];
	unsigned char der[CSR_MAX];
	mbedtls_x509write_csr csr;
	snprintf(name, sizeof name, "CN=%s", device);
	mbedtls_x509write_csr_init(&csr);
	mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
	mbedtls_x509write_csr_set_key(&csr, key);
	int len = mbedtls_x509write_csr_set_subject_name(&csr, name);
	if (!len)
		len = mbedtls_x509write_csr_der(&csr, der, sizeof der, tls_random, NULL);
	mbedtls_x509write_csr_free(&csr);
	if (len <= 0)
		return why_set(why, ERR_SYSTEM, "a request for %s cannot be made (-0x%04x)", device,
			       (unsigned)-len);
	*out_len = (size_t)len;
	memcpy(out, der + sizeof der - len, *out_len);
	return OK;
}

enum err csr_make(const char *key_path, const char *device, char out[CSR_MAX], size_t *out_len,
		  struct why *why)
{
	char public[PUBLIC_KEY_SIZE];
	mbedtls_pk_context key;
	mbedtls_pk_init(&key);
	enum err e = tls_key_read(&key, key_path, NULL, why);
	if (!e && !print_key(&key, public))
		e = why_set(why, ERR_INVALID, "%.120s: a key of P-256 is expected", key_path);
	if (!e)
		e = write_request(&key, device, out, out_len, why);
	mbedtls_pk_free(&key);
	return e;
}

/* The library reads a request without looking at its signature. */
static bool has_signed_itself(mbedtls_x509_csr *csr)
{
	unsigned char hash[32];
	return csr->sig_md == MBEDTLS_MD_SHA256 &&
	       mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), csr->cri.p, csr->cri.len,
			  hash) == 0 &&
	       mbedtls_pk_verify(&csr->pk, MBEDTLS_MD_SHA256, hash, sizeof hash, csr->sig.p,
				 csr->sig.len) == 0;
}

enum err csr_read(struct bytes der, char out_device[LABEL_SIZE], char out_key[PUBLIC_KEY_SIZE],
		  struct why *why)
{
	mbedtls_x509_csr csr;
	const char *wrong = NULL;
	mbedtls_x509_csr_init(&csr);
	if (der.len > CSR_MAX ||
	    mbedtls_x509_csr_parse_der(&csr, (const unsigned char *)der.at, der.len))
		wrong = "it is no request for a certificate in DER";
	else if (csr.raw.len != der.len)
		wrong = "something stands behind the request";
	else if (!print_key(&csr.pk, out_key))
		wrong = "its key is not of P-256";
	else if (!has_signed_itself(&csr))
		wrong = "its key has not signed it";
	else
		read_device(&csr.subject, out_device);
	if (!wrong && !out_device[0])
		wrong = "its CN is no name of a device: " LABEL_RULE;
	mbedtls_x509_csr_free(&csr);
	return wrong ? why_set(why, ERR_INVALID, "%s", wrong) : OK;
}

/* --- judging an answer --- */

static void print_serial(const mbedtls_x509_buf *serial, char out[SERIAL_SIZE])
{
	const size_t len =
		serial->len < (SERIAL_SIZE - 1) / 2 ? serial->len : (SERIAL_SIZE - 1) / 2;
	text_hex(out, serial->p, len);
}

static enum err view(mbedtls_x509_crt *crt, struct certificate_view *out, struct why *why)
{
	const struct tls_dates dates = tls_dates_of(crt);
	*out = (struct certificate_view){ .from_ms = dates.from_ms, .to_ms = dates.to_ms };
	read_device(&crt->subject, out->device);
	print_serial(&crt->serial, out->serial);
	return print_key(&crt->pk, out->key)
		       ? OK
		       : why_set(why, ERR_INVALID, "the certificate's key is not of P-256");
}

enum err certificate_view_of(struct bytes der, struct certificate_view *out, struct why *why)
{
	mbedtls_x509_crt crt;
	mbedtls_x509_crt_init(&crt);
	enum err e = OK;
	if (der.len > CERTIFICATE_MAX ||
	    mbedtls_x509_crt_parse_der(&crt, (const unsigned char *)der.at, der.len) ||
	    crt.raw.len != der.len)
		e = why_set(why, ERR_INVALID, "it is no certificate in DER");
	if (!e)
		e = view(&crt, out, why);
	mbedtls_x509_crt_free(&crt);
	return e;
}

enum err certificate_read(const char *path, struct certificate_view *out, struct why *why)
{
	mbedtls_x509_crt crt;
	mbedtls_x509_crt_init(&crt);
	enum err e = tls_certificates_read(&crt, path, NULL, why);
	if (!e)
		e = why_in(why, view(&crt, out, why), path);
	mbedtls_x509_crt_free(&crt);
	return e;
}

enum err certificate_end(const char *path, int64_t *out_ms, struct why *why)
{
	mbedtls_x509_crt crt;
	mbedtls_x509_crt_init(&crt);
	enum err e = tls_certificates_read(&crt, path, NULL, why);
	if (!e)
		*out_ms = tls_dates_of(&crt).to_ms;
	mbedtls_x509_crt_free(&crt);
	return e;
}

static bool is_for_clients(const mbedtls_x509_crt *crt)
{
	return crt->ext_types & MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE &&
	       !mbedtls_x509_crt_check_extended_key_usage(
		       crt, MBEDTLS_OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH));
}

static enum err judge(mbedtls_x509_crt *crt, mbedtls_x509_crt *ca, mbedtls_pk_context *key,
		      const char *device, struct why *why)
{
	char ours[PUBLIC_KEY_SIZE], theirs[PUBLIC_KEY_SIZE], name[LABEL_SIZE];
	uint32_t flags = 0;
	const int64_t wall_ms = clock_wall_ms();
	const struct tls_dates dates = tls_dates_of(crt);
	read_device(&crt->subject, name);
	if (!print_key(key, ours) || !print_key(&crt->pk, theirs) ||
	    memcmp(ours, theirs, sizeof ours) != 0)
		return why_set(why, ERR_DENIED, "the certificate is for another key than ours");
	if (strcmp(name, device) != 0)
		return why_set(why, ERR_DENIED, "the certificate is for \"%s\", and this is %s",
			       name, device);
	if (crt->ca_istrue || !is_for_clients(crt))
		return why_set(why, ERR_DENIED,
			       "the certificate is not for clients: it needs extendedKeyUsage "
			       "clientAuth, and is no CA's");
	/* The library asks the wall clock, whether it was ever set or not. */
	(void)mbedtls_x509_crt_verify_with_profile(crt, ca, NULL, &tls_profile, NULL, &flags, NULL,
						   NULL);
	if (flags & ~(uint32_t)TIME_FLAGS)
		return why_set(why, ERR_DENIED, "the certificate is signed by no CA of ours");
	return clock_is_set(wall_ms) ? tls_dates_check(&dates, wall_ms, "the certificate", why)
				     : OK;
}

enum err certificate_check(const struct bytes *chain, size_t count,
			   const struct certificate_demand *demand, struct why *why)
{
	mbedtls_x509_crt crt, ca;
	mbedtls_pk_context key;
	enum err e =
		count && count <= CHAIN_MAX
			? OK
			: why_set(why, ERR_DENIED, "1 to %d certificates are expected", CHAIN_MAX);
	mbedtls_x509_crt_init(&crt);
	mbedtls_x509_crt_init(&ca);
	mbedtls_pk_init(&key);
	for (size_t i = 0; i < count && !e; i++)
		if (chain[i].len > CERTIFICATE_MAX ||
		    mbedtls_x509_crt_parse_der(&crt, (const unsigned char *)chain[i].at,
					       chain[i].len))
			e = why_set(why, ERR_DENIED, "certificate %zu of the answer is no DER", i);
	if (!e)
		e = tls_certificates_read(&ca, demand->ca_path, NULL, why);
	if (!e)
		e = tls_key_read(&key, demand->key_path, NULL, why);
	if (!e)
		e = judge(&crt, &ca, &key, demand->device, why);
	mbedtls_pk_free(&key);
	mbedtls_x509_crt_free(&ca);
	mbedtls_x509_crt_free(&crt);
	return e;
}

/* --- a CA --- */

bool certificate_is_root(struct bytes der)
{
	mbedtls_x509_crt crt;
	mbedtls_x509_crt_init(&crt);
	const bool is_root =
		mbedtls_x509_crt_parse_der(&crt, (const unsigned char *)der.at, der.len) == 0 &&
		crt.subject_raw.len == crt.issuer_raw.len &&
		memcmp(crt.subject_raw.p, crt.issuer_raw.p, crt.subject_raw.len) == 0;
	mbedtls_x509_crt_free(&crt);
	return is_root;
}

enum err authority_load(const struct authority_files *ca, struct tls_identity *out, struct why *why)
{
	const struct tls_files files = { .ca = ca->cert, .cert = ca->cert, .key = ca->key };
	enum err e = tls_identity_read(out, "", &files, why);
	if (!e)
		e = tls_identity_match(out, &files, why);
	if (!e && !out->cert.ca_istrue)
		e = why_set(why, ERR_INVALID, "%s is no CA's certificate: it needs CA:TRUE",
			    ca->cert);
	if (!e && !mbedtls_pk_can_do(&out->key, MBEDTLS_PK_ECDSA))
		e = why_set(why, ERR_INVALID, "%s: a key for an elliptic curve is expected",
			    ca->key);
	return e;
}

enum err authority_check(const struct authority_files *ca, struct why *why)
{
	struct tls_identity i;
	enum err e = authority_load(ca, &i, why);
	tls_identity_drop(&i);
	return e;
}

static void print_date(char out[DATE_SIZE], int64_t ms)
{
	const time_t s = (time_t)(ms / 1000);
	struct tm utc;
	strftime(out, DATE_SIZE, "%Y%m%d%H%M%S", gmtime_r(&s, &utc));
}

static int add_extension(mbedtls_x509write_cert *w, const char *oid, size_t oid_len,
			 struct bytes value)
{
	return mbedtls_x509write_crt_set_extension(w, oid, oid_len, 0,
						   (const unsigned char *)value.at, value.len);
}

/* A sequence with one member, whose tag is `tag`: both extensions are that. */
static int add_short(mbedtls_x509write_cert *w, const char *oid, size_t oid_len, int tag,
		     struct bytes member)
{
	char der[LABEL_SIZE + 4];
	der[0] = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
	der[1] = (char)(member.len + 2);
	der[2] = (char)tag;
	der[3] = (char)member.len;
	memcpy(der + 4, member.at, member.len);
	return add_extension(w, oid, oid_len, (struct bytes){ der, member.len + 4 });
}

/* The name of a CA's key, as its certificate has it; empty: it has none. An octet string in the
 * octet string of the extension. */
static struct bytes key_id_of(const mbedtls_x509_crt *ca)
{
	static const char head[] = "\x06\x03" MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER "\x04";
	enum { HEAD = sizeof head - 1, LENGTHS = 3 }; /* outer length, tag, inner length */
	const unsigned char *at =
		ca->v3_ext.p ? memmem(ca->v3_ext.p, ca->v3_ext.len, head, HEAD) : NULL;
	const unsigned char *end = ca->v3_ext.p + ca->v3_ext.len;
	if (!at || end - at < HEAD + LENGTHS)
		return (struct bytes){ "", 0 };
	at += HEAD + LENGTHS;
	const size_t len = at[-1];
	const bool is_sane = len <= LABEL_MAX && len <= (size_t)(end - at) && at[-3] == len + 2;
	return (struct bytes){ (const char *)at, is_sane ? len : 0 };
}

static int describe(mbedtls_x509write_cert *w, const struct certificate_order *o)
{
	char name[NAME_SIZE], from[DATE_SIZE], to[DATE_SIZE];
	unsigned char serial[SERIAL_BYTES];
	snprintf(name, sizeof name, "CN=%s", o->device);
	print_date(from, o->from_ms);
	print_date(to, o->to_ms);
	random_bytes(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always as long */
	int code = compat_set_serial(w, serial, sizeof serial);
	if (!code)
		code = mbedtls_x509write_crt_set_validity(w, from, to);
	if (!code)
		code = mbedtls_x509write_crt_set_subject_name(w, name);
	if (!code)
		code = mbedtls_x509write_crt_set_basic_constraints(w, 0, -1);
	if (!code)
		code = mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
	if (!code)
		code = add_short(w, MBEDTLS_OID_EXTENDED_KEY_USAGE,
				 MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), MBEDTLS_ASN1_OID,
				 BYTES_LIT(MBEDTLS_OID_CLIENT_AUTH));
	if (!code)
		code = add_short(w, MBEDTLS_OID_SUBJECT_ALT_NAME,
				 MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), SAN_DNS,
				 bytes_of(o->device));
	return code;
}

static bool copy_bytes(mbedtls_asn1_buf *to, const mbedtls_asn1_buf *from)
{
	to->p = mbedtls_calloc(1, from->len + 1);
	if (!to->p)
		return false;
	memcpy(to->p, from->p, from->len);
	to->len = from->len;
	to->tag = from->tag;
	return true;
}

/* Part by part as the CA's certificate has it: a text of it would be read with its commas. The
 * library writes the list from its end. */
static int name_issuer(mbedtls_x509write_cert *w, const mbedtls_x509_crt *ca)
{
	for (const mbedtls_x509_name *n = &ca->subject; n; n = n->next) {
		mbedtls_asn1_named_data *part = mbedtls_calloc(1, sizeof *part);
		if (!part)
			return MBEDTLS_ERR_X509_ALLOC_FAILED;
		part->next = w->issuer;
		w->issuer = part;
		if (!copy_bytes(&part->oid, &n->oid) || !copy_bytes(&part->val, &n->val))
			return MBEDTLS_ERR_X509_ALLOC_FAILED;
	}
	return 0;
}

static int sign(struct tls_identity *ca, mbedtls_pk_context *subject,
		const struct certificate_order *order, unsigned char der[CERTIFICATE_MAX])
{
	mbedtls_x509write_cert w;
	mbedtls_x509write_crt_init(&w);
	mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&w, subject);
	mbedtls_x509write_crt_set_issuer_key(&w, &ca->key);
	const struct bytes issuer_key = key_id_of(&ca->cert);
	int code = describe(&w, order);
	if (!code)
		code = name_issuer(&w, &ca->cert);
	if (!code && issuer_key.len)
		code = add_short(&w, MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER,
				 MBEDTLS_OID_SIZE(MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER),
				 MBEDTLS_ASN1_CONTEXT_SPECIFIC | 0, issuer_key);
	if (!code)
		code = mbedtls_x509write_crt_der(&w, der, CERTIFICATE_MAX, tls_random, NULL);
	mbedtls_x509write_crt_free(&w);
	return code;
}

enum err certificate_issue(const struct authority_files *ca, const struct certificate_order *order,
			   char out[CERTIFICATE_MAX], size_t *out_len, struct why *why)
{
	unsigned char der[CERTIFICATE_MAX];
	struct tls_identity i;
	mbedtls_pk_context subject;
	struct certificate_order cut = *order;
	mbedtls_pk_init(&subject);
	enum err e = authority_load(ca, &i, why);
	if (!e && mbedtls_pk_parse_public_key(&subject, (const unsigned char *)order->key,
					      PUBLIC_KEY_SIZE))
		e = why_set(why, ERR_INVALID, "the board's key is not of P-256");
	if (!e) {
		const struct tls_dates dates = tls_dates_of(&i.cert);
		cut.to_ms = dates.to_ms < order->to_ms ? dates.to_ms : order->to_ms;
		const int len = sign(&i, &subject, &cut, der);
		*out_len = len > 0 ? (size_t)len : 0;
		if (len > 0)
			memcpy(out, der + sizeof der - len, *out_len);
		else
			e = why_set(why, ERR_SYSTEM, "a certificate cannot be made (-0x%04x)",
				    (unsigned)-len);
	}
	mbedtls_pk_free(&subject);
	tls_identity_drop(&i);
	return e;
}
