#include "base/token_uri.h"

#include "base/text.h"

static const char SCHEME[] = "pkcs11:";
static const char FILE_SCHEME[] = "file:";

enum { NAME_SHOWN_MAX = 40 };

struct attribute {
	const char *name;
	char *into;     /* of TOKEN_VALUE_SIZE */
	size_t *binary; /* its length; NULL: text, without a NUL in it */
	bool is_query;  /* stands behind the '?' */
};

bool token_uri_is(const char *text)
{
	return text && text_starts(text, SCHEME);
}

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* One byte at *at, which moves behind it. False: a broken escape. */
static bool decode_byte(struct bytes s, size_t *at, char *out)
{
	*out = s.at[(*at)++];
	if (*out != '%')
		return true;
	const int high = *at + 1 < s.len ? digit_of(s.at[*at]) : -1;
	const int low = high < 0 ? -1 : digit_of(s.at[*at + 1]);
	*out = (char)(high * 16 + low);
	*at += 2;
	return low >= 0;
}

static const char *decode(struct bytes value, const struct attribute *a)
{
	size_t len = 0;
	if (a->into[0] || (a->binary && *a->binary))
		return "is there twice";
	if (!value.len)
		return "is empty";
	for (size_t at = 0; at < value.len; len++) {
		if (len == TOKEN_VALUE_SIZE - 1)
			return "is too long";
		if (!decode_byte(value, &at, &a->into[len]))
			return "has a % without two hex digits behind it";
		if (!a->binary && !a->into[len])
			return "has a byte of 0 in it";
	}
	a->into[len] = '\0';
	if (a->binary)
		*a->binary = len;
	return NULL;
}

/* What is wrong with it; NULL: nothing. */
static const char *read_part(struct token_uri *u, struct bytes name, struct bytes value,
			     bool is_query)
{
	const struct attribute known[] = {
		{ "token", u->token, NULL, false },
		{ "serial", u->serial, NULL, false },
		{ "object", u->object, NULL, false },
		{ "id", u->id, &u->id_len, false },
		{ "module-path", u->module, NULL, true },
		{ "pin-source", u->pin_source, NULL, true },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (bytes_are(name, known[i].name) && known[i].is_query == is_query)
			return decode(value, &known[i]);
	if (bytes_are(name, "pin-value"))
		return "is not taken: write the PIN to a file for root alone, and name it in "
		       "pin-source";
	if (!is_query && bytes_are(name, "type"))
		return bytes_are(value, "private") ? NULL : "is not private";
	return "is not understood: token, serial, object, id and type=private are, and behind "
	       "the ? module-path and pin-source";
}

static enum err check(struct token_uri *u, struct why *why)
{
	const bool has_pin = u->pin_source[0] != '\0';
	const char *path = u->pin_source + strlen(FILE_SCHEME);
	if (text_starts(u->pin_source, FILE_SCHEME))
		memmove(u->pin_source, path, strlen(path) + 1);
	if (!u->object[0] && !u->id_len)
		return why_set(why, ERR_INVALID, "pkcs11: object=LABEL or id=%%01 is needed");
	if (u->module[0] != '/')
		return why_set(why, ERR_INVALID,
			       "pkcs11: ?module-path=/FILE.so, the token's library, is needed");
	if (has_pin && u->pin_source[0] != '/')
		return why_set(why, ERR_INVALID,
			       "pkcs11: pin-source needs the absolute path of a file");
	return OK;
}

/* One "name=value", or nothing between two marks. */
static enum err take_part(struct token_uri *u, struct bytes part, bool is_query, struct why *why)
{
	const char *equals = part.len ? memchr(part.at, '=', part.len) : NULL;
	struct bytes name = part, value = { part.at + part.len, 0 };
	if (equals) {
		name.len = (size_t)(equals - part.at);
		value = (struct bytes){ equals + 1, part.len - name.len - 1 };
	}
	const char *wrong = part.len ? read_part(u, name, value, is_query) : NULL;
	const size_t shown = name.len < NAME_SHOWN_MAX ? name.len : NAME_SHOWN_MAX;
	return wrong ? why_set(why, ERR_INVALID, "pkcs11: %.*s %s", (int)shown, name.at, wrong)
		     : OK;
}

enum err token_uri_read(const char *text, struct token_uri *out, struct why *why)
{
	bool is_query = false;
	*out = (struct token_uri){ 0 };
	if (!token_uri_is(text) || strlen(text) >= TOKEN_URI_SIZE)
		return why_set(why, ERR_INVALID, "pkcs11:... of at most %d bytes is expected",
			       TOKEN_URI_SIZE - 1);
	for (const char *at = text + strlen(SCHEME); *at;) {
		const struct bytes part = { at, strcspn(at, is_query ? "&" : ";?") };
		enum err e = take_part(out, part, is_query, why);
		if (e)
			return e;
		at += part.len;
		is_query |= *at == '?';
		at += *at != '\0';
	}
	return check(out, why);
}
