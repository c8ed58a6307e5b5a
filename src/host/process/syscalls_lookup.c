/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a child of the launcher that resolves names may still do beside the
 * launcher's filter, which it has too: use what it was given open. No file is
 * opened by it, no socket made or led elsewhere, no process spoken to.
 */
#include <sys/mman.h>

#include "host/process/syscalls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int allowed[] = {
	/* sockets that are connected, and the answer to host */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	/* time, and identifiers of questions */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	/* what the C library calls */
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getppid),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const struct syscall_filter_rule checked[] = {
	{SCMP_SYS(mmap), 1, {SYSCALL_FILTER_LACKS(2, PROT_EXEC)}},
	{SCMP_SYS(mprotect), 1, {SYSCALL_FILTER_LACKS(2, PROT_EXEC)}},
};

int syscalls_lookup(void)
{
	const struct syscall_filter_calls calls = {
		.allowed = allowed,
		.allowed_count = COUNT(allowed),
		.checked = checked,
		.checked_count = COUNT(checked),
	};
	struct filter *filter;
	int err = syscall_filter_new(&filter);

	if (err)
		return err;
	err = syscall_filter_add(filter, &calls);
	if (!err)
		return syscall_filter_enter(filter);
	syscall_filter_free(filter);
	return err;
}
