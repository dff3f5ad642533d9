#include "workloads/manifest.h"

#include "base/text.h"
#include "tests/check.h"

#include <stdio.h>
#include <string.h>

#define DIGEST "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* A pod whose only container has `more` beside what it needs; `spec` comes beside containers. */
static const char *pod_with(const char *more, const char *spec)
{
	static char text[8192];
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},"
		 "\"spec\":{%s\"containers\":[{\"name\":\"c\",\"image\":\"x@" DIGEST "\"%s}]}}",
		 spec, more);
	return text;
}

static enum err read(const char *text, enum manifest_use use, struct pod **out, struct why *why)
{
	struct json *j;
	assert_ok(json_parse(bytes_of(text), &j, why));
	enum err e = manifest_read(j, use, out, why);
	json_free(j);
	return e;
}

static struct pod *pod_of(const char *text)
{
	struct why why = { "" };
	struct pod *p = NULL;
	if (read(text, MANIFEST_BOARD, &p, &why))
		fail_msg("%s", why.text);
	return p;
}

static void assert_refused(const char *text, const char *reason)
{
	struct why why = { "" };
	struct pod *p = NULL;
	enum err e = read(text, MANIFEST_BOARD, &p, &why);
	if (!e)
		pod_free(p);
	if (e != ERR_INVALID)
		fail_msg("%s: %s", err_name(e), text);
	if (!text_starts(why.text, reason))
		fail_msg("\"%s\" does not begin with \"%s\"", why.text, reason);
}

static void defaults_are_kubernetes(void **state)
{
	struct pod *p = pod_of(pod_with(",\"readinessProbe\":{\"tcpSocket\":{\"port\":80}}", ""));
	const struct container_spec *c = &p->containers[0];
	const struct probe_spec *probe = &c->probes[PROBE_READINESS];
	(void)state;
	assert_string_equal(p->name, "p");
	assert_int_equal(p->restart, RESTART_ALWAYS);
	assert_int_equal(p->grace_ms, 30000);
	assert_string_equal(c->image_digest, DIGEST);
	assert_null(c->command[0]);
	assert_int_equal(c->limits.memory_bytes, 0);
	assert_int_equal(c->limits.pids, PIDS_PER_WORKLOAD);
	assert_int_equal(probe->period_ms, 10000);
	assert_int_equal(probe->timeout_ms, 1000);
	assert_int_equal(probe->success, 1);
	assert_int_equal(probe->failure, 3);
	assert_int_equal(c->probes[PROBE_LIVENESS].action.kind, ACTION_NONE);
	pod_free(p);
}

static void requests_default_to_limits(void **state)
{
	struct pod *p = pod_of(
		pod_with(",\"resources\":{\"limits\":{\"cpu\":\"200m\",\"memory\":\"16Mi\"}}", ""));
	(void)state;
	assert_int_equal(p->containers[0].limits.cpu_milli, 200);
	assert_int_equal(p->containers[0].limits.cpu_request_milli, 200);
	assert_int_equal(p->containers[0].limits.memory_bytes, 16 << 20);
	assert_int_equal(p->containers[0].memory_request, 16 << 20);
	pod_free(p);
}

static void what_is_idle_requests_nothing(void **state)
{
	struct pod *p = pod_of(
		pod_with(",\"resources\":{\"limits\":{\"cpu\":\"200m\",\"memory\":\"16Mi\"}}",
			 "\"priorityClassName\":\"idle\","));
	(void)state;
	assert_int_equal(p->priority, PRIORITY_IDLE);
	assert_int_equal(p->containers[0].limits.cpu_request_milli, 0);
	assert_int_equal(p->containers[0].memory_request, 0);
	assert_int_equal(p->containers[0].limits.memory_bytes, 16 << 20);
	pod_free(p);
}

