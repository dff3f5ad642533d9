/* The kinds that are one pod on a board: Deployment, DaemonSet, Job, CronJob. */
#include "workloads/manifest_parts.h"

enum { BACKOFF_LIMIT_DEFAULT = 6, COUNT_MAX = 2147483647 };

/* What says how many, and how they are replaced: here it is one, replaced at once. */
static enum err read_replicas(struct reader *r, const struct json *j, void *into)
{
	int64_t n;
	enum err e = field_integer(r, j, 0, COUNT_MAX, &n);
	if (!e && n == 0)
		return field_refuse(r, "0 would run nothing; leave the document out");
	return e || n == 1 ? e : field_ignored(r, j, into);
}

static enum err read_template_metadata(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "labels", manifest_labels },
		{ "annotations", manifest_annotations },
		{ "name", field_ignored },
		{ "namespace", field_ignored },
		{ "creationTimestamp", field_ignored },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

static enum err read_template(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "metadata", read_template_metadata },
		{ "spec", manifest_pod_spec },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

static enum err read_paused(struct reader *r, const struct json *j, void *into)
{
	bool on;
	(void)into;
	enum err e = field_boolean(r, j, &on);
	return e || !on ? e : field_refuse(r, "only false is supported");
}

enum err manifest_deployment(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "replicas", read_replicas },
		{ "template", read_template },
		{ "selector", field_done }, /* one pod, which is its own */
		{ "strategy", field_ignored },
		{ "minReadySeconds", field_ignored },
		{ "revisionHistoryLimit", field_ignored },
		{ "progressDeadlineSeconds", field_ignored },
		{ "paused", read_paused },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

enum err manifest_daemon_set(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "template", read_template },
		{ "selector", field_done },
		{ "updateStrategy", field_ignored },
		{ "minReadySeconds", field_ignored },
		{ "revisionHistoryLimit", field_ignored },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

/* --- Job --- */

static enum err read_one(struct reader *r, const struct json *j, void *into)
{
	int64_t n;
	(void)into;
	enum err e = field_integer(r, j, 0, COUNT_MAX, &n);
	return e || n == 1 ? e : field_refuse(r, "only 1 is supported: a board runs one pod");
}

static enum err read_backoff_limit(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	return field_integer(r, j, 0, COUNT_MAX, &p->job.backoff_limit);
}

static enum err read_ttl(struct reader *r, const struct json *j, void *into)
{
	int64_t s = 0;
	struct pod *p = into;
	enum err e = field_integer(r, j, 0, COUNT_MAX, &s);
	p->job.ttl_ms = s * 1000;
	return e;
}

/* The earlier of the job's and the pod's. */
static enum err read_job_deadline(struct reader *r, const struct json *j, void *into)
{
	int64_t ms = 0;
	struct pod *p = into;
	enum err e = manifest_deadline(r, j, &ms);
	if (!e && (!p->deadline_ms || ms < p->deadline_ms))
		p->deadline_ms = ms;
	return e;
}

static enum err read_completion_mode(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "NonIndexed", NULL };
	size_t which;
	(void)into;
	return field_choice(r, j, names, &which);
}

enum err manifest_job(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "template", read_template },
		{ "backoffLimit", read_backoff_limit },
		{ "activeDeadlineSeconds", read_job_deadline },
		{ "ttlSecondsAfterFinished", read_ttl },
		{ "completions", read_one },
		{ "parallelism", read_one },
		{ "completionMode", read_completion_mode },
		{ "suspend", read_paused },
		{ "selector", field_done },
		{ "manualSelector", field_ignored },
		{ 0 },
	};
	struct pod *p = into;
	p->is_job = true;
	p->job.backoff_limit = BACKOFF_LIMIT_DEFAULT;
	p->job.ttl_ms = -1;
	enum err e = field_object(r, j, fields, p);
	if (!e && p->restart == RESTART_ALWAYS)
		return why_set(r->why, ERR_INVALID,
			       "%s.restartPolicy: OnFailure or Never is expected in a job",
			       p->where);
	return e;
}

