/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strangers: from a first ClientHello to a handshake that is complete. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/server/server_internal.h"

/*
 * Handshakes under way, in all and from one network: the bounds on what
 * strangers with a cookie can hold.
 */
#define PENDING_MOST	1024
#define PENDING_NETWORK 128

/* Where there are many they get less time, in milliseconds. */
#define HURRY_FROM	     (PENDING_MOST / 4)
#define HURRY_RETRANSMISSION 1000
#define HURRY_TOTAL	     3000

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	struct association *association = owner;
	struct tunnel *tunnel = association->server->tunnel;
	int err = udp_io_send(&tunnel->udp[association->socket].io,
			      &association->outer, &association->local,
			      datagram, length);

	/* A probe that is larger than the link is no loss. */
	if (err && err != -EMSGSIZE)
		role_drop(tunnel, NULL, DROP_SEND);
}

static const struct session_hooks session_hooks = {
	.transmit = transmit,
	.authorize = server_authorize,
};

void server_handshake_ended(struct server *server,
			    struct association *association)
{
	char from[INET_ENDPOINT_TEXT];

	if (server_may_log(server, &association->outer.address))
		log_warning("%s: refused: %s",
			    inet_format_endpoint(&association->outer, from,
						 sizeof(from)),
			    session_reason(association->session));
	server_drop_association(server, association);
}

void server_arm_timer(struct server *server, struct association *association)
{
	int timeout = session_timeout(association->session);

	ev_timer_stop(server->tunnel->loop, &association->timer);
	if (timeout < 0)
		return;
	ev_timer_set(&association->timer, timeout / 1000., 0.);
	ev_timer_start(server->tunnel->loop, &association->timer);
}

static void retransmit(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct association *association = timer->data;

	(void)loop;
	(void)events;
	session_tick(association->session);
	server_pump(association->server, association);
}

/* The oldest has had its time: of the same network, so that none fills all. */
static void make_room(struct server *server, const struct inet_address *address)
{
	struct inet_prefix network =
		admission_network(address, ADMISSION_NETWORK);
	struct association *oldest;

	if (server->table.pending_count >= PENDING_NETWORK &&
	    peer_table_pending_of(&server->table, &network, &oldest) >=
		    PENDING_NETWORK)
		server_drop_association(server, oldest);
	if (server->table.pending_count >= PENDING_MOST)
		server_drop_association(server, server->table.pending);
}

/*
 * The sender has shown that it is where it says: memory is spent from here. One
 * that is under way at its address is given up. source: what has been charged
 * with it; NULL: nothing.
 */
static void begin_handshake(struct server *server, unsigned socket,
			    struct udp_datagram *datagram,
			    struct cookie_result *hello,
			    const struct admission_source *source)
{
	struct association *association =
		peer_table_pending(&server->table, &datagram->peer);

	if (association)
		server_drop_association(server, association);
	make_room(server, &datagram->peer.address);
	association = calloc(1, sizeof(*association));
	if (!association)
		return;
	association->server = server;
	association->outer = datagram->peer;
	association->local = datagram->local;
	association->socket = socket;
	association->is_charged = source;
	if (source)
		association->source = *source;
	memcpy(association->random, hello->random, DTLS_RANDOM_SIZE);
	previous_session_init(&association->previous, server->tunnel->loop,
			      message_is_control);
	ev_init(&association->timer, retransmit);
	association->timer.data = association;
	if (session_server(&association->session, server->tunnel->credentials,
			   &session_hooks, association, &hello->prestate,
			   ROLE_HANDSHAKE_MTU)) {
		free(association);
		return;
	}
	session_offer_tickets(association->session, server->tickets,
			      clock_now());
	if (server->table.pending_count >= HURRY_FROM)
		session_set_timeouts(association->session, HURRY_RETRANSMISSION,
				     HURRY_TOTAL);
	if (peer_table_add_pending(&server->table, association)) {
		session_free(association->session);
		free(association);
		return;
	}
	server_flood_filter_pending(server, &association->outer);
	session_input(association->session, datagram->data, datagram->length);
	server_pump(server, association);
}

static bool same_hello(const struct association *association,
		       const struct cookie_result *hello)
{
	return association &&
	       !memcmp(association->random, hello->random, DTLS_RANDOM_SIZE);
}

/*
 * A new session from where the peer's live one is, as for new keys: that needs
 * no share of its network, which neighbours may have used up.
 */
static bool is_renewal(struct server *server, const struct association *live)
{
	double now = clock_now();
	struct peer_limits *limits =
		live && live->peer ? peer_table_limits(&server->table,
						       live->peer->name, now)
				   : NULL;

	return limits && rate_allows(&limits->renewals, now);
}

static void say_held_back(struct server *server,
			  const struct inet_address *address)
{
	struct inet_prefix network =
		admission_network(address, ADMISSION_NETWORK);
	char text[INET_PREFIX_TEXT];

	if (server_may_log_held_back(server, address))
		log_warning("%s: handshakes held back: it begins too many that "
			    "it does not complete",
			    inet_format_prefix(&network, text, sizeof(text)));
}