static void a_number_is_a_quantity_too(void **state)
{
	struct pod *p = pod_of(
		pod_with(",\"resources\":{\"limits\":{\"cpu\":0.5,\"memory\":1048576}}", ""));
	(void)state;
	assert_int_equal(p->containers[0].limits.cpu_milli, 500);
	assert_int_equal(p->containers[0].limits.memory_bytes, 1 << 20);
	pod_free(p);
}

static void what_is_wrong_is_refused_with_its_path(void **state)
{
	static const struct {
		const char *more, *spec, *reason;
	} bad[] = {
		{ ",\"livenesProbe\":{}", "", "spec.containers[0].livenesProbe: " },
		{ "", "\"hostUsers\":false,", "spec.hostUsers: " },
		{ "", "\"hostPID\":true,", "spec.hostPID: " },
		{ "", "\"priorityClassName\":\"urgent\",",
		  "spec.priorityClassName: system-critical, " },
		{ "", "\"priorityClassName\":1000,", "spec.priorityClassName: " },
		{ ",\"resources\":{\"requests\":{\"memory\":\"1Mi\"}}",
		  "\"priorityClassName\":\"idle\",",
		  "spec.containers[0].resources.requests: a pod of the class idle" },
		{ "", "\"restartPolicy\":\"always\",", "spec.restartPolicy: " },
		{ "", "\"terminationGracePeriodSeconds\":-1,",
		  "spec.terminationGracePeriodSeconds: " },
		{ "", "\"terminationGracePeriodSeconds\":\"5\",",
		  "spec.terminationGracePeriodSeconds: " },
		{ "", "\"hostNetwork\":1,", "spec.hostNetwork: " },
		{ ",\"ports\":[{\"hostPort\":80}]", "", "spec.containers[0].ports[0]: " },
		{ ",\"ports\":[{\"containerPort\":80,\"hostPort\":81}]", "",
		  "spec.containers[0].ports[0]: " },
		{ ",\"command\":\"/bin/sh\"", "", "spec.containers[0].command: " },
		{ ",\"command\":[\"a\",1]", "", "spec.containers[0].command[1]: " },
		{ ",\"workingDir\":\"relative\"", "", "spec.containers[0].workingDir: " },
		{ ",\"workingDir\":\"/a/../b\"", "", "spec.containers[0].workingDir: " },
		{ ",\"env\":[{\"name\":\"A=B\",\"value\":\"\"}]", "",
		  "spec.containers[0].env[0].name: " },
		{ ",\"env\":[{\"value\":\"x\"}]", "", "spec.containers[0].env[0]: " },
		{ ",\"env\":[{\"name\":\"A\",\"valueFrom\":{}}]", "",
		  "spec.containers[0].env[0].valueFrom: " },
		{ ",\"env\":[{\"name\":\"A\",\"value\":\"x\",\"valueFrom\":{\"fieldRef\":"
		  "{\"fieldPath\":\"metadata.name\"}}}]",
		  "", "spec.containers[0].env[0]: one of value" },
		{ ",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":"
		  "{\"fieldPath\":\"metadata.labels\"}}}]",
		  "", "spec.containers[0].env[0].valueFrom: metadata.labels is a map" },
		{ ",\"tty\":true", "", "spec.containers[0].tty: " },
		{ ",\"securityContext\":{\"runAsUser\":0}", "",
		  "spec.containers[0].securityContext.runAsUser: 0 is root" },
		{ ",\"securityContext\":{\"runAsUser\":4294967296}", "",
		  "spec.containers[0].securityContext.runAsUser: " },
		{ ",\"securityContext\":{\"runAsUser\":\"1000\"}", "",
		  "spec.containers[0].securityContext.runAsUser: " },
		{ ",\"securityContext\":{\"runAsUser\":1.5}", "",
		  "spec.containers[0].securityContext.runAsUser: " },
		{ ",\"securityContext\":{\"privileged\":true}", "",
		  "spec.containers[0].securityContext.privileged: " },
		{ ",\"securityContext\":{\"readOnlyRootFilesystem\":false}", "",
		  "spec.containers[0].securityContext.readOnlyRootFilesystem: " },
		{ ",\"securityContext\":{\"allowPrivilegeEscalation\":true}", "",
		  "spec.containers[0].securityContext.allowPrivilegeEscalation: " },
		{ ",\"securityContext\":{\"capabilities\":{\"add\":[\"NET_ADMIN\"]}}", "",
		  "spec.containers[0].securityContext.capabilities.add: " },
		{ ",\"securityContext\":{\"seccompProfile\":{\"type\":\"Unconfined\"}}", "",
		  "spec.containers[0].securityContext.seccompProfile.type: " },
		{ ",\"securityContext\":{\"procMount\":\"Unmasked\"}", "",
		  "spec.containers[0].securityContext.procMount: " },
		{ "", "\"dnsPolicy\":\"None\",", "spec.dnsConfig: dnsPolicy None needs" },
		{ "", "\"dnsConfig\":{\"nameservers\":[\"1.1.1.1\"]},",
		  "spec.dnsConfig: is honoured with" },
		{ "", "\"hostAliases\":[{\"ip\":\"1.2.3.4\\n\"}],", "spec.hostAliases[0].ip: " },
		{ "", "\"shareProcessNamespace\":true,", "spec.shareProcessNamespace: " },
		{ "", "\"volumes\":[{\"name\":\"v\",\"nfs\":{}}],", "spec.volumes[0].nfs: " },
		{ "",
		  "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\",\"items\":"
		  "[{\"key\":\"k\",\"path\":\"../x\"}]}}],",
		  "spec.volumes[0].configMap.items[0].path: " },
		{ "",
		  "\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"c\","
		  "\"defaultMode\":\"0888\"}}],",
		  "spec.volumes[0].secret.defaultMode: " },
		{ ",\"lifecycle\":{\"preStop\":{\"tcpSocket\":{\"port\":1}}}", "",
		  "spec.containers[0].lifecycle.preStop.tcpSocket: " },
		{ ",\"livenessProbe\":{\"tcpSocket\":{\"port\":\"web\"}}", "",
		  "spec.containers[0].livenessProbe.tcpSocket.port: the container has no port" },
		{ ",\"livenessProbe\":{\"httpGet\":{\"port\":1,\"httpHeaders\":[{\"name\":"
		  "\"A:\",\"value\":\"\"}]}}",
		  "", "spec.containers[0].livenessProbe.httpGet.httpHeaders[0].name: " },
		{ ",\"readinessProbe\":{\"tcpSocket\":{\"port\":1},"
		  "\"terminationGracePeriodSeconds\":5}",
		  "", "spec.containers[0].readinessProbe: " },
		{ ",\"restartPolicy\":\"Always\"", "", "spec.containers[0].restartPolicy: " },
		{ "",
		  "\"initContainers\":[{\"name\":\"i\",\"image\":\"x@" DIGEST
		  "\",\"lifecycle\":{}}],",
		  "spec.initContainers[0]: lifecycle needs" },
		{ ",\"resources\":{\"limits\":{\"memory\":\"64mb\"}}", "",
		  "spec.containers[0].resources.limits.memory: " },
		{ ",\"resources\":{\"limits\":{\"memory\":\"192\"}}", "",
		  "spec.containers[0].resources.limits.memory: " },
		{ ",\"resources\":{\"limits\":{\"memory\":\"1Mi\"},"
		  "\"requests\":{\"memory\":\"2Mi\"}}",
		  "", "spec.containers[0].resources: " },
		{ ",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}", "",
		  "spec.containers[0].resources.limits.nvidia.com/gpu: " },
		{ ",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]", "",
		  "spec.containers[0].volumeMounts[0].name: " },
		{ ",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/proc/self\"}]",
		  "\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}],",
		  "spec.containers[0].volumeMounts[0].mountPath: " },
		{ ",\"livenessProbe\":{\"tcpSocket\":{\"port\":0}}", "",
		  "spec.containers[0].livenessProbe.tcpSocket.port: " },
		{ ",\"livenessProbe\":{\"tcpSocket\":{\"port\":1},\"exec\":{\"command\":[\"a\"]}}",
		  "", "spec.containers[0].livenessProbe.exec: " },
		{ ",\"livenessProbe\":{\"tcpSocket\":{\"port\":1},\"successThreshold\":2}", "",
		  "spec.containers[0].livenessProbe" },
		{ ",\"startupProbe\":{\"httpGet\":{\"port\":1,\"path\":\"/ HTTP/1.0\\r\\n\"}}", "",
		  "spec.containers[0].startupProbe.httpGet: " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(pod_with(bad[i].more, bad[i].spec), bad[i].reason);
}

/* A job whose spec has `more`; a CronJob around it, if `schedule` is given. */
static const char *job_with(const char *schedule, const char *more)
{
	static char text[2048];
	static const char pod[] = "\"template\":{\"spec\":{\"restartPolicy\":\"Never\","
				  "\"containers\":[{\"name\":\"c\",\"image\":\"x@" DIGEST "\"}]}}";
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"batch/v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"j\"},"
		 "\"spec\":{%s%s%s%s%s}}",
		 schedule ? "CronJob" : "Job", schedule ? schedule : "",
		 schedule ? ",\"jobTemplate\":{\"spec\":{" : "", more, pod, schedule ? "}}" : "");
	return text;
}

static void a_job_is_a_pod_that_ends(void **state)
{
	struct pod *p = pod_of(job_with(NULL, ""));
	(void)state;
	assert_true(p->is_job && !p->is_scheduled);
	assert_string_equal(p->name, "j");
	assert_int_equal(p->job.backoff_limit, 6);
	assert_int_equal(p->job.ttl_ms, -1);
	pod_free(p);
	p = pod_of(job_with(NULL, "\"backoffLimit\":0,\"activeDeadlineSeconds\":90000,"
				  "\"ttlSecondsAfterFinished\":0,"));
	assert_int_equal(p->job.backoff_limit, 0);
	assert_int_equal(p->deadline_ms, 90000000);
	assert_int_equal(p->job.ttl_ms, 0);
	pod_free(p);
}

static void a_cron_job_has_a_schedule(void **state)
{
	struct pod *p = pod_of(job_with("\"schedule\":\"@daily\",\"startingDeadlineSeconds\":60,"
					"\"concurrencyPolicy\":\"Replace\",\"suspend\":true",
					""));
	(void)state;
	assert_true(p->is_job && p->is_scheduled && p->schedule.replaces && p->schedule.suspended);
	assert_int_equal(p->schedule.deadline_ms, 60000);
	assert_int_equal(p->schedule.cron.hours, 1);
	pod_free(p);
}

static void jobs_with_defects_are_refused_with_their_path(void **state)
{
	static const struct {
		const char *schedule, *more, *reason;
	} bad[] = {
		{ NULL, "\"completions\":2,", "spec.completions: " },
		{ NULL, "\"parallelism\":0,", "spec.parallelism: " },
		{ NULL, "\"suspend\":true,", "spec.suspend: " },
		{ NULL, "\"backoffLimit\":-1,", "spec.backoffLimit: " },
		{ NULL, "\"activeDeadlineSeconds\":0,", "spec.activeDeadlineSeconds: " },
		{ NULL, "\"podFailurePolicy\":{},", "spec.podFailurePolicy: " },
		{ "\"schedule\":\"@every 1h\"", "", "spec.schedule: " },
		{ "\"schedule\":\"* * * *\"", "", "spec.schedule: " },
		{ "\"suspend\":false", "", "spec: schedule is missing" },
		{ "\"schedule\":\"@daily\",\"timeZone\":\"Europe/Berlin\"", "", "spec.timeZone: " },
		{ "\"schedule\":\"@daily\"", "\"completions\":2,",
		  "spec.jobTemplate.spec.completions: " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(job_with(bad[i].schedule, bad[i].more), bad[i].reason);
}

static void names_are_labels(void **state)
{
	static const char *const bad[] = { "", "A", "a_b", "-a", "a-", "a.b", "../a", "a/b" };
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text,
			 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"},"
			 "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"" DIGEST "\"}]}}",
			 bad[i]);
		assert_refused(text, "metadata.name: ");
	}
}

static void only_a_desk_knows_folders(void **state)
{
	static const char folder[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},"
		"\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"./folder\"}]}}";
	struct pod *p = NULL;
	(void)state;
	assert_ok(read(folder, MANIFEST_DESK, &p, NULL));
	pod_free(p);
	assert_refused(folder, "spec.containers[0].image: ");
}

static void what_is_ignored_is_told_by_its_path(void **state)
{
	struct pod *p =
		pod_of(pod_with(",\"imagePullPolicy\":\"Always\",\"terminationMessagePolicy\":"
				"\"FallbackToLogsOnError\"",
				""));
	(void)state;
	assert_int_equal(p->ignored.count, 2);
	assert_string_equal(p->ignored.paths[0], "spec.containers[0].imagePullPolicy");
	assert_string_equal(p->ignored.paths[1], "spec.containers[0].terminationMessagePolicy");
	pod_free(p);
}

static const char *pod_with_annotation(const char *name, const char *value, const char *ports)
{
	static char text[1024];
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
		 "\"annotations\":{\"%s\":\"%s\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
		 "\"image\":\"host\",\"command\":[\"x\"]%s}]}}",
		 name, value, ports);
	return text;
}

