#include "sync/parcel.h"

#include "base/limits.h"
#include "base/log.h"
#include "ports/clock.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_FIRST = 4096 };

static bool is_carrying(const struct parcel *p)
{
	return p->id[0] != '\0';
}

static void put_down(struct parcel *p)
{
	loop_disarm(p->loop, &p->timer);
	free(p->buffer);
	p->buffer = NULL;
	p->id[0] = '\0';
	p->is_welcome = false;
	p->refusals = p->stalls = 0;
	memset(p->blocks, 0, sizeof p->blocks);
}

static void finish(struct parcel *p, const char *refused)
{
	struct why why;
	const struct spool_file gone = p->file;
	put_down(p);
	if (spool_remove(p->spool, &gone, &why))
		log_err("a file that has gone cannot be removed why=\"%s\"", why.text);
	p->hooks.on_gone(p->hooks.owner, &gone, refused);
	loop_arm(p->loop, &p->timer, clock_now_ms()); /* the next one */
}

/* --- announcing --- */

static void announce(struct parcel *p)
{
	char rest[TOPIC_MAX];
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "pod", p->file.pod);
	json_set_string(j, "name", mailbox_title(&p->file.file));
	json_set_integer(j, "t", p->file.file.time_ms);
	json_set_integer(j, "size", p->file.bytes);
	json_set_string(j, "d", p->file.file.digest);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "up/file/%s", p->id);
	if (link_publish(p->link, rest, bytes_of(text), 1, false, NULL) == OK)
		uplink_spend(p->uplink, strlen(rest) + strlen(text));
	free(text);
	p->is_welcome = false;
	memset(p->blocks, 0, sizeof p->blocks);
}

static void arm_stall(struct parcel *p)
{
	int64_t wait = PARCEL_STALL_MS;
	for (unsigned i = 0; i < p->stalls && wait < PARCEL_STALL_MAX_MS; i++)
		wait *= 2;
	if (wait > PARCEL_STALL_MAX_MS)
		wait = PARCEL_STALL_MAX_MS;
	loop_arm(p->loop, &p->timer, p->moved_ms + wait);
}

static void ask_again(struct parcel *p)
{
	p->moved_ms = clock_now_ms();
	announce(p);
	arm_stall(p);
}

/* --- sending --- */

static struct parcel_block *find_place(struct parcel *p)
{
	struct parcel_block *free_one = NULL;
	size_t used = 0;
	for (size_t i = 0; i < PARCEL_BLOCKS; i++) {
		if (p->blocks[i].ticket)
			used++;
		else
			free_one = &p->blocks[i];
	}
	/* Until the link has shown that it is quick, one at a time. */
	return used == 0 || p->block > BLOCK_FIRST ? free_one : NULL;
}

/* False: not now, or never; then it has been put down. */
static bool send_block(struct parcel *p, struct parcel_block *place)
{
	char rest[TOPIC_MAX];
	struct why why;
	size_t len = 0;
	enum err e = spool_read(p->spool, &p->file, p->sent, p->buffer, p->block, &len, &why);
	if (e == ERR_NOT_FOUND) { /* given up for lack of room */
		put_down(p);
		loop_arm(p->loop, &p->timer, clock_now_ms());
		return false;
	}
	if (e || !len) {
		finish(p, e ? why.text : "it is shorter than it was");
		return false;
	}
	snprintf(rest, sizeof rest, "up/file/%s/%lld", p->id, (long long)p->sent);
	if (link_publish(p->link, rest, (struct bytes){ p->buffer, len }, 1, false, &place->ticket))
		return false;
	place->sent_ms = clock_now_ms();
	uplink_spend(p->uplink, strlen(rest) + len);
	p->sent += (int64_t)len;
	return true;
}

static void send_on(struct parcel *p)
{
	struct parcel_block *place;
	int64_t wait_ms;
	if (!is_carrying(p) || !p->is_welcome)
		return;
	arm_stall(p);
	while (p->sent < p->file.bytes && p->sent - p->have < PARCEL_AHEAD &&
	       (place = find_place(p))) {
		if (!uplink_lets_pass(p->uplink, &wait_ms)) {
			p->moved_ms = clock_now_ms(); /* it is we who wait */
			loop_arm(p->loop, &p->timer,
				 p->moved_ms +
					 (wait_ms > PARCEL_LOOK_MS ? wait_ms : PARCEL_LOOK_MS));
			return;
		}
		if (!send_block(p, place))
			return;
	}
}

