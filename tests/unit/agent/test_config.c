#include "agent/config.h"

#include "agent/verb.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

struct fixture {
	struct scratch scratch;
	struct config config;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	config_init(&f->config);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static enum err read(struct fixture *f, const char *text)
{
	const char *path = scratch_at(&f->scratch, "skerryd.conf");
	assert_ok(file_replace(path, bytes_of(text), false, NULL));
	f->why.text[0] = '\0';
	return config_read(&f->config, path, &f->why);
}

static void set(struct fixture *f, const char *assignment)
{
	if (config_set(&f->config, assignment, &f->why))
		fail_msg("%s is refused: %s", assignment, f->why.text);
}

static void assert_refused(struct fixture *f, const char *assignment)
{
	f->why.text[0] = '\0';
	if (config_set(&f->config, assignment, &f->why) != ERR_INVALID)
		fail_msg("taken: %s", assignment);
	assert_string_not_equal(f->why.text, "");
}

static void a_board_runs_with_what_the_file_leaves_out(void **state)
{
	struct fixture *f = *state;
	const struct config *c = &f->config;
	assert_ok(read(f, ""));
	assert_string_equal(c->device, "");
	assert_string_equal(c->fleet, "main");
	assert_false(c->has_broker);
	assert_string_equal(c->state_dir, "/var/lib/skerry");
	assert_string_equal(c->run_dir, "/run/skerry");
	assert_false(c->allow_host_image);
	assert_null(c->host_paths[0]);
	assert_int_equal(c->flush_ms, 5000);
	assert_int_equal(c->quota_bytes, 64 * 1024 * 1024);
	assert_int_equal(c->label_count, 0);
}

static void every_key_is_read(void **state)
{
	struct fixture *f = *state;
	const struct config *c = &f->config;
	assert_ok(read(f, "device = drone-07\n"
			  "fleet=field\n"
			  "\tbroker =\tmqtt://10.0.0.1:1884  \n"
			  "state_dir = /data/skerry\n"
			  "run_dir = /tmp/skerry\n"
			  "allow_host_image = true\n"
			  "allow_host_path = /dev/video0, /srv/\n"
			  "telemetry_flush = 1m\n"
			  "outbox_quota = 1Mi\n"
			  "labels = site=north, role=camera\n"
			  "watchdog = /dev/watchdog0\n"));
	assert_string_equal(c->watchdog, "/dev/watchdog0");
	assert_string_equal(c->device, "drone-07");
	assert_string_equal(c->fleet, "field");
	assert_true(c->has_broker);
	assert_string_equal(c->broker.host, "10.0.0.1");
	assert_int_equal(c->broker.port, 1884);
	assert_string_equal(c->state_dir, "/data/skerry");
	assert_string_equal(c->run_dir, "/tmp/skerry");
	assert_true(c->allow_host_image);
	assert_string_equal(c->host_paths[0], "/dev/video0");
	assert_string_equal(c->host_paths[1], "/srv");
	assert_null(c->host_paths[2]);
	assert_int_equal(c->flush_ms, 60 * 1000);
	assert_int_equal(c->quota_bytes, 1024 * 1024);
	assert_int_equal(c->label_count, 2);
	assert_string_equal(c->labels[1].key, "role");
	assert_string_equal(c->labels[1].value, "camera");
	assert_ok(config_check(c, &f->why));
}

static void comments_blank_lines_and_windows_ends_are_fine(void **state)
{
	struct fixture *f = *state;
	assert_ok(read(f, "\n  # a comment = with a sign\r\n\r\n#\n \t \ndevice = a\r\n"
			  "fleet = b"));
	assert_string_equal(f->config.device, "a");
	assert_string_equal(f->config.fleet, "b");
}

static void a_later_line_takes_the_place_of_an_earlier(void **state)
{
	struct fixture *f = *state;
	assert_ok(read(f, "device = a\nlabels = x=1,y=2\ndevice = b\nlabels = z=3\n"));
	assert_string_equal(f->config.device, "b");
	assert_int_equal(f->config.label_count, 1);
	assert_string_equal(f->config.labels[0].key, "z");
}

static void an_error_says_the_file_and_the_line(void **state)
{
	struct fixture *f = *state;
	char where[SCRATCH_PATH_MAX + 16];
	assert_err(ERR_INVALID, read(f, "# one\n\ndevice = Drone\n"));
	snprintf(where, sizeof where, "%s:3: ", scratch_at(&f->scratch, "skerryd.conf"));
	assert_int_equal(strncmp(f->why.text, where, strlen(where)), 0);
	assert_non_null(strstr(f->why.text, "device"));
	assert_non_null(strstr(f->why.text, "Drone"));
}

static void an_unknown_key_is_an_error_with_its_line(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_INVALID, read(f, "device = a\ncolour = blue\n"));
	assert_non_null(strstr(f->why.text, ":2: "));
	assert_non_null(strstr(f->why.text, "colour"));
	assert_refused(f, "Device=a");
	assert_refused(f, "devic=a");
	assert_refused(f, "=a");
}

