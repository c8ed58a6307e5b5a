/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kill at any moment leaves a state from which the way back is found. */
#include <signal.h>
#include <sys/ptrace.h>

#include "unit/resolver_fixture.h"

/*
 * Runs call in a child that is killed at its stop-th entry into or return from
 * the kernel. False where it has ended before.
 */
static bool killed_at(int (*call)(const char *, const struct resolv_conf *),
		      const struct resolv_conf *resolv_conf, int stop)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(call("resolv.conf", resolv_conf) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	for (int i = 0; i < stop && WIFSTOPPED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return true;
	}
	assert_int_equal(status, 0);
	return false;
}

static void kill_scenario(const struct scenario *scenario)
{
	const struct resolv_conf *resolv_conf = scenario_resolver(scenario);
	char *expected;
	int stop = 1;

	scenario->make();
	expected = snapshot();
	for (; killed_at(resolv_conf_apply, resolv_conf, stop); stop++) {
		assert_int_equal(resolv_conf_revert("resolv.conf", resolv_conf),
				 0);
		assert_snapshot(expected);
		assert_int_equal(resolv_conf_revert("resolv.conf", resolv_conf),
				 0);
		assert_snapshot(expected);
	}
	assert_true(stop > 10);
	assert_applied(scenario);
	for (stop = 1; killed_at(resolv_conf_revert, resolv_conf, stop);
	     stop++) {
		/* Tried again, then all over again, also without that. */
		if (stop % 2)
			assert_int_equal(
				resolv_conf_revert("resolv.conf", resolv_conf),
				0);
		if (resolv_conf_apply("resolv.conf", resolv_conf))
			assert_applied(scenario);
	}
	assert_true(stop > 5);
	assert_snapshot(expected);
	free(expected);
}

static void test_killed(void **state)
{
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		kill_scenario(&scenarios[i]);
		assert_int_equal(resolv_conf_teardown(state), 0);
		assert_int_equal(resolv_conf_setup(state), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECTORY_TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
