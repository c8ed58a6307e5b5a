/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's role: datagrams find their association by outer address, and
 * packets their peer by inner address.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tunnel/role/expiry.h"
#include "tunnel/server/server.h"
#include "tunnel/data/packet.h"
#include "tunnel/server/server_internal.h"
#include "tunnel/data/traffic_class.h"

void server_drop_association(struct server *server,
			     struct association *association)
{
	struct ev_loop *loop = server->tunnel->loop;
	struct peer *peer = association->peer;

	peer_table_remove(&server->table, association);
	ev_timer_stop(loop, &association->timer);
	previous_session_drop(&association->previous);
	role_count_session(&server->tunnel->total, association->session);
	session_free(association->session);
	free(association);
	if (!peer)
		return;
	lease_pool_release(server->pool, peer->name, (int64_t)ev_time());
	ev_timer_stop(loop, &peer->watch);
	ev_timer_stop(loop, &peer->push);
	pmtu_session_stop(&peer->pmtu_session);
	peer_table_forget(&server->table, peer);
	free(peer);
}

static void session_over(struct server *server, struct association *association)
{
	char from[INET_ENDPOINT_TEXT];

	if (server_may_log_peer(server, association->peer->name))
		log_notice("%s (%s): gone: %s", association->peer->name,
			   inet_format_endpoint(&association->outer, from,
						sizeof(from)),
			   session_reason(association->session));
	server_drop_association(server, association);
}

static void note_replays(struct server *server, struct association *association)
{
	uint64_t replayed = session_counters(association->session)->replayed;

	if (replayed == association->replayed)
		return;
	association->replayed = replayed;
	server_flood_filter_refused(server);
}

void server_pump(struct server *server, struct association *association)
{
	uint8_t *record;
	size_t length;

	for (;;) {
		switch (session_next(association->session, &record, &length)) {
		case SESSION_OPENED:
			if (!server_admit(server, association))
				return;
			break;
		case SESSION_RECORD:
			/* Before SESSION_OPENED there is no record. */
			if (!association->peer ||
			    !server_record(server, association, record, length))
				return;
			break;
		case SESSION_ENDED:
			if (association->peer)
				session_over(server, association);
			else
				server_handshake_ended(server, association);
			return;
		case SESSION_NONE:
			server_arm_timer(server, association);
			note_replays(server, association);
			return;
		}
	}
}

void server_input(struct server *server, struct association *association,
		  struct udp_datagram *datagram)
{
	if (server_previous_input(server, association, datagram))
		return;
	session_input(association->session, datagram->data, datagram->length);
	server_pump(server, association);
}

static void server_datagram(void *state, unsigned socket,
			    struct udp_datagram *datagram)
{
	struct server *server = state;
	struct association *association;

	if (server_is_handshake(server, socket, datagram))
		return;
	association = peer_table_live(&server->table, &datagram->peer);
	if (association) {
		server_input(server, association, datagram);
		return;
	}
	role_drop(server->tunnel, NULL, DROP_STRANGER);
	server_flood_filter_refused(server);
}

static void set_target(const struct server *server, struct peer *peer,
		       const uint8_t *packet, size_t length,
		       struct path_target *target)
{
	const struct association *association = peer->association;

	target->session = previous_session_sealer(&peer->association->previous,
						  association->session);
	target->io = &server->tunnel->udp[association->socket].io;
	target->peer = association->outer;
	target->local = association->local;
	target->traffic = &peer->traffic;
	target->refusals = &peer->refusals;
	target->tos = traffic_class_outer(packet, length, peer->ecn,
					  server->tunnel->config->copy_dscp);
	pmtu_session_limit(&peer->pmtu_session, target);
}

void server_to_peer(struct server *server, struct peer *peer, struct peer *from,
		    const uint8_t *packet, size_t length)
{
	struct path_target target = {0};

	set_target(server, peer, packet, length, &target);
	target.refusals = &from->refusals;
	path_to_peer(server->tunnel->path, &target, packet, length);
}

static bool server_route(void *state, const uint8_t *bytes, size_t length,
			 struct path_target *target)
{
	struct server *server = state;
	struct packet packet;
	struct peer *peer;

	if (packet_parse(bytes, length, &packet)) {
		role_drop(server->tunnel, NULL, DROP_MALFORMED);
		return false;
	}
	peer = peer_table_by_inner(&server->table, &packet.destination);
	if (peer) {
		set_target(server, peer, bytes, length, target);
		return true;
	}
	/* Multicast is the kernel's own, to its neighbours: there are none. */
	if (!inet_address_is_multicast(&packet.destination))
		role_drop(server->tunnel, NULL, DROP_NO_PEER);
	return false;
}

