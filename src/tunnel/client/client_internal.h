/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the client's role share. Each calls those below it:
 *
 *   client     attempts to reach a server, what host says, a file that changes
 *   connected  what passes on the session that has come of an attempt
 *   settings   what the server says of addresses, routes, name servers
 *   attempt    when an attempt is made, and given up
 *   race       which of the server's addresses answers first
 *   hop        when another of the server's ports is taken
 */
#ifndef MINIVPN_TUNNEL_CLIENT_CLIENT_INTERNAL_H
#define MINIVPN_TUNNEL_CLIENT_CLIENT_INTERNAL_H

#include "common/prefix_set.h"
#include "common/rate.h"
#include "tunnel/control/control.h"
#include "tunnel/control/keepalive.h"
#include "tunnel/control/pmtu_session.h"
#include "tunnel/control/run_probe_session.h"
#include "tunnel/dtls/previous_session.h"
#include "tunnel/role/role.h"
#include "tunnel/role/send.h"

enum client_state {
	CLIENT_IDLE,	  /* between attempts */
	CLIENT_WANTING,	  /* an ENDPOINT is asked for */
	CLIENT_HANDSHAKE, /* attempt */
	CLIENT_ASKING, /* HELLO is sent, on the connected session from here */
	CLIENT_CONFIGURING, /* host sets up its network */
	CLIENT_PROBING,	    /* PING is sent */
	CLIENT_UP,
};

/* Where a session's datagrams go: what its hooks are called with. */
struct client_route {
	struct client *client;
	struct inet_endpoint endpoint;
	unsigned server;	 /* of the file, which has that address */
	unsigned socket;	 /* connected to it */
	struct noise_link *link; /* with Secret: of the session, or NULL */
	bool racing;		 /* neither is known yet: see race.c */
};

