/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's role. An attempt is a session on its way: handshake, HELLO,
 * CONFIG. The live session is the one that carries packets. A new attempt runs
 * beside a live session that is in doubt, and takes its place when it opens:
 *
 *   pause -> ENDPOINT asked of host -> handshake -> HELLO ... CONFIG
 *         -> host sets up its network -> PING ... PONG -> up
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tunnel/client/client.h"
#include "tunnel/client/client_internal.h"
#include "tunnel/role/expiry.h"

/* Between attempts: doubled each time, spread by a quarter both ways. */
#define RETRY_FIRST 0.25
#define RETRY_MOST  30.

/*
 * Milliseconds: a hello to a server that is being restarted is repeated sooner
 * than others, as nobody may have heard the first; and the attempt's end.
 */
#define STOPPING_RETRANSMISSION 100
#define STOPPING_TOTAL		10000

#define SILENT                                                                 \
	"no answer: is the server up, and UDP to its port open on the way?"
#define SILENT_THEN "the handshake was answered, but then nothing more"

#define HOST_BUSY "the server has answered, but this host is not set up yet"

void client_want_endpoint(struct client *client)
{
	client->race.count = 0;
	client->state = CLIENT_WANTING;
	channel_send_type(client->tunnel->channel, CHANNEL_ENDPOINT_WANTED);
}

/* The first again at once; then growing, never in step with other clients. */
static void retry_later(struct client *client)
{
	unsigned doublings = client->failures < 8 ? client->failures : 8;
	double pause = RETRY_FIRST * (double)(1u << doublings);

	if (pause > RETRY_MOST)
		pause = RETRY_MOST;
	pause *= 0.75 + 0.5 * drand48();
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
	ev_timer_stop(loop, &client->request_timer);
	session_free(client->attempt);
	client->attempt = NULL;
}

void client_lost(struct client *client, int error, const char *reason)
{
	struct channel_message message = {.type = CHANNEL_LOST};

	/* It may be the ticket's fault: the next handshake is a full one. */
	if (client->attempt) {
		ticket_free(client->ticket);
		client->ticket = NULL;
		client_race_failed(client);
	}
	client_stop_attempt(client);
	if (client_connected_serves_on(client))
		return;
	client->rekeying = client->moved = false;
	message.lost.error = error;
	snprintf(message.lost.reason, sizeof(message.lost.reason), "%s",
		 reason);
	channel_send(client->tunnel->channel, &message, -1);
	retry_later(client);
}

static void client_expiring(void *state)
{
	const struct client *client = state;
	const struct identity *identity;

	if (!client->live)
		return;
	identity = session_identity(client->live);
	expiry_warn_peer(identity->text, identity->expires);
}

static const char *silence(const struct client *client)
{
	return client->attempted->racing ? SILENT : SILENT_THEN;
}

