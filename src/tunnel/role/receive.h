/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes from the outer network, in turns of a socket. */
#ifndef MINIVPN_TUNNEL_ROLE_RECEIVE_H
#define MINIVPN_TUNNEL_ROLE_RECEIVE_H

#include "tunnel/tunnel_internal.h"

/* Sockets by what comes to them (tunnel.h); -1 where there is none. -errno. */
int receive_open(struct tunnel *tunnel, const int *fds, unsigned count);

/* From now on what comes is handed to the role. */
void receive_start(struct tunnel *tunnel);

/* Some of what has come to a socket, at once and by a batch of its own. */
void receive_all(struct tunnel_socket *socket, struct udp_batch *batch);

#endif
