/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's role: its parts are made, datagrams find their association by
 * outer address, and what host says is done.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tunnel/role/expiry.h"
#include "tunnel/server/server.h"
#include "tunnel/server/server_internal.h"

/* In which goodbyes wait for room, of what host gives the process to end. */
#define GOODBYE_SECONDS 2.

static void server_datagram(void *state, unsigned socket,
			    struct udp_datagram *datagram)
{
	struct server *server = state;
	struct association *association;

	if (server->tunnel->arrival.link) {
		server_take_record(server, datagram);
		return;
	}
	if (server_is_handshake(server, socket, datagram))
		return;
	association = peer_table_connected(&server->table, &datagram->peer);
	if (association) {
		server_input(server, association, datagram);
		return;
	}
	role_drop(server->tunnel, NULL, DROP_STRANGER);
	flood_filter_refused(&server->flood_filter);
}

static void server_refused(void *state)
{
	struct server *server = state;

	flood_filter_refused(&server->flood_filter);
}

static void restore_lease(struct server *server,
			  const struct channel_message *message)
{
	struct lease lease = {
		.address4 = message->lease.address4,
		.address6 = message->lease.address6,
		.used = message->lease.used,
	};

	memcpy(lease.peer, message->lease.peer, sizeof(lease.peer));
	if (lease_pool_restore(server->pool, &lease))
		log_info("the old lease of %s does not fit any more",
			 lease.peer);
	if (message->lease.outer.address.family)
		server_recall_add(server, message);
}

static void disconnect(struct server *server, const char *name)
{
	struct peer *peer = peer_table_by_name(&server->table, name);

	if (peer)
		server_dismiss(server, peer, MESSAGE_CODE_DISCONNECTED);
}

static void server_message(void *state, const struct channel_message *message,
			   int fd)
{
	struct server *server = state;

	(void)fd;
	if (message->type == CHANNEL_LEASE) {
		restore_lease(server, message);
	} else if (message->type == CHANNEL_START) {
		server->mtu = message->mtu;
		server_lifetime_start(server);
		handshake_queue_listen(&server->queue);
		server_recall_start(server);
	} else if (message->type == CHANNEL_DISCONNECT) {
		disconnect(server, message->disconnect.peer);
	} else {
		log_warning("host sent a message that is not for a server");
	}
}

/* The error is of one peer among many, whose keepalive will find out. */
static void server_unreachable(void *state, unsigned socket, int error)
{
	(void)state;
	(void)socket;
	(void)error;
}

static void send_status(struct server *server, const struct peer *peer,
			double now)
{
	const struct session *session = peer->association->session;
	const struct identity *identity = session_identity(session);
	double silent = now - peer->keepalive.heard;
	struct channel_message message = {
		.type = CHANNEL_STATUS_PEER,
		.peer =
			{
				.endpoint = peer->association->outer,
				.address4 = peer->lease.address4,
				.address6 = peer->lease.address6,
				.connected_s = (uint32_t)(now - peer->since),
				.heard_ms = (uint32_t)(1000. * silent),
				.rtt_us = peer->rtt_us,
				.expires = identity->expires,
				.runs_lost = run_probe_session_lost(
					&peer->run_probe),
				.traffic = peer->traffic,
				.untold = server_untold(peer),
			},
	};

	memcpy(message.peer.name, peer->name, sizeof(message.peer.name));
	snprintf(message.peer.key, sizeof(message.peer.key), "%.44s",
		 identity->by_key ? identity->text : "");
	snprintf(message.peer.cipher, sizeof(message.peer.cipher), "%s",
		 session_cipher(session));
	snprintf(message.peer.library, sizeof(message.peer.library), "%s",
		 session_library(session));
	role_count_session(&message.peer.traffic, session);
	channel_send(server->tunnel->channel, &message, -1);
}

/* A client that connects meanwhile comes last, one that leaves is left out. */
static bool server_status(void *state, bool first)
{
	struct server *server = state;
	double now = clock_now();

	if (first)
		server->table.walk = server->table.peers;
	while (server->table.walk) {
		if (channel_is_full(server->tunnel->channel))
			return false;
		send_status(server, server->table.walk, now);
		server->table.walk = server->table.walk->hh.next;
	}
	return true;
}

static void server_expiring(void *state)
{
	struct server *server = state;
	struct peer *peer, *next;

	HASH_ITER (hh, server->table.peers, peer, next)
		expiry_warn_peer(
			peer->name,
			session_identity(peer->association->session)->expires);
}

