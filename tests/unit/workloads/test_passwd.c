#include "workloads/passwd.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char PASSWD[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "web:x:1000:1001:Web:/srv:/bin/false\n"
			     "short:x\n"
			     "large:x:2147483648:1:::\n"
			     "wraps:x:4294967296:1:::\n"
			     "minus:x:-1:1:::\n"
			     "nogid:x:5:99999999999:::\n"
			     "www-data:x:33:33::/var/www:/bin/sh";

static const char GROUPS[] = "root:x:0:web\n"
			     "web:x:1001:\n"
			     "video:x:44:someone,web\n"
			     "dialout:x:20:web,other\n"
			     "webs:x:21:webs,awebb\n"
			     "bad:x:x:web\n"
			     "huge:x:4294967295:web\n"
			     "gpio:x:997:web\n";

struct fixture {
	struct scratch scratch;
	struct user user;
	struct why why;
};

static void put(struct fixture *f, const char *name, struct bytes content)
{
	assert_ok(file_replace(scratch_at(&f->scratch, name), content, false, NULL));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(dir_make(scratch_at(&f->scratch, "root/etc"), 0755, NULL));
	put(f, "root/etc/passwd", bytes_of(PASSWD));
	put(f, "root/etc/group", bytes_of(GROUPS));
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

static enum err resolve(struct fixture *f, const char *user)
{
	return passwd_resolve(scratch_at(&f->scratch, "root"), user, &f->user, &f->why);
}

static void assert_is(struct fixture *f, const char *user, int64_t uid, int64_t gid)
{
	assert_ok(resolve(f, user));
	assert_int_equal(f->user.uid, uid);
	assert_int_equal(f->user.gid, gid);
}

static void assert_refused(struct fixture *f, const char *user, const char *reason)
{
	if (resolve(f, user) != ERR_INVALID)
		fail_msg("\"%s\" is not refused", user);
	if (!strstr(f->why.text, reason))
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", user, f->why.text, reason);
}

static void numbers_stand_for_themselves(void **state)
{
	struct fixture *f = *state;
	assert_is(f, "7", 7, 0);
	assert_int_equal(f->user.group_count, 0);
	assert_is(f, "7:8", 7, 8);
	assert_is(f, "2147483647:2147483647", 2147483647, 2147483647);
	assert_is(f, "0", 0, 0);
}

static void names_are_looked_up(void **state)
{
	struct fixture *f = *state;
	assert_is(f, "web", 1000, 1001);
	assert_is(f, "www-data", 33, 33);
	assert_is(f, "web:video", 1000, 44);
	assert_is(f, "web:7", 1000, 7);
	assert_is(f, "7:gpio", 7, 997);
	assert_is(f, "root", 0, 0);
	assert_is(f, "root:root", 0, 0);
}

static void a_name_brings_its_groups_unless_one_is_given(void **state)
{
	struct fixture *f = *state;
	assert_is(f, "web", 1000, 1001);
	assert_int_equal(f->user.group_count, 3);
	assert_int_equal(f->user.groups[0], 44);
	assert_int_equal(f->user.groups[1], 20);
	assert_int_equal(f->user.groups[2], 997);
	/* A number that has a name is that user. */
	assert_is(f, "1000", 1000, 1001);
	assert_int_equal(f->user.group_count, 3);
	assert_is(f, "web:video", 1000, 44);
	assert_int_equal(f->user.group_count, 0);
}

static void what_is_neither_number_nor_name_is_never_a_default(void **state)
{
	static const char *const wrong[] = { "1000x", "-1",   " 1",      "1 ",  "+1",
					     "0x10",  "1.0",  "1\n",     "a b", "a/../b",
					     "-name", "1:-1", "web:20x", "1: 2" };
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_refused(f, wrong[i], "neither a number below 2^31 nor a name");
	assert_refused(f, "1:", "not USER or USER:GROUP");
	assert_refused(f, ":1", "not USER or USER:GROUP");
	assert_refused(f, ":", "not USER or USER:GROUP");
	assert_refused(f, "", "not USER or USER:GROUP");
	assert_refused(f, "1:2:3", "not USER or USER:GROUP");
	assert_refused(f, "nobody", "is not in /etc/passwd");
	assert_refused(f, "web:nogroup", "is not in /etc/group");
}

static void numbers_do_not_wrap(void **state)
{
	static const char *const large[] = { "2147483648",  "4294967295",           "4294967296",
					     "9999999999",  "18446744073709551616", "1:2147483648",
					     "1:4294967296" };
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof large / sizeof *large; i++)
		assert_refused(f, large[i], "neither a number below 2^31");
	assert_refused(f, "large", "has no ids below 2^31");
	assert_refused(f, "wraps", "has no ids below 2^31");
	assert_refused(f, "minus", "has no ids below 2^31");
	assert_refused(f, "nogid", "has no ids below 2^31");
	assert_refused(f, "short", "has no ids below 2^31");
	assert_refused(f, "1:huge", "has no id below 2^31");
	assert_refused(f, "1:bad", "has no id below 2^31");
}

