#include "cloud/skerry/verbs.h"

#include <string.h>

static const struct verb verbs[] = {
	{ "apply", verb_apply, false, WORDS_NONE, "", "-f FILE|--agent FILE [-d DEVICE ...|--all]",
	  "bring pods and their configs, or another agent, to devices and see what becomes of "
	  "them" },
	{ "diff", verb_diff, false, WORDS_NONE, "", "-f FILE [-d DEVICE ...|-l SELECTOR|--all]",
	  "what apply or a rollout would change, device by device; exits 1 if anything" },
	{ "rollout", verb_rollout, false, WORDS_NONE, "start status pause resume undo approve",
	  "start -f FILE [--wait] | status [NAME [-w]] | pause|resume|undo|approve NAME",
	  "bring a Fleet or pods to many devices, batch by batch, as long as they report well" },
	{ "get", verb_get, false, WORDS_DEVICES, "devices workloads",
	  "devices|workloads|DEVICE [-w]", "what the fleet reports" },
	{ "logs", verb_logs, true, WORDS_WORKLOADS, "", "POD[/CONTAINER] [-f] [-n N] [-d DEVICE]",
	  "what a workload prints; on a board itself, or with --db from the hub" },
	{ "top", verb_top, false, WORDS_DEVICES, "", "[DEVICE] [--once]",
	  "what the processes of a device use; on a board itself, its own" },
	{ "restart", verb_restart, false, WORDS_WORKLOADS, "", "[DEVICE] POD[/CONTAINER]",
	  "a pod anew, or one container of it; on a board itself, its own" },
	{ "exec", verb_exec, false, WORDS_WORKLOADS, "",
	  "[DEVICE] POD[/CONTAINER] [-i] -- COMMAND ...",
	  "a command in a container's walls, where the board allows it" },
	{ "events", verb_events, true, WORDS_NONE, "", "[OBJECT] [-w] [--since 1h] [-d DEVICE]",
	  "what has happened, from the hub's database; -w: as it comes, without one too" },
	{ "telemetry", verb_telemetry, false, WORDS_NONE, "",
	  "[MEASUREMENT] [--since 1h] [--sql QUERY]", "points, from the hub's database" },
	{ "files", verb_files, false, WORDS_NONE, "", "[POD] [--since 1h] [-d DEVICE]",
	  "what workloads have left for the cloud, from the hub's database" },
	{ "history", verb_history, false, WORDS_DEVICES, "", "DEVICE [--since 24h] [-n N]",
	  "what a device was told, when, by whom and why, from the hub's database; on a board "
	  "itself, its own" },
	{ "import", verb_import, false, WORDS_FILES, "", "FOLDER [--db FILE] [--public FILE]",
	  "what skerry export has written, into the hub's database" },
	{ "export", verb_export, false, WORDS_FILES, "", "FOLDER [--config FILE]",
	  "what waits on this board for the cloud, to be carried there (as root)" },
	{ "status", verb_status, false, WORDS_NONE, "", "[--run-dir DIR]",
	  "this board, without any network" },
	{ "wake", verb_wake, false, WORDS_WORKLOADS, "", "POD[/CONTAINER] [--run-dir DIR]",
	  "have a workload of this board run that is in standby or idle" },
	{ "doctor", verb_doctor, false, WORDS_FILES, "fleet", "[fleet|BOARD.json] [--config FILE]",
	  "what is wrong with this board (as root), or with the fleet, and what to do about it" },
	{ "validate", verb_validate, false, WORDS_NONE, "", "-f FILE",
	  "check manifests; needs no broker" },
	{ "explain", verb_explain, false, WORDS_FIELDS, "",
	  "[FIELD] | -f FILE|pod/NAME [-d DEVICE ...|-l SELECTOR]",
	  "what becomes of a field of a manifest, such as pod.spec.containers; where the pods of "
	  "files would run; what has become of a pod; and why" },
	{ "convert", verb_convert, false, WORDS_FILES, "", "COMPOSE.yaml",
	  "a compose file as manifests, a pod for each service; says what it had to drop" },
	{ "schema", verb_schema, false, WORDS_NONE,
	  "Pod Deployment DaemonSet Job CronJob ConfigMap Secret", "[KIND]",
	  "what a manifest may have, as JSON Schema for editors; without a KIND, which there are" },
	{ "key", verb_key, false, WORDS_FILES, "new id trust sign",
	  "new NAME | id FILE | trust | sign FILE|DIGEST KEY",
	  "keys, trust documents and signatures for boards that take signed states only" },
	{ "device", verb_device, false, WORDS_DEVICES, "add rm label",
	  "add NAME [--label K=V] | rm NAME | label NAME K=V K- ...",
	  "have a device awaited: prints the line that it joins with; dismiss it; or label it" },
	{ "pack", verb_pack, false, WORDS_FILES, "", "FOLDER|TAR [-o LAYOUT]",
	  "a folder as an OCI image, or an image as it is; its digest" },
	{ "push", verb_push, false, WORDS_FILES, "", "FOLDER|TAR", "pack and hand it to the hub" },
	{ "dev", verb_dev, false, WORDS_NONE, "", "[-f FILE]",
	  "broker, hub and device in one throw-away sandbox (as root)" },
	{ "completion", verb_completion, false, WORDS_NONE, "bash zsh fish", "bash|zsh|fish",
	  "what a shell needs to complete the words of skerry, names of devices and pods too" },
	{ 0 },
};

const struct verb *verbs_all(void)
{
	return verbs;
}

const struct verb *verbs_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}
