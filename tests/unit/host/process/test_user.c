/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom processes become, where no package has made a user for them. */
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/idmap.h"
#include "host/process/user.h"

#define NOBODY 65534

/* Where there are users at all: one that nobody has, each time. */
static void test_unused(void **state)
{
	struct user first = user_unused(0), second = user_unused(first.uid);

	(void)state;
	if (!idmap_has_user(USER_FIRST)) {
		assert_int_equal(first.uid, NOBODY);
		assert_int_equal(second.uid, NOBODY);
		skip();
	}
	assert_in_range(first.uid, USER_FIRST, USER_LAST);
	assert_in_range(second.uid, USER_FIRST, USER_LAST);
	assert_int_equal(first.uid, first.gid);
	assert_int_not_equal(first.uid, second.uid);
	assert_null(getpwuid(first.uid));
}

/* In the place of the generator: the first that is tried is always the same. */
ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = 7;
	return (ssize_t)size;
}

static void test_not_that_of_a_process(void **state)
{
	struct user first = user_unused(0), second;
	int ends[2];
	pid_t child;
	char byte;

	(void)state;
	if (geteuid() != 0 || !idmap_has_user(USER_FIRST))
		skip();
	assert_int_equal(user_unused(0).uid, first.uid);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		if (setresgid(first.gid, first.gid, first.gid) ||
		    setresuid(first.uid, first.uid, first.uid) ||
		    write(ends[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	second = user_unused(0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_not_equal(second.uid, first.uid);
	assert_int_equal(user_unused(0).uid, first.uid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_not_that_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