static void pump_attempt(struct client *client)
{
	struct ev_loop *loop = client->tunnel->loop;
	char refusal[LOG_LINE_SIZE];
	uint8_t *record;
	size_t length;
	int timeout;

	switch (session_next(client->attempt, &record, &length)) {
	case SESSION_OPENED:
		/* It was begun before a reload. */
		if (session_reverify(client->attempt,
				     client->tunnel->credentials, refusal,
				     sizeof(refusal))) {
			client_lost(client, -EACCES, refusal);
			return;
		}
		client_connected_begin(client);
		client_expiring(client);
		client_connected_pump(client);
		return;
	case SESSION_ENDED: {
		char reason[LOG_LINE_SIZE];
		int error = session_error(client->attempt);

		snprintf(reason, sizeof(reason), "%s",
			 error == -ETIMEDOUT ? silence(client)
					     : session_reason(client->attempt));
		client_lost(client, error, reason);
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
		client_lost(client, -ETIMEDOUT, silence(client));
	else if (client->state == CLIENT_CONFIGURING)
		client_connected_ended(client, -ETIMEDOUT, HOST_BUSY);
	else
		client_connected_ended(client, -ETIMEDOUT, SILENT_THEN);
}

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	struct client_way *way = owner;
	struct client *client = way->client;
	struct tunnel *tunnel = client->tunnel;
	int err;

	if (way->racing) {
		client_race_transmit(client, datagram, length);
		return;
	}
	err = udp_io_send(&tunnel->udp[way->socket].io, NULL, NULL, datagram,
			  length);
	/* What is wrong with another socket is no news of the live session. */
	if (!client->live || way->socket == client->way->socket)
		client_connected_sent(client, err);
}

static const struct session_hooks session_hooks = {.transmit = transmit};

/*
 * For new keys, or because we have moved, a session stays on the socket that it
 * has: so its port, and the NAT on the way, stay as well. Where the server is
 * silent that may be the very thing that is wrong.
 */
static bool stays(const struct client *client)
{
	return client->live && !client->unroutable &&
	       (client->rekeying || client->moved) &&
	       client_race_find(client, &client->way->endpoint) >= 0;
}

static void start_attempt(struct client *client, bool race)
{
	int err = 0;

	/* New keys shall owe nothing to the old ones. */
	if (client->ticket && !client->rekeying)
		session_resume(client->attempt, client->ticket, clock_now());
	if (client->stopping)
		session_set_timeouts(client->attempt, STOPPING_RETRANSMISSION,
				     STOPPING_TOTAL);
	client->stopping = false;
	client->state = CLIENT_HANDSHAKE;
	client_wait(client, client->race.patience);
	session_start(client->attempt);
	if (race)
		err = client_race_start(client);
	if (err)
		client_lost(client, -ENETUNREACH, strerror(-err));
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

/* With what there is in client->race. */
static void begin_attempt(struct client *client)
{
	bool race = !stays(client);
	const char *host = NULL;
	int err;

	client_stop_attempt(client);
	client->attempted = &client->ways[client->way == &client->ways[0]];
	if (race) {
		client_race_prepare(client);
	} else {
		client->attempted->endpoint = client->way->endpoint;
		client->attempted->socket = client->way->socket;
		host = host_of(client, &client->way->endpoint);
	}
	err = session_client(&client->attempt, client->tunnel->credentials,
			     &session_hooks, client->attempted, host,
			     ROLE_HANDSHAKE_MTU);
	if (err)
		client_lost(client, err, strerror(-err));
	else
		start_attempt(client, race);
}

/* The next address of those that are known, or new ones. */
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
 * Another way leads to the server, or this machine was asleep: nothing that
 * was begun before is worth waiting for. A new session is made at once, beside
 * the live one, which the server may not know at its new address.
 */
static void begin_anew(struct client *client, bool rebind)
{
	bool begun =
		client->state != CLIENT_IDLE || ev_is_active(&client->retry);

	client->failures = 0;
	/* A connected socket keeps the address that it has sent from. */
	if (rebind && client->live) {
		struct client_way *way = client->way;

		client->rebound = true;
		client->unroutable =
			udp_io_connect(&client->tunnel->udp[way->socket].io,
				       &way->endpoint) < 0;
	}
	client->moved = begun;
	if (!begun || (client->live && !client_connected_verify(client)) ||
	    client->state == CLIENT_WANTING)
		return;
	client_stop_attempt(client);
	client->rekeying = false;
	client_want_endpoint(client);
}

static void client_message(void *state, const struct channel_message *message,
			   int fd)
{
	struct client *client = state;

	(void)fd;
	switch ((enum channel_type)message->type) {
	case CHANNEL_START:
		client_want_endpoint(client);
		break;
	case CHANNEL_ENDPOINTS:
		take_endpoints(client, message);
		break;
	case CHANNEL_CONFIGURED:
		client_connected_configured(client, message->mtu);
		break;
	case CHANNEL_MOVED:
		begin_anew(client, message->moved.rebind);
		break;
	default:
		log_warning("host sent a message that is not for a client");
	}
}

static bool comes_by(const struct client_way *way, unsigned socket,
		     const struct udp_datagram *datagram)
{
	return socket == way->socket &&
	       inet_endpoint_equal(&datagram->peer, &way->endpoint);
}

/*
 * Where both are on one socket, handshake records belong to the attempt, all
 * others to the live session: the types of RFC 6347, section 4.1, and epoch 0
 * is always a handshake.
 */
static bool for_attempt(const struct client *client, unsigned socket,
			const struct udp_datagram *datagram)
{
	const uint8_t *data = datagram->data;

	if (!client->attempt || client->attempted->racing ||
	    !comes_by(client->attempted, socket, datagram) ||
	    datagram->length < 13)
		return false;
	if (!client->live || socket != client->way->socket)
		return true;
	return (data[3] == 0 && data[4] == 0) || data[0] == 22;
}

static void client_datagram(void *state, unsigned socket,
			    struct udp_datagram *datagram)
{
	struct client *client = state;

	if (for_attempt(client, socket, datagram) ||
	    (client->attempt && client->attempted->racing &&
	     client_race_won(client, socket, datagram))) {
		/* A slow way takes its time for each answer. */
		client_wait(client, client->race.patience);
		session_input(client->attempt, datagram->data,
			      datagram->length);
		pump_attempt(client);
	} else if (client->live && comes_by(client->way, socket, datagram)) {
		client_connected_input(client, datagram);
	} else if (!comes_by(&client->former, socket, datagram) ||
		   !client_connected_previous(client, datagram)) {
		role_drop(client->tunnel, NULL, DROP_STRANGER);
	}
}

static void client_unreachable(void *state, unsigned socket, int error)
{
	struct client *client = state;

	if (!client->live || socket != client->way->socket) {
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

	if (!client->live)
		return;
	control_send(client->live, &bye);
	session_close(client->live);
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
	client_stop_attempt(client);
	client_connected_drop(client);
	client_settings_free(client);
	ticket_free(client->ticket);
	free(client);
}

int client_new(struct tunnel *tunnel, void **state)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->tunnel = tunnel;
	srand48((long)(clock_now() * 1e9));
	ev_timer_init(&client->wiping, wipe_old_ticket, TICKET_CHECK,
		      TICKET_CHECK);
	client->wiping.data = client;
	ev_timer_start(tunnel->loop, &client->wiping);
	ev_init(&client->retry, retry_now);
	ev_init(&client->handshake, retransmit);
	ev_init(&client->patience, out_of_patience);
	for (size_t i = 0; i < 2; i++)
		client->ways[i].client = client;
	client->way = &client->ways[0];
	client->attempted = &client->ways[1];
	client_race_init(client);
	client_connected_init(client);
	client_settings_init(client);
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
