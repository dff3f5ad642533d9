#include "cloud/hub/view.h"

#include "base/log.h"
#include "base/text.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VIEW_OK = 200 };

/* One page of it, for one desk. */
struct page {
	struct hub *hub;
	const char *fleet, *requester, *after;
	char last[LABEL_SIZE];
	int64_t devices, documents;
};

static void tell(const struct page *p, const char *rest, struct bytes payload)
{
	const struct ledger_source self = { p->fleet, TOPIC_HUB };
	hub_tell(p->hub, &self, rest, payload);
}

static void show(struct page *p, const char *channel, const char *device, struct bytes document)
{
	char rest[TOPIC_MAX];
	snprintf(rest, sizeof rest, "up/%s/%s/%s", channel, p->requester, device);
	tell(p, rest, document);
	p->documents++;
}

/* As the device said it, but for what is not kept. */
static void show_presence(struct page *p, const char *device, const struct ledger_presence *seen)
{
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_bool(j, "online", seen->online);
	json_set_integer(j, "session", seen->session);
	json_set_string(j, "boot", seen->boot);
	json_set_string(j, "agent", seen->agent);
	json_set_integer(j, "generation", seen->generation);
	if (seen->why_left[0])
		json_set_string(j, "why", seen->why_left);
	char *text = json_print(j);
	json_free(j);
	show(p, "online", device, bytes_of(text));
	free(text);
}

static void show_device(void *owner, const struct ledger_source *s,
			const struct ledger_presence *seen)
{
	struct page *p = owner;
	struct bytes document;
	struct desired_id id;
	if (seen->session)
		show_presence(p, s->device, seen);
	if (!ledger_get_state(&p->hub->ledger, s, &document))
		show(p, "state", s->device, document);
	if (!ledger_get_desired(&p->hub->ledger, s, &document, &id))
		show(p, "desired", s->device, document);
	text_copy(p->last, sizeof p->last, bytes_of(s->device));
	p->devices++;
}

static void finish(const struct page *p, const char *id)
{
	char rest[TOPIC_MAX];
	struct json *j = json_new_object(), *body = json_new_object();
	json_set_integer(body, "documents", p->documents);
	json_set_string(body, "last", p->last);
	json_set_bool(body, "more", p->devices == HUB_VIEW_DEVICES);
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", id);
	json_set_integer(j, "code", VIEW_OK);
	json_set(j, "body", body);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "up/res/%s", p->requester);
	tell(p, rest, bytes_of(text));
	free(text);
}

static bool is_label(const char *s)
{
	return s && label_is_valid(bytes_of(s));
}

static void answer(struct hub *h, const struct topic *t, const struct json *j)
{
	struct why why;
	const char *id = json_string(json_member(j, "id"));
	struct page p = {
		.hub = h,
		.fleet = t->fleet,
		.requester = json_string(json_member(j, "re")),
		.after = json_string(json_member(json_member(j, "args"), "after")),
	};
	if (!is_label(id) || !is_label(p.requester))
		return;
	if (!is_label(p.after))
		p.after = "";
	enum err e = ledger_each_device(&h->ledger, p.fleet, p.after, HUB_VIEW_DEVICES, show_device,
					&p, &why);
	if (e)
		hub_note_trouble(h, &why);
	else
		finish(&p, id);
}

void view_on_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct json *j;
	struct why why;
	if (json_parse(payload, &j, &why)) {
		log_warn("view not understood why=\"%s\"", why.text);
		return;
	}
	answer(h, t, j);
	json_free(j);
}
