/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's role. An attempt is a session in its handshake. The connected
 * session is the one that carries packets, or is about to. A new attempt
 * runs beside a connected session that is in doubt, and takes its place when it
 * opens:
 *
 *   pause -> ENDPOINT asked of host -> handshake -> HELLO ... CONFIG
 *         -> host sets up its network -> PING ... PONG -> up
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/reason.h"
#include "tunnel/client/client.h"
#include "tunnel/client/client_internal.h"
#include "tunnel/control/notice.h"
#include "tunnel/role/expiry.h"

/*
 * Milliseconds until a hello to a server that is being restarted is repeated,
 * which is sooner than others, as nobody may have heard the first; and until
 * the attempt's end.
 */
#define STOPPING_RETRANSMISSION 100
#define STOPPING_TOTAL		10000

/* Seconds that a busy server can ask for at once. */
#define BUSY_MOST 20.

#define SILENT                                                                 \
	"no answer: is the server up, and UDP to its port open on the way?"
#define SILENT_HIDDEN SILENT " Is Secret the server's, and the clock right?"
#define SILENT_THEN   "the handshake was answered, but then nothing more"

#define BUSY	  "the server is busy: more clients come at once than it can serve"
#define HOST_BUSY "the server has answered, but this host is not set up yet"

/* The attempt has failed; a session that it was to renew may go on. */
static void attempt_failed(struct client *client, int error, const char *reason)
{
	client_give_up_attempt(client);
	if (!client_connected_serves_on(client))
		client_lost(client, error, reason);
}

static void client_expiring(void *state)
{
	const struct client *client = state;
	const struct identity *identity;

	if (!client->connected)
		return;
	identity = session_identity(client->connected);
	expiry_warn_peer(identity->text, identity->expires);
}

static const char *silence(const struct client *client)
{
	if (client->busy)
		return BUSY;
	if (!client->attempted->racing)
		return SILENT_THEN;
	return client->tunnel->noise ? SILENT_HIDDEN : SILENT;
}

static void pump_attempt(struct client *client)
{
	struct ev_loop *loop = client->tunnel->loop;
	struct reason refusal;
	uint8_t *record;
	size_t length;
	int timeout;

	switch (session_next(client->attempt, &record, &length)) {
	case SESSION_OPENED:
		/* The attempt may have been begun before a reload. */
		if (session_reverify(client->attempt,
				     client->tunnel->credentials, &refusal)) {
			attempt_failed(client, -EACCES, refusal.text);
			return;
		}
		client_connected_begin(client);
		client_expiring(client);
		client_connected_pump(client);
		return;
	case SESSION_ENDED: {
		struct reason reason;
		int error = session_error(client->attempt);

		reason_set(&reason, "%s",
			   error == -ETIMEDOUT
				   ? silence(client)
				   : session_reason(client->attempt));
		attempt_failed(client, error, reason.text);
		return;
	}
	case SESSION_RECORD:
	case SESSION_NONE:
		break;
	}
	timeout = session_timeout(client->attempt);
	ev_timer_stop(loop, &client->handshake);
	if (timeout >= 0) {
		ev_timer_set(&client->handshake, timeout / 1000., 0.);
		ev_timer_start(loop, &client->handshake);
	}
}

static void retransmit(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)loop;
	(void)events;
	session_tick(client->attempt);
	pump_attempt(client);
}

static void out_of_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)loop;
	(void)events;
	if (client->state == CLIENT_HANDSHAKE)
		attempt_failed(client, -ETIMEDOUT, silence(client));
	else if (client->state == CLIENT_CONFIGURING)
		client_connected_ended(client, -ETIMEDOUT, HOST_BUSY);
	else
		client_connected_ended(client, -ETIMEDOUT, SILENT_THEN);
}

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	struct client_route *route = owner;
	struct client *client = route->client;
	const struct role_destination to = {
		.socket = route->socket,
		.link = route->link,
	};
	int err;

	if (route->racing) {
		client_race_transmit(client, datagram, length);
		return;
	}
	err = role_send(client->tunnel, &to, datagram, length);
	/* An error of another socket is no news of the connected session. */
	if (!client->connected || route->socket == client->route->socket)
		client_connected_sent(client, err);
}

