/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UDP sockets of the tunnel, opened here because that may take privileges
 * (a low port, large buffers), and never read here.
 */
#ifndef MINIVPN_HOST_SOCKET_H
#define MINIVPN_HOST_SOCKET_H

#include "common/inet.h"

/*
 * A socket bound to endpoint; address family none: one socket for both
 * families where the kernel has IPv6. It tells the address that a datagram was
 * sent to (IP_PKTINFO, IPV6_RECVPKTINFO). *fd is the caller's.
 */
int socket_listen(const struct inet_endpoint *endpoint, int *fd);

/* A client's socket of one family; -EAFNOSUPPORT. */
int socket_client(uint16_t family, int *fd);

#endif
