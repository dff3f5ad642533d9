#include "ports/mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* C-TTTTTTTTTTTTT-64 hex digits-TITLE */
enum {
	TIME_DIGITS = 13,
	HEX_DIGITS = DIGEST_LEN - 7,
	DIGEST_AT = 2 + TIME_DIGITS + 1,
	TITLE_AT = DIGEST_AT + HEX_DIGITS + 1,
};

bool mailbox_read_name(const char *name, struct mailbox_file *out)
{
	const size_t len = strlen(name);
	*out = (struct mailbox_file){ 0 };
	if (len <= TITLE_AT || len > MAILBOX_NAME_MAX || name[0] < '0' ||
	    name[0] >= '0' + MAILBOX_CLASSES || name[1] != '-' || name[DIGEST_AT - 1] != '-' ||
	    strspn(name + 2, "0123456789") != TIME_DIGITS || name[TITLE_AT - 1] != '-')
		return false;
	snprintf(out->digest, sizeof out->digest, "sha256:%.*s", HEX_DIGITS, name + DIGEST_AT);
	strcpy(out->name, name);
	out->class = (enum mailbox_class)(name[0] - '0');
	out->time_ms = strtoll(name + 2, NULL, 10);
	return label_is_digest(bytes_of(out->digest));
}

const char *mailbox_title(const struct mailbox_file *f)
{
	return f->name + TITLE_AT;
}

void mailbox_print_name(const struct mailbox_file *f, const char *title,
			char out[MAILBOX_NAME_MAX + 1])
{
	const int64_t latest = 9999999999999; /* in thirteen digits: the year 2286 */
	const int64_t ms = f->time_ms < 0 ? 0 : f->time_ms > latest ? latest : f->time_ms;
	snprintf(out, MAILBOX_NAME_MAX + 1, "%d-%013lld-%s-%.*s", (int)f->class, (long long)ms,
		 f->digest + strlen("sha256:"), MAILBOX_TITLE_MAX, title);
}