static void an_image_without_the_files_knows_numbers_and_root(void **state)
{
	struct fixture *f = *state;
	assert_ok(dir_remove(scratch_at(&f->scratch, "root/etc"), NULL));
	assert_is(f, "7:8", 7, 8);
	assert_is(f, "root", 0, 0);
	assert_refused(f, "web", "is not in /etc/passwd");
}

static void an_endless_file_is_not_read(void **state)
{
	struct fixture *f = *state;
	char *endless = malloc(PASSWD_FILE_MAX + 1);
	assert_non_null(endless);
	memset(endless, 'a', PASSWD_FILE_MAX + 1);
	put(f, "root/etc/passwd", (struct bytes){ endless, PASSWD_FILE_MAX + 1 });
	assert_refused(f, "web", "larger than 1 MiB");
	put(f, "root/etc/passwd", (struct bytes){ endless, PASSWD_FILE_MAX });
	assert_refused(f, "web", "is not in /etc/passwd");
	free(endless);
	put(f, "root/etc/passwd", BYTES_LIT("web:x\0:1:1:\n"));
	assert_refused(f, "web", "not readable");
}

static void links_lead_nowhere_but_into_the_image(void **state)
{
	struct fixture *f = *state;
	const char *passwd = scratch_at(&f->scratch, "root/etc/passwd");
	put(f, "outside", BYTES_LIT("out:x:4:4:::\n"));
	put(f, "root/outside", BYTES_LIT("in:x:5:5:::\n"));
	assert_int_equal(unlink(passwd), 0);
	assert_int_equal(symlink("../../../../outside", passwd), 0);
	assert_is(f, "in", 5, 5);
	assert_refused(f, "out", "is not in /etc/passwd");
	assert_int_equal(unlink(passwd), 0);
	assert_int_equal(symlink(scratch_at(&f->scratch, "outside"), passwd), 0);
	assert_refused(f, "out", "is not in /etc/passwd");
}

static void what_is_no_plain_file_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	const char *passwd = scratch_at(&f->scratch, "root/etc/passwd");
	assert_int_equal(unlink(passwd), 0);
	assert_int_equal(mkfifo(passwd, 0644), 0);
	assert_refused(f, "web", "not readable");
}

static void too_many_groups_are_refused(void **state)
{
	struct fixture *f = *state;
	char text[1024];
	struct text t = text_in(text, sizeof text);
	for (int i = 0; i <= GROUPS_MAX; i++)
		text_add(&t, "g%d:x:%d:web\n", i, 100 + i);
	put(f, "root/etc/group", text_bytes(&t));
	assert_err(ERR_FULL, resolve(f, "web"));
}

static bool has_openat2(void)
{
	enum { CALL_OPENAT2 = 437 };
	return syscall(CALL_OPENAT2, -1, "", NULL, (size_t)0) >= 0 || errno != ENOSYS;
}

int main(void)
{
	if (!has_openat2()) {
		puts("skipped: this kernel, or the emulator that stands for one, has no openat2");
		return SKIPPED;
	}
#define PASSWD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PASSWD_TEST(numbers_stand_for_themselves),
		PASSWD_TEST(names_are_looked_up),
		PASSWD_TEST(a_name_brings_its_groups_unless_one_is_given),
		PASSWD_TEST(what_is_neither_number_nor_name_is_never_a_default),
		PASSWD_TEST(numbers_do_not_wrap),
		PASSWD_TEST(an_image_without_the_files_knows_numbers_and_root),
		PASSWD_TEST(an_endless_file_is_not_read),
		PASSWD_TEST(links_lead_nowhere_but_into_the_image),
		PASSWD_TEST(what_is_no_plain_file_is_not_waited_for),
		PASSWD_TEST(too_many_groups_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
