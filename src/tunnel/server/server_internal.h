/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the server's role share. server.c: datagrams and packets
 * find their way; server_strangers.c: strangers wait for their turn;
 * server_sieve.c: the kernel drops a flood of records;
 * server_handshake.c: they become known; server_peer.c: a peer comes, is
 * served, and goes; server_lifetime.c: its time is over; server_reload.c: the
 * file has changed;
 * server_settings.c: what peers are told; server_push.c: until they answer.
 */
#ifndef MINIVPN_TUNNEL_SERVER_SERVER_INTERNAL_H
#define MINIVPN_TUNNEL_SERVER_SERVER_INTERNAL_H

#include "tunnel/control/control.h"
#include "tunnel/server/admission.h"
#include "tunnel/server/backlog.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/server/lease_pool.h"
#include "tunnel/server/peer_table.h"
#include "tunnel/role/role.h"

/* Where datagrams of strangers wait, so that packets need not. */
enum server_queue {
	SERVER_QUEUE_BEGUN,  /* of handshakes under way */
	SERVER_QUEUE_EARLY,  /* data that may have overtaken the last of them */
	SERVER_QUEUE_ECHOED, /* hellos with a cookie */
	SERVER_QUEUE_ASKING, /* hellos without one */
	SERVER_QUEUES,
	/* Hellos whose cookie was true wait in the server's admission. */
	SERVER_TURN_ADMISSION = SERVER_QUEUES,
	SERVER_TURNS,
};

struct server {
	struct tunnel *tunnel;
	unsigned mtu; /* of the tun device; 0: paths are not probed */
	struct cookie_jar *cookies;
	struct ticket_jar *tickets;
	struct lease_pool *pool;
	struct peer_table table;
	/* Log lines that strangers cause: in all, and of each network. */
	struct log_limit strangers, held_back;
	struct rate_table *strangers_network, *held_back_network;
	struct admission *admission;
	struct udp_batch *batch; /* what comes from strangers */
	struct backlog *queues[SERVER_QUEUES];
	unsigned turn, round; /* whose turn it is, and for how many more */
	double owed; /* seconds that beginning has taken from echoed hellos */
	double reading;	  /* seconds, since they were looked at */
	double rested;	  /* when a busy server looks at them again */
	double counted;	  /* when its packets were, to see if it is busy */
	uint64_t packets; /* until then */
	bool is_busy;
	ev_timer lifetimes;
	ev_idle idle;
	ev_prepare busy;
	ev_timer rest;
	ev_timer wiping; /* of keys that are too old */
	ev_timer admit;	 /* hellos wait for the rate of their network */
	struct {
		unsigned refused; /* records, of which the first came ... */
		double since;	  /* ... then */
		double made;	  /* when the last sieve was */
		bool is_attached; /* to some of the sockets at least */
		ev_timer lift;
	} flood_filter;
};

/* Removes and frees it, and its peer; nothing is sent. */
void server_drop_association(struct server *server,
			     struct association *association);

/* A datagram that is for this association, which may be gone then. */
void server_input(struct server *server, struct association *association,
		  struct udp_datagram *datagram);

/* Handles what session_input() has taken; the association may be gone then. */
void server_pump(struct server *server, struct association *association);

/* server_strangers.c */

/* -ENOMEM; in either case to be freed by the second. */
int server_queues_new(struct server *server);
void server_queues_free(struct server *server);
/* From the start on: the sockets of strangers are read when there is time. */
void server_queues_listen(struct server *server);
/* Copies a datagram, and hands it to server_handshake() when there is time. */
void server_queue(struct server *server, enum server_queue queue,
		  unsigned socket, const struct udp_datagram *datagram);
/*
 * May a line that a stranger has caused be logged now? from: its address; NULL:
 * it has none.
 */
bool server_may_log(struct server *server, const struct inet_address *from);
/* The same of one that says that handshakes of its network are held back. */
bool server_may_log_held_back(struct server *server,
			      const struct inet_address *from);
/* May one that a peer of this name has caused? */
bool server_may_log_peer(struct server *server, const char *name);

/* server_sieve.c */

void server_flood_filter_init(struct server *server);
/* A record was refused, as nobody's or as a replay. */
void server_flood_filter_refused(struct server *server);
/* Before a live association comes, or another takes its place. */
void server_flood_filter_lift(struct server *server);
/* A handshake has begun there: its data must not be held back, once it ends. */
void server_flood_filter_pending(struct server *server,
				 const struct inet_endpoint *outer);

/* server_handshake.c */

/* False: a live session's, if anybody's. True: queued, or dealt with. */
bool server_is_handshake(struct server *server, unsigned socket,
			 struct udp_datagram *datagram);
/* Handles what that has queued: has it come from where it says it has? */
bool server_handshake(struct server *server, unsigned socket,
		      struct udp_datagram *datagram);
/* Begins the next of those that have. False: there is none, or not yet. */
bool server_handshake_next(struct server *server);
/* A pending association has failed: says why and drops it. */
void server_handshake_ended(struct server *server,
			    struct association *association);
/* Starts the timer of the next retransmission, if there is one. */
void server_arm_timer(struct server *server, struct association *association);

/* server_peer.c */

/* session_hooks.authorize: is this identity one of the file's peers? */
int server_authorize(void *owner, const struct identity *identity, char *reason,
		     size_t size);

/* The handshake of a pending association is complete. False: it is gone. */
bool server_admit(struct server *server, struct association *association);

/* One record of a live association. False: the association is gone. */
bool server_record(struct server *server, struct association *association,
		   uint8_t *record, size_t length);

/*
 * Where it is a record of the session that this one has replaced, it is dealt
 * with; else false.
 */
bool server_previous_input(struct server *server,
			   struct association *association,
			   struct udp_datagram *datagram);

/*
 * A handshake is under way at its address. Where it is a record of the live
 * association all the same it is dealt with, and that may be gone; else false.
 */
bool server_early(struct server *server, struct association *association,
		  struct udp_datagram *datagram);

/* Says why with a BYE, logs it, and drops the peer. */
void server_dismiss(struct server *server, struct peer *peer,
		    enum message_code code);

/* The same with more to say; text "": nothing. */
void server_dismiss_with_reason(struct server *server, struct peer *peer,
				enum message_code code, const char *text);

/* Has host write it down. */
void server_keep_lease(struct server *server, const struct lease *lease);

/* Fixed addresses of all peers of the file. */
void server_fix_addresses(struct server *server, const struct config *config);

/* Searches what the way to a peer carries, unless that is under way. */
void server_find_mtu(struct server *server, struct peer *peer);

/* server_lifetime.c */

/* From now on peers whose time is over are dismissed. */
void server_lifetime_start(struct server *server);
void server_lifetime_stop(struct server *server);

/* server_reload.c */

/* As in struct tunnel_role. */
void server_reload(void *state, const struct config *next, unsigned mtu);

/* server_settings.c */

/* What a peer is told under config. */
void server_settings(const struct config *config, const struct peer *peer,
		     struct settings *settings);

/* server_push.c */

/*
 * Sends a CONFIG that the peer has not asked for, until it is answered by a
 * HELLO of the same id.
 */
void server_push(struct server *server, struct peer *peer,
		 const struct config *config);
/* A HELLO has come: true where it is an answer, to be left without one. */
bool server_push_answered(struct server *server, struct peer *peer,
			  uint16_t id);
/* Before a peer's first. */
void server_push_init(struct peer *peer);

/* Sends a packet to a peer's end of the tunnel; from: whose packet it is. */
void server_to_peer(struct server *server, struct peer *peer, struct peer *from,
		    const uint8_t *packet, size_t length);

#endif