static void wait_for_admission(struct server *server, unsigned socket,
			       const struct udp_datagram *datagram,
			       const struct cookie_result *hello)
{
	struct admission_hello next = {
		.socket = socket,
		.datagram = *datagram,
		.cookie = *hello,
	};
	struct inet_address whose;

	if (admission_put(server->admission, &next, clock_now(), &whose))
		return;
	role_drop(server->tunnel, NULL, DROP_STRANGER);
	say_held_back(server, &whose);
}

/* Whatever session is live at its sender's address goes on beside it. */
static void handle_echoed(struct server *server, unsigned socket,
			  struct udp_datagram *datagram,
			  struct cookie_result *hello)
{
	struct association *pending, *live;

	pending = peer_table_pending(&server->table, &datagram->peer);
	live = peer_table_live(&server->table, &datagram->peer);
	if (same_hello(pending, hello)) {
		session_input(pending->session, datagram->data,
			      datagram->length);
		server_pump(server, pending);
		return;
	}
	if (same_hello(live, hello))
		return; /* a late copy of the one that made it */
	if (is_renewal(server, live))
		begin_handshake(server, socket, datagram, hello, NULL);
	else
		wait_for_admission(server, socket, datagram, hello);
}

bool server_handshake_next(struct server *server)
{
	struct admission_hello *next =
		admission_take(server->admission, clock_now());

	if (!next)
		return false;
	begin_handshake(server, next->socket, &next->datagram, &next->cookie,
			&next->source);
	return true;
}

static bool handle_hello(struct server *server, unsigned socket,
			 struct udp_datagram *datagram)
{
	struct cookie_result hello;

	switch (cookie_check(server->cookies, &datagram->peer, datagram->data,
			     datagram->length, clock_now(), &hello)) {
	case COOKIE_NOT_HELLO:
		role_drop(server->tunnel, NULL, DROP_STRANGER);
		return false;
	case COOKIE_ASKED:
		udp_io_send(&server->tunnel->udp[socket].io, &datagram->peer,
			    &datagram->local, hello.reply, hello.reply_length);
		return false;
	case COOKIE_VALID:
		handle_echoed(server, socket, datagram, &hello);
		return true;
	}
	return false;
}

static bool is_hello(const struct udp_datagram *datagram)
{
	const uint8_t *data = datagram->data;

	return datagram->length > DTLS_HEADER &&
	       data[DTLS_TYPE] == DTLS_HANDSHAKE &&
	       get16(data + DTLS_EPOCH) == 0 &&
	       data[DTLS_HEADER] == DTLS_CLIENT_HELLO;
}

/* What is not for a new session goes on with the live one. */
static bool is_for_pending(const struct udp_datagram *datagram)
{
	const uint8_t *data = datagram->data;

	return datagram->length >= DTLS_HEADER &&
	       (get16(data + DTLS_EPOCH) == 0 ||
		data[DTLS_TYPE] == DTLS_HANDSHAKE);
}

static void queue_hello(struct server *server, unsigned socket,
			const struct udp_datagram *datagram)
{
	switch (cookie_in(datagram->data, datagram->length)) {
	case COOKIE_NOT_HELLO:
		role_drop(server->tunnel, NULL, DROP_STRANGER);
		break;
	case COOKIE_ASKED:
		server_queue(server, SERVER_QUEUE_ASKING, socket, datagram);
		break;
	case COOKIE_VALID:
		server_queue(server, SERVER_QUEUE_ECHOED, socket, datagram);
		break;
	}
}

bool server_is_handshake(struct server *server, unsigned socket,
			 struct udp_datagram *datagram)
{
	const struct inet_endpoint *peer = &datagram->peer;
	struct association *live;

	if (is_hello(datagram)) {
		queue_hello(server, socket, datagram);
		return true;
	}
	if (!server->table.pending_count ||
	    !peer_table_pending(&server->table, peer))
		return false;
	if (is_for_pending(datagram)) {
		server_queue(server, SERVER_QUEUE_BEGUN, socket, datagram);
		return true;
	}
	/* Else its sender may have finished, by what has not been read yet. */
	live = peer_table_live(&server->table, peer);
	if (live && (server_previous_input(server, live, datagram) ||
		     server_early(server, live, datagram)))
		return true;
	server_queue(server, SERVER_QUEUE_EARLY, socket, datagram);
	return true;
}

bool server_handshake(struct server *server, unsigned socket,
		      struct udp_datagram *datagram)
{
	struct association *pending, *association;

	if (is_hello(datagram))
		return handle_hello(server, socket, datagram);
	pending = peer_table_pending(&server->table, &datagram->peer);
	association = peer_table_live(&server->table, &datagram->peer);
	if (pending && (!association || is_for_pending(datagram)))
		association = pending;
	if (association)
		server_input(server, association, datagram);
	else
		role_drop(server->tunnel, NULL, DROP_STRANGER);
	return association != NULL;
}