/* Take up what should go first now; a more urgent one than before takes its place. */
static void take_up(struct parcel *p)
{
	struct spool_file next;
	if (!p->link->is_up)
		return;
	const enum err e = spool_next(p->spool, &next);
	if (e || (is_carrying(p) && next.file.class >= p->file.file.class))
		return;
	put_down(p);
	p->buffer = malloc(PARCEL_BLOCK_MAX);
	if (!p->buffer)
		return; /* at the next knock */
	p->file = next;
	spool_id(&p->file, p->id);
	ask_again(p);
	/* It will want the beginning, as it has never heard of it: that saves a round trip. */
	p->is_welcome = true;
	p->have = p->sent = 0;
	send_on(p);
}

static bool has_stalled(const struct parcel *p, int64_t now_ms)
{
	return now_ms - p->moved_ms >= PARCEL_STALL_MS;
}

static void on_due(void *owner, int64_t now_ms)
{
	struct parcel *p = owner;
	if (!p->link->is_up)
		return;
	if (!is_carrying(p)) {
		take_up(p);
	} else if (has_stalled(p, now_ms)) {
		p->stalls++;
		ask_again(p);
	} else {
		send_on(p);
	}
}

void parcel_on_delivered(struct parcel *p, int ticket)
{
	const int64_t now = clock_now_ms();
	for (size_t i = 0; i < PARCEL_BLOCKS; i++) {
		struct parcel_block *b = &p->blocks[i];
		if (!b->ticket || b->ticket != ticket)
			continue;
		const int64_t took = now - b->sent_ms;
		b->ticket = 0;
		if (took < PARCEL_QUICK_MS && p->block < PARCEL_BLOCK_MAX)
			p->block =
				p->block * 2 < PARCEL_BLOCK_MAX ? p->block * 2 : PARCEL_BLOCK_MAX;
		if (took > PARCEL_SLOW_MS && p->block > PARCEL_BLOCK_MIN)
			p->block /= 2;
		send_on(p);
		return;
	}
}

/* --- what the hub says --- */

static void on_refused(struct parcel *p, const char *reason)
{
	log_warn("the hub refuses a file pod=%s name=\"%s\" why=\"%.120s\"", p->file.pod,
		 mailbox_title(&p->file.file), reason);
	if (++p->refusals >= PARCEL_REFUSALS)
		finish(p, reason);
	else
		ask_again(p);
}

static void on_have(struct parcel *p, int64_t have)
{
	const int64_t now = clock_now_ms();
	if (have < 0 || have > p->file.bytes)
		return;
	if (have > p->have || !p->is_welcome) {
		p->moved_ms = now;
		p->stalls = 0;
	}
	/* What is under way may still close the gap: not again and again. */
	const bool is_gap = have < p->have && now - p->rewound_ms > PARCEL_SLOW_MS;
	if (!p->is_welcome || is_gap) {
		p->sent = have;
		p->rewound_ms = now;
	}
	p->is_welcome = true;
	p->have = have;
	if (p->sent < have)
		p->sent = have;
	send_on(p);
}

void parcel_on_answer(struct parcel *p, const char *id, struct bytes payload)
{
	struct json *j;
	int64_t have;
	bool yes = false;
	if (!is_carrying(p) || strcmp(p->id, id) != 0 || json_parse(payload, &j, NULL))
		return;
	const char *bad = json_string(json_member(j, "bad"));
	if (bad)
		on_refused(p, bad);
	else if (json_bool(json_member(j, "done"), &yes) && yes)
		finish(p, NULL);
	else if (json_bool(json_member(j, "again"), &yes) && yes)
		ask_again(p);
	else if (json_integer(json_member(j, "have"), &have))
		on_have(p, have);
	json_free(j);
}

/* --- what the link says --- */

void parcel_wake(struct parcel *p)
{
	if (p->loop)
		take_up(p);
}

void parcel_on_up(struct parcel *p)
{
	p->block = BLOCK_FIRST;
	if (is_carrying(p))
		ask_again(p);
	parcel_wake(p);
}

void parcel_on_down(struct parcel *p)
{
	if (p->loop)
		loop_disarm(p->loop, &p->timer);
	p->is_welcome = false;
	p->stalls = 0;
	memset(p->blocks, 0, sizeof p->blocks);
}

void parcel_on_hello(struct parcel *p)
{
	if (is_carrying(p))
		ask_again(p);
}

void parcel_init(struct parcel *p, struct loop *loop, struct link *link, struct uplink *uplink,
		 struct spool *spool, const struct parcel_hooks *hooks)
{
	*p = (struct parcel){ .loop = loop,
			      .link = link,
			      .uplink = uplink,
			      .spool = spool,
			      .hooks = *hooks,
			      .block = BLOCK_FIRST };
	p->timer = (struct timer){ .owner = p, .on_due = on_due };
}

void parcel_close(struct parcel *p)
{
	if (p->loop)
		put_down(p);
}
