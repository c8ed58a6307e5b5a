/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/process.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(PROCESS_FDS * sizeof(int))];
};

int process_send(int socket, const void *data, size_t size,
		 const struct process_fds *fds)
{
	struct iovec vector = {(void *)data, size};
	union control control;
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	size_t bytes = fds->count * sizeof(int);

	if (fds->count) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(bytes);
		memset(&control, 0, header.msg_controllen);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), fds->list, bytes);
	}
	while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static void take(struct msghdr *header, struct process_fds *fds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
	     c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t end = CMSG_LEN(sizeof(int)); end <= c->cmsg_len;
		     end += sizeof(int))
			memcpy(&fds->list[fds->count++],
			       (uint8_t *)c + end - sizeof(int), sizeof(int));
	}
}

ssize_t process_receive(int socket, void *data, size_t size,
			struct process_fds *fds)
{
	struct iovec vector = {data, size};
	union control control;
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got;

	fds->count = 0;
	do {
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	take(&header, fds);
	if (!(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return got;
	process_close_fds(fds);
	return -EMSGSIZE;
}

void process_close_fds(struct process_fds *fds)
{
	for (unsigned i = 0; i < fds->count; i++)
		close(fds->list[i]);
	fds->count = 0;
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int process_close_others(const int *keep, unsigned count)
{
	int sorted[PROCESS_FDS], next = 3;

	if (count > PROCESS_FDS)
		return -E2BIG;
	for (unsigned i = 0; i < count; i++)
		sorted[i] = keep[i];
	qsort(sorted, count, sizeof(*sorted), compare_fds);
	for (unsigned i = 0; i < count; i++) {
		if (sorted[i] < next)
			continue;
		if (sorted[i] > next &&
		    close_range((unsigned)next, (unsigned)sorted[i] - 1, 0))
			return -errno;
		next = sorted[i] + 1;
	}
	return close_range((unsigned)next, ~0U, 0) ? -errno : 0;
}

/* The C library of Debian 11 has no functions for these two. */
int process_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

int process_kill(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0
		       ? -errno
		       : 0;
}
