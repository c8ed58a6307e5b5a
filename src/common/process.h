/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What processes of ours pass each other, and what a new one gives up of what
 * it has inherited: descriptors, in messages (SCM_RIGHTS, unix(7)) and by
 * fork(2); and how one that does not end is ended. What a process gives up of
 * its privileges is syscall_filter.h's.
 */
#ifndef MINIVPN_COMMON_PROCESS_H
#define MINIVPN_COMMON_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#define PROCESS_FDS 64

/* Descriptors on their way from one process to another. */
struct process_fds {
	int list[PROCESS_FDS];
	unsigned count;
};

/*
 * Sends one message over a SOCK_SEQPACKET socket. The descriptors stay open
 * here. -EAGAIN where the socket does not block and its buffer is full; -errno.
 */
int process_send(int socket, const void *data, size_t size,
		 const struct process_fds *fds);

/*
 * Receives one message into size bytes of data; its length, 0 at the end of the
 * stream. The descriptors that came along are the caller's, close-on-exec.
 * After an error there are none: -EMSGSIZE where the message is longer than
 * size, or brought more descriptors than have come through (there is no room
 * for them here, or this process may have no more); -EAGAIN; -errno.
 */
ssize_t process_receive(int socket, void *data, size_t size,
			struct process_fds *fds);

/* Closes all of them; then there are none. */
void process_close_fds(struct process_fds *fds);

/*
 * Closes every descriptor from 3 up that is not in keep (negative ones are
 * passed over). -E2BIG, or as close_range(2).
 */
int process_close_others(const int *keep, unsigned count);

/*
 * A descriptor of another process of ours, close-on-exec, by which it can be
 * ended whoever has its number by then (pidfd_open(2)). -errno: -ENOSYS before
 * Linux 5.3.
 */
int process_open(pid_t pid);

/* Ends it by SIGKILL. -ESRCH: it has ended and been reaped; -errno. */
int process_kill(int pidfd);

#endif
