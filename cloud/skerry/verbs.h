/* verbs - one file each; the table in main.c has their help. */
#pragma once

#include "cloud/skerry/exit_code.h"
#include "cloud/skerry/options.h"

enum exit_code verb_apply(struct options *o);
enum exit_code verb_dev(struct options *o);
enum exit_code verb_doctor(struct options *o);
enum exit_code verb_events(struct options *o);
enum exit_code verb_explain(struct options *o);
enum exit_code verb_export(struct options *o);
enum exit_code verb_files(struct options *o);
enum exit_code verb_get(struct options *o);
enum exit_code verb_import(struct options *o);
enum exit_code verb_key(struct options *o);
enum exit_code verb_logs(struct options *o);
enum exit_code verb_pack(struct options *o);
enum exit_code verb_push(struct options *o);
enum exit_code verb_status(struct options *o);
enum exit_code verb_telemetry(struct options *o);
enum exit_code verb_wake(struct options *o);
enum exit_code verb_validate(struct options *o);
