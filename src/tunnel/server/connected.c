/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What passes on the session of a peer: control messages and packets. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "tunnel/data/mss.h"
#include "tunnel/data/packet.h"
#include "tunnel/data/traffic_class.h"
#include "tunnel/server/server_internal.h"

/* Bytes of a packet that goes to an address that is not proved yet. */
#define UNPROVED_MOST 1500

static void set_address(const struct server *server, struct peer *peer,
			struct path_target *target)
{
	const struct association *association = peer->association;

	target->session = previous_session_sealer(&peer->association->previous,
						  association->session);
	target->link = target->session == association->session
			       ? association->link
			       : association->previous_link;
	target->io = &server->tunnel->udp[association->socket].io;
	target->peer = association->outer;
	target->local = association->local;
	target->traffic = &peer->traffic;
	target->refusals = &peer->refusals;
	target->apart = run_probe_session_apart(&peer->run_probe);
}

static void set_target(const struct server *server, struct peer *peer,
		       const uint8_t *packet, size_t length,
		       struct path_target *target)
{
	set_address(server, peer, target);
	target->tos = traffic_class_outer(packet, length, peer->ecn,
					  server->tunnel->config->copy_dscp);
	pmtu_session_limit(&peer->pmtu_session, target);
}

/* Before an address is proved there is no room for joined packets. */
static bool may_carry(const struct server *server, struct peer *peer,
		      size_t length)
{
	struct association *association = peer->association;

	if (!association->unproved ||
	    (length <= UNPROVED_MOST &&
	     server_may_send(association, length + NOISE_OVERHEAD)))
		return true;
	role_drop(server->tunnel, &peer->traffic, DROP_NOT_CONNECTED);
	return false;
}

static void send_to_peer(struct server *server, struct peer *peer,
			 struct peer *from, const uint8_t *packet,
			 size_t length)
{
	struct path_target target = {0};

	if (!may_carry(server, peer, length))
		return;
	set_target(server, peer, packet, length, &target);
	target.refusals = &from->refusals;
	path_to_peer(server->tunnel->path, &target, packet, length);
}

bool server_route(void *state, const uint8_t *bytes, size_t length,
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
	if (peer && !may_carry(server, peer, length))
		return false;
	if (peer) {
		set_target(server, peer, bytes, length, target);
		return true;
	}
	/* Multicast is the kernel's own, to its neighbours: there are none. */
	if (!inet_address_is_multicast(&packet.destination))
		role_drop(server->tunnel, NULL, DROP_NO_PEER);
	return false;
}

bool server_answer(void *state, const uint8_t *bytes, size_t length)
{
	struct server *server = state;
	struct packet packet;
	struct peer *peer;

	if (packet_parse(bytes, length, &packet))
		return false;
	peer = peer_table_by_inner(&server->table, &packet.destination);
	if (peer)
		send_to_peer(server, peer, peer, bytes, length);
	return peer != NULL;
}

void server_sent(void *state, const struct udp_run *run, uint64_t bytes)
{
	struct server *server = state;
	struct association *association =
		peer_table_connected(&server->table, &run->peer);
	struct peer *peer = association ? association->peer : NULL;

	role_count_sent(server->tunnel, peer ? &peer->traffic : NULL, run,
			bytes);
	if (!peer)
		return;
	if (run->sent)
		keepalive_sent(&peer->keepalive, server->tunnel->now);
	pmtu_session_used(&peer->pmtu_session, run);
	run_probe_session_used(&peer->run_probe, run);
	if (run->error == -EMSGSIZE)
		pmtu_session_hint(&peer->pmtu_session);
}

static void answer_hello(struct server *server, struct peer *peer, uint16_t id)
{
	struct message config;
	int err;

	server_fill_config(server, peer, server->tunnel->config, id, &config);
	err = control_send(peer->association->session, &config);
	if (err && server_may_log_peer(server, peer->name))
		log_warning("%s: its settings can't be sent: %s", peer->name,
			    strerror(-err));
}

/* The device's MTU is that of a path by IPv4, unless nobody comes by that. */
void server_find_mtu(struct server *server, struct peer *peer)
{
	uint16_t family = peer->association->outer.address.family;
	unsigned ceiling = server->mtu;

	if (peer->pmtu_session.session)
		return;
	if (family == AF_INET6 && ceiling > PMTU_SESSION_IPV6_MORE &&
	    !config_is_ipv6_only(server->tunnel->config))
		ceiling -= PMTU_SESSION_IPV6_MORE;
	pmtu_session_start(
		&peer->pmtu_session, peer->association->session,
		server->tunnel->noise
			? NOISE_OVERHEAD
			: session_overhead(peer->association->session),
		ceiling, family);
}

static bool find_target(void *owner, struct path_target *target)
{
	struct peer *peer = owner;

	set_address(peer->association->server, peer, target);
	return true;
}

static void runs_changed(void *owner, bool lost)
{
	const struct peer *peer = owner;
	struct server *server = peer->association->server;

	if (server_may_log_peer(server, peer->name))
		role_log_runs(server->tunnel, peer->name, lost);
}

const struct run_probe_hooks server_run_probe_hooks = {
	.target = find_target,
	.changed = runs_changed,
};

static void take_pong(struct server *server, struct peer *peer,
		      const struct message *message)
{
	server_roam_answered(server, peer, message);
	pmtu_session_answered(&peer->pmtu_session, message);
	run_probe_session_answered(&peer->run_probe, message, peer->rtt_us);
}

