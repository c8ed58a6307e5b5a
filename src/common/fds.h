/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of one size with descriptors, over a SOCK_SEQPACKET pair. */
#ifndef MINIVPN_COMMON_FDS_H
#define MINIVPN_COMMON_FDS_H

#include <stdbool.h>
#include <stddef.h>

#define FDS_MOST 32

struct fds {
	int list[FDS_MOST];
	unsigned count;
};

/* The descriptors stay open here. -errno. */
int fds_send(int socket, const void *data, size_t size, const struct fds *fds);

/*
 * Waits for a message. False: nobody is there any more, or it is not of that
 * size; fds has none then. Else they are the caller's, close-on-exec.
 */
bool fds_receive(int socket, void *data, size_t size, struct fds *fds);

void fds_close(const struct fds *fds);

#endif