static void annotations_of_ours_are_read(void **state)
{
	static const char ports[] = ",\"ports\":[{\"containerPort\":8080,\"name\":\"web\"}]";
	struct pod *p = pod_of(pod_with_annotation("skerry.dev/network", "none", ""));
	(void)state;
	assert_int_equal(p->board.network, NETWORK_NONE);
	pod_free(p);
	p = pod_of(pod_with_annotation("skerry.dev/idle-timeout", "90s", ports));
	assert_int_equal(p->board.idle_ms, 90000);
	assert_int_equal(p->containers[0].ports[0].number, 8080);
	assert_string_equal(p->containers[0].ports[0].name, "web");
	pod_free(p);
	p = pod_of(pod_with_annotation("skerry.dev/standby", "true", ""));
	assert_true(p->board.standby);
	pod_free(p);
	p = pod_of(pod_with_annotation("skerry.dev/watchdog", "30s", ""));
	assert_int_equal(p->board.watchdog_ms, 30000);
	pod_free(p);
	p = pod_of(pod_with_annotation("skerry.dev/cpus", "0-1", ""));
	assert_string_equal(p->containers[0].limits.cpus, "0-1");
	pod_free(p);
	p = pod_of(pod_with_annotation("skerry.dev/io-write", "1Mi", ""));
	assert_int_equal(p->containers[0].limits.write_bps, 1 << 20);
	pod_free(p);
	p = pod_of(pod_with_annotation("skerry.dev/socket-families", "can,netlink", ""));
	assert_true(p->board.families == (INT64_C(1) << 29 | INT64_C(1) << 16));
	pod_free(p);
	p = pod_of(pod_with_annotation("skerry.dev/outbox", "1Mi", ""));
	assert_int_equal(p->board.outbox_bytes, 1 << 20);
	pod_free(p);
	p = pod_of(pod_with_annotation("example.org/network", "none", ""));
	assert_int_equal(p->board.network, NETWORK_BOARD);
	pod_free(p);
}

