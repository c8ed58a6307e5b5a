/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UDP sockets of the tunnel, opened here because that may take privileges
 * (a low port, large buffers), and never read here.
 */
#ifndef MINIVPN_HOST_KERNEL_UDP_SOCKET_H
#define MINIVPN_HOST_KERNEL_UDP_SOCKET_H

#include <stdbool.h>

#include "common/inet.h"
#include "common/tunnel_sockets.h"

/*
 * Sockets bound to endpoint, one for each of enum tunnel_sort; -1 where the
 * kernel can't sort, and the first gets everything. hidden: it gets everything
 * in any case, until the tunnel process says otherwise. Address family none:
 * for both families where the kernel has IPv6. They tell the address that a
 * datagram was sent to (IP_PKTINFO, IPV6_RECVPKTINFO), and are the caller's.
 */
int udp_socket_listen(const struct inet_endpoint *endpoint, bool hidden,
		      int fds[TUNNEL_SORTS]);

/*
 * probe: what is sent is not fragmented from now on, and ICMP about the
 * path is not believed (IP_PMTUDISC_PROBE, ip(7)); else it is as the kernel has
 * it (IP_PMTUDISC_WANT). fd -1: nothing.
 */
void udp_socket_probe_mtu(int fd, bool probe);

/*
 * Is a socket of this host, of which anybody may ask something, bound to one of
 * these ports? *port is the lowest. Not those of loopback addresses.
 */
bool udp_socket_find_bound(const struct inet_ports *ports, uint16_t *port);

/* A client's socket of one family; -EAFNOSUPPORT. */
int udp_socket_client(uint16_t family, int *fd);

#endif
