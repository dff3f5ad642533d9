#include "cloud/skerry/apply.h"
#include "cloud/skerry/device_label.h"
#include "cloud/skerry/hub_ask.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "ports/json.h"
#include "sync/enrolment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Have the hub do `verb` with a device; its answer is the caller's. */
static enum err ask(struct desk *d, const char *verb, const char *device, struct json **out,
		    struct why *why)
{
	struct json *args = json_new_object();
	json_set_string(args, "device", device);
	return hub_ask(d, verb, args, HUB_ASK_WAIT_MS, out, why);
}

/* --- add --- */

/* Where the board finds the broker: never with the user and password of this desk. */
static enum err find_broker(const struct options *o, char out[300], bool *out_has_user,
			    struct why *why)
{
	struct url url = o->broker;
	enum err e = OK;
	*out_has_user = false;
	if (o->board_broker)
		e = url_parse(bytes_of(o->board_broker), &url, why);
	if (e)
		return why_in(why, e, "--board-broker");
	if (!url.tls)
		return why_set(why, ERR_INVALID,
			       "a board shows its certificate over mqtts:// alone: say where it "
			       "finds the broker with --board-broker mqtts://HOST");
	url_print(&url, out, 300);
	if (o->board_broker && url.user[0]) {
		snprintf(out, 300, "%.290s", o->board_broker);
		*out_has_user = true;
	}
	return OK;
}

static enum err set_labels(const struct options *o, struct json *line, struct why *why)
{
	char text[INVITATION_LABELS_MAX] = "";
	size_t len = 0;
	for (size_t i = 0; i < o->labels.count; i++) {
		const char *one = o->labels.items[i], *equals = strchr(one, '=');
		const size_t n = strlen(one);
		if (!equals || equals == one || strpbrk(one, ",\n\r") || len + n + 2 > sizeof text)
			return why_set(why, ERR_INVALID,
				       "--label %.60s: KEY=VALUE without a comma is expected", one);
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? "," : "", one);
	}
	if (len)
		json_set_string(line, "labels", text);
	return OK;
}

static void print_line(const struct options *o, const char *device, const struct json *line,
		       int64_t until_ms)
{
	char until[24];
	char *text = invitation_print(line);
	clock_print(until, until_ms);
	if (o->json) {
		struct json *j = json_new_object();
		json_set_string(j, "device", device);
		json_set_integer(j, "until", until_ms);
		json_set_string(j, "line", text);
		char *pretty = json_print_pretty(j);
		puts(pretty);
		free(pretty);
		json_free(j);
	} else {
		fprintf(stderr, "awaited     %s  until %s; this line works once, on the board:\n",
			device, until);
		printf("sudo skerryd join %s\n", text);
	}
	free(text);
}

static enum err compose(const struct options *o, const char *device, const struct json *body,
			struct json *line, struct why *why)
{
	static const char *const handed_on[] = { "token", "ca", "issuer", "claim" };
	char broker[300];
	bool has_user;
	enum err e = find_broker(o, broker, &has_user, why);
	if (!e && !has_user && !json_member(body, "claim"))
		e = why_set(why, ERR_INVALID,
			    "with what shall the board claim its certificate? Start the hub with "
			    "--claim-cert and --claim-key, or give --board-broker "
			    "mqtts://claim:PASSWORD@HOST");
	json_set_string(line, "broker", broker);
	json_set_string(line, "fleet", o->fleet);
	json_set_string(line, "device", device);
	for (size_t i = 0; i < sizeof handed_on / sizeof *handed_on; i++)
		if (json_member(body, handed_on[i]))
			json_set(line, handed_on[i], json_copy(json_member(body, handed_on[i])));
	return e ? e : set_labels(o, line, why);
}

static enum err add(struct options *o, struct desk *d, const char *device, struct why *why)
{
	struct json *body, *line = json_new_object();
	char unused[300];
	bool has_user;
	int64_t until_ms = 0;
	/* What is wrong here is said before anybody is awaited. */
	enum err e = find_broker(o, unused, &has_user, why);
	if (!e)
		e = set_labels(o, line, why);
	json_free(line);
	if (!e)
		e = ask(d, "invite", device, &body, why);
	if (e)
		return e;
	json_integer(json_member(body, "until"), &until_ms);
	line = json_new_object();
	e = compose(o, device, body, line, why);
	if (!e)
		print_line(o, device, line, until_ms);
	json_free(line);
	json_free(body);
	return e;
}

/* --- rm --- */

static enum err dismiss(struct desk *d, const char *device, struct why *why)
{
	struct json *body;
	int64_t count = 0;
	bool was_awaited = false;
	enum err e = ask(d, "dismiss", device, &body, why);
	if (e)
		return e;
	const char *crl = json_string(json_member(body, "crl"));
	json_integer(json_member(body, "certificates"), &count);
	json_bool(json_member(body, "awaited"), &was_awaited);
	printf("dismissed   %s  %s%lld certificates revoked\n", device,
	       was_awaited ? "no longer awaited, " : "", (long long)count);
	if (count && crl)
		printf("            the list is %s on the hub's machine: have the broker read it, "
		       "and end its connection\n",
		       crl);
	else if (count)
		printf("            the hub renews none of them; revoke them at your CA, and end "
		       "its connection\n");
	json_free(body);
	return OK;
}

/* --- label --- */

static enum err label(struct options *o, struct desk *d, const char *device, struct why *why)
{
	o->devices[o->device_count++] = device;
	return apply_files(d, o, why);
}

/* --- */

static enum err read_changes(struct options *o, struct why *why)
{
	for (size_t i = 2; i < o->word_count; i++)
		o->label_changes.items[o->label_changes.count++] = o->words[i];
	return device_label_check(&o->label_changes, why);
}

static enum err run(struct options *o, struct desk *d, struct why *why)
{
	const char *verb = o->word_count >= 2 ? o->words[0] : "";
	const bool is_add = o->word_count == 2 && strcmp(verb, "add") == 0;
	const bool is_rm = o->word_count == 2 && strcmp(verb, "rm") == 0;
	const bool is_label = o->word_count > 2 && strcmp(verb, "label") == 0;
	if (!is_add && !is_rm && !is_label)
		return why_set(why, ERR_INVALID,
			       "add NAME, rm NAME or label NAME KEY=VALUE KEY- ... is expected");
	const char *device = o->words[1];
	if (!topic_is_device(bytes_of(device)))
		return why_set(why, ERR_INVALID,
			       "\"%.60s\" is not the name of a device: " LABEL_RULE
			       "; hub and claim are taken",
			       device);
	enum err e = is_label ? read_changes(o, why) : OK;
	if (!e)
		e = desk_open(d, o, why);
	if (e)
		return e;
	if (is_label)
		return label(o, d, device, why);
	return is_add ? add(o, d, device, why) : dismiss(d, device, why);
}

enum exit_code verb_device(struct options *o)
{
	struct desk d = { 0 };
	struct why why;
	enum err e = run(o, &d, &why);
	bool interrupted = d.interrupted;
	desk_close(&d);
	return interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
}
