#include "workloads/qos.h"

#include "tests/check.h"

#include <string.h>

enum { MIB = 1024 * 1024 };

static struct container_spec container(int64_t cpu, int64_t cpu_limit, int64_t mib,
				       int64_t mib_limit)
{
	return (struct container_spec){
		.limits = { .cpu_milli = cpu_limit,
			    .cpu_request_milli = cpu,
			    .memory_bytes = mib_limit * MIB },
		.memory_request = mib * MIB,
	};
}

static struct pod pod_of(struct container_spec *containers, size_t count)
{
	return (struct pod){ .containers = containers, .container_count = count };
}

static void a_name_is_a_priority(void **state)
{
	static const struct {
		const char *name, *ours;
		enum priority priority;
	} known[] = {
		{ "system-critical", "system-critical", PRIORITY_CRITICAL },
		{ "system-node-critical", "system-critical", PRIORITY_CRITICAL },
		{ "system-cluster-critical", "system-critical", PRIORITY_CRITICAL },
		{ "high", "high", PRIORITY_HIGH },
		{ "normal", "normal", PRIORITY_NORMAL },
		{ "low", "low", PRIORITY_LOW },
		{ "idle", "idle", PRIORITY_IDLE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		enum priority p;
		assert_int_equal(priority_find(known[i].name, &p, NULL), OK);
		assert_int_equal(p, known[i].priority);
		assert_string_equal(priority_name(p), known[i].ours);
	}
}

static void any_other_name_is_refused_with_the_list(void **state)
{
	enum priority p;
	struct why why;
	(void)state;
	assert_int_equal(priority_find("High", &p, &why), ERR_INVALID);
	assert_string_equal(why.text, "system-critical, system-node-critical, "
				      "system-cluster-critical, high, normal, low or idle is "
				      "expected");
	assert_int_equal(priority_find("", &p, &why), ERR_INVALID);
}

static void priorities_are_in_their_order(void **state)
{
	(void)state;
	assert_true(PRIORITY_CRITICAL > PRIORITY_HIGH && PRIORITY_HIGH > PRIORITY_NORMAL);
	assert_true(PRIORITY_NORMAL > PRIORITY_LOW && PRIORITY_LOW > PRIORITY_IDLE);
}

static void requests_and_limits_make_the_class(void **state)
{
	const struct {
		struct container_spec container;
		enum qos_class class;
	} cases[] = {
		{ container(0, 0, 0, 0), QOS_BEST_EFFORT },
		{ container(0, 500, 0, 64), QOS_BEST_EFFORT }, /* an idle pod's */
		{ container(500, 500, 64, 64), QOS_GUARANTEED },
		{ container(0, 0, 64, 64), QOS_BURSTABLE },
		{ container(500, 500, 0, 0), QOS_BURSTABLE },
		{ container(100, 500, 64, 64), QOS_BURSTABLE },
		{ container(500, 500, 32, 64), QOS_BURSTABLE },
		{ container(1, 0, 0, 0), QOS_BURSTABLE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct container_spec c = cases[i].container;
		const struct pod p = pod_of(&c, 1);
		assert_int_equal(qos_of(&p), cases[i].class);
	}
}

static void a_pod_is_of_the_class_that_all_its_containers_are_of(void **state)
{
	struct container_spec two[] = { container(500, 500, 64, 64), container(0, 0, 0, 0) };
	const struct pod p = pod_of(two, 2);
	(void)state;
	assert_int_equal(qos_of(&p), QOS_BURSTABLE);
	two[1] = two[0];
	assert_int_equal(qos_of(&p), QOS_GUARANTEED);
	two[0] = two[1] = container(0, 0, 0, 0);
	assert_int_equal(qos_of(&p), QOS_BEST_EFFORT);
}

static int64_t score(struct container_spec c, enum priority priority)
{
	struct pod p = pod_of(&c, 1);
	p.priority = priority;
	return qos_oom_score_adj(&p, &c, INT64_C(1000) * MIB);
}

static void whoever_asked_for_least_is_killed_first(void **state)
{
	(void)state;
	assert_int_equal(score(container(0, 0, 0, 0), PRIORITY_NORMAL), 1000);
	assert_int_equal(score(container(100, 0, 0, 0), PRIORITY_NORMAL), 999);
	assert_int_equal(score(container(0, 0, 100, 0), PRIORITY_NORMAL), 900);
	assert_int_equal(score(container(0, 0, 1000, 0), PRIORITY_NORMAL), 201);
	assert_int_equal(score(container(10, 10, 1, 1), PRIORITY_NORMAL), 200);
}

static void what_is_critical_is_killed_last(void **state)
{
	(void)state;
	assert_int_equal(score(container(0, 0, 0, 0), PRIORITY_CRITICAL), 200);
	assert_int_equal(score(container(0, 0, 100, 0), PRIORITY_CRITICAL), 200);
}

static void only_an_idle_pod_is_softened(void **state)
{
	struct container_spec c = container(0, 0, 0, 64);
	struct pod p = pod_of(&c, 1);
	(void)state;
	qos_soften(&p, 1000 * MIB, &c.limits);
	assert_false(c.limits.idle);
	assert_int_equal(c.limits.memory_high, 0);
	p.priority = PRIORITY_IDLE;
	qos_soften(&p, 1000 * MIB, &c.limits);
	assert_true(c.limits.idle);
	assert_int_equal(c.limits.memory_high, 56 * MIB);
	c.limits.memory_bytes = 0;
	qos_soften(&p, 1000 * MIB, &c.limits);
	assert_int_equal(c.limits.memory_high, 250 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_a_priority),
		cmocka_unit_test(any_other_name_is_refused_with_the_list),
		cmocka_unit_test(priorities_are_in_their_order),
		cmocka_unit_test(requests_and_limits_make_the_class),
		cmocka_unit_test(a_pod_is_of_the_class_that_all_its_containers_are_of),
		cmocka_unit_test(whoever_asked_for_least_is_killed_first),
		cmocka_unit_test(what_is_critical_is_killed_last),
		cmocka_unit_test(only_an_idle_pod_is_softened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