static bool server_answer(void *state, const uint8_t *bytes, size_t length)
{
	struct server *server = state;
	struct packet packet;
	struct peer *peer;

	if (packet_parse(bytes, length, &packet))
		return false;
	peer = peer_table_by_inner(&server->table, &packet.destination);
	if (peer)
		server_to_peer(server, peer, peer, bytes, length);
	return peer != NULL;
}

static void server_sent(void *state, const struct udp_run *run, uint64_t bytes)
{
	struct server *server = state;
	struct association *association =
		peer_table_live(&server->table, &run->peer);
	struct peer *peer = association ? association->peer : NULL;

	role_count_sent(server->tunnel, peer ? &peer->traffic : NULL, run,
			bytes);
	if (!peer)
		return;
	if (run->sent)
		keepalive_sent(&peer->keepalive, server->tunnel->now);
	pmtu_session_used(&peer->pmtu_session, run);
	if (run->error == -EMSGSIZE)
		pmtu_session_hint(&peer->pmtu_session);
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
}

static void server_message(void *state, const struct channel_message *message,
			   int fd)
{
	struct server *server = state;

	(void)fd;
	switch ((enum channel_type)message->type) {
	case CHANNEL_LEASE:
		restore_lease(server, message);
		break;
	case CHANNEL_START:
		server->mtu = message->mtu;
		server_lifetime_start(server);
		server_queues_listen(server);
		break;
	default:
		log_warning("host sent a message that is not for a server");
	}
}

/* Of one peer among many: its keepalive will find out. */
static void server_unreachable(void *state, unsigned socket, int error)
{
	(void)state;
	(void)socket;
	(void)error;
}

static void server_status(void *state)
{
	struct server *server = state;
	double now = clock_now();
	struct peer *peer, *next;

	HASH_ITER (hh, server->table.peers, peer, next) {
		const struct session *session = peer->association->session;
		const struct identity *identity = session_identity(session);
		struct channel_message message = {
			.type = CHANNEL_STATUS_PEER,
			.peer =
				{
					.endpoint = peer->association->outer,
					.address4 = peer->lease.address4,
					.address6 = peer->lease.address6,
					.connected_s =
						(uint32_t)(now - peer->since),
					.heard_ms =
						(uint32_t)(1000. *
							   (now -
							    peer->keepalive
								    .heard)),
					.rtt_us = peer->rtt_us,
					.expires = identity->expires,
					.traffic = peer->traffic,
				},
		};

		memcpy(message.peer.name, peer->name,
		       sizeof(message.peer.name));
		snprintf(message.peer.key, sizeof(message.peer.key), "%.44s",
			 identity->by_key ? identity->text : "");
		snprintf(message.peer.cipher, sizeof(message.peer.cipher), "%s",
			 session_cipher(session));
		role_count_session(&message.peer.traffic, session);
		channel_send(server->tunnel->channel, &message, -1);
	}
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

static void server_stop(void *state)
{
	struct server *server = state;
	struct peer *peer, *next;

	HASH_ITER (hh, server->table.peers, peer, next)
		server_dismiss(server, peer, MESSAGE_CODE_STOPPING);
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
	ev_timer_stop(server->tunnel->loop, &server->wiping);
	server_flood_filter_lift(server);
	HASH_ITER (hh, server->table.pending, association, next)
		server_drop_association(server, association);
	HASH_ITER (hh, server->table.live, association, next)
		server_drop_association(server, association);
	server_queues_free(server);
	peer_table_forget_limits(&server->table);
	lease_pool_free(server->pool);
	cookie_jar_free(server->cookies);
	ticket_jar_free(server->tickets);
	free(server);
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
	server_flood_filter_init(server);
	err = server_queues_new(server);
	if (!err)
		err = cookie_jar_new(&server->cookies);
	if (!err)
		err = ticket_jar_new(&server->tickets);
	if (!err)
		err = lease_pool_new(&server->pool, &tunnel->config->address4,
				     &tunnel->config->address6);
	if (err) {
		server_free(server);
		return err;
	}
	server_fix_addresses(server, tunnel->config);
	ev_timer_start(tunnel->loop, &server->wiping);
	*state = server;
	return 0;
}

const struct tunnel_role server_role = {
	.message = server_message,
	.datagram = server_datagram,
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
