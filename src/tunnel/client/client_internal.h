/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the client's role share. client.c: attempts to reach a
 * server; client_race.c: which of its addresses answers first; client_live.c:
 * what passes on the session that has come of one; client_settings.c: what the
 * server says of addresses, routes, DNS; client_reload.c: the file has changed.
 */
#ifndef MINIVPN_TUNNEL_CLIENT_CLIENT_INTERNAL_H
#define MINIVPN_TUNNEL_CLIENT_CLIENT_INTERNAL_H

#include "common/prefix_set.h"
#include "common/rate.h"
#include "tunnel/control/control.h"
#include "tunnel/control/keepalive.h"
#include "tunnel/dtls/previous_session.h"
#include "tunnel/control/pmtu_session.h"
#include "tunnel/role/role.h"

enum client_state {
	CLIENT_IDLE,	    /* between attempts */
	CLIENT_WANTING,	    /* an ENDPOINT is asked for */
	CLIENT_HANDSHAKE,   /* attempt */
	CLIENT_ASKING,	    /* HELLO is sent, on the live session from here */
	CLIENT_CONFIGURING, /* host sets up its network */
	CLIENT_PROBING,	    /* PING is sent */
	CLIENT_UP,
};

/* Where a session's datagrams go: what its hooks are called with. */
struct client_way {
	struct client *client;
	struct inet_endpoint endpoint;
	unsigned socket; /* connected to it */
	bool racing;	 /* neither is known yet: see client_race.c */
};

/* Addresses that are tried beside each other, until one of them answers. */
struct client_race {
	struct channel_endpoint list[CHANNEL_ENDPOINTS_MOST];
	unsigned count; /* of the list, those that have not failed */
	unsigned begun; /* of these, the first ones: a hello was sent */
	bool refused[CHANNEL_ENDPOINTS_MOST]; /* by our own kernel */
	int error;			      /* how it has */
	double lead;	 /* seconds until the second is tried */
	double patience; /* seconds, for each answer */
	unsigned sockets[2];
	uint8_t hello[ROLE_HANDSHAKE_MTU]; /* the last that was sent */
	size_t length;
	ev_timer next;
};

struct client {
	struct tunnel *tunnel;
	enum client_state state;
	struct session *live, *attempt;
	struct previous_session previous; /* what was live before */
	struct ticket *ticket; /* to resume by; NULL: a full handshake */
	struct client_way ways[2];
	struct client_way *way;	      /* of the live session, if there is one */
	struct client_way *attempted; /* of the attempt: the other one */
	struct client_way former;     /* of the late session */
	struct client_race race;
	struct keepalive keepalive;
	struct pmtu_session pmtu_session;
	unsigned mtu; /* of the tun device, where the search begins; 0: none */
	struct settings said;	  /* the last that the server has sent */
	struct settings settings; /* as much of it as the file allows */
	struct prefix_set inside; /* the networks that it is about */
	bool configured;	  /* host has them in force */
	uint16_t request;	  /* id of the HELLO */
	uint16_t pushed;	  /* id of the last CONFIG pushed, or 0 */
	unsigned failures;
	uint32_t rtt_us;
	bool ecn;	    /* the server reads ECN of outer headers */
	double since;	    /* up, clock_now() */
	double proved;	    /* the last full handshake, clock_now() */
	double rekey_after; /* not before this, clock_now() */
	bool unroutable;    /* the last send failed for its addresses */
	bool stopping;	    /* the server was, and may be back at once */
	bool rebound;	    /* the server knows the live session elsewhere */
	bool rekeying;	    /* the attempt is not for want of an answer */
	bool moved;	    /* nor is an answer a reason to end it */
	bool stale;	    /* the live session's key is no more the file's */
	struct traffic traffic;
	struct rate control; /* messages of the server that are heard */
	struct refusal_limit refusals;
	ev_timer wiping;	/* of a ticket that is too old */
	ev_timer retry;		/* until the next attempt */
	ev_timer handshake;	/* retransmission */
	ev_timer patience;	/* end of the attempt */
	ev_timer request_timer; /* HELLO, PING until answered */
	ev_timer watch;		/* keepalive */
	struct rate told;	/* host, of settings */
	ev_timer tell;		/* of the last ones, later */
};

/* client.c */

