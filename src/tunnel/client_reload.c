/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's file has changed: its session stays where it may. */
#include <errno.h>
#include <string.h>

#include "tunnel/client_private.h"

/* With certificates nobody knows what was in the files. */
static bool other_identity(const struct config *now, const struct config *next)
{
	return next->identity == CONFIG_X509 ||
	       memcmp(now->private_key, next->private_key, KEY_SIZE) != 0;
}

void client_reload(void *state, const struct config *next)
{
	struct client *client = state;
	struct tunnel *tunnel = client->tunnel;
	char reason[LOG_LINE_SIZE];

	log_set_level(next->log_level);
	/* It would go on as who we were. */
	ticket_free(client->ticket);
	client->ticket = NULL;
	if (!client->live)
		return;
	client_live_pace(client, next);
	if (session_judge(client->live, tunnel->credentials, reason,
			  sizeof(reason)))
		client_live_ended(client, -EACCES, reason);
	else if (client->state == CLIENT_UP &&
		 other_identity(tunnel->config, next))
		client_live_rekey(client);
}