static const uint8_t *preshared_key(void *owner,
				    const struct identity *identity)
{
	const struct client_route *route = owner;

	(void)identity;
	return route->client->tunnel->config->preshared_key;
}

static const struct session_hooks session_hooks = {
	.transmit = transmit,
	.preshared_key = preshared_key,
};

/*
 * A session for new keys, or because we have moved, stays on the socket that it
 * has: so its port, and the mapping of a NAT, stay as well. Where the server is
 * silent that may be the very thing that is wrong.
 */
static bool stays(const struct client *client)
{
	return client->connected && !client->unroutable &&
	       (client->rekeying || client->moved || client->called) &&
	       client_race_find(client, &client->route->endpoint) >= 0;
}

static void start_attempt(struct client *client, bool race)
{
	int err = 0;

	/* New keys shall owe nothing to the old ones. */
	if (client->ticket && !client->rekeying)
		session_resume(client->attempt, client->ticket, clock_now());
	/* All of its clients were told at the same time. */
	if (client->stopping)
		session_set_timeouts(
			client->attempt,
			(unsigned)(STOPPING_RETRANSMISSION * (0.5 + drand48())),
			STOPPING_TOTAL);
	client->stopping = client->busy = false;
	client->state = CLIENT_HANDSHAKE;
	client_wait(client, client->race.patience);
	session_start(client->attempt);
	if (race)
		err = client_race_start(client);
	if (!err && race)
		client_wait(client, client_race_patience(client));
	if (err)
		attempt_failed(client, -ENETUNREACH, strerror(-err));
	else
		pump_attempt(client);
}

static const char *host_of(const struct client *client,
			   const struct inet_endpoint *endpoint)
{
	unsigned index = (unsigned)client_race_find(client, endpoint);

	return client->tunnel->config->servers[client->race.list[index].server]
		.host;
}

/* This begins an attempt at the addresses in client->race. */
static void begin_attempt(struct client *client)
{
	bool race = !stays(client);
	const char *host = NULL;
	int err;

	client_stop_attempt(client);
	client->attempted =
		&client->routes[client->route == &client->routes[0]];
	if (race) {
		/* There may be no socket beside the one that it is on. */
		if (client_race_lacks_socket(client))
			client_connected_drop(client);
		client_race_prepare(client);
	} else {
		client->attempted->endpoint = client->route->endpoint;
		client->attempted->server = client->route->server;
		client->attempted->socket = client->route->socket;
		host = host_of(client, &client->route->endpoint);
	}
	err = session_client(&client->attempt, client->tunnel->credentials,
			     &session_hooks, client->attempted, host,
			     role_handshake_mtu(client->tunnel));
	if (!err && client->tunnel->noise)
		err = noise_link_new(&client->attempted->link,
				     &client->tunnel->links,
				     client->tunnel->noise, 0, client);
	if (err)
		attempt_failed(client, err, strerror(-err));
	else
		start_attempt(client, race);
}

/* Tries the next of the addresses that are known, or asks for new ones. */
static void retry_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)loop;
	(void)events;
	if (client->race.count)
		begin_attempt(client);
	else
		client_want_endpoint(client);
}

static void take_endpoints(struct client *client,
			   const struct channel_message *message)
{
	if (client->state != CLIENT_WANTING)
		return;
	client_race_take(client, message);
	begin_attempt(client);
}

/*
 * Another route leads to the server, or this machine was asleep: nothing that
 * was begun before is worth waiting for. With Secret the connected session goes
 * on from there; else a new one is made at once beside it, as the server may
 * not know it at its new address.
 */
