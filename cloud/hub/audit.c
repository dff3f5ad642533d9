#include "cloud/hub/audit.h"

#include "base/text.h"
#include "cloud/hub/trail.h"
#include "ports/clock.h"

#include <stdio.h>

struct reading {
	const struct audit_options *options;
	int64_t rows, broken;
	bool has_found;
	char last[DIGEST_SIZE];
};

static void print_row(const struct trail_row *r)
{
	char when[24];
	clock_print(when, r->at_ms);
	printf("%lld  %s  %s/%s  generation %lld.%lld base %lld  %s  writer \"%s\"  reason "
	       "\"%s\"  %s\n",
	       (long long)r->seq, when, r->fleet, r->device, (long long)r->epoch,
	       (long long)r->generation, (long long)r->base, r->kept ? "kept" : "not kept",
	       r->writer, r->reason, r->document[0] ? r->document : "(cleared)");
}

static void on_row(void *owner, const struct trail_row *r, const char *fault)
{
	struct reading *a = owner;
	if (r) {
		a->rows++;
		text_copy(a->last, sizeof a->last, bytes_of(r->hash));
		a->has_found |= a->options->has && strcmp(a->options->has, r->hash) == 0;
		if (!a->options->verify)
			print_row(r);
	}
	if (!fault)
		return;
	a->broken++;
	if (r)
		printf("broken: row %lld (%s/%s generation %lld): %s\n", (long long)r->seq,
		       r->fleet, r->device, (long long)r->generation, fault);
	else
		printf("broken: %s\n", fault);
}

static enum err tell(const struct reading *a, struct why *why)
{
	if (a->broken)
		return why_set(why, ERR_CORRUPT, "the trail is broken in %lld places",
			       (long long)a->broken);
	if (a->options->has && !a->has_found)
		return why_set(why, ERR_CORRUPT,
			       "no row has the hash %.80s: it is another trail, or was cut",
			       a->options->has);
	printf("whole: %lld rows, the last one's hash is %s\n", (long long)a->rows,
	       a->rows ? a->last : "none");
	return OK;
}

enum err audit(const struct audit_options *o, struct why *why)
{
	struct reading a = { .options = o };
	struct sql *s = NULL;
	enum err e = sql_connect(o->database, SQL_READ, &s, why);
	if (!e)
		e = trail_check(s, on_row, &a, why);
	sql_close(s);
	return e ? e : tell(&a, why);
}
