/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the client tries to reach a server, and when it gives that up. */
#include <stdio.h>
#include <stdlib.h>

#include "common/jitter.h"
#include "tunnel/client/client_internal.h"

/*
 * Seconds between attempts: the pause is doubled each time, and spread by a
 * quarter both ways.
 */
#define RETRY_FIRST 0.25
#define RETRY_MOST  30.

void client_want_endpoint(struct client *client)
{
	client->race.count = 0;
	client->state = CLIENT_WANTING;
	channel_send_type(client->tunnel->channel, CHANNEL_ENDPOINT_WANTED);
}

/*
 * The first attempt is repeated at once; then pauses grow, and are never in
 * step with those of other clients.
 */
static void retry_later(struct client *client)
{
	unsigned doublings = client->failures < 8 ? client->failures : 8;
	double pause = RETRY_FIRST * (double)(1u << doublings);

	if (pause > RETRY_MOST)
		pause = RETRY_MOST;
	pause = jitter(pause, 0.25, 0.25);
	client->state = CLIENT_IDLE;
	ev_timer_set(&client->retry, client->failures++ ? pause : 0., 0.);
	ev_timer_start(client->tunnel->loop, &client->retry);
}

void client_wait(struct client *client, double seconds)
{
	client->patience.repeat = seconds;
	ev_timer_again(client->tunnel->loop, &client->patience);
}

void client_stop_attempt(struct client *client)
{
	struct ev_loop *loop = client->tunnel->loop;

	client_race_stop(client);
	ev_timer_stop(loop, &client->retry);
	ev_timer_stop(loop, &client->handshake);
	ev_timer_stop(loop, &client->patience);
	ev_timer_stop(loop, &client->session.request_timer);
	if (!client->attempt)
		return;
	session_free(client->attempt);
	client->attempt = NULL;
	noise_link_free(client->attempted->link);
	client->attempted->link = NULL;
}

void client_give_up_attempt(struct client *client)
{
	/*
	 * The ticket may have been the cause, where the server has gone on by
	 * it: the next handshake is a full one.
	 */
	if (client->attempt) {
		if (!client->attempted->racing && !client->busy) {
			ticket_free(client->ticket);
			client->ticket = NULL;
		}
		client_race_failed(client);
	}
	client_stop_attempt(client);
}

void client_tell_lost(struct client *client, int error, const char *reason)
{
	struct channel_message message = {.type = CHANNEL_LOST};

	message.lost.error = error;
	snprintf(message.lost.reason, sizeof(message.lost.reason), "%s",
		 reason);
	channel_send(client->tunnel->channel, &message, -1);
}

void client_lost(struct client *client, int error, const char *reason)
{
	client_give_up_attempt(client);
	client->rekeying = client->moved = client->called = false;
	client->hopping = false;
	client_tell_lost(client, error, reason);
	retry_later(client);
}
