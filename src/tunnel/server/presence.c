/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/presence.h"

#include <stdio.h>

static void flush(struct presence *presence)
{
	ev_prepare_stop(presence->loop, &presence->before_sleep);
	if (presence->message.peers.count)
		channel_send(presence->channel, &presence->message, -1);
	presence->message.peers.count = 0;
}

static void going_to_sleep(struct ev_loop *loop, ev_prepare *prepare,
			   int events)
{
	(void)loop;
	(void)events;
	flush(prepare->data);
}

void presence_init(struct presence *presence, struct ev_loop *loop,
		   struct channel *channel)
{
	presence->loop = loop;
	presence->channel = channel;
	presence->message = (struct channel_message){.type = CHANNEL_PEERS};
	ev_prepare_init(&presence->before_sleep, going_to_sleep);
	presence->before_sleep.data = presence;
}

void presence_tell(struct presence *presence, const char *name, bool connected)
{
	uint32_t next = presence->message.peers.count++;

	snprintf(presence->message.peers.list[next].name,
		 sizeof(presence->message.peers.list[next].name), "%s", name);
	presence->message.peers.list[next].connected = connected;
	if (presence->message.peers.count == CHANNEL_PEERS_MOST)
		flush(presence);
	else
		ev_prepare_start(presence->loop, &presence->before_sleep);
}

void presence_stop(struct presence *presence)
{
	if (presence->loop)
		flush(presence);
}
