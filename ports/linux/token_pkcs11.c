#include "ports/linux/token.h"

#include "base/scoped.h"
#include "base/token_uri.h"
#include "ports/digest.h"
#include "ports/file.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	HALF = 32, /* bytes of r, and of s */
	DER_SEQUENCE = 0x30,
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	PIN_FILE_MAX = 256,
	POINT_DER_BYTES = TOKEN_POINT_BYTES + 2,
};

struct token {
	struct token_uri uri;
	void *library;
	CK_FUNCTION_LIST_PTR call;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	bool has_started, has_session;
	unsigned char point[TOKEN_POINT_BYTES];
};

/* The token and the PIN that were refused last. Of the process, as the library is: whoever
 * dials again, or renews a certificate, must not use up the token's tries. */
static char refused[DIGEST_SIZE];

/* --- words --- */

static const char *word_of(CK_RV code)
{
	static const struct {
		CK_RV code;
		const char *word;
	} words[] = {
		{ CKR_DEVICE_ERROR, "the token has failed" },
		{ CKR_DEVICE_REMOVED, "the token was pulled out" },
		{ CKR_TOKEN_NOT_PRESENT, "the token is not there" },
		{ CKR_TOKEN_NOT_RECOGNIZED, "the token is not recognised" },
		{ CKR_SESSION_HANDLE_INVALID, "the token has ended the session" },
		{ CKR_USER_NOT_LOGGED_IN, "it wants a PIN: pin-source" },
		{ CKR_KEY_FUNCTION_NOT_PERMITTED, "the key is not for signing" },
		{ CKR_MECHANISM_INVALID, "the token has no ECDSA" },
		{ CKR_PIN_INCORRECT, "wrong PIN" },
		{ CKR_PIN_LEN_RANGE, "wrong PIN: its length" },
		{ CKR_PIN_INVALID, "wrong PIN: its characters" },
		{ CKR_PIN_EXPIRED, "the PIN has expired" },
		{ CKR_PIN_LOCKED, "the PIN is locked" },
		{ CKR_USER_PIN_NOT_INITIALIZED, "the token has no PIN yet" },
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].code == code)
			return words[i].word;
	return "PKCS#11";
}

static enum err fail(struct why *why, const char *step, CK_RV code)
{
	return why_set(why, ERR_SYSTEM, "pkcs11: %s: %s (0x%lx)", step, word_of(code), code);
}

/* --- the library --- */

/* It becomes part of an agent that is root. */
static enum err check_library(const char *path, struct why *why)
{
	struct stat s;
	if (stat(path, &s))
		return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM,
			       "pkcs11: module-path %s: %s", path, strerror(errno));
	if (s.st_mode & (S_IWGRP | S_IWOTH) || (s.st_uid != 0 && s.st_uid != geteuid()))
		return why_set(why, ERR_DENIED,
			       "pkcs11: others may write to %s (mode %04o): chmod go-w, chown root",
			       path, s.st_mode & 07777u);
	return OK;
}

