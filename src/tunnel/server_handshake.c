/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strangers: from a first ClientHello to a handshake that is complete. */
#include <stdlib.h>
#include <string.h>

#include "tunnel/server_private.h"

/* Handshakes under way; the bound on what strangers with a cookie can cost. */
#define PENDING_MOST 1024

bool server_may_log(struct server *server)
{
	unsigned suppressed;

	if (!log_allowed(&server->strangers, tunnel_now(), &suppressed))
		return false;
	if (suppressed)
		log_notice("(%u lines like the next one were left out)",
			   suppressed);
	return true;
}

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	struct association *association = owner;
	struct tunnel *tunnel = association->server->tunnel;

	if (udp_io_send(&tunnel->udp[association->socket].io,
			&association->outer, &association->local, datagram,
			length))
		tunnel_drop(tunnel, NULL, DROP_SEND);
}

static const struct session_hooks session_hooks = {
	.transmit = transmit,
	.authorize = server_authorize,
};

void server_handshake_ended(struct server *server,
			    struct association *association)
{
	char from[INET_ENDPOINT_TEXT];

	if (server_may_log(server))
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

/* The sender has shown that it is where it says: memory is spent from here. */
static void begin_handshake(struct server *server, unsigned socket,
			    struct udp_datagram *datagram,
			    struct cookie_result *hello)
{
	struct association *association;

	/* The oldest has had its time; uthash keeps the order of arrival. */
	if (server->table.pending_count >= PENDING_MOST)
		server_drop_association(server, server->table.pending);
	association = calloc(1, sizeof(*association));
	if (!association)
		return;
	association->server = server;
	association->outer = datagram->peer;
	association->local = datagram->local;
	association->socket = socket;
	memcpy(association->random, hello->random, COOKIE_RANDOM_SIZE);
	ev_init(&association->timer, retransmit);
	association->timer.data = association;
	if (session_server(&association->session, server->tunnel->credentials,
			   &session_hooks, association, &hello->prestate,
			   TUNNEL_HANDSHAKE_MTU)) {
		free(association);
		return;
	}
	peer_table_add_pending(&server->table, association);
	session_input(association->session, datagram->data, datagram->length);
	server_pump(server, association);
}

static bool same_hello(const struct association *association,
		       const struct cookie_result *hello)
{
	return association &&
	       !memcmp(association->random, hello->random, COOKIE_RANDOM_SIZE);
}

/* A ClientHello: whatever session is live there goes on beside it. */
void server_handle_hello(struct server *server, unsigned socket,
			 struct udp_datagram *datagram)
{
	struct association *pending, *live;
	struct cookie_result hello;

	switch (cookie_check(server->cookies, &datagram->peer, datagram->data,
			     datagram->length, tunnel_now(), &hello)) {
	case COOKIE_NOT_HELLO:
		tunnel_drop(server->tunnel, NULL, DROP_STRANGER);
		return;
	case COOKIE_ASKED:
		udp_io_send(&server->tunnel->udp[socket].io, &datagram->peer,
			    &datagram->local, hello.reply, hello.reply_length);
		return;
	case COOKIE_VALID:
		break;
	}
	pending = peer_table_pending(&server->table, &datagram->peer);
	live = peer_table_live(&server->table, &datagram->peer);
	if (same_hello(pending, &hello)) {
		session_input(pending->session, datagram->data,
			      datagram->length);
		server_pump(server, pending);
		return;
	}
	if (same_hello(live, &hello))
		return; /* a late copy of the one that made it */
	if (pending)
		server_drop_association(server, pending);
	begin_handshake(server, socket, datagram, &hello);
}

/* Record header, RFC 6347, section 4.1: type, version, epoch. */
bool server_is_hello(const struct udp_datagram *datagram)
{
	const uint8_t *data = datagram->data;

	return datagram->length > 13 && data[0] == 22 && data[3] == 0 &&
	       data[4] == 0 && data[13] == 1;
}
