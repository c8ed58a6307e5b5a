/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/syscall_groups.h"

#include <linux/net.h>
#include <sys/mman.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int basic[] = {
	/* descriptors */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	/* time, and identifiers that nobody can guess */
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
	/* the same with 32 bits: after 2038, and in the C library of today */
	SCMP_SYS(clock_gettime64),
	SCMP_SYS(futex_time64),
	SCMP_SYS(ppoll_time64),
	SCMP_SYS(sigreturn),
};

/* Memory may be had, but none that could be run as a program. */
static const struct syscall_filter_rule basic_checked[] = {
	{SYSCALL_GROUPS_MMAP, 1, {SYSCALL_FILTER_LACKS(2, PROT_EXEC)}},
	{SCMP_SYS(mprotect), 1, {SYSCALL_FILTER_LACKS(2, PROT_EXEC)}},
};

const struct syscall_filter_calls syscall_group_basic = {
	.allowed = basic,
	.allowed_count = COUNT(basic),
	.checked = basic_checked,
	.checked_count = COUNT(basic_checked),
};

static const int loop[] = {
	/* sockets */
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	/* the loop, and libev's timer for a clock that jumps */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(timerfd_settime),
	/* descriptors that were passed on */
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	/* keys, which stay out of the swap */
	SCMP_SYS(mlock),
	/* ourselves */
	SCMP_SYS(getpid),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(sched_yield),
	/* the same with 32 bits */
	SCMP_SYS(fstat64),
	SCMP_SYS(fstatat64),
	SCMP_SYS(recv),
	SCMP_SYS(recvmmsg_time64),
	SCMP_SYS(send),
	SCMP_SYS(timerfd_settime64),
};

/* What i386 has for the calls of sockets above. */
static const struct syscall_filter_rule loop_checked[] = {
	SYSCALL_GROUPS_SOCKETCALL(SYS_RECV),
	SYSCALL_GROUPS_SOCKETCALL(SYS_RECVFROM),
	SYSCALL_GROUPS_SOCKETCALL(SYS_RECVMMSG),
	SYSCALL_GROUPS_SOCKETCALL(SYS_RECVMSG),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SEND),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SENDMMSG),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SENDMSG),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SENDTO),
};

const struct syscall_filter_calls syscall_group_loop = {
	.allowed = loop,
	.allowed_count = COUNT(loop),
	.checked = loop_checked,
	.checked_count = COUNT(loop_checked),
};

static const int deadly[] = {
	SCMP_SYS(bpf),
	SCMP_SYS(delete_module),
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(finit_module),
	SCMP_SYS(fsmount),
	SCMP_SYS(init_module),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(kexec_load),
	SCMP_SYS(mount),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(open_tree),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(pivot_root),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(ptrace),
	SCMP_SYS(reboot),
	SCMP_SYS(umount2),
};

const struct syscall_filter_calls syscall_group_deadly = {
	.deadly = deadly,
	.deadly_count = COUNT(deadly),
};
