/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By this kernel; each in a process of its own, which it would stay with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>
#include <linux/sched/types.h>

#include <cmocka.h>

#include "tunnel/tunnel.h"

/* The longest that others have by default. */
#define LONGEST 2800000
/* What somebody might want who starts us. */
#define MORE 20000000

static struct sched_attr get(void)
{
	struct sched_attr attributes = {0};

	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0))
		_exit(2);
	return attributes;
}

static void set(unsigned policy, uint64_t slice)
{
	struct sched_attr attributes = get();

	attributes.sched_policy = policy;
	attributes.sched_runtime = slice;
	if (syscall(SYS_sched_setattr, 0, &attributes, 0))
		_exit(3);
}

/* Linux 6.12 is the first that has a slice for each process. */
static bool is_had(void)
{
	struct utsname name;
	int major, minor;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%d.%d", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 12);
}

/* What the process of a test ends with. */
static int end_of(int (*run)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(run());
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int longer(void)
{
	tunnel_prepare();
	return get().sched_runtime > LONGEST ? 0 : 1;
}

static int longer_of_child(void)
{
	int status = 0;

	tunnel_prepare();
	if (fork() == 0)
		_exit(get().sched_runtime > LONGEST ? 0 : 1);
	return wait(&status) > 0 && status == 0 ? 0 : 1;
}

static int longer_of_batch(void)
{
	set(SCHED_BATCH, 0);
	tunnel_prepare();
	return get().sched_runtime > LONGEST &&
			       get().sched_policy == SCHED_BATCH
		       ? 0
		       : 1;
}

static int as_long(void)
{
	set(SCHED_NORMAL, MORE);
	tunnel_prepare();
	return get().sched_runtime == MORE ? 0 : 1;
}

static int as_nice(void)
{
	if (setpriority(PRIO_PROCESS, 0, 7))
		return 4;
	tunnel_prepare();
	return get().sched_nice == 7 && get().sched_policy == SCHED_NORMAL ? 0
									   : 1;
}

static int as_idle(void)
{
	uint64_t before;

	set(SCHED_IDLE, 0);
	before = get().sched_runtime;
	tunnel_prepare();
	return get().sched_policy == SCHED_IDLE && get().sched_runtime == before
		       ? 0
		       : 1;
}

static void test_turns_are_longer(void **state)
{
	(void)state;
	if (!is_had())
		skip();
	assert_int_equal(end_of(longer), 0);
	assert_int_equal(end_of(longer_of_batch), 0);
	assert_int_equal(end_of(as_long), 0);
}

static void test_turns_of_children_are_longer(void **state)
{
	(void)state;
	if (!is_had())
		skip();
	assert_int_equal(end_of(longer_of_child), 0);
}

static void test_nothing_else_changes(void **state)
{
	(void)state;
	assert_int_equal(end_of(as_nice), 0);
	assert_int_equal(end_of(as_idle), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns_are_longer),
		cmocka_unit_test(test_turns_of_children_are_longer),
		cmocka_unit_test(test_nothing_else_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