/* A datagram that finds the socket's buffer full would be lost. */
static void await_room(const struct udp_io *io, double until)
{
	struct pollfd room = {.fd = io->fd, .events = POLLOUT};
	double left = until - clock_now();

	poll(&room, 1, left > 0. ? (int)(left * 1e3) : 0);
}

/*
 * Host does not wait for long: all are told before any is logged or freed. Who
 * is not told would not know it for three keepalives.
 */
static void server_stop(void *state)
{
	struct server *server = state;
	double until = clock_now() + GOODBYE_SECONDS;
	struct peer *peer, *next;

	HASH_ITER (hh, server->table.peers, peer, next) {
		unsigned socket = peer->association->socket;

		await_room(&server->tunnel->udp[socket].io, until);
		server_say_goodbye(peer, MESSAGE_CODE_STOPPING, "");
		server_tell_usage(server, peer);
	}
	usage_flush(&server->usage);
	if (server->table.peers)
		log_notice("%u connected clients were told of the end",
			   HASH_COUNT(server->table.peers));
}

static void wipe_old_keys(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct server *server = timer->data;
	double now = clock_now();

	(void)loop;
	(void)events;
	cookie_jar_expire(server->cookies, now);
	ticket_jar_expire(server->tickets, now);
}

static void server_free(void *state)
{
	struct server *server = state;
	struct association *association, *next;

	server_lifetime_stop(server);
	server_recall_free(server);
	ev_timer_stop(server->tunnel->loop, &server->wiping);
	flood_filter_lift(&server->flood_filter);
	HASH_ITER (hh, server->table.pending, association, next)
		server_drop_association(server, association);
	HASH_ITER (hh, server->table.connected, association, next)
		server_drop_association(server, association);
	presence_stop(&server->presence);
	usage_flush(&server->usage);
	handshake_queue_free(&server->queue);
	admission_free(server->admission);
	log_budget_free(&server->log);
	peer_table_forget_limits(&server->table);
	lease_pool_free(server->pool);
	cookie_jar_free(server->cookies);
	ticket_jar_free(server->tickets);
	explicit_bzero(server->proof_key, sizeof(server->proof_key));
	free(server);
}

int server_share(struct server *server, const struct config *config)
{
	const uint8_t *root =
		config->has_ticket_key ? config->ticket_key : NULL;
	int err = ticket_jar_derive(server->tickets, root);

	explicit_bzero(server->proof_key, sizeof(server->proof_key));
	if (!err && root)
		err = lease_proof_key(root, server->proof_key);
	return err;
}

int server_new(struct tunnel *tunnel, void **state)
{
	struct server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	server->tunnel = tunnel;
	ev_timer_init(&server->wiping, wipe_old_keys, TICKET_CHECK,
		      TICKET_CHECK);
	server->wiping.data = server;
	ev_init(&server->lifetimes, NULL);
	ev_init(&server->recall.timer, NULL);
	flood_filter_init(&server->flood_filter, tunnel, &server->table,
			  &server->log);
	presence_init(&server->presence, tunnel->loop, tunnel->channel);
	usage_init(&server->usage, tunnel->loop, tunnel->channel);
	err = log_budget_init(&server->log);
	if (!err)
		err = admission_new(&server->admission);
	if (!err)
		err = handshake_queue_init(&server->queue, tunnel,
					   server->admission,
					   &server_handshake_hooks, server);
	if (!err)
		err = cookie_jar_new(&server->cookies);
	if (!err)
		err = ticket_jar_new(&server->tickets, tunnel->ticket_key);
	if (!err)
		err = server_share(server, tunnel->config);
	if (!err)
		err = lease_pool_new(&server->pool, &tunnel->config->address4,
				     &tunnel->config->address6);
	if (err) {
		server_free(server);
		return err;
	}
	lease_pool_share(server->pool, tunnel->config->siblings,
			 tunnel->config->sibling_count);
	server_fix_addresses(server, tunnel->config);
	ev_timer_start(tunnel->loop, &server->wiping);
	*state = server;
	return 0;
}

const struct tunnel_role server_role = {
	.message = server_message,
	.datagram = server_datagram,
	.refused = server_refused,
	.unreachable = server_unreachable,
	.route = server_route,
	.sent = server_sent,
	.reload = server_reload,
	.expiring = server_expiring,
	.answer = server_answer,
	.status = server_status,
	.stop = server_stop,
	.free = server_free,
};
