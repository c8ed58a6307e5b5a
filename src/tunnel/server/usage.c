/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/usage.h"

void usage_flush(struct usage *usage)
{
	if (!usage->loop)
		return;
	ev_prepare_stop(usage->loop, &usage->before_sleep);
	if (usage->message.usage.count)
		channel_send(usage->channel, &usage->message, -1);
	usage->message.usage.count = 0;
}

static void going_to_sleep(struct ev_loop *loop, ev_prepare *prepare,
			   int events)
{
	(void)loop;
	(void)events;
	usage_flush(prepare->data);
}

void usage_init(struct usage *usage, struct ev_loop *loop,
		struct channel *channel)
{
	usage->loop = loop;
	usage->channel = channel;
	usage->message = (struct channel_message){.type = CHANNEL_USAGE};
	ev_prepare_init(&usage->before_sleep, going_to_sleep);
	usage->before_sleep.data = usage;
}

void usage_tell(struct usage *usage, const struct channel_usage *peer)
{
	usage->message.usage.list[usage->message.usage.count++] = *peer;
	if (usage->message.usage.count == CHANNEL_PEERS_MOST)
		usage_flush(usage);
	else
		ev_prepare_start(usage->loop, &usage->before_sleep);
}
