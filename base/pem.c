#include "base/pem.h"

#include "base/base64.h"

enum { LINE_BYTES = 48 }; /* 64 characters, as everybody writes it */

static const char BEGIN[] = "-----BEGIN ", END[] = "-----END ", DASHES[] = "-----";

void pem_add(struct text *t, const char *label, struct bytes der)
{
	text_add(t, "%s%s%s\n", BEGIN, label, DASHES);
	for (size_t at = 0; at < der.len; at += LINE_BYTES) {
		const size_t left = der.len - at;
		char line[LINE_BYTES / 3 * 4 + 1];
		base64_encode((struct bytes){ der.at + at, left < LINE_BYTES ? left : LINE_BYTES },
			      line);
		text_add(t, "%s\n", line);
	}
	text_add(t, "%s%s%s\n", END, label, DASHES);
}

static const char *find(struct bytes in, const char *word)
{
	return in.len ? memmem(in.at, in.len, word, strlen(word)) : NULL;
}

static struct bytes behind(struct bytes all, const char *at)
{
	return (struct bytes){ at, (size_t)(all.at + all.len - at) };
}

bool pem_next(struct bytes *rest, struct pem_block *out)
{
	const char *begin = find(*rest, BEGIN);
	if (!begin)
		return false;
	struct bytes body = behind(*rest, begin + strlen(BEGIN));
	const char *dashes = find(body, DASHES);
	if (!dashes || !text_copy(out->label, sizeof out->label,
				  (struct bytes){ body.at, (size_t)(dashes - body.at) }))
		return false;
	body = behind(body, dashes + strlen(DASHES));
	const char *end = find(body, END);
	if (!end)
		return false;
	out->base64 = (struct bytes){ body.at, (size_t)(end - body.at) };
	*rest = behind(body, end + strlen(END));
	return true;
}
