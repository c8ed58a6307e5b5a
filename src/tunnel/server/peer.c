/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A peer comes, is served, and goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tunnel/role/expiry.h"
#include "tunnel/data/mss.h"
#include "tunnel/data/packet.h"
#include "tunnel/server/server_internal.h"
#include "tunnel/data/traffic_class.h"

/* The file's section for an identity; NULL where there is none. */
static const struct config_peer *find_known(const struct config *config,
					    const struct identity *identity)
{
	return identity->by_key
		       ? config_peer_by_key(config, identity->public_key)
		       : config_peer_by_name(config, identity->name);
}

/* With X.509 the CA's word is enough: a section only adds to it. */
int server_authorize(void *owner, const struct identity *identity, char *reason,
		     size_t size)
{
	const struct association *association = owner;
	const struct config *config = association->server->tunnel->config;

	if (!identity->by_key || find_known(config, identity))
		return 0;
	snprintf(reason, size, "key %s is not in the file", identity->text);
	return -EACCES;
}

static void say_goodbye(struct peer *peer, enum message_code code,
			const char *text)
{
	struct message bye = {
		.type = MESSAGE_BYE,
		.version = MESSAGE_VERSION,
		.code = code,
	};

	snprintf(bye.text, sizeof(bye.text), "%s", text);
	control_send(peer->association->session, &bye);
	session_close(peer->association->session);
}

void server_dismiss_with_reason(struct server *server, struct peer *peer,
				enum message_code code, const char *text)
{
	char from[INET_ENDPOINT_TEXT];

	say_goodbye(peer, code, text);
	if (server_may_log_peer(server, peer->name))
		log_notice("%s (%s): dismissed: %s%s%s", peer->name,
			   inet_format_endpoint(&peer->association->outer, from,
						sizeof(from)),
			   message_code_text(code), *text ? ": " : "", text);
	server_drop_association(server, peer->association);
}

void server_dismiss(struct server *server, struct peer *peer,
		    enum message_code code)
{
	server_dismiss_with_reason(server, peer, code, "");
}

/* These have lines of their own, which its coming and going does not use up. */
static bool may_log_refusal(struct server *server, const char *name)
{
	double now = clock_now();
	struct peer_limits *limits =
		peer_table_limits(&server->table, name, now);

	return limits && rate_allows(&limits->refusals, now);
}

/* May it begin one more session now? Then that cost its address nothing. */
static bool may_come(struct server *server, struct association *association,
		     const char *name)
{
	double now = clock_now();
	struct peer_limits *limits =
		peer_table_limits(&server->table, name, now);

	if (!limits || !rate_allows(&limits->sessions, now))
		return false;
	if (association->is_charged)
		admission_return(server->admission, &association->source);
	association->is_charged = false;
	return true;
}

/* Sends an ERROR and ends a session that can't become a peer. */
static void turn_away(struct server *server, struct association *association,
		      const char *name, enum message_code code,
		      const char *text)
{
	struct message error = {
		.type = MESSAGE_BYE,
		.version = MESSAGE_VERSION,
		.code = code,
	};
	char from[INET_ENDPOINT_TEXT];

	snprintf(error.text, sizeof(error.text), "%s", text);
	control_send(association->session, &error);
	session_close(association->session);
	if (may_log_refusal(server, name))
		log_warning("%s (%s): refused: %s: %s", name,
			    inet_format_endpoint(&association->outer, from,
						 sizeof(from)),
			    message_code_text(code), text);
	server_drop_association(server, association);
}

void server_keep_lease(struct server *server, const struct lease *lease)
{
	struct channel_message message = {.type = CHANNEL_LEASE_TAKEN};

	memcpy(message.lease.peer, lease->peer, sizeof(message.lease.peer));
	message.lease.address4 = lease->address4;
	message.lease.address6 = lease->address6;
	message.lease.used = lease->used;
	channel_send(server->tunnel->channel, &message, -1);
}