/* Addresses that are tried beside each other, until one of them answers. */
struct client_race {
	/* Of a server with several ports the one that is tried. */
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

struct client_settings {
	struct settings pushed;	  /* the last that the server has sent */
	struct settings bounded;  /* as much of them as the file allows */
	struct prefix_set inside; /* the networks that they are about */
	struct rate rate;	  /* of reports to host */
	ev_timer later;		  /* a report that had to wait for it */
};

/* What connected.c keeps of the session that carries packets. */
struct client_session {
	unsigned mtu; /* of the tun device, where the search begins; 0: none */
	uint16_t request; /* id of the HELLO */
	uint32_t rtt_us;
	double since;		/* when it was up, clock_now(); 0: never */
	double proved;		/* the last full handshake, clock_now() */
	double lifetime;	/* seconds from that, until another is due */
	double rekey_after;	/* not before this, clock_now() */
	struct traffic traffic; /* of all sessions */
	struct rate control;	/* messages of the server that are taken */
	struct rate calls;	/* to come anew, which anybody may make up */
	struct refusal_limit refusals;
	ev_timer request_timer; /* HELLO, PING until answered */
	ev_timer watch;		/* keepalive */
};

struct client {
	struct tunnel *tunnel;
	enum client_state state;
	struct session *connected, *attempt;
	struct previous_session previous; /* what was connected before */
	struct ticket *ticket; /* to resume by; NULL: a full handshake */
	struct client_route routes[2];
	struct client_route *route;	/* of the connected session, if any */
	struct client_route *attempted; /* of the attempt: the other one */
	struct client_route former;	/* of the previous session */
	struct client_race race;
	struct client_session session;
	struct client_settings settings;
	struct keepalive keepalive;
	struct pmtu_session pmtu_session;
	struct run_probe_session run_probe;
	bool configured; /* host has the settings in force */
	uint16_t pushed; /* id of the last CONFIG pushed, or 0 */
	bool has_proof;	 /* by the last CONFIG, for other servers */
	uint8_t proof[MESSAGE_PROOF_SIZE];
	unsigned failures;
	bool ecn;	 /* the server reads ECN of outer headers */
	bool unroutable; /* the last send failed for its addresses */
	bool stopping;	 /* the server was, and may be back at once */
	bool busy;	 /* the server says so of the attempt */
	bool rebound;	 /* the server knows the connected session elsewhere */
	bool rekeying;	 /* the attempt is not for want of an answer */
	bool moved;	 /* nor is an answer a reason to end it */
	bool hopping;	 /* nor is it for anything but another port */
	bool called;	 /* the server may have lost the connected session */
	bool stale;	 /* the connected session's key is no more the file's */
	ev_timer hop;	 /* to another port */
	ev_timer wiping; /* of a ticket that is too old */
	ev_timer retry;	 /* until the next attempt */
	ev_timer handshake; /* retransmission */
	ev_timer patience;  /* end of the attempt */
};

/* race.c */

/* Takes what to try from now on. */
void client_race_take(struct client *client,
		      const struct channel_message *message);
/* The one alone that the connected session has. */
void client_race_take_connected(struct client *client);
/*
 * The index of an address among what is to be tried, or -1; of a server with
 * several ports it may be any of these.
 */
int client_race_find(const struct client *client,
		     const struct inet_endpoint *endpoint);
/* Is there no socket for an attempt but the one of the connected session? */
bool client_race_lacks_socket(const struct client *client);
/*
 * Chooses sockets for client->attempted and gives them fresh ports. What the
 * attempt's session sends goes to client_race_transmit() from now on, and
 * client_race_start() sends it to the first address, once there is something.
 */
void client_race_prepare(struct client *client);
void client_race_transmit(struct client *client, const uint8_t *datagram,
			  size_t length);
/* -ENETUNREACH and others: there is no route to any of them. */
int client_race_start(struct client *client);
/* Seconds within which one of them should have answered. */
double client_race_patience(const struct client *client);
/*
 * A datagram that came while it goes on. True: it is an answer to the hello,
 * client->attempted is where it came from, and the others are let go.
 */
bool client_race_won(struct client *client, unsigned socket,
		     const struct udp_datagram *datagram);
/* Ends the race: nothing more is sent by it. */
void client_race_stop(struct client *client);
/*
 * The attempt has failed: those that are left are what to try next, without the
 * one that had answered; where none has, there is none left.
 */
void client_race_failed(struct client *client);
void client_race_init(struct client *client);

/* attempt.c */

/* Asks host for the next address to try. */
void client_want_endpoint(struct client *client);
/* Gives the attempt so many seconds from now on. */
void client_wait(struct client *client, double seconds);
/* Ends an attempt, if there is one. */
void client_stop_attempt(struct client *client);
/* Ends an attempt that has failed: the next one does not begin as it did. */
void client_give_up_attempt(struct client *client);
/* Tells host that the session, or an attempt, is lost, and why. */
void client_tell_lost(struct client *client, int error, const char *reason);
/* Neither attempt nor session is left: tells host why, and tries again later.
 */
void client_lost(struct client *client, int error, const char *reason);

/* hop.c */

/* Begins, or as the file says so ends, to take another port now and then. */
void client_hop_init(struct client *client);
void client_hop_configure(struct client *client, unsigned seconds);

/* settings.c */

/* Takes a CONFIG that was asked for. */
void client_settings_take(struct client *client, const struct message *message);
/* Takes one that was not, as the server's file has changed. */
void client_settings_pushed(struct client *client,
			    const struct message *message);
/*
 * What the file does not send into the tunnel does not come out of it either:
 * a hostile server can't speak for the client's own network.
 */
bool client_settings_allow(const struct client *client,
			   const struct inet_address *source);
/* Applies the bounds of a file that may be new to what the server has sent. */
void client_settings_bound(struct client *client, const struct config *config);
void client_settings_init(struct client *client);
void client_settings_free(struct client *client);

/* connected.c */

/* The attempt has opened: it takes the place of the connected session. */
void client_connected_begin(struct client *client);
/* Wipes the connected session and the previous one; nothing is sent. */
void client_connected_drop(struct client *client);
/* The connected session has ended: drops it and begins again. */
void client_connected_ended(struct client *client, int error,
			    const char *reason);
/* Handles what has come on the session; it may be another one afterwards. */
void client_connected_pump(struct client *client);
/* Takes a datagram of the previous session. False: it is none. */
bool client_connected_previous(struct client *client,
			       struct udp_datagram *datagram);
/* Takes a datagram of the connected session, or of the previous one. */
void client_connected_input(struct client *client,
			    struct udp_datagram *datagram);
/* A datagram was sent, or not, with err. */
void client_connected_sent(struct client *client, int err);
/* True: the attempt was for new keys, or a hint's, and the session goes on. */
bool client_connected_serves_on(struct client *client);
/* An ICMP error came for it. */
void client_connected_alarm(struct client *client);
/*
 * We are somewhere else. True: the session goes on from there, without a
 * handshake, and the server is asked whether it does.
 */
bool client_connected_roam(struct client *client);
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
bool client_connected_status(void *state, bool first);
/*
 * Begins a session with fresh keys beside the connected one, which it then
 * replaces.
 */
void client_connected_rekey(struct client *client);
/*
 * Somebody, who may be the server, says that it has lost the session: another
 * one is begun beside it, now and then.
 */
void client_connected_called(struct client *client);
/* Timers of the connected session. */
void client_connected_init(struct client *client);

#endif
