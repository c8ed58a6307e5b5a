/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datagrams that come to a server's port are of these sorts, and each sort
 * has a socket: host opens them and gives the kernel the program that sorts
 * (host/kernel/port_steering.h), the tunnel process reads them.
 */
#ifndef MINIVPN_COMMON_TUNNEL_SORT_H
#define MINIVPN_COMMON_TUNNEL_SORT_H

/*
 * A server has sockets for each Listen in this order. Where the kernel can't
 * sort, the others but the first are -1.
 */
enum tunnel_sort {
	TUNNEL_SORT_RECORD,    /* data of sessions */
	TUNNEL_SORT_HANDSHAKE, /* hellos with a cookie, and what follows */
	TUNNEL_SORT_ASKING,    /* first hellos, and what makes no sense */
	TUNNEL_SORTS,
};

#endif
