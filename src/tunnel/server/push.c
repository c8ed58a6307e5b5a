/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has changed for a peer that is connected, told until it answers. */
#include "tunnel/server/server_internal.h"

/*
 * Seconds between the first two, doubled each time, at most; and how many. One
 * that is out of reach meanwhile is the keepalive's to find; one that is there,
 * and does not answer any of them, has to come again.
 */
#define PUSH_PAUSE	0.3
#define PUSH_PAUSE_MOST 5.
#define PUSH_MOST	20

static void send_config(struct peer *peer, const struct config *config)
{
	struct message message = {
		.type = MESSAGE_CONFIG,
		.version = MESSAGE_VERSION,
		.id = peer->push_id,
		.ecn = true,
	};

	server_settings(config, peer, &message.settings);
	control_send(peer->association->session, &message);
}

static void push_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct peer *peer = timer->data;
	struct server *server = peer->association->server;

	(void)events;
	if (++peer->pushes < PUSH_MOST) {
		send_config(peer, server->tunnel->config);
		timer->repeat *= 2.;
		if (timer->repeat > PUSH_PAUSE_MOST)
			timer->repeat = PUSH_PAUSE_MOST;
		ev_timer_again(loop, timer);
		return;
	}
	ev_timer_stop(loop, timer);
	server_dismiss(server, peer, MESSAGE_CODE_CHANGED);
}

void server_push_init(struct peer *peer)
{
	ev_timer_init(&peer->push, push_again, 0., PUSH_PAUSE);
	peer->push.data = peer;
}

void server_push(struct server *server, struct peer *peer,
		 const struct config *config)
{
	peer->push_id = (uint16_t)(peer->push_id + 1) | MESSAGE_PUSHED;
	peer->pushes = 0;
	send_config(peer, config);
	peer->push.repeat = PUSH_PAUSE;
	ev_timer_again(server->tunnel->loop, &peer->push);
}

bool server_push_answered(struct server *server, struct peer *peer, uint16_t id)
{
	if (!(id & MESSAGE_PUSHED))
		return false;
	if (id == peer->push_id)
		ev_timer_stop(server->tunnel->loop, &peer->push);
	return true;
}
