/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams to and from the outer network. */
#ifndef MINIVPN_TUNNEL_UDP_IO_H
#define MINIVPN_TUNNEL_UDP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"

/* The largest UDP payload there is. */
#define UDP_IO_SIZE 65535

struct udp_io {
	int fd;
	bool ipv6; /* the socket's family; it may carry mapped IPv4 as well */
};

struct udp_datagram {
	struct inet_endpoint peer;
	struct inet_address local; /* where it was sent to; family none: ? */
	uint8_t *data;		   /* the caller's buffer */
	size_t length;
};

/* Finds out the family of fd, which stays the caller's. */
int udp_io_init(struct udp_io *io, int fd);

/*
 * Receives one datagram into buffer. -EAGAIN: none there. -EMSGSIZE: cut short
 * and dropped. Errors that an ICMP message has caused (-ECONNREFUSED and
 * others) are information, not a failure of the socket.
 */
int udp_io_receive(struct udp_io *io, uint8_t *buffer, size_t size,
		   struct udp_datagram *datagram);

/*
 * Sends one datagram: to peer (NULL: where the socket is connected to), from
 * local (NULL or family none: as the kernel chooses). -errno.
 */
int udp_io_send(struct udp_io *io, const struct inet_endpoint *peer,
		const struct inet_address *local, const uint8_t *data,
		size_t length);

/* Connects the socket to peer, also when it was connected elsewhere before. */
int udp_io_connect(struct udp_io *io, const struct inet_endpoint *peer);

#endif
