/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a role (client, server) is to the tunnel process, and what both roles
 * have of that: descriptors, the file, and counters. The process itself, its
 * loop and what host says are tunnel.c's.
 */
#ifndef MINIVPN_TUNNEL_ROLE_ROLE_H
#define MINIVPN_TUNNEL_ROLE_ROLE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/ipc/channel.h"
#include "common/ipc/traffic.h"
#include "common/ticket_key.h"
#include "common/tunnel_sockets.h"
#include "tunnel/data/path.h"
#include "tunnel/data/udp_io.h"
#include "tunnel/dtls/credentials.h"
#include "tunnel/dtls/session.h"
#include "tunnel/noise/link.h"

/* Bytes of a handshake datagram, which pass every path that carries IPv6. */
#define ROLE_HANDSHAKE_MTU 1200

struct tunnel_role {
	/* A message of the host process, not for all roles; fd as in hooks. */
	void (*message)(void *state, const struct channel_message *message,
			int fd);
	/* A datagram from the outer network, on tunnel->udp[socket]. */
	void (*datagram)(void *state, unsigned socket,
			 struct udp_datagram *datagram);
	/* With Secret: one that was not made with it. NULL: never. */
	void (*refused)(void *state);
	/* An ICMP error came back to the socket. */
	void (*unreachable)(void *state, unsigned socket, int error);
	/* As in struct path_hooks; both once a run, not once a packet. */
	bool (*route)(void *state, const uint8_t *packet, size_t length,
		      struct path_target *target);
	void (*sent)(void *state, const struct udp_run *run, uint64_t bytes);
	/*
	 * tunnel->credentials are new, and next takes the place of
	 * tunnel->config afterwards; mtu as in CHANNEL_TAKE.
	 */
	void (*reload)(void *state, const struct config *next, unsigned mtu);
	/* Calls expiry_warn_peer() for each peer. */
	void (*expiring)(void *state);
	/*
	 * Sends a packet of our own to a peer that has its destination for an
	 * inner address. False: there is none. NULL: never.
	 */
	bool (*answer)(void *state, const uint8_t *packet, size_t length);
	/*
	 * Sends a CHANNEL_STATUS_PEER for each peer, beginning with the first
	 * or where it left off. False: the channel is full, and there are more.
	 */
	bool (*status)(void *state, bool first);
	/* Says goodbye to the peers. */
	void (*stop)(void *state);
	void (*free)(void *state);
};

/* A record that was found by its connection ID. */
struct role_arrival {
	struct noise_link *link; /* NULL: it was not */
	uint32_t move;		 /* of that ID */
	uint64_t sequence;
	unsigned socket;
	const struct udp_datagram *datagram;
};

struct tunnel_socket {
	struct udp_io io;
	ev_io watcher;
	struct tunnel *tunnel;
	void *reader; /* of whoever watches it */
	bool held;    /* it is not watched while its reader pauses */
};

struct tunnel {
	struct ev_loop *loop;
	struct config *config;
	struct channel *channel;
	struct credentials *credentials;
	struct ticket_key *ticket_key; /* shared, or NULL */
	struct path *path;
	struct tunnel_socket udp[TUNNEL_SOCKETS];
	unsigned udp_count;
	const struct tunnel_role *role;
	void *state;	      /* the role's */
	struct traffic total; /* of all peers that ever were, and of nobody */
	bool damages_runs;    /* this kernel does: kernel.h */
	double now; /* clock_now() when packets or datagrams were found */
	struct noise *noise; /* NULL: without Secret */
	struct noise_link_table links;
	/* Of the datagram that is being handled. */
	uint8_t tos;
	struct role_arrival arrival;
};

/* Bytes of the largest datagram of a handshake. */
static inline unsigned role_handshake_mtu(const struct tunnel *tunnel)
{
	return tunnel->noise ? NOISE_DATAGRAM_MOST : ROLE_HANDSHAKE_MTU;
}

/* Counts a packet that is dropped: for a peer (or NULL) and in all. */
void role_drop(struct tunnel *tunnel, struct traffic *peer,
	       enum drop_reason reason);
/* Counts a packet of so many bytes that a peer has sent. */
static inline void role_count_received(struct tunnel *tunnel,
				       struct traffic *peer, size_t bytes)
{
	peer->rx_packets++;
	peer->rx_bytes += bytes;
	tunnel->total.rx_packets++;
	tunnel->total.rx_bytes += bytes;
}
/*
 * Counts what a run has sent, and has not: for a peer (or NULL) and in all.
 * bytes: of inner packets.
 */
void role_count_sent(struct tunnel *tunnel, struct traffic *peer,
		     const struct udp_run *run, uint64_t bytes);
/*
 * Logs what was found out of runs of datagrams (tunnel/control/run_probe.h) on
 * the way to whom.
 */
void role_log_runs(const struct tunnel *tunnel, const char *whom, bool lost);
/* Adds the session's own counters (NULL: none) to a peer's. */
void role_count_session(struct traffic *traffic, const struct session *session);

#endif