static void watch(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct peer *peer = timer->data;
	double again;

	(void)events;
	switch (keepalive_due(&peer->keepalive, clock_now(), &again)) {
	case KEEPALIVE_GONE:
		server_dismiss(peer->association->server, peer,
			       MESSAGE_CODE_SILENT);
		return;
	case KEEPALIVE_PING:
	case KEEPALIVE_DOUBT: /* the client's to act on */
		control_ping(peer->association->session);
		break;
	case KEEPALIVE_FINE:
		break;
	}
	ev_timer_set(timer, again, 0.);
	ev_timer_start(loop, timer);
}

/* Make before break: it serves on until the client is known to have the new. */
static void keep_previous(struct server *server,
			  struct association *association,
			  struct association *older)
{
	role_count_session(&server->tunnel->total, older->session);
	previous_session_keep(&association->previous, older->session, true);
	older->session = NULL;
}

/*
 * The new session takes the place of every older one of this peer, whose
 * counters go on in *traffic.
 */
static void replace_older(struct server *server,
			  struct association *association, const char *name,
			  struct traffic *traffic)
{
	struct association *there =
		peer_table_live(&server->table, &association->outer);
	struct peer *older = peer_table_by_name(&server->table, name);

	if (older) {
		*traffic = older->traffic;
		role_count_session(traffic, older->association->session);
	}
	if (there && there->peer == older)
		keep_previous(server, association, there);
	if (there)
		server_drop_association(server, there);
	older = peer_table_by_name(&server->table, name);
	if (older)
		server_dismiss(server, older, MESSAGE_CODE_REPLACED);
}

static int make_peer(struct server *server, struct association *association,
		     const char *name, const struct lease *lease)
{
	const struct config *config = server->tunnel->config;
	struct peer *peer = calloc(1, sizeof(*peer));
	double now = clock_now();

	if (!peer)
		return -ENOMEM;
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	peer->lease = *lease;
	if (peer_table_add(&server->table, peer,
			   config_peer_by_name(config, name))) {
		free(peer);
		return -ENOMEM;
	}
	peer->association = association;
	association->peer = peer;
	peer->since = now;
	peer->control = CONTROL_RATE;
	server_push_init(peer);
	keepalive_start(&peer->keepalive, config->keepalive, now);
	pmtu_session_init(&peer->pmtu_session, server->tunnel->loop,
			  config->mtu, NULL, NULL);
	ev_timer_init(&peer->watch, watch, config->keepalive, 0.);
	peer->watch.data = peer;
	ev_timer_start(server->tunnel->loop, &peer->watch);
	return 0;
}

static void say_connected(const struct association *association,
			  const struct lease *lease)
{
	char from[INET_ENDPOINT_TEXT], v4[INET_ADDRESS_TEXT],
		v6[INET_ADDRESS_TEXT];
	bool both = lease->address4.family && lease->address6.family;

	if (!server_may_log_peer(association->server, association->peer->name))
		return;
	log_notice(
		"%s: connected from %s, has %s%s%s, %s%s",
		association->peer->name,
		inet_format_endpoint(&association->outer, from, sizeof(from)),
		lease->address4.family
			? inet_format_address(&lease->address4, v4, sizeof(v4))
			: "",
		both ? ", " : "",
		lease->address6.family
			? inet_format_address(&lease->address6, v6, sizeof(v6))
			: "",
		session_cipher(association->session),
		session_resumed(association->session) ? ", resumed" : "");
}

