/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server with many ports is asked at another one now and then, so that no
 * flow is there for long. In DTLS without connection IDs that is a session by
 * the ticket, from a fresh port of ours, which takes the place of the connected
 * one once it is there: begin() is all that would have to differ
 * where sessions can move.
 */
#include "common/config/config.h"
#include "common/jitter.h"
#include "tunnel/client/client_internal.h"

/* More or less of the seconds in the file. */
#define SPREAD 0.25

/* An attempt like any other, at the same address; packets go on meanwhile. */
static void begin(struct client *client)
{
	/* An attempt without a socket of its own would end the session. */
	if (client_race_lacks_socket(client))
		return;
	client_race_take_connected(client);
	client->hopping = true;
	ev_timer_set(&client->retry, 0., 0.);
	ev_timer_start(client->tunnel->loop, &client->retry);
}

static void start(struct client *client, unsigned seconds)
{
	ev_timer_set(&client->hop, jitter(seconds, SPREAD, SPREAD), 0.);
	ev_timer_start(client->tunnel->loop, &client->hop);
}

static void due(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct client *client = timer->data;
	const struct config *config = client->tunnel->config;

	(void)loop;
	(void)events;
	/* One that is not up, or about to be renewed, has other worries. */
	if (client->state == CLIENT_UP && !client->attempt &&
	    !ev_is_active(&client->retry) &&
	    config->servers[client->route->server].last)
		begin(client);
	start(client, config->hop);
}

void client_hop_configure(struct client *client, unsigned seconds)
{
	ev_timer_stop(client->tunnel->loop, &client->hop);
	if (seconds)
		start(client, seconds);
}

void client_hop_init(struct client *client)
{
	ev_init(&client->hop, due);
	client->hop.data = client;
	client_hop_configure(client, client->tunnel->config->hop);
}
