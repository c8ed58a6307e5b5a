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

#include "tunnel/client_private.h"
#include "tunnel/expiry.h"

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

#define HOST_BUSY "the server has answered, but this host is not set up yet"

void client_want_endpoint(struct client *client)
{
	client->state = CLIENT_WANTING;
	channel_send_type(client->tunnel->channel, CHANNEL_ENDPOINT_WANTED);
}

static void retry_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	client_want_endpoint(timer->data);
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

void client_stop_attempt(struct client *client)
{
	struct ev_loop *loop = client->tunnel->loop;

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
	}
	client_stop_attempt(client);
	if (client_live_serves_on(client))
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
		if (session_judge(client->attempt, client->tunnel->credentials,
				  refusal, sizeof(refusal))) {
			client_lost(client, -EACCES, refusal);
			return;
		}
		client_live_begin(client);
		client_expiring(client);
		client_live_pump(client);
		return;
	case SESSION_ENDED: {
		char reason[LOG_LINE_SIZE];
		int error = session_error(client->attempt);

		snprintf(reason, sizeof(reason), "%s",
			 error == -ETIMEDOUT ? SILENT
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
		client_lost(client, -ETIMEDOUT, SILENT);
	else if (client->state == CLIENT_CONFIGURING)
		client_live_ended(client, -ETIMEDOUT, HOST_BUSY);
	else
		client_live_ended(
			client, -ETIMEDOUT,
			"the handshake was answered, but then nothing more");
}

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	struct client *client = owner;
	struct tunnel *tunnel = client->tunnel;

	client_live_sent(client, udp_io_send(&tunnel->udp[client->socket].io,
					     NULL, NULL, datagram, length));
}

static const struct session_hooks session_hooks = {.transmit = transmit};

static unsigned socket_for(const struct inet_endpoint *endpoint)
{
	return endpoint->address.family == AF_INET ? 0 : 1;
}

static int reconnect(struct client *client, struct udp_io *io,
		     const struct inet_endpoint *to)
{
	client->rebound = client->live != NULL;
	return udp_io_connect(io, to);
}

static void begin_attempt(struct client *client,
			  const struct channel_message *message)
{
	struct tunnel *tunnel = client->tunnel;
	const struct inet_endpoint *to = &message->endpoint.address;
	struct udp_io *io = &tunnel->udp[socket_for(to)].io;
	int err;

	if (client->state != CLIENT_WANTING)
		return;
	client_stop_attempt(client);
	client->attempted = *to;
	/* One socket, one server: the old session can't go on elsewhere. */
	if (client->live && !inet_endpoint_equal(to, &client->endpoint))
		client_live_drop(client);
	client->socket = socket_for(to);
	/* A socket that still reaches the server keeps its port, and the NAT.
	 */
	if (io->fd < 0)
		err = -EAFNOSUPPORT;
	else if (client->live && !client->unroutable)
		err = 0;
	else
		err = reconnect(client, io, to);
	if (!err)
		err = session_client(
			&client->attempt, tunnel->credentials, &session_hooks,
			client, message->endpoint.host, TUNNEL_HANDSHAKE_MTU);
	if (err) {
		client_lost(client, err, strerror(-err));
		return;
	}
	/* New keys shall owe nothing to the old ones. */
	if (client->ticket && !client->rekeying)
		session_resume(client->attempt, client->ticket, tunnel_now());
	if (client->stopping)
		session_set_timeouts(client->attempt, STOPPING_RETRANSMISSION,
				     STOPPING_TOTAL);
	client->stopping = false;
	client->state = CLIENT_HANDSHAKE;
	ev_timer_set(&client->patience, message->endpoint.patience_ms / 1000.,
		     0.);
	ev_timer_start(tunnel->loop, &client->patience);
	session_start(client->attempt);
	pump_attempt(client);
}

/*
 * Another way leads to the server, or this machine was asleep: nothing that
 * was begun before is worth waiting for. A new session is made at once, beside
 * the live one, which the server may not know at its new address.
 */
static void begin_anew(struct client *client, bool rebind)
{
	struct udp_io *io = &client->tunnel->udp[client->socket].io;
	bool begun =
		client->state != CLIENT_IDLE || ev_is_active(&client->retry);

	client->failures = 0;
	/* A connected socket keeps the address that it has sent from. */
	if (rebind && client->live)
		client->unroutable =
			reconnect(client, io, &client->endpoint) < 0;
	client->moved = begun;
	if (!begun || (client->live && !client_live_verify(client)) ||
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
	case CHANNEL_ENDPOINT:
		begin_attempt(client, message);
		break;
	case CHANNEL_CONFIGURED:
		client_live_configured(client, message->mtu);
		break;
	case CHANNEL_MOVED:
		begin_anew(client, message->moved.rebind);
		break;
	default:
		log_warning("host sent a message that is not for a client");
	}
}

/*
 * Handshake records belong to the attempt, all others to the live session:
 * the types of RFC 6347, section 4.1, and epoch 0 is always a handshake.
 */
static bool for_attempt(const struct client *client,
			const struct udp_datagram *datagram)
{
	const uint8_t *data = datagram->data;

	if (!client->attempt || datagram->length < 13)
		return false;
	if (!client->live)
		return true;
	return (data[3] == 0 && data[4] == 0) || data[0] == 22;
}

static void client_datagram(void *state, unsigned socket,
			    struct udp_datagram *datagram)
{
	struct client *client = state;

	if (socket != client->socket ||
	    !inet_endpoint_equal(&datagram->peer,
				 client->attempt ? &client->attempted
						 : &client->endpoint)) {
		tunnel_drop(client->tunnel, NULL, DROP_STRANGER);
	} else if (for_attempt(client, datagram)) {
		session_input(client->attempt, datagram->data,
			      datagram->length);
		pump_attempt(client);
	} else if (client->live) {
		client_live_input(client, datagram);
	} else {
		tunnel_drop(client->tunnel, NULL, DROP_NOT_CONNECTED);
	}
}

static void client_unreachable(void *state, unsigned socket, int error)
{
	struct client *client = state;

	if (socket != client->socket)
		return;
	if (error == -EMSGSIZE) {
		prober_hint(&client->prober);
		return;
	}
	if (client->attempt && !client->live) {
		/* It may come from anyone: wait for the retransmission. */
		log_debug("the network says of the server: %s",
			  strerror(-error));
		return;
	}
	client_live_alarm(client);
}

static void client_stop(void *state)
{
	struct client *client = state;
	struct wire_message bye = {
		.type = WIRE_BYE,
		.version = WIRE_VERSION,
		.code = WIRE_CODE_STOPPING,
	};

	if (!client->live)
		return;
	tunnel_send_control(client->live, &bye);
	session_close(client->live);
}

static void client_free(void *state)
{
	struct client *client = state;

	client_stop_attempt(client);
	client_live_drop(client);
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
	srand48((long)(tunnel_now() * 1e9));
	ev_init(&client->retry, retry_now);
	ev_init(&client->handshake, retransmit);
	ev_init(&client->patience, out_of_patience);
	client_live_init(client);
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
	.route = client_live_route,
	.sent = client_live_run_sent,
	.reload = client_reload,
	.expiring = client_expiring,
	.status = client_live_status,
	.stop = client_stop,
	.free = client_free,
};