/* It is the peer of that name from now on. False: it is gone. */
static bool install(struct server *server, struct association *association,
		    const char *name)
{
	const struct config *config = server->tunnel->config;
	struct traffic traffic = {0};
	struct lease lease;
	bool changed;
	int err;

	replace_older(server, association, name, &traffic);
	server_flood_filter_lift(server);
	peer_table_remove(&server->table, association);
	err = peer_table_add_live(&server->table, association);
	if (err) {
		turn_away(server, association, name, MESSAGE_CODE_REFUSED,
			  "the server is out of memory");
		return false;
	}
	association->proved = clock_now() - session_age(association->session);
	if (HASH_COUNT(server->table.peers) >= config->max_clients) {
		turn_away(server, association, name, MESSAGE_CODE_REFUSED,
			  "the server has as many clients as it takes "
			  "(MaxClients)");
		return false;
	}
	err = lease_pool_take(server->pool, name, NULL, (int64_t)ev_time(),
			      &lease, &changed);
	if (!err) {
		err = make_peer(server, association, name, &lease);
		if (err)
			lease_pool_release(server->pool, name,
					   (int64_t)ev_time());
	}
	if (err) {
		turn_away(server, association, name,
			  err == -EADDRNOTAVAIL ? MESSAGE_CODE_EXHAUSTED
						: MESSAGE_CODE_REFUSED,
			  err == -EADDRNOTAVAIL
				  ? "no address left in the pool"
				  : "the server is out of memory");
		return false;
	}
	if (changed)
		server_keep_lease(server, &lease);
	association->peer->traffic = traffic;
	say_connected(association, &lease);
	if (server_may_log_peer(server, name))
		expiry_warn_peer(
			name, session_identity(association->session)->expires);
	return true;
}

bool server_admit(struct server *server, struct association *association)
{
	const struct config *config = server->tunnel->config;
	const struct identity *identity =
		session_identity(association->session);
	const struct config_peer *known = find_known(config, identity);
	const char *name = known ? known->name : identity->name;
	char reason[MESSAGE_TEXT_SIZE];

	if (identity->by_key && !known) {
		turn_away(server, association, identity->text,
			  MESSAGE_CODE_REMOVED, "its key has left the file");
		return false;
	}
	/* It was begun before a reload. */
	if (session_reverify(association->session, server->tunnel->credentials,
			     reason, sizeof(reason))) {
		turn_away(server, association, name, MESSAGE_CODE_REFUSED,
			  reason);
		return false;
	}
	/* The session that it has is left alone. */
	if (!may_come(server, association, name)) {
		turn_away(server, association, name, MESSAGE_CODE_REFUSED,
			  "too many sessions begun with its key: does another "
			  "machine use it as well?");
		return false;
	}
	return install(server, association, name);
}

static void answer_hello(struct server *server, struct peer *peer, uint16_t id)
{
	struct message config = {
		.type = MESSAGE_CONFIG,
		.version = MESSAGE_VERSION,
		.id = id,
		.ecn = true,
	};
	int err;

	server_settings(server->tunnel->config, peer, &config.settings);
	err = control_send(peer->association->session, &config);
	if (err && server_may_log_peer(server, peer->name))
		log_warning("%s: its settings can't be sent: %s", peer->name,
			    strerror(-err));
}

/* The device's MTU is that of a way by IPv4, unless nobody comes by that. */
void server_find_mtu(struct server *server, struct peer *peer)
{
	uint16_t family = peer->association->outer.address.family;
	unsigned ceiling = server->mtu;

	if (peer->pmtu_session.session)
		return;
	if (family == AF_INET6 && ceiling > PMTU_SESSION_IPV6_MORE &&
	    !config_is_ipv6_only(server->tunnel->config))
		ceiling -= PMTU_SESSION_IPV6_MORE;
	pmtu_session_start(&peer->pmtu_session, peer->association->session,
			   ceiling, family);
}

/* False: the peer has said goodbye. */
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
			pmtu_session_answered(&peer->pmtu_session, &message);
		return true;
	}
	switch (message.type) {
	case MESSAGE_HELLO:
		peer->ecn = message.ecn;
		if (server_push_answered(server, peer, message.id))
			return true;
		answer_hello(server, peer, message.id);
		if (!peer->rtt_us)
			control_ping(peer->association->session);
		server_find_mtu(server, peer);
		return true;
	case MESSAGE_BYE:
		if (server_may_log_peer(server, peer->name))
			log_notice("%s: disconnected: %s", peer->name,
				   message_code_text(message.code));
		server_drop_association(server, peer->association);
		return false;
	default:
		role_drop(server->tunnel, &peer->traffic, DROP_CONTROL);
		return true;
	}
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
	server_to_peer(server, to, from, bytes, length);
}

/* Where a packet that a peer has sent goes on, or why it does not. */
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