/* Asks host for the next address to try. */
void client_want_endpoint(struct client *client);
/* The attempt has so many seconds from now on. */
void client_wait(struct client *client, double seconds);
/* Ends an attempt, if there is one. */
void client_stop_attempt(struct client *client);
/* The attempt, or the live session, is over: says why and begins again. */
void client_lost(struct client *client, int error, const char *reason);

/* client_race.c */

/* What to try is this from now on. */
void client_race_take(struct client *client,
		      const struct channel_message *message);
/* Is this address among what is to be tried? Its index, or -1. */
int client_race_find(const struct client *client,
		     const struct inet_endpoint *endpoint);
/*
 * Chooses sockets for client->attempted and gives them fresh ports. What the
 * attempt's session sends goes to client_race_transmit() from now on, and
 * client_race_start() sends it to the first address, once there is something.
 */
void client_race_prepare(struct client *client);
void client_race_transmit(struct client *client, const uint8_t *datagram,
			  size_t length);
/* -ENETUNREACH and others: there is no way to any of them. */
int client_race_start(struct client *client);
/*
 * A datagram that came while it goes on. True: it is an answer to the hello,
 * client->attempted is where it came from, and the others are let go.
 */
bool client_race_won(struct client *client, unsigned socket,
		     const struct udp_datagram *datagram);
/* Nothing more is sent by it. */
void client_race_stop(struct client *client);
/*
 * The attempt has failed: those that are left are what to try next, without the
 * one that had answered; where none has, there is none left.
 */
void client_race_failed(struct client *client);
void client_race_init(struct client *client);

/* client_live.c */

/* The attempt has opened: it takes the place of the live session. */
void client_connected_begin(struct client *client);
/* Wipes the live session and the late one; nothing is sent. */
void client_connected_drop(struct client *client);
/* The live session has ended: drops it and begins again. */
void client_connected_ended(struct client *client, int error,
			    const char *reason);
/* Handles what has come on the live session; it may be another afterwards. */
void client_connected_pump(struct client *client);
/* A datagram of the late session; false: it is none. */
bool client_connected_previous(struct client *client,
			       struct udp_datagram *datagram);
/* A datagram that is not for the attempt: of the live session, or the late. */
void client_connected_input(struct client *client,
			    struct udp_datagram *datagram);
/* A datagram was sent, or not, with err. */
void client_connected_sent(struct client *client, int err);
/* The attempt was for new keys only: the live session goes on. */
bool client_connected_serves_on(struct client *client);
/* An ICMP error came for it. */
void client_connected_alarm(struct client *client);
/* Asks the server now. False: it was silent for so long that it is given up. */
bool client_connected_verify(struct client *client);
/*
 * Host has its network set up. mtu: of the tun device, for a path that carries
 * as much; 0: it is the file's and stays.
 */
void client_connected_configured(struct client *client, unsigned mtu);
/* As in struct tunnel_role. */
bool client_connected_route(void *state, const uint8_t *packet, size_t length,
			    struct path_target *target);
void client_connected_run_sent(void *state, const struct udp_run *run,
			       uint64_t bytes);
void client_connected_status(void *state);
/* A session with fresh keys beside the live one, which it then replaces. */
void client_connected_rekey(struct client *client);
/* Says to the server that we are here; id: which answer it is, or answers. */
void client_connected_hello(struct client *client, uint16_t id);
/* Timers of the live session. */
void client_connected_init(struct client *client);

/* client_settings.c */

/* A CONFIG that was asked for. */
void client_settings_take(struct client *client, const struct message *message);
/*
 * The server's file has changed: one that was not. It is answered by a HELLO;
 * without that it comes again.
 */
void client_settings_pushed(struct client *client,
			    const struct message *message);
/*
 * What the file does not send into the tunnel does not come out of it either:
 * a hostile server can't speak for the client's own network.
 */
bool client_settings_allow(const struct client *client,
			   const struct inet_address *source);
/* What of it counts, and the keepalive, under a file that may be new. */
void client_settings_bound(struct client *client, const struct config *config);
void client_settings_init(struct client *client);
void client_settings_free(struct client *client);

/* client_reload.c: as in struct tunnel_role. */
void client_reload(void *state, const struct config *next, unsigned mtu);

#endif
