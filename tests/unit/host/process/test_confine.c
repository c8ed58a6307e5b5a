/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host process and the launcher can't do, each tried in a child. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sched.h>
#include <net/if.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/process/syscalls.h"
#include "unit/system_call.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Whom the launcher may become, and whom another child of it. */
#define USER 4321
#define NEXT 4322

/* A result is one of these, or an errno. */
enum { ALLOWED = 0, ENDED = SYSTEM_CALL_ENDED };

/* The third: a child of the launcher that resolves names. */
enum { HOST, LAUNCHER, LOOKUP, PROCESSES };

struct attempt {
	const char *name;
	long arguments[7];
	int wanted[PROCESSES];
};

static char page[4096] __attribute__((aligned(4096)));

#define PAGE (long)(uintptr_t)page
#define NEW  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0

static const struct attempt attempts[] = {
	/* code */
	{"writable code",
	 {SYSTEM_CALL_MMAP, 0, 4096, PROT_WRITE | PROT_EXEC, NEW},
	 {EPERM, EPERM, EPERM}},
	{"code", {SYS_mprotect, PAGE, 4096, PROT_EXEC}, {EPERM, EPERM, EPERM}},
	{"execve", {SYS_execve, PAGE, 0, 0}, {ENDED, ENDED, ENDED}},
	{"execveat",
	 {SYS_execveat, 0, PAGE, 0, 0, AT_EMPTY_PATH},
	 {ENDED, ENDED, ENDED}},
	{"pkey_mprotect",
	 {SYS_pkey_mprotect, PAGE, 4096, PROT_EXEC, -1},
	 {EPERM, EPERM, EPERM}},
	/* other processes */
	{"ptrace", {SYS_ptrace, 16, 1, 0, 0}, {ENDED, ENDED, ENDED}},
	{"process_vm_writev",
	 {SYS_process_vm_writev, 1},
	 {ENDED, ENDED, ENDED}},
	{"pidfd_getfd", {SYS_pidfd_getfd, 3, 0, 0}, {EPERM, EPERM, EPERM}},
	{"process_madvise",
	 {SYS_process_madvise, 3, PAGE, 0, 4},
	 {EPERM, EPERM, EPERM}},
	/* namespaces, mounts, the kernel */
	{"clone3", {SYS_clone3, PAGE, 64}, {ENOSYS, ENOSYS, EPERM}},
	{"clone", {SYS_clone, CLONE_NEWNET | SIGCHLD}, {EPERM, EPERM, EPERM}},
	{"unshare", {SYS_unshare, CLONE_NEWUSER}, {EPERM, EPERM, EPERM}},
	{"setns", {SYS_setns, 0, 0}, {EPERM, EPERM, EPERM}},
	{"mount", {SYS_mount, PAGE, PAGE, 0, 0, 0}, {ENDED, ENDED, ENDED}},
	{"pivot_root", {SYS_pivot_root, PAGE, PAGE}, {ENDED, ENDED, ENDED}},
	{"fsopen", {SYS_fsopen, PAGE, 0}, {EPERM, EPERM, EPERM}},
	{"mknodat",
	 {SYS_mknodat, AT_FDCWD, PAGE, 0600, 0},
	 {EPERM, EPERM, EPERM}},
	{"bpf", {SYS_bpf, 0, PAGE, 8}, {ENDED, ENDED, ENDED}},
	{"perf_event_open",
	 {SYS_perf_event_open, PAGE, 0, -1},
	 {ENDED, ENDED, ENDED}},
	{"io_uring_setup",
	 {SYS_io_uring_setup, 8, PAGE},
	 {EPERM, EPERM, EPERM}},
	{"userfaultfd", {SYS_userfaultfd, 0}, {EPERM, EPERM, EPERM}},
	{"keyctl", {SYS_keyctl, 0, 0}, {EPERM, EPERM, EPERM}},
	{"add_key",
	 {SYS_add_key, PAGE, PAGE, PAGE, 1, 0},
	 {EPERM, EPERM, EPERM}},
	{"finit_module", {SYS_finit_module, 0, PAGE, 0}, {ENDED, ENDED, ENDED}},
	{"personality", {SYS_personality, 0x400000}, {EPERM, EPERM, EPERM}},
	{"handles", {SYS_open_by_handle_at, 0, PAGE, 0}, {ENDED, ENDED, ENDED}},
	/* what can be looked into */
	{"dumpable", {SYS_prctl, PR_SET_DUMPABLE, 1}, {EPERM, EPERM, EPERM}},
	{"ptracer", {SYS_prctl, PR_SET_PTRACER, -1}, {EPERM, EPERM, EPERM}},
	{"keepcaps", {SYS_prctl, PR_SET_KEEPCAPS, 1}, {EPERM, EPERM, EPERM}},
	/* sockets */
	{"packet socket",
	 {SYS_socket, AF_PACKET, SOCK_RAW, 0},
	 {EPERM, EPERM, EPERM}},
	{"vsock",
	 {SYS_socket, AF_VSOCK, SOCK_STREAM, 0},
	 {EPERM, EPERM, EPERM}},
	{"alg", {SYS_socket, AF_ALG, SOCK_SEQPACKET, 0}, {EPERM, EPERM, EPERM}},
	{"netlink",
	 {SYS_socket, AF_NETLINK, SOCK_RAW, 0},
	 {ALLOWED, EPERM, EPERM}},
	{"inet", {SYS_socket, AF_INET, SOCK_DGRAM, 0}, {ALLOWED, EPERM, EPERM}},
	{"inet6",
	 {SYS_socket, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0},
	 {ALLOWED, EPERM, EPERM}},
	{"tcp",
	 {SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0},
	 {EPERM, EPERM, EPERM}},
	{"tcp6",
	 {SYS_socket, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0},
	 {EPERM, EPERM, EPERM}},
	{"raw", {SYS_socket, AF_INET, SOCK_RAW, 1}, {EPERM, EPERM, EPERM}},
	{"sctp",
	 {SYS_socket, AF_INET, SOCK_SEQPACKET, 132},
	 {EPERM, EPERM, EPERM}},
	{"dccp", {SYS_socket, AF_INET, 6, 33}, {EPERM, EPERM, EPERM}},
	{"connect", {SYS_connect, -1, PAGE, 16}, {ALLOWED, ALLOWED, EPERM}},
	{"elsewhere",
	 {SYS_sendto, -1, PAGE, 1, 0, PAGE, 16},
	 {ALLOWED, ALLOWED, EPERM}},
	{"elsewhere, as a message",
	 {SYS_sendmsg, -1, PAGE, 0},
	 {ALLOWED, ALLOWED, EPERM}},
	{"descriptors", {SYS_recvmsg, -1, PAGE, 0}, {ALLOWED, ALLOWED, EPERM}},
	{"socket options",
	 {SYS_setsockopt, -1, SOL_SOCKET, 36, PAGE, 4},
	 {ALLOWED, ALLOWED, EPERM}},
	{"looking",
	 {SYSTEM_CALL_FSTATAT, AT_FDCWD, PAGE, PAGE, 0},
	 {ALLOWED, ALLOWED, EPERM}},
	{"unix",
	 {SYS_socket, AF_UNIX, SOCK_STREAM, 0},
	 {ALLOWED, EPERM, EPERM}},
	{"accept", {SYS_accept4, 0, 0, 0, 0}, {ALLOWED, EPERM, EPERM}},
	{"listen", {SYS_listen, 0, 1}, {EPERM, EPERM, EPERM}},
	/* devices */
	{"TIOCSTI", {SYS_ioctl, 0, TIOCSTI, PAGE}, {EPERM, EPERM, EPERM}},
	{"TUNSETOWNER", {SYS_ioctl, 0, TUNSETOWNER, 0}, {EPERM, EPERM, EPERM}},
	{"TUNSETPERSIST",
	 {SYS_ioctl, 0, TUNSETPERSIST, 1},
	 {EPERM, EPERM, EPERM}},
	{"TUNSETIFF", {SYS_ioctl, 0, TUNSETIFF, PAGE}, {ALLOWED, EPERM, EPERM}},
	/* users */
	{"setuid", {SYS_setuid, 0}, {EPERM, EPERM, EPERM}},
	{"setresuid", {SYSTEM_CALL_SETRESUID, 0, 0, 0}, {EPERM, EPERM, EPERM}},
	{"one of three",
	 {SYSTEM_CALL_SETRESUID, USER, USER, 0},
	 {EPERM, EPERM, EPERM}},
	{"the user",
	 {SYSTEM_CALL_SETRESUID, USER, USER, USER},
	 {EPERM, ALLOWED, EPERM}},
	{"the next user",
	 {SYSTEM_CALL_SETRESUID, NEXT, NEXT, NEXT},
	 {EPERM, ALLOWED, EPERM}},
	{"half of each",
	 {SYSTEM_CALL_SETRESUID, USER, NEXT, USER},
	 {EPERM, EPERM, EPERM}},
	{"the group",
	 {SYSTEM_CALL_SETRESGID, USER, USER, USER},
	 {EPERM, ALLOWED, EPERM}},
	{"setgroups", {SYS_setgroups, 1, PAGE}, {EPERM, EPERM, EPERM}},
	{"chroot", {SYS_chroot, PAGE}, {EPERM, ALLOWED, EPERM}},
	/* files */
	{"unlinkat",
	 {SYS_unlinkat, AT_FDCWD, PAGE, 0},
	 {ALLOWED, EPERM, EPERM}},
	{"memfd_create",
	 {SYS_memfd_create, PAGE, -1},
	 {ALLOWED, ALLOWED, EPERM}},
	{"reading",
	 {SYS_openat, AT_FDCWD, PAGE, O_RDONLY},
	 {ALLOWED, ALLOWED, EPERM}},
	{"writing",
	 {SYS_openat, AT_FDCWD, PAGE, O_WRONLY},
	 {ALLOWED, ALLOWED, EPERM}},
	{"making",
	 {SYS_openat, AT_FDCWD, PAGE, O_CREAT, 0600},
	 {ALLOWED, ALLOWED, EPERM}},
	{"renameat",
	 {SYS_renameat, AT_FDCWD, PAGE, AT_FDCWD, PAGE},
	 {ALLOWED, EPERM, EPERM}},
	{"fchmodat",
	 {SYS_fchmodat, AT_FDCWD, PAGE, 0},
	 {ALLOWED, EPERM, EPERM}},
	{"kill", {SYS_kill, -1, 0}, {ALLOWED, ALLOWED, EPERM}},
	{"kill by descriptor",
	 {SYS_pidfd_send_signal, -1, 0, 0, 0},
	 {ALLOWED, EPERM, EPERM}},
	{"fork", {SYS_clone, SIGCHLD}, {ALLOWED, ALLOWED, EPERM}},
};

