/* verbs - one file each, and the table of all, with their help. */
#pragma once

#include "base/exit_code.h"
#include "cloud/skerry/options.h"

/* What the words behind a verb are, for shells. */
enum verb_words { WORDS_NONE, WORDS_DEVICES, WORDS_WORKLOADS, WORDS_FILES, WORDS_FIELDS };

struct verb {
	const char *name; /* NULL ends the table */
	enum exit_code (*run)(struct options *o);
	bool f_follows; /* -f means --follow here */
	enum verb_words words;
	const char *choices; /* words that may stand first, a space between them */
	const char *arguments, *help;
};

const struct verb *verbs_all(void);
const struct verb *verbs_find(const char *name); /* NULL: there is none */

enum exit_code verb_apply(struct options *o);
enum exit_code verb_completion(struct options *o);
enum exit_code verb_convert(struct options *o);
enum exit_code verb_device(struct options *o);
enum exit_code verb_dev(struct options *o);
enum exit_code verb_diff(struct options *o);
enum exit_code verb_doctor(struct options *o);
enum exit_code verb_events(struct options *o);
enum exit_code verb_exec(struct options *o);
enum exit_code verb_explain(struct options *o);
enum exit_code verb_export(struct options *o);
enum exit_code verb_files(struct options *o);
enum exit_code verb_get(struct options *o);
enum exit_code verb_history(struct options *o);
enum exit_code verb_import(struct options *o);
enum exit_code verb_key(struct options *o);
enum exit_code verb_logs(struct options *o);
enum exit_code verb_pack(struct options *o);
enum exit_code verb_push(struct options *o);
enum exit_code verb_restart(struct options *o);
enum exit_code verb_rollout(struct options *o);
enum exit_code verb_schema(struct options *o);
enum exit_code verb_status(struct options *o);
enum exit_code verb_telemetry(struct options *o);
enum exit_code verb_top(struct options *o);
enum exit_code verb_wake(struct options *o);
enum exit_code verb_validate(struct options *o);
