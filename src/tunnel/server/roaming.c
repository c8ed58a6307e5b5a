/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a peer is, with Secret: it moves to where its newest record comes from,
 * without a handshake. Only a record that is authentic moves it, so nobody does
 * but who has its keys. A record's source may be made up by that one, or by who
 * has copied the datagram on its way: no more than three times what came from a
 * new address is sent there (RFC 9000, section 8.1) until it has answered.
 */
#include <gnutls/crypto.h>

#include "common/clock.h"
#include "tunnel/server/server_internal.h"

#define AMPLIFICATION 3
/* Seconds until a question is asked again, when there is more to answer. */
#define ASK_AGAIN 0.2
/* No clock of microseconds is so late: it is not taken for a round trip. */
#define QUESTION (UINT64_C(1) << 63)

bool server_may_send(struct association *association, size_t bytes)
{
	if (!association->unproved)
		return true;
	if (bytes > association->room)
		return false;
	association->room -= bytes;
	return true;
}

static void ask(struct association *association)
{
	const struct message ping = {
		.type = MESSAGE_PING,
		.version = MESSAGE_VERSION,
		.timestamp = association->question,
	};
	double now = clock_now();

	if (now - association->asked < ASK_AGAIN)
		return;
	association->asked = now;
	control_send(association->session, &ping);
}

static void doubt(struct association *association)
{
	association->room = 0;
	association->asked = 0.;
	association->unproved = !inet_endpoint_equal(&association->outer,
						     &association->answered);
	if (gnutls_rnd(GNUTLS_RND_NONCE, &association->question,
		       sizeof(association->question)) < 0)
		association->question = 0;
	association->question |= QUESTION;
}

static void tell(struct server *server, const struct association *association)
{
	const struct peer *peer = association->peer;
	char to[INET_ENDPOINT_TEXT];

	if (server_may_log_peer(server, peer->name))
		log_notice("%s: has moved to %s", peer->name,
			   inet_format_endpoint(&association->outer, to,
						sizeof(to)));
	if (server_may_keep_lease(server, peer->name))
		server_keep_lease(server, &peer->lease, association);
}

/* An address where another peer is connected stays that one's. */
static void move(struct server *server, struct association *association)
{
	const struct role_arrival *arrival = &server->tunnel->arrival;

	if (peer_table_relocate(&server->table, association,
				&arrival->datagram->peer))
		return;
	association->local = arrival->datagram->local;
	association->socket = arrival->socket;
	flood_filter_lift(&server->flood_filter);
	doubt(association);
	tell(server, association);
}

static bool is_elsewhere(const struct association *association,
			 const struct udp_datagram *datagram)
{
	return !inet_endpoint_equal(&datagram->peer, &association->outer);
}

void server_roam(struct server *server, struct association *association)
{
	const struct role_arrival *arrival = &server->tunnel->arrival;
	struct noise_link *link = association->link;

	if (!arrival->link || arrival->link != link)
		return;
	if (arrival->sequence >= link->newest) {
		link->newest = arrival->sequence + 1;
		link->secret = arrival->datagram->secret;
		if (arrival->move == link->move + 1)
			noise_link_move(link);
		if (is_elsewhere(association, arrival->datagram))
			move(server, association);
	}
	if (!association->unproved ||
	    is_elsewhere(association, arrival->datagram))
		return;
	association->room +=
		AMPLIFICATION * (arrival->datagram->length - NOISE_HEADROOM);
	ask(association);
}

void server_roam_answered(struct server *server, struct peer *peer,
			  const struct message *pong)
{
	struct association *association = peer->association;
	const struct role_arrival *arrival = &server->tunnel->arrival;

	if (!association->unproved ||
	    pong->timestamp != association->question ||
	    arrival->link != association->link ||
	    is_elsewhere(association, arrival->datagram))
		return;
	association->unproved = false;
	association->answered = association->outer;
	/* It is another path. */
	run_probe_session_restart(&peer->run_probe);
	pmtu_session_stop(&peer->pmtu_session);
	server_find_mtu(server, peer);
}
