/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This leads from a first ClientHello to a handshake that has begun. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "tunnel/control/notice.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/server/server_internal.h"

/*
 * So many handshakes may be under way, in all and from one network: whoever has
 * a cookie and nothing else can hold no more.
 */
#define PENDING_MOST	1024
#define PENDING_NETWORK 128

/*
 * Seconds in which a handshake is not given up for another one of its network:
 * a client that has its first answer would go on with the wrong one.
 */
#define PENDING_SECONDS 1.

/* Where there are many, each gets less time, in milliseconds. */
#define HURRY_FROM	     (PENDING_MOST / 4)
#define HURRY_RETRANSMISSION 1000
#define HURRY_TOTAL	     3000

/* May one more of this network begin now? */
static bool has_room(const struct server *server,
		     const struct inet_address *address, double now)
{
	struct inet_prefix network =
		admission_network(address, ADMISSION_NETWORK);
	const struct peer_table *table = &server->table;
	struct association *oldest;

	return table->pending_count < PENDING_NETWORK ||
	       peer_table_pending_of(table, &network, &oldest) <
		       PENDING_NETWORK ||
	       now - oldest->begun > PENDING_SECONDS;
}

/*
 * The oldest is dropped, as it has had its time: first one of the same network,
 * so that none fills all.
 */
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
 * The sender has shown that it is at its address, so memory is spent from here
 * on. A handshake that is under way at that is given up. source: who has been
 * charged with this one; NULL: nobody.
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
	association =
		server_association_new(server, socket, datagram, hello, source);
	if (!association)
		return;
	session_offer_tickets(association->session, server->tickets,
			      clock_now());
	if (server->table.pending_count >= HURRY_FROM)
		session_set_timeouts(association->session, HURRY_RETRANSMISSION,
				     HURRY_TOTAL);
	if (peer_table_add_pending(&server->table, association)) {
		server_drop_association(server, association);
		return;
	}
	flood_filter_pending(&server->flood_filter, &association->outer);
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
 * A peer renews its session from where it is connected, as for new keys: that
 * needs no share of its network, which neighbours may have used up.
 */
static bool is_renewal(struct server *server,
		       const struct association *connected)
{
	double now = clock_now();
	struct peer_limits *limits =
		connected && connected->peer
			? peer_table_limits(&server->table,
					    connected->peer->name, now)
			: NULL;

	return limits && rate_allows(&limits->renewals, now);
}

static void log_held_back(struct server *server,
			  const struct inet_address *address, bool is_held)
{
	struct inet_prefix network =
		admission_network(address, ADMISSION_NETWORK);
	char text[INET_PREFIX_TEXT];

	if (log_budget_held_back(&server->log, address))
		log_warning("%s: handshakes held back: %s",
			    inet_format_prefix(&network, text, sizeof(text)),
			    is_held ? "it begins too many that it does not "
				      "complete"
				    : "there are more than can begin at once");
}

/*
 * Answers a hello of which nothing is remembered, by no more bytes than it had.
 */
static void answer(struct server *server, unsigned socket,
		   const struct udp_datagram *hello, const uint8_t *datagram,
		   size_t length)
{
	const struct role_destination to = {
		.socket = socket,
		.peer = &hello->peer,
		.local = &hello->local,
		.secret = hello->secret,
		.most = hello->length + NOISE_WRAP_OVERHEAD,
	};

	role_send(server->tunnel, &to, datagram, length);
}

/*
 * Tells whose hello is lost when it is to come again; is_held: for its own
 * network's sake. Its address has been shown, and the answer is shorter than
 * the hello, so that nobody is hit by it who has not asked.
 */