static void a_line_without_a_sign_is_an_error(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_INVALID, read(f, "device = a\nfleet\n"));
	assert_non_null(strstr(f->why.text, ":2: "));
	assert_refused(f, "device");
	assert_refused(f, "");
}

static void a_budget_is_in_bytes(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->config.link_rate, 0);
	set(f, "link_rate=2Ki");
	set(f, "link_daily = 20Mi");
	assert_int_equal(f->config.link_rate, 2048);
	assert_int_equal(f->config.link_daily, 20 << 20);
	assert_refused(f, "link_rate=99");
	assert_refused(f, "link_daily=-1");
	assert_refused(f, "link_daily=much");
	assert_int_equal(f->config.link_daily, 20 << 20);
}

static void sources_are_off_unless_asked_for(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->config.host_metrics_ms, 0);
	set(f, "host_metrics=30s");
	assert_int_equal(f->config.host_metrics_ms, 30 * 1000);
	assert_refused(f, "host_metrics=500ms");
	assert_refused(f, "host_metrics=2h");
	assert_refused(f, "host_metrics=on");
	set(f, "host_metrics=off");
	assert_int_equal(f->config.host_metrics_ms, 0);
}

static void statsd_is_for_loopback_alone(void **state)
{
	static const char *const wrong[] = { "0.0.0.0:8125", "192.0.2.1:8125",  "[::]:8125",
					     "8125",         ":8125",           "127.0.0.1",
					     "127.0.0.1:0",  "127.0.0.1:65536", "localhost:8125",
					     "127.0.0.1:x",  "128.0.0.1:1",     "" };
	struct fixture *f = *state;
	char assignment[64];
	assert_string_equal(f->config.statsd_address, "");
	assert_int_equal(f->config.statsd_interval_ms, 10000);
	set(f, "statsd=127.0.0.1:8125");
	assert_string_equal(f->config.statsd_address, "127.0.0.1");
	assert_int_equal(f->config.statsd_port, 8125);
	set(f, "statsd=[::1]:1");
	assert_string_equal(f->config.statsd_address, "::1");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(assignment, sizeof assignment, "statsd=%s", wrong[i]);
		assert_refused(f, assignment);
	}
	set(f, "statsd=off");
	assert_string_equal(f->config.statsd_address, "");
	assert_refused(f, "statsd_interval=off");
	assert_refused(f, "statsd_interval=100ms");
}

static void a_local_broker_needs_topics_and_topics_a_broker(void **state)
{
	struct fixture *f = *state;
	set(f, "device=a");
	set(f, "broker=mqtt://h");
	set(f, "local_broker=mqtt://127.0.0.1");
	assert_err(ERR_INVALID, config_check(&f->config, &f->why));
	assert_non_null(strstr(f->why.text, "local_topics"));
	set(f, "local_topics = , ");
	assert_err(ERR_INVALID, config_check(&f->config, &f->why));
	set(f, "local_topics=sensors/# -> sensors");
	assert_ok(config_check(&f->config, &f->why));
	assert_string_equal(f->config.broker.host, "h");
	config_init(&f->config);
	set(f, "device=a");
	set(f, "local_topics=sensors/# -> sensors");
	set(f, "local_broker=mqtt://127.0.0.1");
	/* The one does not stand for the other. */
	assert_err(ERR_INVALID, config_check(&f->config, &f->why));
	assert_non_null(strstr(f->why.text, "broker is not set"));
	assert_refused(f, "local_topics=sensors");
	assert_refused(f, "local_broker=mqtts://h");
}

