#include "ports/linux/tls_reason.h"

#include "ports/linux/mbedtls_compat.h"

enum { ALERT_HANDSHAKE_FAILURE = 40, ALERT_CERTIFICATE_REQUIRED = 116 };

/* What the broker says of us. RFC 5246 7.2, RFC 8446 6. */
static const struct {
	int alert;
	const char *text;
} alerts[] = {
	{ ALERT_HANDSHAKE_FAILURE, "handshake failure: it wants a certificate of ours (tls_cert, "
				   "tls_key), or shares no cipher with us" },
	{ 42, "our certificate is bad (tls_cert)" },
	{ 43, "our certificate is of a kind that it does not take (tls_cert)" },
	{ 44, "our certificate is revoked (tls_cert)" },
	{ 45, "our certificate has expired (tls_cert)" },
	{ 46, "our certificate is not accepted (tls_cert)" },
	{ 48, "our certificate is of a CA that it does not know (tls_cert)" },
	{ 51, "our signature does not hold (tls_key)" },
	{ 70, "no common version: TLS 1.2 or newer is needed" },
	{ 112, "it does not know this host name" },
	{ ALERT_CERTIFICATE_REQUIRED, "it wants a certificate of ours (tls_cert, tls_key)" },
	{ 120, "it does not speak this protocol (tls_alpn)" },
};

static enum err tell_alert(int alert, struct why *why)
{
	for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++)
		if (alerts[i].alert == alert)
			return why_set(why, ERR_DENIED, "the broker refused: %s", alerts[i].text);
	return why_set(why, ERR_DENIED, "the broker refused: TLS alert %d", alert);
}

enum err tls_reason_shaking(int code, int alert, struct why *why)
{
	if (alert >= 0)
		return tell_alert(alert, why);
	switch (code) {
	case MBEDTLS_ERR_SSL_CONN_EOF:
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		return why_set(
			why, ERR_OFFLINE,
			"the broker closed the connection in the TLS handshake: is this its TLS "
			"port, and does it take our certificate? Its log says");
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
	case MBEDTLS_ERR_X509_ALLOC_FAILED:
		return why_set(why, ERR_SYSTEM, "tls: no memory");
	case COMPAT_ERR_VERSION:
		return why_set(why, ERR_DENIED, "no common version: TLS 1.2 or newer is needed");
	default:
		return why_set(why, ERR_DENIED,
			       "what the broker sent is no TLS that we take (-0x%04x): is this its "
			       "TLS port?",
			       (unsigned)-code);
	}
}

enum err tls_reason_open(int code, int alert, struct why *why)
{
	if (alert >= 0)
		return tell_alert(alert, why);
	switch (code) {
	case 0:
	case MBEDTLS_ERR_SSL_CONN_EOF:
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		return why_set(why, ERR_NOT_FOUND, "closed the connection");
	default:
		return why_set(why, ERR_OFFLINE, "sent a damaged TLS record (-0x%04x)",
			       (unsigned)-code);
	}
}