static void annotations_of_ours_are_checked(void **state)
{
	static const char *const wrong[][2] = {
		{ "skerry.dev/network", "bridge" },
		{ "skerry.dev/newtork", "none" },
		{ "skerry.dev/standby", "yes" },
		{ "skerry.dev/watchdog", "30" },
		{ "skerry.dev/watchdog", "10ms" },
		{ "skerry.dev/cpus", "all" },
		{ "skerry.dev/io-read", "1" },
		{ "skerry.dev/socket-families", "vsock" },
		{ "skerry.dev/idle-timeout", "5m" }, /* nobody could wake it */
		{ "skerry.dev/outbox", "63Ki" },
		{ "skerry.dev/outbox", "much" },
		{ "prometheus.io/scrape", "yes" },
		{ "prometheus.io/port", "web" },
		{ "prometheus.io/port", "0" },
		{ "prometheus.io/port", "65536" },
		{ "prometheus.io/path", "metrics" },
		{ "prometheus.io/path", "/a b" },
		{ "prometheus.io/path", "/a\\r\\nHost: b" },
		{ "prometheus.io/scheme", "https" },
		{ "skerry.dev/scrape-interval", "2h" },
		{ "skerry.dev/scrape-interval", "1ms" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct why why;
		struct pod *p;
		const char *text = pod_with_annotation(wrong[i][0], wrong[i][1], "");
		assert_err(ERR_INVALID, read(text, MANIFEST_BOARD, &p, &why));
		if (!strstr(why.text, wrong[i][0]))
			fail_msg("%s does not name %s", why.text, wrong[i][0]);
	}
}

static struct pod *scraped(const char *more, const char *ports)
{
	char text[1024];
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
		 "\"annotations\":{\"prometheus.io/scrape\":\"true\"%s}},\"spec\":{\"containers\":"
		 "[{\"name\":\"c\",\"image\":\"host\",\"command\":[\"x\"]%s}]}}",
		 more, ports);
	return pod_of(text);
}