/* --- CronJob --- */

static enum err read_schedule(struct reader *r, const struct json *j, void *into)
{
	struct pod *p = into;
	struct why why;
	const char *s = json_string(j);
	if (!s)
		return field_refuse(r, "a string is expected");
	return cron_read(bytes_of(s), &p->schedule.cron, &why) ? field_refuse(r, "%s", why.text)
							       : OK;
}

static enum err read_time_zone(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "UTC", "Etc/UTC", NULL };
	size_t which;
	(void)into;
	return field_choice(r, j, names, &which);
}

static enum err read_concurrency(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "Forbid", "Replace", "Allow", NULL };
	size_t which;
	struct pod *p = into;
	enum err e = field_choice(r, j, names, &which);
	if (e)
		return e;
	p->schedule.replaces = which == 1;
	/* Runs of one name never overlap on a board. */
	return which == 2 ? field_ignored(r, j, into) : OK;
}

static enum err read_starting_deadline(struct reader *r, const struct json *j, void *into)
{
	int64_t s = 0;
	struct pod *p = into;
	enum err e = field_integer(r, j, 0, COUNT_MAX, &s);
	p->schedule.deadline_ms = s * 1000;
	return e;
}

static enum err read_job_template(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "metadata", read_template_metadata },
		{ "spec", manifest_job },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

enum err manifest_cron_job(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "schedule", read_schedule },
		{ "timeZone", read_time_zone },
		{ "concurrencyPolicy", read_concurrency },
		{ "suspend", field_boolean, offsetof(struct pod, schedule.suspended) },
		{ "startingDeadlineSeconds", read_starting_deadline },
		{ "successfulJobsHistoryLimit", field_ignored }, /* the hub keeps all runs */
		{ "failedJobsHistoryLimit", field_ignored },
		{ "jobTemplate", read_job_template },
		{ 0 },
	};
	struct pod *p = into;
	p->is_scheduled = true;
	p->schedule.deadline_ms = -1;
	enum err e = field_object(r, j, fields, p);
	return e || json_member(j, "schedule") ? e : field_refuse(r, "schedule is missing");
}

/* --- which kind --- */

static const struct kind {
	const char *name, *version;
	enum err (*read)(struct reader *r, const struct json *j, void *into);
	const char *where;
} kinds[] = {
	{ "Pod", "v1", manifest_pod_spec, "spec" },
	{ "Deployment", "apps/v1", manifest_deployment, "spec.template.spec" },
	{ "DaemonSet", "apps/v1", manifest_daemon_set, "spec.template.spec" },
	{ "Job", "batch/v1", manifest_job, "spec.template.spec" },
	{ "CronJob", "batch/v1", manifest_cron_job, "spec.jobTemplate.spec.template.spec" },
};

static const struct kind *kind_of(const struct json *document)
{
	const char *s = json_string(json_member(document, "kind"));
	for (size_t i = 0; s && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(s, kinds[i].name) == 0)
			return &kinds[i];
	return NULL;
}

enum err manifest_kind(struct reader *r, const struct json *document)
{
	const struct kind *k = kind_of(document);
	const char *kind = json_string(json_member(document, "kind"));
	const char *version = json_string(json_member(document, "apiVersion"));
	if (!k)
		return why_set(r->why, ERR_INVALID,
			       "kind: \"%.40s\" is not run on a board; Pod, Deployment, DaemonSet, "
			       "Job and CronJob are",
			       kind ? kind : "");
	if (!version || strcmp(version, k->version) != 0)
		return why_set(r->why, ERR_INVALID, "apiVersion: %s is expected for a %s",
			       k->version, k->name);
	r->pod->where = k->where;
	r->read_spec = k->read;
	return OK;
}

const struct json *manifest_spec_of(const struct json *document)
{
	const struct json *spec = json_member(document, "spec");
	const struct json *job = json_member(spec, "jobTemplate");
	if (job)
		spec = json_member(job, "spec");
	const struct json *template = json_member(spec, "template");
	return template ? json_member(template, "spec") : spec;
}
