/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which order host hands a tunnel process its UDP sockets, and how many
 * there are: constants alone, as both processes must agree on them.
 *
 * A server has sockets for each Listen, in the order of enum tunnel_sort, which
 * the kernel sorts datagrams to (host/kernel/port_steering.h); where it does
 * not, the others but the first are -1. With Secret the first gets all but what
 * a flood is made of (tunnel/server/flood_filter.h). A client has one for each family, and
 * then one more for each.
 */
#ifndef MINIVPN_COMMON_TUNNEL_SOCKETS_H
#define MINIVPN_COMMON_TUNNEL_SOCKETS_H

enum tunnel_sort {
	TUNNEL_SORT_RECORD,    /* data of sessions */
	TUNNEL_SORT_HANDSHAKE, /* hellos with a cookie, and what follows */
	TUNNEL_SORT_ASKING,    /* first hellos, and what makes no sense */
	TUNNEL_SORTS,
};

#define TUNNEL_LISTEN  8
#define TUNNEL_SOCKETS (TUNNEL_LISTEN * TUNNEL_SORTS)

#endif
