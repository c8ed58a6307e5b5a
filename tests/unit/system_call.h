/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of filters of system calls: a call tried in a child. */
#ifndef MINIVPN_TESTS_SYSTEM_CALL_H
#define MINIVPN_TESTS_SYSTEM_CALL_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Calls of which machines with 32 bits have another one, or a newer. */
#ifdef SYS_mmap2
#define SYSTEM_CALL_MMAP SYS_mmap2
#else
#define SYSTEM_CALL_MMAP SYS_mmap
#endif
#ifdef SYS_setresuid32
#define SYSTEM_CALL_SETRESUID SYS_setresuid32
#define SYSTEM_CALL_SETRESGID SYS_setresgid32
#else
#define SYSTEM_CALL_SETRESUID SYS_setresuid
#define SYSTEM_CALL_SETRESGID SYS_setresgid
#endif
#ifdef SYS_newfstatat
#define SYSTEM_CALL_FSTATAT SYS_newfstatat
#else
#define SYSTEM_CALL_FSTATAT SYS_fstatat64
#endif

/* What system_call_try() returns where the child was killed by its filter. */
#define SYSTEM_CALL_ENDED (-1)

/*
 * arguments: the call's number, then six for it. enter: called before, in the
 * child; 0 or an error. Returns the errno of the call, 0 or SYSTEM_CALL_ENDED.
 */
static inline int system_call_try(const long *arguments, int (*enter)(void))
{
	const long *a = arguments;
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (enter())
			_exit(255);
		errno = 0;
		_exit(syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]) < 0
			      ? errno
			      : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return SYSTEM_CALL_ENDED;
	}
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

#endif
