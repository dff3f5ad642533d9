#include "ports/linux/tls_identity.h"

#include "base/scoped.h"
#include "base/token_uri.h"
#include "ports/file.h"
#include "ports/linux/tls_token.h"
#include "ports/random.h"

#include <string.h>
#include <sys/stat.h>

enum { RSA_MIN_BITS = 2048 };

/* 2.28 alone would take curves of 192 bits. */
const mbedtls_x509_crt_profile tls_profile = {
	MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
		MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
	UINT32_MAX,
	MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) |
		MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
	RSA_MIN_BITS,
};

static bool is_given(const char *path)
{
	return path && path[0];
}

/* The NUL behind it is part of what the library wants to see of PEM. */
struct pem {
	char *at;
	size_t len;
};

static void drop(struct pem *p)
{
	if (p->at)
		explicit_bzero(p->at, p->len);
	free(p->at);
}

#define SCOPED_PEM __attribute__((cleanup(drop))) struct pem

static enum err read_file(const char *path, struct digest *sum, struct pem *out, struct why *why)
{
	enum err e = file_read(path, TLS_FILE_MAX, &out->at, &out->len, why);
	if (e)
		return e;
	out->len++;
	if (sum)
		digest_add(sum, (struct bytes){ out->at, out->len });
	return OK;
}

enum err tls_certificates_read(mbedtls_x509_crt *into, const char *path, struct digest *sum,
			       struct why *why)
{
	SCOPED_PEM pem = { 0 };
	enum err e = read_file(path, sum, &pem, why);
	if (e)
		return e;
	const int code = mbedtls_x509_crt_parse(into, (const unsigned char *)pem.at, pem.len);
	if (code > 0)
		return why_set(why, ERR_INVALID, "%s: %d of its certificates cannot be read", path,
			       code);
	if (code)
		return why_set(why, ERR_INVALID, "%s: no certificate in PEM (-0x%04x)", path,
			       (unsigned)-code);
	return OK;
}

static enum err read_list(mbedtls_x509_crl *into, const char *path, struct digest *sum,
			  struct why *why)
{
	SCOPED_PEM pem = { 0 };
	enum err e = read_file(path, sum, &pem, why);
	if (e)
		return e;
	const int code = mbedtls_x509_crl_parse(into, (const unsigned char *)pem.at, pem.len);
	if (code)
		return why_set(why, ERR_INVALID, "%s: no revocation list in PEM (-0x%04x)", path,
			       (unsigned)-code);
	return OK;
}

/* A key that others can read may have been copied. */
static enum err check_privacy(const char *path, struct why *why)
{
	struct stat s;
	if (stat(path, &s))
		return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s: %s", path,
			       strerror(errno));
	if (s.st_mode & (S_IRWXG | S_IRWXO))
		return why_set(why, ERR_DENIED,
			       "%s: others may use this private key (mode %04o): chmod 600 %s",
			       path, s.st_mode & 07777u, path);
	if (s.st_uid != geteuid() && s.st_uid != 0)
		return why_set(why, ERR_DENIED,
			       "%s: this private key belongs to user %u: chown %u %s", path,
			       s.st_uid, geteuid(), path);
	return OK;
}

enum err tls_key_read(mbedtls_pk_context *into, const char *path, struct digest *sum,
		      struct why *why)
{
	SCOPED_PEM pem = { 0 };
	if (token_uri_is(path))
		return tls_token_read(into, path, sum, why);
	enum err e = check_privacy(path, why);
	if (!e)
		e = read_file(path, sum, &pem, why);
	if (e)
		return e;
	const int code = compat_parse_key(into, (const unsigned char *)pem.at, pem.len, tls_random);
	if (code == MBEDTLS_ERR_PK_PASSWORD_REQUIRED)
		return why_set(why, ERR_INVALID,
			       "%s: the key has a password, which nobody is here to type: write it "
			       "without (openssl pkey -in %s)",
			       path, path);
	if (code)
		return why_set(why, ERR_INVALID, "%s: no private key in PEM (-0x%04x)", path,
			       (unsigned)-code);
	return OK;
}

static enum err read_all(struct tls_identity *i, const struct tls_files *f, struct digest *sum,
			 struct why *why)
{
	i->has_cert = is_given(f->cert);
	i->has_crl = is_given(f->crl);
	enum err e = tls_files_check(f, true, why);
	if (!e)
		e = tls_certificates_read(&i->ca, f->ca, sum, why);
	if (!e && i->has_crl)
		e = read_list(&i->crl, f->crl, sum, why);
	if (!e && i->has_cert)
		e = tls_certificates_read(&i->cert, f->cert, sum, why);
	if (!e && i->has_cert)
		e = tls_key_read(&i->key, f->key, sum, why);
	return e;
}

struct tls_files tls_files_of_environment(void)
{
	return (struct tls_files){ .ca = getenv("SKERRY_CA"),
				   .cert = getenv("SKERRY_CERT"),
				   .key = getenv("SKERRY_KEY"),
				   .crl = getenv("SKERRY_CRL"),
				   .alpn = getenv("SKERRY_ALPN") };
}

enum err tls_files_check(const struct tls_files *f, bool is_tls, struct why *why)
{
	const bool has_any = is_given(f->ca) || is_given(f->cert) || is_given(f->key) ||
			     is_given(f->crl) || is_given(f->alpn);
	if (!is_tls)
		return !has_any ? OK
				: why_set(why, ERR_INVALID,
					  "files for TLS are named (tls_ca, --ca and the like), "
					  "and the "
					  "broker is mqtt://, which has none: write mqtts://");
	if (!is_given(f->ca))
		return why_set(why, ERR_INVALID,
			       "mqtts:// needs the CA to trust: tls_ca, or --ca and SKERRY_CA at a "
			       "desk; the system's CAs are not asked");
	if (is_given(f->cert) != is_given(f->key))
		return why_set(why, ERR_INVALID,
			       "a certificate and its key go together: %s is missing",
			       is_given(f->cert) ? "tls_key (--key)" : "tls_cert (--cert)");
	return OK;
}

enum err tls_identity_read(struct tls_identity *i, const char *host, const struct tls_files *files,
			   struct why *why)
{
	mbedtls_x509_crt_init(&i->ca);
	mbedtls_x509_crt_init(&i->cert);
	mbedtls_x509_crl_init(&i->crl);
	mbedtls_pk_init(&i->key);
	struct digest *sum = digest_begin();
	digest_add(sum, (struct bytes){ host, strlen(host) + 1 });
	enum err e = read_all(i, files, sum, why);
	digest_end(sum, i->digest);
	return e;
}

void tls_identity_drop(struct tls_identity *i)
{
	mbedtls_x509_crt_free(&i->ca);
	mbedtls_x509_crt_free(&i->cert);
	mbedtls_x509_crl_free(&i->crl);
	mbedtls_pk_free(&i->key);
}

enum err tls_identity_match(const struct tls_identity *i, const struct tls_files *files,
			    struct why *why)
{
	if (!i->has_cert)
		return OK;
	if (token_uri_is(files->key) ? tls_token_fits(&i->key, &i->cert.pk)
				     : !compat_check_pair(&i->cert.pk, &i->key, tls_random))
		return OK;
	const char *reason = tls_token_reason(&i->key);
	if (reason)
		return why_set(why, ERR_SYSTEM, "%s", reason);
	return why_set(why, ERR_INVALID, "%.120s is not the key of %s", files->key, files->cert);
}

int tls_random(void *unused, unsigned char *out, size_t len)
{
	(void)unused;
	random_bytes(out, len);
	return 0;
}