static void assert_misfit(struct fixture *f, const char *named)
{
	assert_err(ERR_INVALID, config_check(&f->config, &f->why));
	if (!strstr(f->why.text, named))
		fail_msg("want: %s, got: %s", named, f->why.text);
}

static void tls_is_asked_for_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	set(f, "device=drone-07");
	set(f, "broker=mqtts://10.0.0.1");
	assert_misfit(f, "tls_ca");
	set(f, "tls_ca=/etc/skerry/ca.pem");
	assert_ok(config_check(&f->config, NULL));
	set(f, "tls_cert=/etc/skerry/cert.pem");
	assert_misfit(f, "tls_key");
	set(f, "tls_key=/etc/skerry/key.pem");
	set(f, "tls_crl=/etc/skerry/crl.pem");
	set(f, "tls_alpn=x-amzn-mqtt-ca");
	assert_ok(config_check(&f->config, NULL));
	const struct tls_files files = config_tls(&f->config);
	assert_string_equal(files.key, "/etc/skerry/key.pem");
	assert_string_equal(files.alpn, "x-amzn-mqtt-ca");
	set(f, "tls_key=pkcs11:object=skerry?module-path=/lib/token.so");
	assert_ok(config_check(&f->config, NULL));
	assert_string_equal(config_tls(&f->config).key,
			    "pkcs11:object=skerry?module-path=/lib/token.so");
	assert_refused(f, "tls_key=pkcs11:object=skerry");
	assert_refused(f, "tls_key=pkcs11:object=skerry?module-path=/lib/token.so&pin-value=1234");
	assert_refused(f, "tls_ca=pkcs11:object=skerry?module-path=/lib/token.so");
	set(f, "broker=mqtt://10.0.0.1");
	assert_misfit(f, "mqtts://");
	assert_refused(f, "tls_ca=ca.pem");
	assert_refused(f, "tls_alpn=");
	assert_refused(f, "tls_alpn=a-protocol-whose-name-is-too-long");
}

static void a_wrong_broker_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_refused(f, "broker=10.0.0.1");
	assert_refused(f, "broker=http://10.0.0.1");
	assert_refused(f, "broker=mqtt://10.0.0.1:0");
	assert_refused(f, "broker=mqtt://10.0.0.1:65536");
	assert_refused(f, "broker=");
}

static void a_password_is_never_repeated(void **state)
{
	struct fixture *f = *state;
	assert_refused(f, "broker=mqtt://user:secret@host:0");
	assert_null(strstr(f->why.text, "secret"));
}

static void names_are_labels(void **state)
{
	struct fixture *f = *state;
	char name[80] = "device=";
	assert_refused(f, "device=");
	assert_refused(f, "device=a_b");
	assert_refused(f, "device=a.b");
	assert_refused(f, "device=-a");
	assert_refused(f, "device=a-");
	assert_refused(f, "device=a b");
	assert_refused(f, "fleet=A");
	memset(name + 7, 'a', 64);
	assert_refused(f, name);
	name[7 + 63] = '\0';
	set(f, name);
}

static void the_hubs_name_is_taken(void **state)
{
	struct fixture *f = *state;
	assert_refused(f, "device=hub");
}

static void folders_are_absolute_and_bounded(void **state)
{
	struct fixture *f = *state;
	char folder[200] = "run_dir=/";
	assert_refused(f, "state_dir=");
	assert_refused(f, "state_dir=data");
	assert_refused(f, "run_dir=./run");
	memset(folder + 9, 'x', 127);
	assert_refused(f, folder);
	folder[9 + 126] = '\0';
	set(f, folder);
	assert_int_equal(strlen(f->config.run_dir), 127);
}

