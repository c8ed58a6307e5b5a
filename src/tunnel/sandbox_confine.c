/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/sandbox_confine.h"

#include <errno.h>
#include <limits.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/control.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the loop, the C library's allocator, and GnuTLS's generator call. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(connect), /* the client's UDP socket, to another server */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(timerfd_settime), /* libev, of a clock that jumps */
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), /* the new file's memfd */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Nothing of ours, nor of a library of ours, comes to these by mistake. */
static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(socket),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(ioctl),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(mount),
	SCMP_SYS(bpf),
	SCMP_SYS(kill),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
};

int sandbox_confine_root(void)
{
	char path[PATH_MAX];
	int err = 0;

	snprintf(path, sizeof(path), "%s/empty-XXXXXX", control_rundir());
	if (!mkdtemp(path))
		return -errno;
	if (chdir(path) < 0)
		err = -errno;
	rmdir(path);
	if (!err && (chroot(".") < 0 || chdir("/") < 0))
		err = -errno;
	return err;
}

/* Memory, but none that could be run as a program. */
static int allow_memory(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp data =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				   data);

	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
				       SCMP_SYS(mprotect), 1, data);
	return err;
}

static int add_rules(scmp_filter_ctx filter)
{
	int err = allow_memory(filter);

	for (size_t i = 0; !err && i < COUNT(allowed); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !err && i < COUNT(deadly); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i],
				       0);
	return err;
}

/*
 * libseccomp 2.5 that runs out of memory while it writes the filter reports
 * success and loads a part of it: then EPERM is the answer to calls without
 * which the loop can do nothing. A whole one lets them through, to EBADF.
 */
static bool is_whole(void)
{
	static const int needed[] = {
		SCMP_SYS(read),	     SCMP_SYS(write),	 SCMP_SYS(recvmsg),
		SCMP_SYS(sendmsg),   SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg),
		SCMP_SYS(recvfrom),  SCMP_SYS(sendto),	 SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_ctl), SCMP_SYS(connect),	 SCMP_SYS(close),
	};

	for (size_t i = 0; i < COUNT(needed); i++) {
		if (syscall(needed[i], -1, NULL, 0, 0, NULL, 0) < 0 &&
		    errno == EPERM)
			return false;
	}
	return true;
}

int sandbox_confine_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!filter)
		return -ENOMEM;
	err = add_rules(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err || is_whole() ? err : -ENOMEM;
}