static void begin_anew(struct client *client, bool rebind)
{
	bool begun =
		client->state != CLIENT_IDLE || ev_is_active(&client->retry);

	client->failures = 0;
	/* A connected socket keeps the address that it has sent from. */
	if (rebind && client->connected) {
		struct client_route *route = client->route;

		client->rebound = true;
		client->unroutable =
			udp_io_connect(&client->tunnel->udp[route->socket].io,
				       &route->endpoint) < 0;
	}
	if (client_connected_roam(client))
		return;
	client->moved = begun;
	if (!begun || (client->connected && !client_connected_verify(client)) ||
	    client->state == CLIENT_WANTING)
		return;
	client_stop_attempt(client);
	client->rekeying = client->called = client->hopping = false;
	client_want_endpoint(client);
}

static void client_message(void *state, const struct channel_message *message,
			   int fd)
{
	struct client *client = state;

	(void)fd;
	if (message->type == CHANNEL_START)
		client_want_endpoint(client);
	else if (message->type == CHANNEL_ENDPOINTS)
		take_endpoints(client, message);
	else if (message->type == CHANNEL_CONFIGURED)
		client_connected_configured(client, message->mtu);
	else if (message->type == CHANNEL_MOVED)
		begin_anew(client, message->moved.rebind);
	else
		log_warning("host sent a message that is not for a client");
}

static bool comes_by(const struct client_route *route, unsigned socket,
		     const struct udp_datagram *datagram)
{
	return socket == route->socket &&
	       inet_endpoint_equal(&datagram->peer, &route->endpoint);
}

/*
 * Where both are on one socket, handshake records belong to the attempt and all
 * others to the connected session (RFC 6347, section 4.1); a record of epoch 0
 * is always a handshake's.
 */
static bool for_attempt(const struct client *client, unsigned socket,
			const struct udp_datagram *datagram)
{
	const uint8_t *data = datagram->data;

	if (!client->attempt || client->attempted->racing ||
	    !comes_by(client->attempted, socket, datagram) ||
	    datagram->length < 13)
		return false;
	if (!client->connected || socket != client->route->socket)
		return true;
	return (data[3] == 0 && data[4] == 0) || data[0] == 22;
}

/*
 * Only who has seen the hello can say so, and could as well drop it. It holds
 * for this attempt alone, which ends in a minute whatever is said.
 */
static void take_busy(struct client *client, unsigned socket,
		      const struct udp_datagram *datagram,
		      const struct notice *notice)
{
	double wait = notice->wait / 1e3;

	if (wait > BUSY_MOST)
		wait = BUSY_MOST;
	if (!client->attempt || client->attempted->racing ||
	    !comes_by(client->attempted, socket, datagram) ||
	    !session_hold(client->attempt, notice->random,
			  (unsigned)(wait * 1e3))) {
		role_drop(client->tunnel, NULL, DROP_STRANGER);
		return;
	}
	client->busy = true;
	client_wait(client, wait + client->race.patience);
	pump_attempt(client);
}

static bool take_notice(struct client *client, unsigned socket,
			const struct udp_datagram *datagram)
{
	struct notice notice;

	if (!notice_decode(datagram->data, datagram->length, &notice))
		return false;
	switch (notice.kind) {
	case NOTICE_BUSY:
		take_busy(client, socket, datagram, &notice);
		break;
	case NOTICE_ANEW:
		if (client->connected &&
		    comes_by(client->route, socket, datagram))
			client_connected_called(client);
		break;
	}
	return true;
}

static void client_datagram(void *state, unsigned socket,
			    struct udp_datagram *datagram)
{
	struct client *client = state;

	if (take_notice(client, socket, datagram))
		return;
	if (for_attempt(client, socket, datagram) ||
	    (client->attempt && client->attempted->racing &&
	     client_race_won(client, socket, datagram))) {
		/* A slow path takes its time for each answer. */
		client_wait(client, client->race.patience);
		session_input(client->attempt, datagram->data,
			      datagram->length);
		pump_attempt(client);
	} else if (client->connected &&
		   comes_by(client->route, socket, datagram)) {
		client_connected_input(client, datagram);
	} else if (!comes_by(&client->former, socket, datagram) ||
		   !client_connected_previous(client, datagram)) {
		role_drop(client->tunnel, NULL, DROP_STRANGER);
	}
}

