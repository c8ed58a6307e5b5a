/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the tunnel process share: its descriptors and counters,
 * and what a role (client.c, server.c) is to the loop in tunnel.c.
 */
#ifndef MINIVPN_TUNNEL_TUNNEL_INTERNAL_H
#define MINIVPN_TUNNEL_TUNNEL_INTERNAL_H

#include <ev.h>

#include "common/ipc/channel.h"
#include "common/rate.h"
#include "tunnel/dtls/credentials.h"
#include "tunnel/data/pacing.h"
#include "tunnel/data/path.h"
#include "tunnel/dtls/session.h"
#include "tunnel/tunnel.h"
#include "tunnel/data/udp_io.h"
#include "tunnel/control/message.h"

/* Bytes of a handshake datagram: passes every path that carries IPv6. */
#define TUNNEL_HANDSHAKE_MTU 1200
/*
 * Control messages of a peer that are heard, and so answered: as many at once,
 * as many a second. What a peer needs is far below it, also while it probes
 * the path's MTU.
 */
#define TUNNEL_CONTROL_BURST 50.
#define TUNNEL_CONTROL_RATE  20.

struct tunnel;

struct tunnel_role {
	/* A message of the host process, not for all roles; fd as in hooks. */
	void (*message)(void *state, const struct channel_message *message,
			int fd);
	/* A datagram from the outer network, on tunnel->udp[socket]. */
	void (*datagram)(void *state, unsigned socket,
			 struct udp_datagram *datagram);
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
	/* Sends a CHANNEL_STATUS_PEER for each peer. */
	void (*status)(void *state);
	/* Says goodbye to the peers. */
	void (*stop)(void *state);
	void (*free)(void *state);
};

struct tunnel_socket {
	struct udp_io io;
	ev_io watcher;
	bool held; /* while the tunnel is pausing */
	struct tunnel *tunnel;
};

struct tunnel {
	struct ev_loop *loop;
	struct config *config;
	struct channel *channel;
	struct credentials *credentials;
	struct {
		struct own_certificate_texts texts; /* arrived so far */
		struct config *config; /* ready to be taken, or NULL */
		struct credentials *credentials;
	} next;
	struct path *path;
	ev_io tun;
	ev_timer daily;
	struct tunnel_socket udp[TUNNEL_SOCKETS];
	unsigned udp_count;
	/* What a socket has brought; from next on it waits to be handled. */
	struct {
		struct tunnel_socket *socket;
		struct udp_batch *batch;
		unsigned next, count;
	} received;
	struct pacing pacing;
	bool pausing;
	ev_io pause; /* a timer: what is left goes on then */
	const struct tunnel_role *role;
	void *state;
	struct traffic total; /* of all peers that ever were, and strangers */
	double now;  /* clock_now() when packets or datagrams were found */
	uint8_t tos; /* of the datagram that is being handled */
};

/* client.c, server.c: the roles. *state is freed by role->free. */
extern const struct tunnel_role client_role, server_role;
int client_new(struct tunnel *tunnel, void **state);
int server_new(struct tunnel *tunnel, void **state);

/* tunnel.c */

void tunnel_drop(struct tunnel *tunnel, struct traffic *peer,
		 enum drop_reason reason);
/* Encodes and sends a control message; -errno. */
int tunnel_send_control(struct session *session, const struct message *message);
/* Answers PING; *rtt_us is set by a PONG. True where it was one of the two. */
bool tunnel_ping_pong(struct session *session, const struct message *message,
		      uint32_t *rtt_us);
int tunnel_send_ping(struct session *session);
/* Answers what message_decode() has refused with err; an ERROR gets no answer.
 */
void tunnel_answer_error(struct session *session, const struct message *message,
			 int err);
/* Counts what a run has sent, and has not: for a peer (or NULL) and in all. */
void tunnel_count_sent(struct tunnel *tunnel, struct traffic *peer,
		       const struct udp_run *run, uint64_t bytes);
/* A session's own counters, added to a peer's. */
void tunnel_add_counters(struct traffic *traffic,
			 const struct session *session);

#endif
