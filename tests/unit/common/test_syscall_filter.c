/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters of system calls, each in a child that enters it for good. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/net.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/locked.h"
#include "common/memfd.h"
#include "common/syscall_filter.h"
#include "common/syscall_groups.h"
#include "host/process/syscalls.h"
#include "unit/system_call.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int allowed[] = {SCMP_SYS(exit_group), SCMP_SYS(getpid),
			      SCMP_SYS(geteuid)};
static const int absent[] = {SCMP_SYS(getppid)};
static const int deadly[] = {SCMP_SYS(getpgid)};

static const struct syscall_filter_rule checked[] = {
	{SCMP_SYS(socket), 1, {SYSCALL_FILTER_IS(0, AF_UNIX)}},
	{SCMP_SYS(socket), 1, {SYSCALL_FILTER_IS(0, AF_NETLINK)}},
	{SYSCALL_GROUPS_MMAP, 1, {SYSCALL_FILTER_LACKS(2, PROT_EXEC)}},
	{SCMP_SYS(setresuid),
	 3,
	 {SYSCALL_FILTER_IS(0, 5), SYSCALL_FILTER_IS(1, -1),
	  SYSCALL_FILTER_IS(2, 5)}},
};

static const struct syscall_filter_calls calls = {
	.allowed = allowed,
	.allowed_count = COUNT(allowed),
	.checked = checked,
	.checked_count = COUNT(checked),
	.absent = absent,
	.absent_count = COUNT(absent),
	.deadly = deadly,
	.deadly_count = COUNT(deadly),
};

struct attempt {
	const char *name;
	long arguments[7];
	int error; /* 0: not by the filter; or SYSTEM_CALL_ENDED */
};

static const struct attempt attempts[] = {
	{"allowed", {SYS_getpid}, 0},
	{"the last that is allowed", {SYS_geteuid}, 0},
	{"in no list", {SYS_getsid, 0}, EPERM},
	{"absent", {SYS_getppid}, ENOSYS},
	{"deadly", {SYS_getpgid, 0}, -1},
	{"unix", {SYS_socket, AF_UNIX, SOCK_STREAM, 0}, 0},
	{"netlink, by the second rule",
	 {SYS_socket, AF_NETLINK, SOCK_RAW, 0},
	 0},
	{"inet", {SYS_socket, AF_INET, SOCK_DGRAM, 0}, EPERM},
#if __SIZEOF_LONG__ > 4
	/* The kernel takes the lower half of an int alone. */
	{"inet behind the upper half",
	 {SYS_socket, AF_INET | 1l << 32, SOCK_DGRAM, 0},
	 EPERM},
	{"unix behind the upper half",
	 {SYS_socket, AF_UNIX | 1l << 32, SOCK_STREAM, 0},
	 0},
#endif
	{"data",
	 {SYSTEM_CALL_MMAP, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	  0},
	 0},
	{"code",
	 {SYSTEM_CALL_MMAP, 0, 4096, PROT_READ | PROT_EXEC,
	  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
	 EPERM},
	{"first argument", {SYS_setresuid, 6, -1, 5}, EPERM},
	{"second argument", {SYS_setresuid, 5, 0, 5}, EPERM},
	{"third argument", {SYS_setresuid, 5, -1, 0}, EPERM},
#ifdef __x86_64__
	/* getpid() of the x32 ABI: not what that number says. */
	{"x32", {SYS_getpid | 0x40000000}, -1},
#endif
};

/* With CAP_SYS_ADMIN it could do all of these. */
static const struct attempt by_janitor[] = {
	{"enter a network", {SYS_setns, -1, CLONE_NEWNET}, EBADF},
	{"enter mounts", {SYS_setns, -1, CLONE_NEWNS}, EPERM},
	{"enter whatever it is", {SYS_setns, -1, 0}, EPERM},
	{"unmount", {SYS_umount2, (long)"/nonexistent", 0}, ENOENT},
	{"mount", {SYS_mount, 0, 0, 0, 0, 0}, -1},
	{"new namespaces", {SYS_unshare, CLONE_NEWNET}, EPERM},
	{"name of the host", {SYS_sethostname, 0, 0}, EPERM},
	{"quota", {SYS_quotactl, 0, 0, 0, 0}, EPERM},
	{"programs", {SYS_execve, 0, 0, 0}, -1},
};

static const struct attempt by_host[] = {
#ifdef __i386__
	{"code, by a call with arguments in memory", {SYS_mmap, 0}, EPERM},
	{"the older setuid", {SYS_setresuid, 0, 0, 0}, EPERM},
	{"socketcall, which may", {SYS_socketcall, SYS_SENDMSG, 0}, EFAULT},
	{"socketcall, which may not", {SYS_socketcall, SYS_LISTEN, 0}, EPERM},
#endif
	{"enter a network", {SYS_setns, -1, CLONE_NEWNET}, EPERM},
	{"unmount", {SYS_umount2, (long)"/nonexistent", 0}, -1},
};

static int enter_own(void)
{
	struct filter *filter;

	if (syscall_filter_new(&filter) || syscall_filter_add(filter, &calls))
		return -ENOMEM;
	return syscall_filter_enter(filter);
}

static void try_all(const struct attempt *list, size_t count,
		    int (*enter)(void))
{
	for (size_t i = 0; i < count; i++) {
		int result = system_call_try(list[i].arguments, enter);

		if (result != list[i].error)
			fail_msg("%s: %d is not %d", list[i].name, result,
				 list[i].error);
	}
}

static void test_calls(void **state)
{
	(void)state;
	try_all(attempts, COUNT(attempts), enter_own);
}

static void test_janitor(void **state)
{
	(void)state;
	try_all(by_janitor, COUNT(by_janitor), syscalls_janitor);
	try_all(by_host, COUNT(by_host), syscalls_host);
}

/* All three are right: whatever comes of it is not the filter's word. */
static void test_all_arguments_right(void **state)
{
	const struct attempt attempt = {"", {SYS_setresuid, 5, -1, 5}, 0};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_in_set(system_call_try(attempt.arguments, enter_own),
		      ((const uintmax_t[]){0, EINVAL}), 2);
}

/* "lo": locked; of the mapping with this address. */
static bool is_locked(const void *memory)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	uintptr_t from, to, at = (uintptr_t)memory;
	bool is_it = false;
	bool locked = false;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
			is_it = at >= from && at < to;
		else if (is_it && !strncmp(line, "VmFlags:", 8))
			locked = strstr(line, " lo") != NULL;
	}
	fclose(maps);
	return locked;
}