static void client_unreachable(void *state, unsigned socket, int error)
{
	struct client *client = state;

	if (!client->connected || socket != client->route->socket) {
		/* It may come from anyone: wait for the retransmission. */
		log_debug("the network says of the server: %s",
			  strerror(-error));
		return;
	}
	if (error == -EMSGSIZE)
		pmtu_session_hint(&client->pmtu_session);
	else
		client_connected_alarm(client);
}

static void client_stop(void *state)
{
	struct client *client = state;
	struct message bye = {
		.type = MESSAGE_BYE,
		.version = MESSAGE_VERSION,
		.code = MESSAGE_CODE_STOPPING,
	};

	if (!client->connected)
		return;
	control_send(client->connected, &bye);
	session_close(client->connected);
}

/*
 * We are somebody else from now on, and so the client of the next session is.
 */
static void become(struct client *client, const struct config *next)
{
	struct credentials *credentials = client->tunnel->credentials;
	bool changed = !key_equal(client->tunnel->config->preshared_key,
				  next->preshared_key);

	if (client->connected &&
	    (changed || session_is_of_another(client->connected, credentials)))
		client->stale = true;
	if (client->attempt &&
	    (changed || session_is_of_another(client->attempt, credentials))) {
		client_stop_attempt(client);
		client_want_endpoint(client);
	}
}

static void client_reload(void *state, const struct config *next, unsigned mtu)
{
	struct client *client = state;
	struct reason reason;

	log_set_level(next->log_level);
	pmtu_session_fix(&client->pmtu_session, next->mtu);
	client_hop_configure(client, next->hop);
	/* A session by the ticket would go on as who we were. */
	ticket_free(client->ticket);
	client->ticket = NULL;
	become(client, next);
	if (!client->connected)
		return;
	client_settings_bound(client, next);
	/* The server follows what comes by another Secret. */
	if (client->tunnel->noise)
		control_ping(client->connected);
	if (client->configured)
		client_connected_configured(client, mtu);
	if (session_reverify(client->connected, client->tunnel->credentials,
			     &reason))
		client_connected_ended(client, -EACCES, reason.text);
	else if (client->stale && client->state == CLIENT_UP)
		client_connected_rekey(client);
}

static void wipe_old_ticket(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)loop;
	(void)events;
	if (!client->ticket || !ticket_expired(client->ticket, clock_now()))
		return;
	ticket_free(client->ticket);
	client->ticket = NULL;
}

static void client_free(void *state)
{
	struct client *client = state;

	ev_timer_stop(client->tunnel->loop, &client->wiping);
	ev_timer_stop(client->tunnel->loop, &client->hop);
	client_stop_attempt(client);
	client_connected_drop(client);
	client_settings_free(client);
	ticket_free(client->ticket);
	noise_link_free(client->former.link);
	free(client);
}

int client_new(struct tunnel *tunnel, void **state)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->tunnel = tunnel;
	ev_timer_init(&client->wiping, wipe_old_ticket, TICKET_CHECK,
		      TICKET_CHECK);
	client->wiping.data = client;
	ev_timer_start(tunnel->loop, &client->wiping);
	ev_init(&client->retry, retry_now);
	ev_init(&client->handshake, retransmit);
	ev_init(&client->patience, out_of_patience);
	for (size_t i = 0; i < 2; i++)
		client->routes[i].client = client;
	client->route = &client->routes[0];
	client->attempted = &client->routes[1];
	client_race_init(client);
	client_connected_init(client);
	client_settings_init(client);
	client_hop_init(client);
	client->retry.data = client->handshake.data = client;
	client->patience.data = client;
	*state = client;
	return 0;
}

const struct tunnel_role client_role = {
	.message = client_message,
	.datagram = client_datagram,
	.unreachable = client_unreachable,
	.route = client_connected_route,
	.sent = client_connected_run_sent,
	.reload = client_reload,
	.expiring = client_expiring,
	.status = client_connected_status,
	.stop = client_stop,
	.free = client_free,
};
