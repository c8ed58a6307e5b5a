/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No session lasts for ever: a peer's certificate ends, and so do its Expires
 * and what its last full handshake has proved. A client that wants to go on has
 * another session by then; one that does not is dismissed, whatever it sends.
 * It stands alone as its timer is one for all peers, where what they do has one
 * each.
 */
#include <time.h>

#include "common/clock.h"
#include "common/reason.h"
#include "tunnel/server/server_internal.h"

/*
 * Seconds between checks of all peers, which compare two numbers. Both clocks
 * may jump, the one by being set, the other by a suspended machine.
 */
#define PAUSE 5.

static void dismiss_barred(struct server *server, struct peer *peer)
{
	struct reason reason;
	enum message_code code = server_bars(
		config_peer_by_name(server->tunnel->config, peer->name),
		&reason);

	server_dismiss_with_reason(server, peer, code, reason.text);
}

static void check(struct server *server, struct peer *peer)
{
	struct association *association = peer->association;
	struct reason reason;

	if (peer->expires && time(NULL) >= peer->expires)
		dismiss_barred(server, peer);
	else if (session_recheck(association->session, &reason))
		server_dismiss_with_reason(server, peer, MESSAGE_CODE_EXPIRED,
					   reason.text);
	else if (clock_now() - association->proved > SESSION_AGE_MOST)
		server_dismiss(server, peer, MESSAGE_CODE_AGED);
}

static void check_all(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct server *server = timer->data;
	struct peer *peer, *next;

	(void)loop;
	(void)events;
	HASH_ITER (hh, server->table.peers, peer, next)
		check(server, peer);
}

void server_lifetime_start(struct server *server)
{
	ev_timer_init(&server->lifetimes, check_all, PAUSE, PAUSE);
	server->lifetimes.data = server;
	ev_timer_start(server->tunnel->loop, &server->lifetimes);
}

void server_lifetime_stop(struct server *server)
{
	ev_timer_stop(server->tunnel->loop, &server->lifetimes);
}
