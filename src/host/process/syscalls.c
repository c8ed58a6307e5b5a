/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/syscalls.h"

#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common/syscall_groups.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* These bits are the type of a socket, without SOCK_CLOEXEC and other flags. */
#define UDP_ALONE(index) SYSCALL_FILTER_LACKS(index, SOCK_TYPES & ~SOCK_DGRAM)
#define SOCK_TYPES	 0xf

/* With 32 bits the calls of the older names have identifiers of 16. */
#ifdef __NR_setresuid32
#define SET_USER   SCMP_SYS(setresuid32)
#define SET_GROUP  SCMP_SYS(setresgid32)
#define SET_GROUPS SCMP_SYS(setgroups32)
#else
#define SET_USER   SCMP_SYS(setresuid)
#define SET_GROUP  SCMP_SYS(setresgid)
#define SET_GROUPS SCMP_SYS(setgroups)
#endif

#define NAMESPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/*
 * Host, the janitor and the launcher, and so all that they fork, make these
 * beside the groups: descriptors, files to read, processes like themselves.
 */
static const int common[] = {
	/* memory */
	SCMP_SYS(membarrier),
	SCMP_SYS(mlockall),
	/* time, and what the C library wants to know */
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	/* descriptors */
	SCMP_SYS(close_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(fcntl),
	SCMP_SYS(flock),
	SCMP_SYS(lseek),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(pread64),
	/* files, to find and to read */
	SCMP_SYS(access),
	SCMP_SYS(chdir),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fstatfs),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(lstat),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(stat),
	SCMP_SYS(statfs),
	SCMP_SYS(statx),
	/* sockets that there are */
	SCMP_SYS(connect),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(socketpair),
	/* a loop */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pselect6),
	SCMP_SYS(select),
	SCMP_SYS(signalfd4),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_gettime),
	/* ourselves */
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(getegid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(prlimit64),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(seccomp),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(setrlimit),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
	/* children */
	SCMP_SYS(fork),
	SCMP_SYS(kill),
	SCMP_SYS(vfork),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	/* the same with 32 bits */
	SCMP_SYS(_llseek),
	SCMP_SYS(_newselect),
	SCMP_SYS(clock_getres_time64),
	SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(fcntl64),
	SCMP_SYS(fstatfs64),
	SCMP_SYS(getegid32),
	SCMP_SYS(geteuid32),
	SCMP_SYS(getgid32),
	SCMP_SYS(getuid32),
	SCMP_SYS(lstat64),
	SCMP_SYS(pselect6_time64),
	SCMP_SYS(rt_sigtimedwait_time64),
	SCMP_SYS(stat64),
	SCMP_SYS(statfs64),
	SCMP_SYS(timerfd_gettime64),
	SCMP_SYS(ugetrlimit),
	SCMP_SYS(waitpid),
};

static const struct syscall_filter_rule common_checked[] = {
	SYSCALL_GROUPS_SOCKETCALL(SYS_CONNECT),
	SYSCALL_GROUPS_SOCKETCALL(SYS_GETPEERNAME),
	SYSCALL_GROUPS_SOCKETCALL(SYS_GETSOCKNAME),
	SYSCALL_GROUPS_SOCKETCALL(SYS_GETSOCKOPT),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SETSOCKOPT),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SHUTDOWN),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SOCKETPAIR),
	/* Nothing that can be written is ever run; but libraries are loaded. */
	{SYSCALL_GROUPS_MMAP, 1, {SYSCALL_FILTER_LACKS(2, PROT_WRITE)}},
	{SCMP_SYS(clone), 1, {SYSCALL_FILTER_LACKS(0, NAMESPACES)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_SET_NAME)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_SET_PDEATHSIG)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_SET_NO_NEW_PRIVS)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_GET_NO_NEW_PRIVS)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_SET_SECCOMP)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_GET_SECCOMP)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_CAPBSET_READ)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_CAPBSET_DROP)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_CAP_AMBIENT)}},
	{SCMP_SYS(prctl), 1, {SYSCALL_FILTER_IS(0, PR_GET_SECUREBITS)}},
	{SCMP_SYS(prctl),
	 2,
	 {SYSCALL_FILTER_IS(0, PR_SET_DUMPABLE), SYSCALL_FILTER_IS(1, 0)}},
};

/* A filter can't read its flags, which are in memory; clone(2) will do. */
static const int absent[] = {SCMP_SYS(clone3)};

static const struct syscall_filter_calls common_calls = {
	.allowed = common,
	.allowed_count = COUNT(common),
	.checked = common_checked,
	.checked_count = COUNT(common_checked),
	.absent = absent,
	.absent_count = COUNT(absent),
};

/*
 * These are for files (journal, leases, log, resolv.conf) and the control
 * socket.
 */
