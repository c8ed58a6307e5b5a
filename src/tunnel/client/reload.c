/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's file has changed: its session stays where it may. */
#include <errno.h>

#include "tunnel/client/client_internal.h"

/* Who we are from now on is another: so is the next session's client. */
static void become(struct client *client)
{
	struct credentials *credentials = client->tunnel->credentials;

	if (client->live && session_is_of_another(client->live, credentials))
		client->stale = true;
	if (client->attempt &&
	    session_is_of_another(client->attempt, credentials)) {
		client_stop_attempt(client);
		client_want_endpoint(client);
	}
}

void client_reload(void *state, const struct config *next, unsigned mtu)
{
	struct client *client = state;
	char reason[LOG_LINE_SIZE];

	log_set_level(next->log_level);
	pmtu_session_fix(&client->pmtu_session, next->mtu);
	/* It would go on as who we were. */
	ticket_free(client->ticket);
	client->ticket = NULL;
	become(client);
	if (!client->live)
		return;
	client_settings_bound(client, next);
	if (client->configured)
		client_connected_configured(client, mtu);
	if (session_reverify(client->live, client->tunnel->credentials, reason,
			     sizeof(reason)))
		client_connected_ended(client, -EACCES, reason);
	else if (client->stale && client->state == CLIENT_UP)
		client_connected_rekey(client);
}
