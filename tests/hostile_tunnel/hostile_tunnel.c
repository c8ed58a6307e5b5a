/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * minivpn with a tunnel process that was taken over. When it is asked for its
 * status, or for "reload" and so on, to make a new file ready, it does what
 * MINIVPN_HOSTILE says: "calls": every system call that has to fail, and one
 * that has not, each with its result as a line of the log; the name of one that
 * has to end the process; or messages to host (messages.c).
 */
#include "hostile_tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"
#include "common/log.h"
#include "tunnel/tunnel.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Its name is not that of the C library's function for it. */
#define CALL(name, ...)                                                        \
	{                                                                      \
#name, SYS_##name,                                             \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}

struct call {
	const char *name;
	long number;
	long arguments[6];
};

static char path[4096], word[] = "/etc/passwd";
static struct rlimit limit = {1 << 20, 1 << 20};
static struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
static struct ifreq device = {.ifr_name = "hostile0", .ifr_flags = IFF_TUN};
static struct __user_cap_header_struct cap_head = {_LINUX_CAPABILITY_VERSION_3,
						   0};
static struct __user_cap_data_struct cap_data[2] = {{~0u, ~0u, 0}, {0, 0, 0}};
static char page[8192] __attribute__((aligned(4096)));

#define ADDRESS(thing) (long)(uintptr_t)(thing)

static void report(const char *name, long result)
{
	log_notice("hostile: %s: %s", name,
		   result < 0 ? strerrorname_np(errno) : "done");
}

static void call(const struct call *what)
{
	const long *a = what->arguments;

	errno = 0;
	report(what->name,
	       syscall(what->number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static const struct call *failing(size_t *count)
{
	static const struct call calls[] = {
		CALL(openat, AT_FDCWD, ADDRESS(word), O_RDONLY),
		{"journal", SYS_openat, {AT_FDCWD, ADDRESS(path), O_RDWR}},
		{"tun", SYS_openat, {AT_FDCWD, ADDRESS("/dev/net/tun"), 2}},
		{"proc", SYS_openat, {AT_FDCWD, ADDRESS("/proc/1/mem"), 0}},
		{"mmap-exec",
		 SYS_mmap,
		 {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0}},
		{"mprotect-exec",
		 SYS_mprotect,
		 {ADDRESS(page), 4096, PROT_READ | PROT_EXEC}},
		CALL(setresuid, 0, 0, 0),
		CALL(setresgid, 0, 0, 0),
		CALL(setgroups, 0, 0),
		CALL(capset, ADDRESS(&cap_head), ADDRESS(cap_data)),
		CALL(chroot, ADDRESS("/")),
		CALL(chdir, ADDRESS("..")),
		CALL(fchdir, 3),
		CALL(mkdirat, AT_FDCWD, ADDRESS("hostile"), 0777),
		CALL(mknodat, AT_FDCWD, ADDRESS("hostile"), 0600, 0),
		CALL(unlinkat, AT_FDCWD, ADDRESS(path), 0),
		CALL(renameat2, AT_FDCWD, ADDRESS(path), AT_FDCWD,
		     ADDRESS(word)),
		CALL(symlinkat, ADDRESS(word), AT_FDCWD, ADDRESS("hostile")),
		CALL(readlinkat, AT_FDCWD, ADDRESS("/proc/1/exe"),
		     ADDRESS(page), 4096),
		CALL(getdents64, 3, ADDRESS(page), 4096),
		{"dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1}},
		{"unlimited",
		 SYS_prlimit64,
		 {0, RLIMIT_NOFILE, ADDRESS(&limit)}},
		{"host-limits", SYS_prlimit64, {1, RLIMIT_NOFILE, 0}},
		CALL(memfd_create, ADDRESS("hostile"), 0),
		CALL(dup, 1),
		CALL(pipe2, ADDRESS(page), 0),
		CALL(epoll_create1, 0),
		CALL(eventfd2, 0, 0),
		CALL(inotify_init1, 0),
		CALL(fcntl, 1, F_GETFL),
		CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, ADDRESS(page)),
		CALL(setsockopt, 1, SOL_SOCKET, SO_MARK, ADDRESS(page), 4),
		{"filter-output",
		 SYS_setsockopt,
		 {1, SOL_SOCKET, SO_ATTACH_FILTER, ADDRESS(page), 16}},
		{"connect-channel",
		 SYS_connect,
		 {-1, ADDRESS(&unix_address), sizeof(unix_address)}},
		CALL(pidfd_open, 1, 0),
		CALL(pidfd_getfd, 1, 1, 0),
		CALL(io_uring_setup, 8, ADDRESS(page)),
		CALL(userfaultfd, 0),
		CALL(keyctl, 0, 0),
		CALL(add_key, ADDRESS("user"), ADDRESS("hostile"),
		     ADDRESS(page), 1, 0),
		CALL(shmget, 77, 4096, 01600),
		CALL(personality, 0),
		CALL(setpriority, 0, 0, -20),
		CALL(rt_sigaction, SIGSEGV, 0, 0, 8),
		CALL(tgkill, 1, 1, SIGKILL),
		CALL(sethostname, ADDRESS("hostile"), 7),
		CALL(clock_settime, 0, ADDRESS(page)),
		CALL(syslog, 2, ADDRESS(page), 4096),
		/* Standard input is the lock's file. */
		CALL(ftruncate, STDIN_FILENO, 0),
		CALL(flock, STDIN_FILENO, LOCK_UN),
		CALL(pwrite64, STDIN_FILENO, ADDRESS("1"), 1, 0),
		CALL(fchmod, STDIN_FILENO, 0777),
		{"pkey_mprotect",
		 SYS_pkey_mprotect,
		 {ADDRESS(page), 4096, PROT_READ | PROT_EXEC, -1}},
		CALL(shmat, 0, 0, SHM_EXEC),
		CALL(mlockall, 1),
		CALL(memfd_secret, 0),
		CALL(process_madvise, 3, ADDRESS(page), 1, 4, 0),
		CALL(io_uring_enter, 3, 1, 0, 0, 0, 0),
		CALL(io_uring_register, 3, 0, 0, 0),
		CALL(openat2, AT_FDCWD, ADDRESS(word), ADDRESS(page), 24),
		CALL(name_to_handle_at, AT_FDCWD, ADDRESS(word), ADDRESS(page),
		     ADDRESS(page), 0),
		CALL(fsopen, ADDRESS("tmpfs"), 0),
		CALL(fanotify_init, 0, 0),
		CALL(splice, 1, 0, 0, 0, 1, 0),
		CALL(sendfile, 1, 0, 0, 1),
		CALL(copy_file_range, 0, 0, 1, 0, 1, 0),
		CALL(mq_open, ADDRESS("hostile"), O_CREAT | O_RDWR, 0600, 0),
		CALL(msgget, 77, 01600),
		CALL(semget, 77, 1, 01600),
		CALL(seccomp, 0, 0, 0),
		{"ambient", SYS_prctl, {PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE}},
		{"ptracer", SYS_prctl, {PR_SET_PTRACER, -1}},
		CALL(kcmp, 1, 1, 0, 0, 0),
		CALL(pidfd_send_signal, 3, SIGKILL, 0, 0),
		CALL(rt_sigqueueinfo, 1, SIGKILL, ADDRESS(page)),
		CALL(timer_create, 0, 0, ADDRESS(page)),
		CALL(sched_setscheduler, 0, SCHED_FIFO, ADDRESS(page)),
		CALL(shutdown, 1, SHUT_RDWR),
		CALL(getsockopt, 1, SOL_SOCKET, SO_PEERCRED, ADDRESS(page),
		     ADDRESS(page)),
		CALL(acct, 0),
		CALL(landlock_create_ruleset, 0, 0, 1),
	};

	*count = COUNT(calls);
	return calls;
}

static const struct call *deadly(size_t *count)
{
	static const struct call calls[] = {
		CALL(socket, AF_INET, SOCK_DGRAM, 0),
		{"netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
		CALL(bind, 3, ADDRESS(&unix_address), sizeof(unix_address)),
		CALL(accept4, 3, 0, 0, 0),
		CALL(execve, ADDRESS("/bin/sh"), 0, 0),
		CALL(execveat, 3, ADDRESS(""), 0, 0, AT_EMPTY_PATH),
		CALL(clone, SIGCHLD),
		CALL(clone3, ADDRESS(page), 64),
		CALL(ptrace, PTRACE_SEIZE, 1),
		CALL(process_vm_readv, 1),
		CALL(kill, 1, SIGKILL),
		CALL(ioctl, 3, TUNSETIFF, ADDRESS(&device)),
		CALL(unshare, CLONE_NEWUSER),
		CALL(setns, 3, 0),
		CALL(mount, ADDRESS("/"), ADDRESS("/"), 0, 0x1000),
		CALL(bpf, 0, ADDRESS(page), 64),
		CALL(finit_module, 3, ADDRESS(""), 0),
		CALL(process_vm_writev, 1),
		CALL(listen, 3, 1),
		/* Of a file it may write nothing: SIGXFSZ. */
		{"lock", SYS_write, {STDIN_FILENO, ADDRESS("1"), 1}},
	};

	*count = COUNT(calls);
	return calls;
}

static bool make_call(const char *name)
{
	size_t count;
	const struct call *calls = failing(&count);

	snprintf(path, sizeof(path), "%s/client.journal", control_rundir());
	/* Which the data path needs, and would not miss. */
	if (!strcmp(name, "calls"))
		report("sched_yield", sched_yield());
	for (size_t i = 0; !strcmp(name, "calls") && i < count; i++)
		call(&calls[i]);
	calls = deadly(&count);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(name, calls[i].name))
			call(&calls[i]);
	}
	return !strcmp(name, "calls");
}

/* Memory that is all that a process may have, and descriptors. */
static bool use_up(const char *name)
{
	size_t got = 0;

	if (strcmp(name, "memory"))
		return false;
	while (mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) != MAP_FAILED)
		got += 64;
	log_notice("hostile: memory: %zu MiB", got);
	return true;
}

void tunnel_hook(struct tunnel *tunnel, const struct channel_message *message)
{
	static bool done;
	const char *name = getenv("MINIVPN_HOSTILE");

	if (name && message->type == CHANNEL_RELOAD)
		hostile_tunnel_reload(tunnel, name, message->reload.id);
	if (message->type != CHANNEL_STATUS_WANTED || done || !name ||
	    !strncmp(name, "reload", strlen("reload")))
		return;
	done = true;
	if (!make_call(name) && !use_up(name) &&
	    !hostile_tunnel_send(tunnel, name))
		log_notice("hostile: %s: survived", name);
}
