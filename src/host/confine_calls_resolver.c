/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a child of host that resolves names may still do beside host's filter,
 * which it has too. It is root's, and reads what name servers answer: nothing
 * is written by it but its own answer, no process of root is spoken to, be it
 * by a signal or by a socket of the file system, and none is made.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "host/confine_calls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

/* What getaddrinfo(3) and the libraries that it loads call. */
static const int allowed[] = {
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(membarrier),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	/* time, and what the C library wants to know */
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(nanosleep),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sysinfo),
	SCMP_SYS(time),
	SCMP_SYS(uname),
	/* descriptors */
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(fcntl),
	SCMP_SYS(lseek),
	SCMP_SYS(pread64),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	/* files, to look at and to read */
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fstat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(stat),
	SCMP_SYS(statfs),
	SCMP_SYS(statx),
	/* sockets */
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(pselect6),
	SCMP_SYS(select),
	/* ourselves */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getegid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getrlimit),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(sigaltstack),
};

static const struct harden_rule checked[] = {
	{SCMP_SYS(open), 1, {HARDEN_LACKS(1, WRITING)}},
	{SCMP_SYS(openat), 1, {HARDEN_LACKS(2, WRITING)}},
	{SCMP_SYS(mmap), 1, {HARDEN_LACKS(2, PROT_EXEC)}},
	{SCMP_SYS(mmap), 1, {HARDEN_LACKS(2, PROT_WRITE)}},
	{SCMP_SYS(mprotect), 1, {HARDEN_LACKS(2, PROT_EXEC)}},
	/* Which addresses this host has decides on the order of results. */
	{SCMP_SYS(socket), 1, {HARDEN_IS(0, AF_NETLINK)}},
	{SCMP_SYS(socket), 1, {HARDEN_IS(0, AF_INET)}},
	{SCMP_SYS(socket), 1, {HARDEN_IS(0, AF_INET6)}},
	{SCMP_SYS(ioctl), 1, {HARDEN_IS(1, SIOCGIFINDEX)}},
	{SCMP_SYS(ioctl), 1, {HARDEN_IS(1, SIOCGIFNAME)}},
	{SCMP_SYS(ioctl), 1, {HARDEN_IS(1, FIONREAD)}},
};

int confine_calls_resolver(void)
{
	const struct harden_calls calls = {
		.allowed = allowed,
		.allowed_count = COUNT(allowed),
		.checked = checked,
		.checked_count = COUNT(checked),
	};
	struct harden *harden;
	int err = harden_new(&harden);

	if (err)
		return err;
	err = harden_add(harden, &calls);
	if (!err)
		return harden_enter(harden);
	harden_free(harden);
	return err;
}