static void a_pod_may_ask_to_be_scraped(void **state)
{
	static const char ports[] = ",\"ports\":[{\"containerPort\":8080}]";
	struct pod *p = scraped("", ports);
	(void)state;
	assert_true(p->board.scrape.on);
	assert_int_equal(p->board.scrape.port, 8080);
	assert_string_equal(p->board.scrape.path, "/metrics");
	assert_int_equal(p->board.scrape.interval_ms, 30000);
	pod_free(p);
	p = scraped(",\"prometheus.io/port\":\"9100\",\"prometheus.io/path\":\"/m?x=1\","
		    "\"prometheus.io/scheme\":\"http\",\"skerry.dev/scrape-interval\":\"1m\"",
		    ports);
	assert_int_equal(p->board.scrape.port, 9100);
	assert_string_equal(p->board.scrape.path, "/m?x=1");
	assert_int_equal(p->board.scrape.interval_ms, 60000);
	pod_free(p);
	p = pod_of(pod_with_annotation("prometheus.io/scrape", "false", ""));
	assert_false(p->board.scrape.on);
	pod_free(p);
}

static void equal_manifests_have_equal_digests(void **state)
{
	struct pod *a = pod_of(pod_with("", "")), *b = pod_of(pod_with("", "")),
		   *c = pod_of(pod_with(",\"args\":[\"x\"]", ""));
	(void)state;
	assert_string_equal(a->digest, b->digest);
	assert_string_not_equal(a->digest, c->digest);
	pod_free(a);
	pod_free(b);
	pod_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_kubernetes),
		cmocka_unit_test(requests_default_to_limits),
		cmocka_unit_test(what_is_idle_requests_nothing),
		cmocka_unit_test(a_number_is_a_quantity_too),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_path),
		cmocka_unit_test(a_job_is_a_pod_that_ends),
		cmocka_unit_test(a_cron_job_has_a_schedule),
		cmocka_unit_test(jobs_with_defects_are_refused_with_their_path),
		cmocka_unit_test(names_are_labels),
		cmocka_unit_test(only_a_desk_knows_folders),
		cmocka_unit_test(what_is_ignored_is_told_by_its_path),
		cmocka_unit_test(annotations_of_ours_are_read),
		cmocka_unit_test(annotations_of_ours_are_checked),
		cmocka_unit_test(a_pod_may_ask_to_be_scraped),
		cmocka_unit_test(equal_manifests_have_equal_digests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
