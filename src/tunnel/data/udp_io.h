/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams to and from the outer network, many by one system call: batches of
 * messages (recvmmsg, sendmmsg), and messages that hold many datagrams of one
 * peer where the kernel joins and segments them (UDP_GRO, UDP_SEGMENT, udp(7)).
 */
#ifndef MINIVPN_TUNNEL_DATA_UDP_IO_H
#define MINIVPN_TUNNEL_DATA_UDP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"

/* The largest payload of a datagram of either family: 65535 - 20 - 8. */
#define UDP_IO_SIZE 65507
/* Datagrams in a run: UDP_MAX_SEGMENTS of kernels before 6.9. */
#define UDP_IO_RUN 64
/* Messages received, or runs sent, by one call. */
#define UDP_IO_BATCH 64

struct udp_io {
	int fd;
	bool ipv6; /* the socket's family; it may carry mapped IPv4 as well */
	bool segments; /* the kernel segments runs */
	bool logged;   /* logged that it does not, or not always */
};

/* One datagram, or several of one peer, one behind the other. */
struct udp_message {
	struct inet_endpoint peer;
	struct inet_address
		local; /* where it was sent to; family none: not known */
	/*
	 * The batch's: what is before it may be written to, once what was
	 * received before it has been handled.
	 */
	uint8_t *data;
	size_t length;
	size_t segment; /* bytes of each but the last, which may be shorter */
	uint8_t tos;	/* of all: the kernel joins no others */
};

struct udp_datagram {
	struct inet_endpoint peer;
	struct inet_address local;
	uint8_t *data;
	size_t length;
	uint8_t tos;	/* IPv6: the traffic class */
	uint8_t secret; /* by which of them it was hidden, if there are any */
};

/* Buffers for what is received; a page of them is used once it is needed. */
struct udp_batch;

/*
 * Datagrams to one peer, all of segment bytes but the last, which may be
 * shorter. At most UDP_IO_RUN of them, and UDP_IO_SIZE bytes.
 */
struct udp_run {
	struct inet_endpoint peer; /* family none: as connected */
	struct inet_address local; /* family none: as the kernel chooses */
	uint8_t *data;
	size_t length, segment;
	unsigned count;
	uint8_t tos; /* IPv6: the traffic class */
	bool apart;  /* the path loses runs: they are sent one by one */
	/* results */
	unsigned sent;
	int error; /* why not all of them; 0 or -errno */
};

/*
 * Finds out the family of fd, which stays the caller's, and what the kernel
 * does for it; offload false: it is not asked to. -errno.
 */
int udp_io_init(struct udp_io *io, int fd, bool offload);

/* -ENOMEM. Shared by sockets that are read in turn. */
int udp_batch_new(struct udp_batch **batch);
void udp_batch_free(struct udp_batch *batch);

/*
 * Receives what is there, UDP_IO_BATCH messages at most: their number, or
 * -EAGAIN where there is none. Errors that an ICMP message has caused
 * (-ECONNREFUSED and others) are information, not a failure of the socket.
 */
int udp_io_receive(struct udp_io *io, struct udp_batch *batch);

/*
 * Message index of what was received last, valid until the next
 * udp_io_receive(). False: it was cut short, or its sender has no address.
 */
bool udp_batch_message(const struct udp_batch *batch, unsigned index,
		       struct udp_message *message);

/* Takes the next datagram from a message that has bytes left. */
void udp_message_next(struct udp_message *message,
		      struct udp_datagram *datagram);

/*
 * Sends count runs, UDP_IO_BATCH at most, and fills in their results. Where the
 * kernel does not segment a run it is sent as single datagrams, and that is
 * logged, once.
 */
void udp_io_send_runs(struct udp_io *io, struct udp_run *runs, unsigned count);

/*
 * Sends one datagram: to peer (NULL: where the socket is connected to), from
 * local (NULL or family none: as the kernel chooses). -errno.
 */
int udp_io_send(struct udp_io *io, const struct inet_endpoint *peer,
		const struct inet_address *local, const uint8_t *data,
		size_t length);

/*
 * Disconnects the socket, and gives up the address and port that it has sent
 * from: the next datagram is sent from another.
 */
int udp_io_release(struct udp_io *io);
/* Connects a socket that is not connected: it keeps its port. */
int udp_io_pin(struct udp_io *io, const struct inet_endpoint *peer);
/* Both: it may have been connected elsewhere, and gets another port. */
int udp_io_connect(struct udp_io *io, const struct inet_endpoint *peer);

#endif
