/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How datagrams come from the outer network to the role: a socket is read when
 * it has some, and what was read is handed on in turns, with pauses where that
 * lets more be dealt with together (tunnel/data/pacing.h).
 */
#ifndef MINIVPN_TUNNEL_ROLE_RECEIVE_H
#define MINIVPN_TUNNEL_ROLE_RECEIVE_H

#include "tunnel/data/pacing.h"
#include "tunnel/role/role.h"

struct receiver {
	struct tunnel *tunnel;
	/* What a socket has brought; from next on it waits to be handled. */
	struct tunnel_socket *socket;
	struct udp_batch *batch;
	unsigned next, count;
	struct pacing pacing;
	bool pausing;
	ev_io pause; /* a timer: what is left goes on then */
};

/*
 * Makes tunnel->udp of sockets by what comes to them (tunnel_sockets.h), which
 * are the receiver's then; -1 where there is none. -errno; in either case to be
 * freed.
 */
int receive_open(struct receiver *receiver, struct tunnel *tunnel,
		 const int *fds, unsigned count);
void receive_free(struct receiver *receiver);

/* From now on what comes is handed to the role. */
void receive_start(struct receiver *receiver);

/*
 * Hands over what has come, as the loop would, from within something else that
 * takes long.
 */
void receive_now(struct receiver *receiver);

/* Hands some of what has come to a socket to the role, in no turns. */
void receive_all(struct tunnel_socket *socket, struct udp_batch *batch);

#endif