static void switches_are_true_or_false(void **state)
{
	struct fixture *f = *state;
	set(f, "allow_host_image=true");
	assert_true(f->config.allow_host_image);
	set(f, "allow_host_image=false");
	assert_false(f->config.allow_host_image);
	assert_refused(f, "allow_host_image=yes");
	assert_refused(f, "allow_host_image=1");
	assert_refused(f, "allow_host_image=");
	assert_refused(f, "allow_host_image=True");
}

static void host_paths_are_absolute_and_stay_where_they_are(void **state)
{
	struct fixture *f = *state;
	assert_refused(f, "allow_host_path=srv");
	assert_refused(f, "allow_host_path=/srv,dev");
	assert_refused(f, "allow_host_path=/srv/../etc");
	set(f, "allow_host_path=/");
	assert_string_equal(f->config.host_paths[0], "/");
	set(f, "allow_host_path=/a///,,/b ,");
	assert_string_equal(f->config.host_paths[0], "/a");
	assert_string_equal(f->config.host_paths[1], "/b");
	assert_null(f->config.host_paths[2]);
	set(f, "allow_host_path=");
	assert_null(f->config.host_paths[0]);
}

static void one_path_more_than_fits_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[256] = "allow_host_path=/p";
	for (int i = 1; i < CONFIG_PATHS_MAX; i++)
		strcat(text, ",/p");
	set(f, text);
	assert_non_null(f->config.host_paths[CONFIG_PATHS_MAX - 1]);
	assert_null(f->config.host_paths[CONFIG_PATHS_MAX]);
	strcat(text, ",/p");
	assert_refused(f, text);
}

static void the_flush_is_between_100_ms_and_an_hour(void **state)
{
	struct fixture *f = *state;
	set(f, "telemetry_flush=100ms");
	assert_int_equal(f->config.flush_ms, 100);
	set(f, "telemetry_flush=1h");
	assert_int_equal(f->config.flush_ms, 3600 * 1000);
	assert_refused(f, "telemetry_flush=99ms");
	assert_refused(f, "telemetry_flush=1h1s");
	assert_refused(f, "telemetry_flush=5");
	assert_refused(f, "telemetry_flush=");
}

static void the_quota_is_at_least_256_kib(void **state)
{
	struct fixture *f = *state;
	set(f, "outbox_quota=256Ki");
	assert_int_equal(f->config.quota_bytes, 256 * 1024);
	assert_refused(f, "outbox_quota=262143");
	assert_refused(f, "outbox_quota=-1");
	assert_refused(f, "outbox_quota=much");
}

static void labels_are_pairs(void **state)
{
	struct fixture *f = *state;
	set(f, "labels=a=1,b=x=y,c=,");
	assert_int_equal(f->config.label_count, 3);
	assert_string_equal(f->config.labels[1].value, "x=y");
	assert_string_equal(f->config.labels[2].value, "");
	assert_refused(f, "labels=a");
	assert_refused(f, "labels==1");
	set(f, "labels=");
	assert_int_equal(f->config.label_count, 0);
}

static void labels_are_bounded(void **state)
{
	struct fixture *f = *state;
	char text[256] = "labels=a=1", large[200] = "labels=a=";
	for (int i = 1; i < CONFIG_LABELS_MAX; i++)
		strcat(text, ",a=1");
	set(f, text);
	assert_int_equal(f->config.label_count, CONFIG_LABELS_MAX);
	strcat(text, ",a=1");
	assert_refused(f, text);
	memset(large + 9, 'v', 64);
	assert_refused(f, large);
	large[9 + 63] = '\0';
	set(f, large);
}

static void a_file_that_is_not_there_is_told_apart(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_NOT_FOUND,
		   config_read(&f->config, scratch_at(&f->scratch, "none"), &f->why));
	assert_non_null(strstr(f->why.text, "none"));
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	struct fixture *f = *state;
	static char text[CONFIG_FILE_MAX + 2];
	memset(text, '\n', CONFIG_FILE_MAX + 1);
	assert_err(ERR_FULL, read(f, text));
	text[CONFIG_FILE_MAX] = '\0';
	assert_ok(read(f, text));
}

