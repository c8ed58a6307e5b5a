/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is who at a server: associations by outer address, those that are
 * connected and those in their handshake (pending), and peers by name and by
 * inner address. These are tables alone: what happens to their members is
 * decided in peer.c and association.c.
 */
#ifndef MINIVPN_TUNNEL_SERVER_PEER_TABLE_H
#define MINIVPN_TUNNEL_SERVER_PEER_TABLE_H

#include <ev.h>

#include "common/config/config.h"
#include "common/hash.h"
#include "common/ipc/traffic.h"
#include "common/prefix_map.h"
#include "common/rate.h"
#include "tunnel/control/keepalive.h"
#include "tunnel/control/pmtu_session.h"
#include "tunnel/control/run_probe_session.h"
#include "tunnel/data/refusal.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/dtls/previous_session.h"
#include "tunnel/dtls/session.h"
#include "tunnel/noise/link.h"
#include "tunnel/server/admission.h"
#include "tunnel/server/lease_pool.h"

struct peer;
struct server;

/* One DTLS session and where its other end is. */
struct association {
	struct server *server;
	struct session *session;
	struct previous_session
		previous; /* what was there before of the same peer */
	/* With Secret: of session, and of the previous one; or NULL. */
	struct noise_link *link, *previous_link;
	struct inet_endpoint outer; /* the table's key */
	struct inet_address local;  /* the address that it asked */
	/* Of roaming.c: the last address that it has answered from. */
	struct inet_endpoint answered;
	bool unproved;	   /* it is at another one */
	size_t room;	   /* bytes that may be sent there */
	uint64_t question; /* of the PING whose PONG proves it */
	double asked;	   /* clock_now() of the last */
	unsigned socket;
	uint8_t random[DTLS_RANDOM_SIZE]; /* of its ClientHello */
	struct peer *peer; /* NULL: the handshake is not complete */
	/* What it was charged for, until it has a peer; false: nothing. */
	struct admission_source source;
	bool is_charged;
	uint64_t replayed; /* records, when they were counted last */
	double begun;	   /* clock_now() of its ClientHello */
	double proved;	   /* the same, of the last full handshake */
	ev_timer timer;	   /* handshake retransmission */
	UT_hash_handle hh;
};

/* One entry of the table by inner address. */
struct peer_address {
	struct inet_address address;
	struct peer *peer;
	UT_hash_handle hh;
};

struct peer_subnet {
	struct prefix_map_entry entry;
	struct peer *peer; /* NULL: it is not in the table */
};

/*
 * Limits of what a peer does again and again, over all its sessions: so they
 * are the peer's, and not a session's. They are kept for as long as the peer
 * has not got all of them back.
 */
struct peer_limits {
	char name[SETTINGS_NAME_SIZE];
	struct rate sessions; /* that it begins */
	struct rate renewals; /* of one that is connected, from where it is */
	struct rate lines;    /* in the log, of its coming and going ... */
	struct rate refusals; /* ... and of what it is refused */
	struct rate leases;   /* that host is told of, unchanged */
	UT_hash_handle hh;
};

/* A client that is connected. */
struct peer {
	char name[SETTINGS_NAME_SIZE];
	struct association *association;
	struct lease lease;
	struct peer_address address4, address6;
	struct peer_subnet *subnets;
	size_t subnet_count;
	struct keepalive keepalive;
	struct pmtu_session pmtu_session;
	struct run_probe_session run_probe;
	struct rate control; /* control messages that are heard */
	struct refusal_limit refusals;
	ev_timer watch;
	struct {
		ev_timer timer;
		uint16_t id;	/* 0 before the first */
		unsigned count; /* how often it was sent */
	} push;			/* of a CONFIG that it has not asked for */
	double since;		/* clock_now() */
	double came;		/* the same, of the first before any rekey */
	int64_t expires;	/* as in struct config_peer */
	uint32_t rtt_us;
	bool ecn;	/* it reads ECN of outer headers */
	bool announced; /* host was told of it */
	struct traffic traffic;
	struct traffic_bytes told; /* what of it host knows already */
	UT_hash_handle hh;
};

/* The peer whose an inner address was found to be; NULL: nobody's. */
struct peer_cache {
	struct inet_address address; /* family none: nothing */
	struct peer *peer;
};

#define PEER_CACHE 64 /* a power of two */

struct peer_table {
	struct association *connected, *pending;
	struct association *last_connected; /* found last, or NULL */
	struct peer_cache cache[PEER_CACHE];
	struct peer *peers;
	/* Where who goes from one to the next has got to, or NULL. */
	struct peer *walk;
	struct peer_address *addresses;
	struct prefix_map subnets;
	struct peer_limits *limits;	  /* of all who have authenticated */
	struct peer_limits *checked_next; /* whether it is needed; or NULL */
	unsigned pending_count;
};

struct association *peer_table_connected(struct peer_table *table,
					 const struct inet_endpoint *outer);
struct association *peer_table_pending(const struct peer_table *table,
				       const struct inet_endpoint *outer);
/* How many are pending from a network; *oldest is NULL for none. */
unsigned peer_table_pending_of(const struct peer_table *table,
			       const struct inet_prefix *network,
			       struct association **oldest);
/*
 * One a table and address: what was there must have been removed. -ENOMEM: it
 * is in neither table then.
 */
int peer_table_add_connected(struct peer_table *table,
			     struct association *association);
int peer_table_add_pending(struct peer_table *table,
			   struct association *association);
/*
 * A connected one is at another address from now on. -EADDRINUSE: another is
 * connected there; -ENOMEM: it is in no table then.
 */
int peer_table_relocate(struct peer_table *table,
			struct association *association,
			const struct inet_endpoint *outer);
/* Takes an association out of the table that it is in, if it is in one. */
void peer_table_remove(struct peer_table *table,
		       struct association *association);

struct peer *peer_table_by_name(const struct peer_table *table,
				const char *name);
/*
 * The peer whose address it is: its own, or in the longest of the Subnets that
 * contain it. NULL: nobody's.
 */
struct peer *peer_table_by_inner(struct peer_table *table,
				 const struct inet_address *address);
/*
 * Adds a peer, which is all zero but for its name and lease, with the addresses
 * of that, and the Subnets of known (may be NULL; copied). -ENOMEM: the table
 * is unchanged.
 */
int peer_table_add(struct peer_table *table, struct peer *peer,
		   const struct config_peer *known);
void peer_table_forget(struct peer_table *table, struct peer *peer);
/* The peer has these addresses from now on. -ENOMEM: it may lack one. */
int peer_table_move(struct peer_table *table, struct peer *peer,
		    const struct lease *lease);

/*
 * The limits of a peer that has authenticated, valid until the next call. NULL:
 * no memory. now: seconds of any monotonic clock.
 */
struct peer_limits *peer_table_limits(struct peer_table *table,
				      const char *name, double now);
void peer_table_forget_limits(struct peer_table *table);

#endif