static void send_away(struct server *server,
		      const struct admission_hello *hello, bool is_held)
{
	struct retry_after *retry = &server->retry_after;
	unsigned waiting = admission_waits(server->admission);
	double wait = is_held ? retry_after_held(retry)
			      : retry_after_next(retry, waiting, clock_now());
	struct notice notice = {.kind = NOTICE_BUSY,
				.wait = (uint16_t)(1e3 * wait)};
	uint8_t datagram[NOTICE_SIZE];

	role_drop(server->tunnel, NULL, DROP_STRANGER);
	memcpy(notice.random, hello->cookie.random, sizeof(notice.random));
	notice_encode(&notice, datagram);
	answer(server, hello->socket, &hello->datagram, datagram,
	       sizeof(datagram));
	log_held_back(server, &hello->datagram.peer.address, is_held);
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
	struct admission_hello lost;

	switch (admission_put(server->admission, &next, clock_now(), &lost)) {
	case ADMISSION_TAKEN:
		break;
	case ADMISSION_HELD:
		send_away(server, &lost, true);
		break;
	case ADMISSION_FULL:
		send_away(server, &lost, false);
		break;
	}
}

/* A session that is connected at the sender's address goes on beside it. */
static void handle_echoed(struct server *server, unsigned socket,
			  struct udp_datagram *datagram,
			  struct cookie_result *hello)
{
	struct association *pending, *connected;

	pending = peer_table_pending(&server->table, &datagram->peer);
	connected = peer_table_connected(&server->table, &datagram->peer);
	if (same_hello(pending, hello)) {
		session_input(pending->session, datagram->data,
			      datagram->length);
		server_pump(server, pending);
		return;
	}
	if (same_hello(connected, hello))
		return; /* a copy of the one that made it */
	if (is_renewal(server, connected))
		begin_handshake(server, socket, datagram, hello, NULL);
	else
		wait_for_admission(server, socket, datagram, hello);
}

static bool begin_next(void *owner)
{
	struct server *server = owner;
	double now = clock_now();
	struct admission_hello *next = admission_take(server->admission, now);

	if (!next)
		return false;
	if (!has_room(server, &next->datagram.peer.address, now)) {
		admission_return(server->admission, &next->source);
		send_away(server, next, false);
		return true;
	}
	retry_after_begun(&server->retry_after,
			  admission_waits(server->admission) > 0, now);
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
		answer(server, socket, datagram, hello.reply,
		       hello.reply_length);
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

/* All other datagrams are the connected session's. */
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
		handshake_queue_put(&server->queue, HANDSHAKE_QUEUE_ASKING,
				    socket, datagram);
		break;
	case COOKIE_VALID:
		handshake_queue_put(&server->queue, HANDSHAKE_QUEUE_ECHOED,
				    socket, datagram);
		break;
	}
}

bool server_is_handshake(struct server *server, unsigned socket,
			 struct udp_datagram *datagram)
{
	const struct inet_endpoint *peer = &datagram->peer;
	struct association *connected;

	if (is_hello(datagram)) {
		queue_hello(server, socket, datagram);
		return true;
	}
	if (!server->table.pending_count ||
	    !peer_table_pending(&server->table, peer))
		return false;
	if (is_for_pending(datagram)) {
		handshake_queue_put(&server->queue, HANDSHAKE_QUEUE_BEGUN,
				    socket, datagram);
		return true;
	}
	/*
	 * Otherwise its sender may have finished, by what has not been read
	 * yet.
	 */
	connected = peer_table_connected(&server->table, peer);
	if (connected && (server_previous_input(server, connected, datagram) ||
			  server_early(server, connected, datagram)))
		return true;
	handshake_queue_put(&server->queue, HANDSHAKE_QUEUE_EARLY, socket,
			    datagram);
	return true;
}

static bool handle(void *owner, unsigned socket, struct udp_datagram *datagram)
{
	struct server *server = owner;
	struct association *pending, *association;

	if (is_hello(datagram))
		return handle_hello(server, socket, datagram);
	pending = peer_table_pending(&server->table, &datagram->peer);
	association = peer_table_connected(&server->table, &datagram->peer);
	if (pending && (!association || is_for_pending(datagram) ||
			session_is_proving(pending->session)))
		association = pending;
	if (association)
		server_input(server, association, datagram);
	else
		role_drop(server->tunnel, NULL, DROP_STRANGER);
	return association != NULL;
}

const struct handshake_queue_hooks server_handshake_hooks = {
	.handle = handle,
	.begin = begin_next,
};