static void a_copy_points_into_itself(void **state)
{
	struct fixture *f = *state;
	set(f, "allow_host_path=/a,/b,/c");
	struct config *copy = malloc(sizeof *copy);
	assert_non_null(copy);
	*copy = f->config;
	config_rebase(copy, &f->config);
	memset(f->config.path_text, 'z', sizeof f->config.path_text - 1);
	assert_string_equal(copy->host_paths[0], "/a");
	assert_string_equal(copy->host_paths[1], "/b");
	assert_string_equal(copy->host_paths[2], "/c");
	assert_null(copy->host_paths[3]);
	free(copy);
}

static void a_board_needs_a_name_and_a_broker(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_INVALID, config_check(&f->config, &f->why));
	assert_non_null(strstr(f->why.text, "device"));
	set(f, "device=drone-07");
	assert_err(ERR_INVALID, config_check(&f->config, &f->why));
	assert_non_null(strstr(f->why.text, "broker"));
	set(f, "broker=mqtt://host");
	assert_ok(config_check(&f->config, &f->why));
}

static void what_only_reads_may_come_unsigned(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->config.unsigned_verbs, VERBS_THAT_READ);
	assert_false(f->config.allow_exec);
	set(f, "unsigned_commands = ping , top");
	assert_int_equal(f->config.unsigned_verbs, 1 << VERB_PING | 1 << VERB_TOP);
	set(f, "unsigned_commands = none");
	assert_int_equal(f->config.unsigned_verbs, 0);
	assert_refused(f, "unsigned_commands =");
	assert_refused(f, "unsigned_commands = restart");
	assert_refused(f, "unsigned_commands = ping, exec");
	assert_refused(f, "unsigned_commands = wake");
	assert_refused(f, "unsigned_commands = ping,,top");
	assert_refused(f, "unsigned_commands = dance");
	set(f, "allow_exec = true");
	assert_true(f->config.allow_exec);
}

int main(void)
{
#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(a_board_runs_with_what_the_file_leaves_out),
		CONFIG_TEST(every_key_is_read),
		CONFIG_TEST(comments_blank_lines_and_windows_ends_are_fine),
		CONFIG_TEST(a_later_line_takes_the_place_of_an_earlier),
		CONFIG_TEST(an_error_says_the_file_and_the_line),
		CONFIG_TEST(an_unknown_key_is_an_error_with_its_line),
		CONFIG_TEST(a_line_without_a_sign_is_an_error),
		CONFIG_TEST(a_budget_is_in_bytes),
		CONFIG_TEST(sources_are_off_unless_asked_for),
		CONFIG_TEST(statsd_is_for_loopback_alone),
		CONFIG_TEST(a_local_broker_needs_topics_and_topics_a_broker),
		CONFIG_TEST(tls_is_asked_for_whole_or_not_at_all),
		CONFIG_TEST(a_wrong_broker_is_refused),
		CONFIG_TEST(a_password_is_never_repeated),
		CONFIG_TEST(names_are_labels),
		CONFIG_TEST(the_hubs_name_is_taken),
		CONFIG_TEST(folders_are_absolute_and_bounded),
		CONFIG_TEST(switches_are_true_or_false),
		CONFIG_TEST(host_paths_are_absolute_and_stay_where_they_are),
		CONFIG_TEST(one_path_more_than_fits_is_refused),
		CONFIG_TEST(the_flush_is_between_100_ms_and_an_hour),
		CONFIG_TEST(the_quota_is_at_least_256_kib),
		CONFIG_TEST(labels_are_pairs),
		CONFIG_TEST(labels_are_bounded),
		CONFIG_TEST(a_file_that_is_not_there_is_told_apart),
		CONFIG_TEST(a_file_that_is_too_large_is_refused),
		CONFIG_TEST(a_copy_points_into_itself),
		CONFIG_TEST(a_board_needs_a_name_and_a_broker),
		CONFIG_TEST(what_only_reads_may_come_unsigned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
