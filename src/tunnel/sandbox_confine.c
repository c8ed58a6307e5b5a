/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/sandbox_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/syscall_groups.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* More than a session with its buffers, in a handshake with a long chain. */
#define BYTES_PER_CLIENT ((rlim_t)512 << 10)
/* The program, its libraries and the buffers of the data path. */
#define BYTES_FOR_ALL ((rlim_t)512 << 20)
/* Sockets, loop, tun, channel, and a new file's memfd. */
#define DESCRIPTORS 64

/*
 * Beside what is deadly for all: a process that has all it needs open opens
 * nothing, starts nobody and speaks to nobody new.
 */
static const int deadly[] = {
	SCMP_SYS(fork),	   SCMP_SYS(vfork), SCMP_SYS(clone),  SCMP_SYS(clone3),
	SCMP_SYS(socket),  SCMP_SYS(bind),  SCMP_SYS(listen), SCMP_SYS(accept),
	SCMP_SYS(accept4), SCMP_SYS(ioctl), SCMP_SYS(setns),  SCMP_SYS(unshare),
	SCMP_SYS(kill),
};

static const struct syscall_filter_calls own_calls = {
	.deadly = deadly,
	.deadly_count = COUNT(deadly),
};

int sandbox_confine_output(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), err = 0;

	if (null < 0)
		return -errno;
	if (dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		err = -errno;
	close(null);
	return err;
}

/*
 * /proc/self/fdinfo of a process that has ended: there is nothing in it,
 * nothing can be made in it, and nothing is left of it anywhere. A child that
 * shares our root directory goes there for both of us (proc(5), CLONE_FS in
 * clone(2)).
 */
int sandbox_confine_root(void)
{
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL,
				     NULL, NULL);
	int status;

	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(chroot("/proc/self/fdinfo") < 0 || chdir("/") < 0 ? errno
									: 0);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static rlim_t memory_for(rlim_t clients)
{
	return BYTES_FOR_ALL + BYTES_PER_CLIENT * clients;
}

int sandbox_confine_memory(pid_t pid, const struct config *config)
{
	rlim_t wanted = memory_for(config->max_clients);
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_AS, NULL, &limit) < 0)
		return -errno;
	if (wanted > limit.rlim_max)
		wanted = limit.rlim_max;
	if (limit.rlim_cur >= wanted)
		return 0;
	limit.rlim_cur = wanted;
	return prlimit(pid, RLIMIT_AS, &limit, NULL) < 0 ? -errno : 0;
}

int sandbox_confine_resources(const struct config *config)
{
	/* Of memory what a reload may raise MaxClients to, in its time. */
	const struct {
		int resource;
		rlim_t now, most;
	} bounds[] = {
		{RLIMIT_AS, memory_for(config->max_clients),
		 memory_for(config->role == CONFIG_SERVER ? CONFIG_CLIENTS_MOST
							  : 0)},
		{RLIMIT_FSIZE, 0, 0},
		{RLIMIT_MSGQUEUE, 0, 0},
		{RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS},
		{RLIMIT_NPROC, 0, 0},
	};

	for (size_t i = 0; i < COUNT(bounds); i++) {
		struct rlimit limit;

		if (getrlimit(bounds[i].resource, &limit) < 0)
			return -errno;
		if (limit.rlim_max > bounds[i].most)
			limit.rlim_max = bounds[i].most;
		limit.rlim_cur = limit.rlim_max;
		if (limit.rlim_cur > bounds[i].now)
			limit.rlim_cur = bounds[i].now;
		if (setrlimit(bounds[i].resource, &limit) < 0)
			return -errno;
	}
	return 0;
}

static int allow_socketcall(struct filter *filter, int number)
{
	const struct syscall_filter_rule rule =
		SYSCALL_GROUPS_SOCKETCALL(number);
	const struct syscall_filter_calls one = {.checked = &rule,
						 .checked_count = 1};

	return syscall_filter_add(filter, &one);
}

/*
 * The client's UDP sockets, to another server; no other descriptor, but on i386
 * (syscall_groups.h).
 */
static int allow_connect(struct filter *filter,
			 const struct tunnel_arguments *arguments)
{
	int err = 0;

	if (arguments->config->role != CONFIG_CLIENT)
		return 0;
	for (unsigned i = 0; !err && i < arguments->udp_count; i++) {
		unsigned fd = (unsigned)arguments->udp_fds[i];
		const struct syscall_filter_rule rule = {
			SCMP_SYS(connect), 1, {SYSCALL_FILTER_IS(0, fd)}};
		const struct syscall_filter_calls one = {.checked = &rule,
							 .checked_count = 1};

		if (arguments->udp_fds[i] >= 0)
			err = syscall_filter_add(filter, &one);
	}
	return err ? err : allow_socketcall(filter, SYS_CONNECT);
}

/* The server's flood filter goes before the sockets of records. */
static int allow_flood_filter(struct filter *filter,
			      const struct tunnel_arguments *arguments)
{
	static const int options[] = {SO_ATTACH_FILTER, SO_DETACH_FILTER,
				      SO_ATTACH_REUSEPORT_CBPF};
	int err = 0;

	if (arguments->config->role != CONFIG_SERVER)
		return 0;
	for (unsigned i = 0; !err && i < arguments->udp_count * COUNT(options);
	     i++) {
		unsigned socket = i / COUNT(options);
		int fd = arguments->udp_fds[socket];
		const struct syscall_filter_rule rule = {
			SCMP_SYS(setsockopt),
			3,
			{SYSCALL_FILTER_IS(0, fd),
			 SYSCALL_FILTER_IS(1, SOL_SOCKET),
			 SYSCALL_FILTER_IS(2, options[i % COUNT(options)])}};
		const struct syscall_filter_calls one = {.checked = &rule,
							 .checked_count = 1};

		if (fd >= 0 && socket % TUNNEL_SORTS == TUNNEL_SORT_RECORD)
			err = syscall_filter_add(filter, &one);
	}
	return err ? err : allow_socketcall(filter, SYS_SETSOCKOPT);
}

int sandbox_confine_calls(const struct tunnel_arguments *arguments)
{
	const struct syscall_filter_calls *const groups[] = {
		&syscall_group_loop,
		&syscall_group_basic,
		&own_calls,
		&syscall_group_deadly,
	};
	struct filter *filter;
	int err = syscall_filter_new_groups(&filter, groups, COUNT(groups));

	if (!err)
		err = allow_connect(filter, arguments);
	if (!err)
		err = allow_flood_filter(filter, arguments);
	if (!err)
		return syscall_filter_enter(filter);
	syscall_filter_free(filter);
	return err;
}
