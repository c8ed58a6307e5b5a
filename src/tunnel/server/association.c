/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A DTLS session of the server, from its first datagram to its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tunnel/server/server_internal.h"

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	struct association *association = owner;
	struct tunnel *tunnel = association->server->tunnel;
	size_t most = length + NOISE_WRAP_OVERHEAD;
	const struct role_destination to = {
		.socket = association->socket,
		.peer = &association->outer,
		.local = &association->local,
		.link = association->link,
		.most = association->unproved ? most : 0,
	};
	int err;

	if (!server_may_send(association,
			     datagram[DTLS_TYPE] == DTLS_APPLICATION_DATA
				     ? length
				     : most))
		return;
	err = role_send(tunnel, &to, datagram, length);

	/* A probe that is larger than the link is no loss. */
	if (err && err != -EMSGSIZE)
		role_drop(tunnel, NULL, DROP_SEND);
}

static const struct session_hooks session_hooks = {
	.transmit = transmit,
	.authorize = server_authorize,
	.preshared_key = server_preshared_key,
};

static void handshake_failed(struct server *server,
			     struct association *association)
{
	char from[INET_ENDPOINT_TEXT];

	if (log_budget_refused(&server->log, &association->outer.address))
		log_warning("%s: refused: %s",
			    inet_format_endpoint(&association->outer, from,
						 sizeof(from)),
			    session_reason(association->session));
	server_drop_association(server, association);
}

static void arm_timer(struct server *server, struct association *association)
{
	int timeout = session_timeout(association->session);

	ev_timer_stop(server->tunnel->loop, &association->timer);
	if (timeout < 0)
		return;
	ev_timer_set(&association->timer, timeout / 1000., 0.);
	ev_timer_start(server->tunnel->loop, &association->timer);
}

static void session_over(struct server *server, struct association *association)
{
	server_log_end(server, association->peer, "gone",
		       session_reason(association->session), "");
	server_drop_association(server, association);
}

static void note_replays(struct server *server, struct association *association)
{
	uint64_t replayed = session_counters(association->session)->replayed;

	if (replayed == association->replayed)
		return;
	association->replayed = replayed;
	flood_filter_refused(&server->flood_filter);
}

void server_pump(struct server *server, struct association *association)
{
	uint8_t *record;
	size_t length;

	for (;;) {
		switch (session_next(association->session, &record, &length)) {
		case SESSION_OPENED:
			if (association->link)
				noise_link_open(
					association->link,
					session_headroom(association->session) -
						DTLS_HEADER);
			if (!server_admit(server, association))
				return;
			server_push_init(association->peer);
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
				handshake_failed(server, association);
			return;
		case SESSION_NONE:
			/* What the filter holds back may have the proof. */
			if (session_is_proving(association->session))
				flood_filter_lift(&server->flood_filter);
			arm_timer(server, association);
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

void server_take_record(struct server *server, struct udp_datagram *datagram)
{
	const struct noise_link *link = server->tunnel->arrival.link;
	struct association *association = link->owner;

	if (link == association->previous_link) {
		server_previous_input(server, association, datagram);
		return;
	}
	session_input(association->session, datagram->data, datagram->length);
	server_pump(server, association);
}

static void retransmit(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct association *association = timer->data;

	(void)loop;
	(void)events;
	session_tick(association->session);
	server_pump(association->server, association);
}

/* secret: by which of them its hello has come. */
static int start_session(struct association *association,
			 gnutls_dtls_prestate_st *prestate, unsigned secret)
{
	struct tunnel *tunnel = association->server->tunnel;
	int err = session_server(&association->session, tunnel->credentials,
				 &session_hooks, association, prestate,
				 role_handshake_mtu(tunnel));

	if (!err && tunnel->noise)
		err = noise_link_new(&association->link, &tunnel->links,
				     tunnel->noise, secret, association);
	return err;
}

struct association *
server_association_new(struct server *server, unsigned socket,
		       const struct udp_datagram *datagram,
		       struct cookie_result *hello,
		       const struct admission_source *source)
{
	struct association *association = calloc(1, sizeof(*association));

	if (!association)
		return NULL;
	association->server = server;
	association->outer = association->answered = datagram->peer;
	association->local = datagram->local;
	association->socket = socket;
	association->begun = clock_now();
	association->is_charged = source;
	if (source)
		association->source = *source;
	memcpy(association->random, hello->random, DTLS_RANDOM_SIZE);
	previous_session_init(&association->previous, server->tunnel->loop,
			      message_is_control);
	ev_init(&association->timer, retransmit);
	association->timer.data = association;
	if (start_session(association, &hello->prestate, datagram->secret)) {
		session_free(association->session);
		free(association);
		return NULL;
	}
	return association;
}
