#include "agent/collect.h"

#include "base/log.h"

#include <string.h>

static void on_due(void *owner, int64_t now_ms)
{
	(void)now_ms;
	(void)collect_flush(owner);
}

void collect_init(struct collect *c, struct loop *loop, struct outbox *outbox,
		  struct ingest *ingest, struct supervisor *supervisor)
{
	c->loop = loop;
	c->outbox = outbox;
	c->ingest = ingest;
	c->supervisor = supervisor;
	c->timer = (struct timer){ .owner = c, .on_due = on_due };
}

void collect_soon(struct collect *c)
{
	if (!c->timer.armed)
		loop_arm(c->loop, &c->timer, clock_now_ms() + c->flush_ms);
}

void collect_log(struct collect *c)
{
	c->log_is_new = true;
	collect_soon(c);
}

struct logs {
	struct collect *collect;
	bool more;
	enum err err;
	struct why *why;
};

static void store_logs_of(void *owner, struct workload *w)
{
	struct logs *l = owner;
	bool more = false;
	if (l->err)
		return;
	l->err = logbook_store(l->collect->outbox, w, &more, l->why);
	l->more |= more;
}

static enum err store_all(struct collect *c, struct logs *logs, struct why *why)
{
	enum err e = OK;
	if (!ingest_is_empty(c->ingest))
		e = ingest_store(c->ingest, c->outbox, why);
	if (!e && c->log_is_new)
		supervisor_each(c->supervisor, store_logs_of, logs);
	return e ? e : logs->err;
}

/* The same trouble is told once, and once that it is over: to the log, and to the cloud. */
static void note_trouble(struct collect *c, const struct why *why)
{
	if (strcmp(c->trouble.text, why->text) == 0)
		return;
	c->trouble = *why;
	if (why->text[0])
		log_err("telemetry and logs not stored, kept in memory while there is room "
			"why=\"%s\"",
			why->text);
	else
		log_info("telemetry and logs are stored again");
	c->on_trouble(c->owner);
}

bool collect_flush(struct collect *c)
{
	struct why why = { "" };
	struct logs logs = { .collect = c, .why = &why };
	loop_disarm(c->loop, &c->timer);
	if (ingest_is_empty(c->ingest) && !c->log_is_new)
		return true;

	enum err e = store_begin(c->outbox->store, &why);
	if (!e) {
		e = store_all(c, &logs, &why);
		if (e)
			store_rollback(c->outbox->store);
		else
			e = store_commit(c->outbox->store, &why);
	}
	if (e) {
		note_trouble(c, &why);
		collect_soon(c);
		return false;
	}
	why.text[0] = '\0';
	note_trouble(c, &why);
	ingest_stored(c->ingest);
	if (compact_look(c->compact, &why))
		log_warn("what waits stays as it is why=\"%s\"", why.text);
	c->log_is_new = logs.more;
	if (logs.more)
		collect_soon(c);
	return true;
}
