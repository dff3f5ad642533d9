#include "tests/sim/report.h"

#include "ports/clock.h"
#include "ports/json.h"

/* A small board, the same for all. */
static const char BOARD[] = "{\"memBytes\":536870912,\"cpuMilli\":1000,\"diskBytes\":1073741824}";
static const char FEATURES[] =
	"{\"cgroup\":\"v2: memory cpu pids\",\"sandbox\":\"seccomp, landlock 2\",\"arch\":"
	"\"aarch64\",\"imageArch\":\"arm64\",\"kernel\":\"6.1.0-18-arm64\",\"hostImage\":true}";

static struct json *make_condition(const char *type, bool status, const char *reason,
				   const char *message)
{
	struct json *j = json_new_object();
	json_set_string(j, "type", type);
	json_set_bool(j, "status", status);
	json_set_string(j, "reason", reason);
	json_set_string(j, "message", message);
	json_set_integer(j, "since", clock_wall_ms());
	return j;
}

static struct json *make_conditions(const struct member *m)
{
	struct json *list = json_new_array();
	const bool available = strcmp(m->phase, "Available") == 0;
	json_push(list, make_condition("Available", available, m->phase,
				       available || m->objection ? "" : m->why.text));
	if (strcmp(m->phase, "RolledBack") == 0)
		json_push(list, make_condition("RolledBack", true, m->phase, m->why.text));
	if (m->objection)
		json_push(list, make_condition(m->objection, true, m->objection, m->why.text));
	return list;
}

static struct json *make_buffer(struct member *m)
{
	struct store_total waiting;
	struct json *j = json_new_object();
	outbox_waiting(&m->outbox, &waiting);
	json_set_string(j, "buf", m->outbox.buf);
	json_set_integer(j, "batches", waiting.letters);
	json_set_integer(j, "bytes", waiting.bytes);
	json_set_integer(j, "quota", m->outbox.quota);
	json_set_null(j, "oldest");
	json_set_raw(j, "dropped", BYTES_LIT("{\"event\":0,\"log\":0,\"tele\":0}"));
	json_set_integer(j, "dead", store_buried(m->store));
	json_set_raw(j, "sources", BYTES_LIT("{}"));
	return j;
}

static struct json *make_labels(const struct plan *p)
{
	struct json *j = json_new_object();
	const char *at = p->labels;
	json_set_string(j, "sim", "yes");
	while (*at) {
		const size_t len = strcspn(at, ","), name = strcspn(at, "=,");
		char key[LABEL_SIZE];
		if (name < len && name < sizeof key) {
			memcpy(key, at, name);
			key[name] = '\0';
			json_set_bytes(j, key, (struct bytes){ at + name + 1, len - name - 1 });
		}
		at += len + (at[len] == ',');
	}
	return j;
}

char *report_print(struct member *m)
{
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_integer(j, "t", clock_wall_ms());
	json_set_string(j, "clock", "set");
	json_set_integer(j, "session", m->link.session);
	json_set_integer(j, "epoch", m->newest.epoch);
	json_set_integer(j, "observed", m->newest.generation);
	json_set_integer(j, "applied", m->applied);
	json_set_string(j, "document", m->newest.digest);
	json_set_string(j, "phase", m->phase);
	json_set_null(j, "trust");
	json_set(j, "conditions", make_conditions(m));
	json_set_raw(j, "workloads", BYTES_LIT("{}"));
	json_set_raw(j, "capacity", bytes_of(BOARD));
	json_set_raw(j, "allocatable", bytes_of(BOARD));
	json_set_raw(j, "features", bytes_of(FEATURES));
	json_set(j, "buffer", make_buffer(m));
	json_set(j, "labels", make_labels(m->plan));
	char *text = json_print(j);
	json_free(j);
	return text;
}