static void test_keep(void **state)
{
	int fd = memfd_make("key", 3);
	char *own = aligned_alloc(4096, 4096);
	size_t size;
	char *map;

	(void)state;
	assert_true(fd >= 0);
	assert_non_null(own);
	assert_false(is_locked(own));
	locked_keep(own + 100, 32);
	assert_true(is_locked(own));
	free(own);
	map = memfd_keep(fd, &size);
	close(fd);
	assert_non_null(map);
	assert_int_equal(size, 3);
	assert_memory_equal(map, "key", 3);
	assert_true(is_locked(map));
	memfd_release(map, size);
	memfd_release(NULL, 0);
	assert_null(memfd_keep(-1, &size));
}

/* What is there, and with no limit what comes as well; else nothing breaks. */
static void __attribute__((noreturn)) keep_all(bool later)
{
	char *before = malloc(1), *after;
	struct rlimit limit;

	if (locked_keep_all(later))
		_exit(77);
	if (!is_locked(before) || !is_locked(&limit))
		_exit(1);
	after = malloc(1 << 20);
	if (!after)
		_exit(2);
	memset(after, 1, 1 << 20);
	later &= !getrlimit(RLIMIT_MEMLOCK, &limit) &&
		 limit.rlim_cur == RLIM_INFINITY;
	_exit(is_locked(after) == later ? 0 : 3);
}

static void test_keep_all(void **state)
{
	(void)state;
	for (int later = 0; later < 2; later++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			keep_all(later);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void test_too_long(void **state)
{
	struct filter *filter;
	int err = 0;

	(void)state;
	assert_int_equal(syscall_filter_new(&filter), 0);
	for (int i = 0; !err && i < 1000; i++)
		err = syscall_filter_add(filter, &calls);
	assert_int_equal(err, -E2BIG);
	syscall_filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_janitor),
		cmocka_unit_test(test_all_arguments_right),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_keep_all),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
