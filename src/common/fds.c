/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/fds.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(FDS_MOST * sizeof(int))];
};

int fds_send(int socket, const void *data, size_t size, const struct fds *fds)
{
	struct iovec vector = {(void *)data, size};
	union control control = {0};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	size_t bytes = fds->count * sizeof(int);

	if (fds->count) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(bytes);
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

static void take(struct msghdr *header, struct fds *fds)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(header);

	if (!head || head->cmsg_level != SOL_SOCKET ||
	    head->cmsg_type != SCM_RIGHTS)
		return;
	fds->count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds->list, CMSG_DATA(head), fds->count * sizeof(int));
}

void fds_close(const struct fds *fds)
{
	for (unsigned i = 0; i < fds->count; i++)
		close(fds->list[i]);
}

bool fds_receive(int socket, void *data, size_t size, struct fds *fds)
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
	if (got > 0)
		take(&header, fds);
	if (got == (ssize_t)size && !(header.msg_flags & MSG_TRUNC))
		return true;
	fds_close(fds);
	fds->count = 0;
	return false;
}