static const int host[] = {
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(fdatasync),
	SCMP_SYS(fsync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(lchown),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(pwrite64),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(rmdir),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(truncate),
	SCMP_SYS(umask),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	/* the same with 32 bits */
	SCMP_SYS(fchown32),
	SCMP_SYS(ftruncate64),
	SCMP_SYS(lchown32),
	SCMP_SYS(truncate64),
};

static const struct syscall_filter_rule host_checked[] = {
	SYSCALL_GROUPS_SOCKETCALL(SYS_ACCEPT),
	SYSCALL_GROUPS_SOCKETCALL(SYS_ACCEPT4),
	SYSCALL_GROUPS_SOCKETCALL(SYS_BIND),
	SYSCALL_GROUPS_SOCKETCALL(SYS_SOCKET),
	{SCMP_SYS(socket), 1, {SYSCALL_FILTER_IS(0, AF_UNIX)}},
	{SCMP_SYS(socket), 1, {SYSCALL_FILTER_IS(0, AF_NETLINK)}},
	/* Sockets to name servers, for a process that can't open any. */
	{SCMP_SYS(socket), 2, {SYSCALL_FILTER_IS(0, AF_INET), UDP_ALONE(1)}},
	{SCMP_SYS(socket), 2, {SYSCALL_FILTER_IS(0, AF_INET6), UDP_ALONE(1)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, TUNSETIFF)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, TUNGETIFF)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, TUNGETFEATURES)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, TUNSETOFFLOAD)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, TUNSETVNETHDRSZ)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, SIOCGIFINDEX)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, SIOCGIFNAME)}},
	{SCMP_SYS(ioctl), 1, {SYSCALL_FILTER_IS(1, FIONREAD)}},
};

static const struct syscall_filter_calls host_calls = {
	.allowed = host,
	.allowed_count = COUNT(host),
	.checked = host_checked,
	.checked_count = COUNT(host_checked),
};

/* The janitor has CAP_SYS_ADMIN for these: see confine_janitor(). */
static const int janitor[] = {SCMP_SYS(umount2)};

static const struct syscall_filter_rule janitor_checked[] = {
	{SCMP_SYS(setns), 1, {SYSCALL_FILTER_IS(1, CLONE_NEWNET)}},
};

static const struct syscall_filter_calls janitor_calls = {
	.allowed = janitor,
	.allowed_count = COUNT(janitor),
	.checked = janitor_checked,
	.checked_count = COUNT(janitor_checked),
};

int syscalls_host(void)
{
	const struct syscall_filter_calls *const groups[] = {
		&syscall_group_basic, &syscall_group_loop,   &common_calls,
		&host_calls,	      &syscall_group_deadly,
	};

	return syscall_filter_enter_groups(groups, COUNT(groups));
}

int syscalls_janitor(void)
{
	const struct syscall_filter_calls *const groups[] = {
		&syscall_group_basic,
		&syscall_group_loop,
		&common_calls,
		&host_calls,
		&janitor_calls,
		/* Last, as it has a call that the janitor may make. */
		&syscall_group_deadly,
	};

	return syscall_filter_enter_groups(groups, COUNT(groups));
}

int syscalls_lookup(void)
{
	const struct syscall_filter_calls *const groups[] = {
		&syscall_group_basic};

	return syscall_filter_enter_groups(groups, COUNT(groups));
}

/* Root may become these users, and no others. */
static int allow_user(struct filter *filter, const struct user *user)
{
	uid_t uid = user->uid;
	gid_t gid = user->gid;
	const struct syscall_filter_rule checked[] = {
		{SET_USER,
		 3,
		 {SYSCALL_FILTER_IS(0, uid), SYSCALL_FILTER_IS(1, uid),
		  SYSCALL_FILTER_IS(2, uid)}},
		{SET_GROUP,
		 3,
		 {SYSCALL_FILTER_IS(0, gid), SYSCALL_FILTER_IS(1, gid),
		  SYSCALL_FILTER_IS(2, gid)}},
	};
	const struct syscall_filter_calls calls = {
		.checked = checked,
		.checked_count = COUNT(checked),
	};

	return syscall_filter_add(filter, &calls);
}

int syscalls_launcher(const struct user *users, size_t count)
{
	static const int allowed[] = {SCMP_SYS(chroot), SCMP_SYS(memfd_create)};
	static const struct syscall_filter_rule checked[] = {
		{SET_GROUPS, 1, {SYSCALL_FILTER_IS(0, 0)}},
	};
	static const struct syscall_filter_calls calls = {
		.allowed = allowed,
		.allowed_count = COUNT(allowed),
		.checked = checked,
		.checked_count = COUNT(checked),
	};
	const struct syscall_filter_calls *const groups[] = {
		&syscall_group_basic,  &syscall_group_loop,
		&common_calls,	       &calls,
		&syscall_group_deadly,
	};
	struct filter *filter;
	int err = syscall_filter_new_groups(&filter, groups, COUNT(groups));

	for (size_t i = 0; !err && i < count; i++)
		err = allow_user(filter, &users[i]);
	if (!err)
		return syscall_filter_enter(filter);
	syscall_filter_free(filter);
	return err;
}