static int enter_nothing(void)
{
	return 0;
}

static int enter_host(void)
{
	return syscalls_host();
}

static int enter_launcher(void)
{
	static const struct user users[] = {{USER, USER}, {NEXT, NEXT}};

	return syscalls_launcher(users, COUNT(users));
}

/* It is forked from there. */
static int enter_lookup(void)
{
	int err = enter_launcher();

	return err ? err : syscalls_lookup();
}

/* What is allowed ends as it does without a filter. */
static void check(const struct attempt *attempt, int (*enter)(void), int wanted)
{
	int result = system_call_try(attempt->arguments, enter);

	if (wanted == ALLOWED)
		wanted = system_call_try(attempt->arguments, enter_nothing);
	if (result != wanted)
		fail_msg("%s: %d is not %d", attempt->name, result, wanted);
}

static void test_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(attempts); i++)
		check(&attempts[i], enter_host, attempts[i].wanted[HOST]);
}

static void test_launcher(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(attempts); i++)
		check(&attempts[i], enter_launcher,
		      attempts[i].wanted[LAUNCHER]);
}

static void test_lookup(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(attempts); i++)
		check(&attempts[i], enter_lookup, attempts[i].wanted[LOOKUP]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_launcher),
		cmocka_unit_test(test_lookup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