static enum err load(struct token *t, struct why *why)
{
	CK_C_GetFunctionList get;
	enum err e = check_library(t->uri.module, why);
	if (e)
		return e;
	t->library = dlopen(t->uri.module, RTLD_NOW | RTLD_LOCAL);
	if (!t->library)
		return why_set(why, ERR_INVALID, "pkcs11: module-path: %.200s", dlerror());
	*(void **)&get = dlsym(t->library, "C_GetFunctionList");
	if (!get || get(&t->call) != CKR_OK || !t->call)
		return why_set(why, ERR_INVALID, "pkcs11: %s is no library of PKCS#11",
			       t->uri.module);
	const CK_RV code = t->call->C_Initialize(NULL);
	t->has_started = code == CKR_OK;
	/* A signature during a handshake: it is over before the handshake's key is closed. */
	if (code == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return OK;
	return t->has_started ? OK : fail(why, t->uri.module, code);
}

/* --- the token --- */

/* Labels and serial numbers are padded with blanks. */
static bool fits(const unsigned char *padded, size_t len, const char *wanted)
{
	while (len && padded[len - 1] == ' ')
		len--;
	return !wanted[0] || bytes_are((struct bytes){ (const char *)padded, len }, wanted);
}

static bool is_wanted(const struct token *t, CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	return t->call->C_GetTokenInfo(slot, info) == CKR_OK &&
	       info->flags & CKF_TOKEN_INITIALIZED &&
	       fits(info->label, sizeof info->label, t->uri.token) &&
	       fits(info->serialNumber, sizeof info->serialNumber, t->uri.serial);
}

static enum err find_slot(const struct token *t, CK_SLOT_ID *out, CK_FLAGS *out_flags,
			  struct why *why)
{
	CK_SLOT_ID slots[TOKEN_SLOTS_MAX];
	CK_ULONG count = TOKEN_SLOTS_MAX, found = 0;
	CK_TOKEN_INFO info;
	const CK_RV code = t->call->C_GetSlotList(CK_TRUE, slots, &count);
	if (code == CKR_BUFFER_TOO_SMALL)
		return why_set(why, ERR_FULL, "pkcs11: %s has more than %d slots", t->uri.module,
			       TOKEN_SLOTS_MAX);
	if (code != CKR_OK)
		return fail(why, "slots", code);
	for (CK_ULONG i = 0; i < count; i++) {
		if (!is_wanted(t, slots[i], &info))
			continue;
		*out = slots[i];
		*out_flags = info.flags;
		found++;
	}
	if (found == 1)
		return OK;
	if (found)
		return why_set(why, ERR_CONFLICT,
			       "pkcs11: %lu tokens fit: name one with token= or serial=", found);
	return why_set(why, ERR_NOT_FOUND,
		       "pkcs11: there is no token \"%s\" now: is it plugged in, initialised, and "
		       "this its library?",
		       t->uri.token);
}

/* --- the PIN --- */

static enum err read_pin(const char *path, char pin[TOKEN_PIN_MAX + 1], struct why *why)
{
	struct stat s;
	SCOPED_MEMORY char *text = NULL;
	size_t len = 0;
	enum err e = file_read(path, PIN_FILE_MAX, &text, &len, why);
	if (e)
		return why_in(why, e, "pkcs11: pin-source");
	const size_t pin_len = strcspn(text, "\r\n");
	if (stat(path, &s) || s.st_mode & (S_IRWXG | S_IRWXO))
		e = why_set(why, ERR_DENIED, "pkcs11: others may read the PIN: chmod 600 %s", path);
	else if (!pin_len || pin_len > TOKEN_PIN_MAX)
		e = why_set(why, ERR_INVALID, "pkcs11: pin-source %s: 1 to %d bytes are expected",
			    path, TOKEN_PIN_MAX);
	else
		snprintf(pin, TOKEN_PIN_MAX + 1, "%.*s", (int)pin_len, text);
	key_wipe(text, len);
	return e;
}

static bool is_refusal(CK_RV code)
{
	return code == CKR_PIN_INCORRECT || code == CKR_PIN_LEN_RANGE || code == CKR_PIN_INVALID ||
	       code == CKR_PIN_EXPIRED || code == CKR_PIN_LOCKED;
}

static void name_attempt(const struct token *t, const char *pin, char out[DIGEST_SIZE])
{
	struct digest *d = digest_begin();
	digest_add(d, (struct bytes){ (const char *)&t->uri, sizeof t->uri });
	digest_add(d, bytes_of(pin));
	digest_end(d, out);
}

static enum err log_in(struct token *t, const char *pin, CK_FLAGS flags, struct why *why)
{
	char attempt[DIGEST_SIZE];
	if (flags & CKF_USER_PIN_LOCKED)
		return why_set(
			why, ERR_DENIED,
			"pkcs11: the PIN of \"%s\" is locked: unlock it with the token's own "
			"tool",
			t->uri.token);
	if (flags & CKF_USER_PIN_FINAL_TRY)
		return why_set(why, ERR_DENIED,
			       "pkcs11: \"%s\" has one try left before it locks itself, which is "
			       "not taken: log in once by hand (pkcs11-tool --login)",
			       t->uri.token);
	name_attempt(t, pin, attempt);
	if (strcmp(attempt, refused) == 0)
		return why_set(why, ERR_DENIED,
			       "pkcs11: \"%s\" has refused this PIN, and it is not tried again: "
			       "correct %s",
			       t->uri.token, t->uri.pin_source);
	const CK_RV code = t->call->C_Login(t->session, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin,
					    strlen(pin));
	if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN)
		return OK;
	if (!is_refusal(code))
		return fail(why, "login", code);
	memcpy(refused, attempt, sizeof refused);
	return why_set(why, ERR_DENIED,
		       "pkcs11: \"%s\": %s (0x%lx); it is not tried again: correct %s",
		       t->uri.token, word_of(code), code, t->uri.pin_source);
}

static enum err open_session(struct token *t, struct why *why)
{
	CK_SLOT_ID slot = 0;
	CK_FLAGS flags = 0;
	char pin[TOKEN_PIN_MAX + 1] = "";
	enum err e = find_slot(t, &slot, &flags, why);
	if (e)
		return e;
	const CK_RV code =
		t->call->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &t->session);
	t->has_session = code == CKR_OK;
	if (code != CKR_OK)
		return fail(why, "session", code);
	if (!t->uri.pin_source[0])
		return OK;
	e = read_pin(t->uri.pin_source, pin, why);
	if (!e)
		e = log_in(t, pin, flags, why);
	key_wipe(pin, sizeof pin);
	return e;
}