/* Returns false where the peer has said goodbye, and is dropped. */
static bool handle_control(struct server *server, struct peer *peer,
			   const uint8_t *record, size_t length)
{
	struct message message;
	int err;

	if (!rate_allows(&peer->control, clock_now())) {
		role_drop(server->tunnel, &peer->traffic, DROP_CONTROL);
		return true;
	}
	err = message_decode(record, length, &message);
	if (err) {
		role_drop(server->tunnel, &peer->traffic, DROP_CONTROL);
		control_answer_error(peer->association->session, &message, err);
		return true;
	}
	if (control_ping_pong(peer->association->session, &message,
			      &peer->rtt_us)) {
		if (message.type == MESSAGE_PING)
			keepalive_answered(&peer->keepalive, clock_now());
		else
			take_pong(server, peer, &message);
		return true;
	}
	switch ((enum message_type)message.type) {
	case MESSAGE_HELLO:
		if (peer->association->link && message.has_seed)
			noise_link_learn(peer->association->link, message.seed);
		peer->ecn = message.ecn;
		server_adopt(server, peer, &message);
		if (!peer->announced)
			server_announce(server, peer, true);
		if (server_push_answered(server, peer, message.id))
			return true;
		answer_hello(server, peer, message.id);
		if (!peer->rtt_us)
			control_ping(peer->association->session);
		server_find_mtu(server, peer);
		return true;
	case MESSAGE_BYE:
		server_log_end(server, peer, "disconnected",
			       message_code_text(message.code), "");
		if (server_may_keep_lease(server, peer->name))
			server_keep_lease(server, &peer->lease, NULL);
		server_drop_association(server, peer->association);
		return false;
	case MESSAGE_CONFIG:
	case MESSAGE_PING:
	case MESSAGE_PONG:
	case MESSAGE_ERROR:
		break;
	}
	role_drop(server->tunnel, &peer->traffic, DROP_CONTROL);
	return true;
}

static bool is_own(const struct config *config,
		   const struct inet_address *address)
{
	return inet_address_equal(&config->address4.address, address) ||
	       inet_address_equal(&config->address6.address, address);
}

static void pass_on(struct server *server, struct peer *from, struct peer *to,
		    uint8_t *bytes, size_t length)
{
	mss_clamp(bytes, length, pmtu_session_expected(&to->pmtu_session),
		  false);
	send_to_peer(server, to, from, bytes, length);
}

/* Sends on a packet of a peer, or drops and counts it. */
static void forward(struct server *server, struct peer *from,
		    const struct packet *packet, uint8_t *bytes)
{
	const struct config *config = server->tunnel->config;
	struct peer *to;

	if (is_own(config, &packet->destination)) {
		path_to_tun(server->tunnel->path, bytes, packet->length);
		return;
	}
	to = peer_table_by_inner(&server->table, &packet->destination);
	if (to && !config->client_to_client)
		role_drop(server->tunnel, &from->traffic, DROP_NOT_CLIENT);
	else if (to)
		pass_on(server, from, to, bytes, packet->length);
	else if (inet_prefix_contains(&config->address4,
				      &packet->destination) ||
		 inet_prefix_contains(&config->address6, &packet->destination))
		role_drop(server->tunnel, &from->traffic, DROP_NO_PEER);
	else
		path_to_tun(server->tunnel->path, bytes, packet->length);
}

static void handle_packet(struct server *server, struct peer *peer,
			  uint8_t *bytes, size_t length)
{
	struct tunnel *tunnel = server->tunnel;
	struct packet packet;

	if (packet_parse(bytes, length, &packet)) {
		role_drop(tunnel, &peer->traffic, DROP_MALFORMED);
		return;
	}
	if (peer_table_by_inner(&server->table, &packet.source) != peer) {
		role_drop(tunnel, &peer->traffic,
			  packet_is_link_local(bytes, length) ? DROP_LINK_LOCAL
							      : DROP_SOURCE);
		return;
	}
	if (!traffic_class_arrive(bytes, tunnel->tos)) {
		role_drop(tunnel, &peer->traffic, DROP_ECN);
		return;
	}
	role_count_received(tunnel, &peer->traffic, length);
	mss_clamp(bytes, length, pmtu_session_expected(&peer->pmtu_session),
		  false);
	forward(server, peer, &packet, bytes);
}

bool server_record(struct server *server, struct association *association,
		   uint8_t *record, size_t length)
{
	struct peer *peer = association->peer;

	previous_session_confirm(&association->previous);
	keepalive_heard(&peer->keepalive, server->tunnel->now);
	server_roam(server, association);
	if (message_is_control(record, length))
		return handle_control(server, peer, record, length);
	handle_packet(server, peer, record, length);
	return true;
}

bool server_previous_input(struct server *server,
			   struct association *association,
			   struct udp_datagram *datagram)
{
	uint8_t *packet;
	size_t length;

	if (!previous_session_open(&association->previous, datagram->data,
				   datagram->length, &packet, &length))
		return false;
	if (length && association->peer)
		handle_packet(server, association->peer, packet, length);
	return true;
}

bool server_early(struct server *server, struct association *association,
		  struct udp_datagram *datagram)
{
	uint8_t *record;
	size_t length = session_open_only(association->session, datagram->data,
					  datagram->length, &record);

	if (!length)
		return false;
	server_record(server, association, record, length);
	return true;
}
