/* signing_ca - a CA for tests, which openssl has made, until 2126; its key is worth nothing. */
#pragma once

#include "ports/certificate.h"
#include "ports/clock.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

static const char ca_cert_text[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBpTCCAUugAwIBAgIUCWb8feROTq7Kh24bZlFxwvC5G/8wCgYIKoZIzj0EAwIw\n"
	"HzEMMAoGA1UECgwDTGFiMQ8wDQYDVQQDDAZib2FyZHMwIBcNMjYxMTI3MDcxNTM0\n"
	"WhgPMjEyNjExMDMwNzE1MzRaMB8xDDAKBgNVBAoMA0xhYjEPMA0GA1UEAwwGYm9h\n"
	"cmRzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqO87vO17nNQlqcliD6dteu9Y\n"
	"Oe7yIY8GIRLkvWZhdMhrohCO5VxHAGqfxNZQ21rGNSoFecYc4jURPWrhNQP8sqNj\n"
	"MGEwHQYDVR0OBBYEFL8KNOEMeDG2wTxE4DxMN37CEQnqMB8GA1UdIwQYMBaAFL8K\n"
	"NOEMeDG2wTxE4DxMN37CEQnqMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQD\n"
	"AgEGMAoGCCqGSM49BAMCA0gAMEUCIQDDSqryhDrAVnSWseEGB4hmSOxBLTzDsf2M\n"
	"w1thyQ4gCAIgBQMpIMHaPHrwoXk29bdgFZXtHDU1qTqSNivgopTRcOw=\n"
	"-----END CERTIFICATE-----\n";

static const char ca_key_text[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEIIfjvtvGavxZAjlN8C9pwPhcVCOtkB/xE61SUi4D5RTaoAoGCCqGSM49\n"
	"AwEHoUQDQgAEqO87vO17nNQlqcliD6dteu9YOe7yIY8GIRLkvWZhdMhrohCO5VxH\n"
	"AGqfxNZQ21rGNSoFecYc4jURPWrhNQP8sg==\n"
	"-----END EC PRIVATE KEY-----\n";

struct signing_ca {
	char cert[SCRATCH_PATH_MAX], key[SCRATCH_PATH_MAX];
	struct authority_files files;
};

static inline void signing_ca_make(struct signing_ca *ca, struct scratch *s)
{
	strcpy(ca->cert, scratch_at(s, "test-ca.pem"));
	strcpy(ca->key, scratch_at(s, "test-ca.key"));
	ca->files = (struct authority_files){ ca->cert, ca->key };
	assert_ok(file_replace(ca->cert, bytes_of(ca_cert_text), false, NULL));
	assert_ok(file_replace(ca->key, bytes_of(ca_key_text), false, NULL));
}

/* A certificate for the key in a file; how many bytes of `out` it takes. */
static inline size_t signing_ca_sign(const struct signing_ca *ca, const char *key_path,
				     const char *device, int64_t life_ms, char out[CERTIFICATE_MAX])
{
	char csr[CSR_MAX], name[LABEL_SIZE], key[PUBLIC_KEY_SIZE];
	size_t len, out_len;
	assert_ok(csr_make(key_path, device, csr, &len, NULL));
	assert_ok(csr_read((struct bytes){ csr, len }, name, key, NULL));
	const struct certificate_order order = { .device = name,
						 .key = key,
						 .from_ms = clock_wall_ms() - 1000,
						 .to_ms = clock_wall_ms() + life_ms };
	assert_ok(certificate_issue(&ca->files, &order, out, &out_len, NULL));
	return out_len;
}
