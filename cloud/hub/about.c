#include "cloud/hub/about.h"

#include "cloud/hub/schema.h"
#include "ports/json.h"
#include "ports/sql.h"

enum { ABOUT_OK = 200 };

void about_on_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct json *j;
	struct hub_caller caller;
	if (json_parse(payload, &j, NULL))
		return;
	if (hub_read_caller(j, t, &caller)) {
		struct json *body = json_new_object();
		json_set_string(body, "version", SKERRY_VERSION);
		json_set_string(body, "database",
				sql_is_address(h->options.database) ? "postgresql" : "sqlite");
		json_set_integer(body, "schema", SCHEMA_VERSION);
		json_set_bool(body, "ready", ledger_is_open(&h->ledger));
		hub_answer(h, &caller, ABOUT_OK, body);
	}
	json_free(j);
}