/* --- the key --- */

static enum err find(struct token *t, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out, struct why *why)
{
	CK_ATTRIBUTE wanted[3] = { { CKA_CLASS, &class, sizeof class } };
	CK_OBJECT_HANDLE found[2] = { 0 };
	CK_ULONG count = 0, terms = 1;
	const char *half = class == CKO_PRIVATE_KEY ? "private" : "public";
	if (t->uri.object[0])
		wanted[terms++] = (CK_ATTRIBUTE){ CKA_LABEL, t->uri.object, strlen(t->uri.object) };
	if (t->uri.id_len)
		wanted[terms++] = (CK_ATTRIBUTE){ CKA_ID, t->uri.id, t->uri.id_len };
	CK_RV code = t->call->C_FindObjectsInit(t->session, wanted, terms);
	if (code == CKR_OK) {
		code = t->call->C_FindObjects(t->session, found, 2, &count);
		t->call->C_FindObjectsFinal(t->session);
	}
	if (code != CKR_OK)
		return fail(why, "find", code);
	if (count > 1)
		return why_set(why, ERR_CONFLICT,
			       "pkcs11: \"%s\" has several %s keys that fit: name one with object= "
			       "and id=",
			       t->uri.token, half);
	if (!count)
		return why_set(why, ERR_NOT_FOUND, "pkcs11: \"%s\" has no %s key \"%s\"%s",
			       t->uri.token, half, t->uri.object,
			       t->uri.pin_source[0] ? "" : ", or does not show it without a PIN");
	*out = found[0];
	return OK;
}

/* The private half may not tell its point; the public one stands beside it. */
static enum err find_pair(struct token *t, struct why *why)
{
	unsigned char der[POINT_DER_BYTES];
	CK_OBJECT_HANDLE shown = 0;
	CK_ATTRIBUTE point = { CKA_EC_POINT, der, sizeof der };
	enum err e = find(t, CKO_PRIVATE_KEY, &t->key, why);
	if (!e)
		e = find(t, CKO_PUBLIC_KEY, &shown, why);
	if (e)
		return e;
	if (t->call->C_GetAttributeValue(t->session, shown, &point, 1) != CKR_OK ||
	    point.ulValueLen != sizeof der || der[0] != DER_OCTETS || der[1] != TOKEN_POINT_BYTES)
		return why_set(why, ERR_INVALID, "pkcs11: the key \"%s\" is not of P-256",
			       t->uri.object);
	memcpy(t->point, der + 2, TOKEN_POINT_BYTES);
	return OK;
}

/* --- the calls --- */

enum err token_open(struct token **out, const char *uri, struct why *why)
{
	struct token *t = calloc(1, sizeof *t);
	if (!t)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = token_uri_read(uri, &t->uri, why);
	if (!e)
		e = load(t, why);
	if (!e)
		e = open_session(t, why);
	if (!e)
		e = find_pair(t, why);
	if (e) {
		token_close(t);
		return e;
	}
	*out = t;
	return OK;
}

void token_close(struct token *t)
{
	if (!t)
		return;
	if (t->has_session)
		t->call->C_CloseSession(t->session);
	if (t->has_started)
		t->call->C_Finalize(NULL);
	if (t->library)
		dlclose(t->library);
	free(t);
}

const unsigned char *token_point(const struct token *t)
{
	return t->point;
}

/* r or s as DER has it: no zeroes in front, and one if it would look negative. */
static size_t write_half(char *out, const unsigned char half[HALF])
{
	size_t skip = 0;
	while (skip < HALF - 1 && !half[skip])
		skip++;
	const size_t pad = half[skip] >> 7, len = HALF - skip + pad;
	out[0] = DER_INTEGER;
	out[1] = (char)len;
	out[2] = 0;
	memcpy(out + 2 + pad, half + skip, HALF - skip);
	return 2 + len;
}

enum err token_sign(struct token *t, const unsigned char hash[TOKEN_HASH_BYTES],
		    char out[SIGNATURE_MAX], size_t *out_len, struct why *why)
{
	CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
	unsigned char raw[2 * HALF];
	CK_ULONG len = sizeof raw;
	CK_RV code = t->call->C_SignInit(t->session, &ecdsa, t->key);
	if (code == CKR_OK)
		code = t->call->C_Sign(t->session, (CK_BYTE_PTR)(uintptr_t)hash, TOKEN_HASH_BYTES,
				       raw, &len);
	if (code != CKR_OK || len != sizeof raw)
		return fail(why, "sign", code);
	size_t at = 2;
	at += write_half(out + at, raw);
	at += write_half(out + at, raw + HALF);
	out[0] = DER_SEQUENCE;
	out[1] = (char)(at - 2);
	*out_len = at;
	return OK;
}
