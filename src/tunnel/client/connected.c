/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What passes on the client's session: control messages and packets. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "common/jitter.h"
#include "common/reason.h"
#include "tunnel/client/client_internal.h"
#include "tunnel/data/mss.h"
#include "tunnel/data/packet.h"
#include "tunnel/data/traffic_class.h"

/* A request is repeated this often until it is answered. */
#define REQUEST_PAUSE 0.3
/*
 * Seconds for host to set up its network, which may be thousands of routes;
 * then for the first PONG.
 */
#define HOST_PATIENCE 60.
/* The keepalive is asked at least as often, in seconds. */
#define WATCH_PAUSE 3.
/* More or less, so that no two pauses are the same. */
#define REQUEST_SPREAD 0.2
/*
 * Seconds from the last full handshake on, after which a session is replaced by
 * a new one with fresh keys: half of what both ends allow (SESSION_AGE_MOST),
 * or less by up to the part behind it.
 */
#define REKEY_AFTER 3600.
#define REKEY_EARLY 0.25
/* A session is not replaced sooner, however soon a certificate ends. */
#define REKEY_LEAST 10.
/* Where that fails, the session serves on for so long before the next try. */
#define REKEY_PAUSE 60.
/* Seconds up after which earlier failures are forgotten. */
#define STABLE_AFTER 60.

/* A hint that the session is lost is followed no more often than this. */
#define CALLS_BURST 3.
#define CALLS_PAUSE 60.

#define GONE "the server is silent"

/*
 * The session becomes the previous one: records under its keys are still opened
 * for a while.
 */
static void retire(struct client *client)
{
	/*
	 * Otherwise it was in doubt, or the server knows it at an old address.
	 */
	bool well = (client->rekeying || client->moved) && !client->rebound &&
		    client->attempted->socket == client->route->socket;

	ev_timer_stop(client->tunnel->loop, &client->session.watch);
	pmtu_session_stop(&client->pmtu_session);
	run_probe_session_stop(&client->run_probe);
	role_count_session(&client->session.traffic, client->connected);
	role_count_session(&client->tunnel->total, client->connected);
	previous_session_keep(&client->previous, client->connected, well);
	noise_link_free(client->former.link);
	client->former = *client->route;
	client->route->link = NULL;
	client->connected = NULL;
}

void client_connected_drop(struct client *client)
{
	retire(client);
	previous_session_drop(&client->previous);
}

void client_connected_ended(struct client *client, int error,
			    const char *reason)
{
	client_connected_drop(client);
	client_lost(client, error, reason);
}

static void send_hello(struct client *client, uint16_t id)
{
	struct message hello = {
		.type = MESSAGE_HELLO,
		.version = MESSAGE_VERSION,
		.id = id,
		.ecn = true,
	};

	hello.settings.address4 = client->settings.bounded.address4;
	hello.settings.address6 = client->settings.bounded.address6;
	if (client->route->link) {
		hello.has_seed = true;
		memcpy(hello.seed, client->route->link->ours,
		       sizeof(hello.seed));
	}
	hello.has_proof = client->has_proof;
	memcpy(hello.proof, client->proof, sizeof(hello.proof));
	control_send(client->connected, &hello);
}

static void set_pause(struct client *client)
{
	client->session.request_timer.repeat =
		jitter(REQUEST_PAUSE, REQUEST_SPREAD, REQUEST_SPREAD);
}

static void repeat_request(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)events;
	set_pause(client);
	ev_timer_again(loop, timer);
	if (client->state == CLIENT_ASKING)
		send_hello(client, client->session.request);
	else if (client->state == CLIENT_PROBING)
		control_ping(client->connected);
}

/* A ticket goes with the full handshake that it has come of, and its time. */
static void keep_ticket(struct client *client)
{
	if (session_resumed(client->attempt))
		return;
	client->session.proved = clock_now();
	client->session.lifetime = jitter(REKEY_AFTER, REKEY_EARLY, 0.);
	ticket_free(client->ticket);
	client->ticket =
		session_ticket(client->attempt, client->session.proved);
}

void client_connected_begin(struct client *client)
{
	struct ev_loop *loop = client->tunnel->loop;

	keep_ticket(client);
	retire(client);
	client->connected = client->attempt;
	client->attempt = NULL;
	client->route = client->attempted;
	if (client->route->link)
		noise_link_open(client->route->link,
				session_headroom(client->connected) -
					DTLS_HEADER);
	client->race.count = 0;
	client->unroutable = false;
	client->rekeying = client->moved = client->called = false;
	client->hopping = false;
	client->rebound = false;
	client->stale = client->ecn = false;
	run_probe_session_restart(&client->run_probe);
	ev_timer_stop(loop, &client->handshake);
	keepalive_start(&client->keepalive, client->tunnel->config->keepalive,
			clock_now());
	keepalive_measured(&client->keepalive, client->session.rtt_us / 1e6);
	ev_timer_set(&client->session.watch, WATCH_PAUSE, 0.);
	ev_timer_start(loop, &client->session.watch);
	client->session.request =
		(uint16_t)((client->session.request + 1) & ~MESSAGE_PUSHED);
	client->pushed = 0;
	client->state = CLIENT_ASKING;
	send_hello(client, client->session.request);
	set_pause(client);
	ev_timer_again(loop, &client->session.request_timer);
}

static void keep_proof(struct client *client, const struct message *message)
{
	client->has_proof = message->has_proof;
	memcpy(client->proof, message->proof, sizeof(client->proof));
}

/*
 * The server's file has changed. Without a HELLO for an answer the CONFIG comes
 * again.
 */
static void take_pushed(struct client *client, const struct message *message)
{
	/* The answer to our own HELLO, on its way, is as new, or newer. */
	if (client->state == CLIENT_ASKING || client->rekeying ||
	    client->hopping)
		return;
	send_hello(client, message->id);
	keep_proof(client, message);
	client_settings_pushed(client, message);
}

static void take_config(struct client *client, const struct message *message)
{
	if (client->route->link && message->has_seed)
		noise_link_learn(client->route->link, message->seed);
	if (message->id & MESSAGE_PUSHED) {
		take_pushed(client, message);
		return;
	}
	if (client->state != CLIENT_ASKING ||
	    message->id != client->session.request)
		return; /* an answer that was repeated */
	keep_proof(client, message);
	client->state = CLIENT_CONFIGURING;
	/* The server has done its part. */
	client_wait(client, HOST_PATIENCE);
	ev_timer_stop(client->tunnel->loop, &client->session.request_timer);
	client_settings_take(client, message);
}

static void take_up(struct client *client)
{
	struct channel_message message = {.type = CHANNEL_UP};

	if (client->state == CLIENT_PROBING) {
		ev_timer_stop(client->tunnel->loop,
			      &client->session.request_timer);
		ev_timer_stop(client->tunnel->loop, &client->patience);
		client->session.since = clock_now();
		client->state = CLIENT_UP;
	} else if (client->state != CLIENT_UP) {
		return;
	}
	message.up.rtt_us = client->session.rtt_us;
	channel_send(client->tunnel->channel, &message, -1);
}

static void take_bye(struct client *client, const struct message *message)
{
	struct reason reason;
	bool final = message->code == MESSAGE_CODE_REMOVED ||
		     message->code == MESSAGE_CODE_EXPIRED ||
		     message->code == MESSAGE_CODE_DISABLED ||
		     message->code == MESSAGE_CODE_OVER ||
		     message->code == MESSAGE_CODE_EXHAUSTED ||
		     message->code == MESSAGE_CODE_REFUSED;

	/* We have replaced it ourselves: the new session is all but there. */
	if (message->code == MESSAGE_CODE_REPLACED && client->attempt)
		return;
	reason_set(&reason, "the server says: %s%s%s",
		   message_code_text(message->code),
		   message->text[0] ? ": " : "", message->text);
	/* It may be back at once; nobody has thrown us out. */
	client->stopping = message->code == MESSAGE_CODE_STOPPING;
	if (client->stopping)
		client->failures = 0;
	/* Somebody else has our key; coming back would go to and fro. */
	if (message->code == MESSAGE_CODE_REPLACED)
		client->failures += 3;
	client_connected_ended(client, final ? -EPERM : -ECONNRESET,
			       reason.text);
}

static void take_pong(struct client *client, const struct message *message)
{
	keepalive_measured(&client->keepalive, client->session.rtt_us / 1e6);
	keepalive_proved(&client->keepalive);
	pmtu_session_answered(&client->pmtu_session, message);
	run_probe_session_answered(&client->run_probe, message,
				   client->session.rtt_us);
}

static void handle_control(struct client *client, const uint8_t *record,
			   size_t length)
{
	struct message message;
	int err;

	if (!rate_allows(&client->session.control, clock_now())) {
		role_drop(client->tunnel, &client->session.traffic,
			  DROP_CONTROL);
		return;
	}
	err = message_decode(record, length, &message);
	if (err) {
		role_drop(client->tunnel, &client->session.traffic,
			  DROP_CONTROL);
		control_answer_error(client->connected, &message, err);
		return;
	}
	if (control_ping_pong(client->connected, &message,
			      &client->session.rtt_us)) {
		if (message.type == MESSAGE_PING)
			keepalive_answered(&client->keepalive, clock_now());
		else
			take_pong(client, &message);
		if (message.type == MESSAGE_PONG &&
		    client->state == CLIENT_PROBING)
			take_up(client);
		return;
	}
	if (message.type == MESSAGE_CONFIG)
		take_config(client, &message);
	else if (message.type == MESSAGE_BYE)
		take_bye(client, &message);
	else if (message.type == MESSAGE_ERROR &&
		 client->state == CLIENT_ASKING &&
		 message.id == client->session.request)
		take_bye(client, &message);
	else
		role_drop(client->tunnel, &client->session.traffic,
			  DROP_CONTROL);
}

static void handle_packet(struct client *client, uint8_t *bytes, size_t length)
{
	struct tunnel *tunnel = client->tunnel;
	struct packet packet;

	if (!client->configured) {
		role_drop(tunnel, &client->session.traffic, DROP_NOT_CONNECTED);
	} else if (packet_parse(bytes, length, &packet)) {
		role_drop(tunnel, &client->session.traffic, DROP_MALFORMED);
	} else if (packet.source.family == AF_INET6 &&
		   packet_is_link_local(bytes, length)) {
		/*
		 * From such addresses kernels believe what they hear of
		 * routers. With IPv4 it is the file's choice, as clouds have
		 * services there.
		 */
		role_drop(tunnel, &client->session.traffic, DROP_LINK_LOCAL);
	} else if (!client_settings_allow(client, &packet.source)) {
		role_drop(tunnel, &client->session.traffic, DROP_SOURCE);
	} else if (!traffic_class_arrive(bytes, tunnel->tos)) {
		role_drop(tunnel, &client->session.traffic, DROP_ECN);
	} else {
		role_count_received(tunnel, &client->session.traffic, length);
		mss_clamp(bytes, length,
			  pmtu_session_expected(&client->pmtu_session), false);
		path_to_tun(tunnel->path, bytes, length);
	}
}

bool client_connected_serves_on(struct client *client)
{
	if ((!client->rekeying && !client->called && !client->hopping) ||
	    !client->connected)
		return false;
	if (!client->hopping)
		client->session.rekey_after =
			clock_now() + jitter(REKEY_PAUSE, REKEY_EARLY, 0.);
	client->rekeying = client->called = client->hopping = false;
	client->state = CLIENT_UP;
	take_up(client);
	return true;
}

/*
 * An attempt that was begun in doubt of the server is not needed; but one that
 * was begun by a move is: what comes now has been sent to where we were before.
 */
static void heard(struct client *client)
{
	keepalive_heard(&client->keepalive, client->tunnel->now);
	/*
	 * A handshake under way may finish, as it may have at the server
	 * already.
	 */
	if ((client->state >= CLIENT_HANDSHAKE && !client->attempted->racing) ||
	    !client->session.since || client->rekeying || client->moved ||
	    client->hopping || !keepalive_is_well(&client->keepalive))
		return;
	client_stop_attempt(client);
	client->called = false;
	client->state = CLIENT_UP;
	take_up(client);
}

void client_connected_pump(struct client *client)
{
	struct session *session = client->connected;
	uint8_t *record;
	size_t length;

	while (client->connected == session) {
		enum session_event event =
			session_next(session, &record, &length);

		if (event == SESSION_ENDED) {
			struct reason reason;

			reason_set(&reason, "%s", session_reason(session));
			/* What is to replace it may be all but there. */
			if (client->attempt)
				client_connected_drop(client);
			else
				client_connected_ended(client,
						       session_error(session),
						       reason.text);
			return;
		}
		if (event != SESSION_RECORD)
			return;
		heard(client);
		previous_session_confirm(&client->previous);
		if (message_is_control(record, length))
			handle_control(client, record, length);
		else
			handle_packet(client, record, length);
	}
}

bool client_connected_previous(struct client *client,
			       struct udp_datagram *datagram)
{
	uint8_t *packet;
	size_t length;

	if (!previous_session_open(&client->previous, datagram->data,
				   datagram->length, &packet, &length))
		return false;
	if (length)
		handle_packet(client, packet, length);
	return true;
}

void client_connected_input(struct client *client,
			    struct udp_datagram *datagram)
{
	if (client_connected_previous(client, datagram))
		return;
	session_input(client->connected, datagram->data, datagram->length);
	client_connected_pump(client);
}

/*
 * The server may have a certificate by now that is valid for longer: it is
 * asked when half of the time is over, and half of the rest, and so on.
 */
static bool is_ending(const struct client *client, double age)
{
	int64_t until = session_valid_until(client->connected);

	return until && age > REKEY_LEAST &&
	       age > difftime((time_t)until, time(NULL));
}

/* Make before break: the new session is begun beside the connected one. */
static bool rekey_is_due(const struct client *client)
{
	double age = clock_now() - client->session.proved;

	return client->state == CLIENT_UP &&
	       clock_now() > client->session.rekey_after &&
	       (client->stale || session_worn(client->connected) ||
		age > client->session.lifetime || is_ending(client, age));
}

/*
 * Is the session's time over, as a server has it of a client
 * (server/lifetime.c)?
 */
static bool is_over(struct client *client)
{
	struct reason reason;
	int err = 0;

	if (session_recheck(client->connected, &reason)) {
		err = -EACCES;
	} else if (clock_now() - client->session.proved > SESSION_AGE_MOST) {
		reason_set(&reason, "%s", message_code_text(MESSAGE_CODE_AGED));
		err = -ETIMEDOUT;
	}
	if (!err)
		return false;
	/* What is to replace it may be all but there. */
	if (client->attempt)
		client_connected_drop(client);
	else
		client_connected_ended(client, err, reason.text);
	return true;
}

void client_connected_called(struct client *client)
{
	if (client->state != CLIENT_UP ||
	    !rate_allows(&client->session.calls, clock_now()))
		return;
	client->called = true;
	client_want_endpoint(client);
}

void client_connected_rekey(struct client *client)
{
	client->rekeying = true;
	client_want_endpoint(client);
}

/*
 * A handshake that the server has answered is not begun anew: where it is slow,
 * that would be more of what it has too much of.
 */
static void gone(struct client *client)
{
	if (!client->attempt || client->attempted->racing) {
		client_connected_ended(client, -ETIMEDOUT, GONE);
		return;
	}
	client_connected_drop(client);
	client_tell_lost(client, -ETIMEDOUT, GONE);
}

static void watch(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct client *client = timer->data;
	double again;

	(void)events;
	ev_timer_stop(loop, timer); /* it may have been fed an event */
	/* Who comes up only to be thrown out again has not recovered. */
	if (client->state == CLIENT_UP &&
	    clock_now() - client->session.since > STABLE_AFTER)
		client->failures = 0;
	if (is_over(client))
		return;
	switch (keepalive_due(&client->keepalive, clock_now(), &again)) {
	case KEEPALIVE_GONE:
		gone(client);
		return;
	case KEEPALIVE_DOUBT:
		if (client->state == CLIENT_UP)
			client_want_endpoint(client);
		/* If it is there after all, all the better. */
		control_ping(client->connected);
		break;
	case KEEPALIVE_PING:
		control_ping(client->connected);
		break;
	case KEEPALIVE_FINE:
		if (rekey_is_due(client))
			client_connected_rekey(client);
		break;
	}
	ev_timer_set(timer, again < WATCH_PAUSE ? again : WATCH_PAUSE, 0.);
	ev_timer_start(loop, timer);
}

/* The route to the server is gone, or the address that we had. */
static void take_error(struct client *client, int err)
{
	if (!err)
		client->unroutable = false;
	if (err == -EMSGSIZE)
		pmtu_session_hint(&client->pmtu_session);
	if (!err || err == -EMSGSIZE || err == -EAGAIN || err == -ENOBUFS ||
	    err == -ECONNREFUSED)
		return;
	client->unroutable = true;
	client_connected_alarm(client);
}

static bool set_target(void *state, struct path_target *target)
{
	struct client *client = state;

	if (!client->connected || !client->configured)
		return false;
	target->session =
		previous_session_sealer(&client->previous, client->connected);
	target->link = target->session == client->connected
			       ? client->route->link
			       : client->former.link;
	target->io = &client->tunnel->udp[client->route->socket].io;
	target->traffic = &client->session.traffic;
	target->refusals = &client->session.refusals;
	target->apart = run_probe_session_apart(&client->run_probe);
	return true;
}

bool client_connected_route(void *state, const uint8_t *packet, size_t length,
			    struct path_target *target)
{
	struct client *client = state;
	struct tunnel *tunnel = client->tunnel;

	/* These are the kernel's own, to its neighbours: there are none. */
	if (packet_is_link_local(packet, length) &&
	    packet_is_multicast(packet, length))
		return false;
	if (!set_target(client, target)) {
		role_drop(tunnel, &client->session.traffic, DROP_NOT_CONNECTED);
		return false;
	}
	/* It is our own: the only route to the server that is left is this one.
	 */
	if (packet_is_udp_to(packet, length, &client->route->endpoint)) {
		role_drop(tunnel, &client->session.traffic, DROP_SEND);
		take_error(client, -ENETUNREACH);
		return false;
	}
	target->tos = traffic_class_outer(packet, length, client->ecn,
					  tunnel->config->copy_dscp);
	pmtu_session_limit(&client->pmtu_session, target);
	return true;
}

void client_connected_run_sent(void *state, const struct udp_run *run,
			       uint64_t bytes)
{
	struct client *client = state;

	role_count_sent(client->tunnel, &client->session.traffic, run, bytes);
	pmtu_session_used(&client->pmtu_session, run);
	run_probe_session_used(&client->run_probe, run);
	if (run->sent &&
	    keepalive_sent(&client->keepalive, client->tunnel->now)) {
		double again = keepalive_overdue(&client->keepalive);

		ev_timer_stop(client->tunnel->loop, &client->session.watch);
		ev_timer_set(&client->session.watch, again, 0.);
		ev_timer_start(client->tunnel->loop, &client->session.watch);
	}
	take_error(client, run->error);
}

bool client_connected_status(void *state, bool first)
{
	struct client *client = state;
	struct channel_message message = {.type = CHANNEL_STATUS_PEER};
	struct channel_peer *peer = &message.peer;
	const struct identity *identity;
	double now = clock_now();

	(void)first;
	if (!client->connected)
		return true;
	identity = session_identity(client->connected);
	snprintf(peer->name, sizeof(peer->name), "%s",
		 identity->by_key ? "" : identity->name);
	snprintf(peer->key, sizeof(peer->key), "%.44s",
		 identity->by_key ? identity->text : "");
	snprintf(peer->cipher, sizeof(peer->cipher), "%s",
		 session_cipher(client->connected));
	snprintf(peer->library, sizeof(peer->library), "%s",
		 session_library(client->connected));
	peer->endpoint = client->route->endpoint;
	peer->address4 = client->settings.bounded.server4;
	peer->address6 = client->settings.bounded.server6;
	peer->connected_s = client->session.since > 0.
				    ? (uint32_t)(now - client->session.since)
				    : 0;
	peer->heard_ms = (uint32_t)((now - client->keepalive.heard) * 1000.);
	peer->rtt_us = client->session.rtt_us;
	peer->expires = identity->expires;
	peer->runs_lost = run_probe_session_lost(&client->run_probe);
	peer->traffic = client->session.traffic;
	role_count_session(&peer->traffic, client->connected);
	channel_send(client->tunnel->channel, &message, -1);
	return true;
}

static void path_settled(void *owner, unsigned size)
{
	struct client *client = owner;
	struct channel_message message = {.type = CHANNEL_MTU, .mtu = size};

	channel_send(client->tunnel->channel, &message, -1);
}

static void runs_changed(void *owner, bool lost)
{
	const struct client *client = owner;

	role_log_runs(client->tunnel, "the server", lost);
}

static const struct run_probe_hooks run_probe_hooks = {
	.target = set_target,
	.changed = runs_changed,
};

static void find_mtu(struct client *client)
{
	pmtu_session_start(
		&client->pmtu_session, client->connected,
		client->tunnel->noise ? NOISE_OVERHEAD
				      : session_overhead(client->connected),
		client->session.mtu, client->route->endpoint.address.family);
}

/* Is the connected session one that has been up, and needs no answer for it? */
static bool has_been_up(const struct client *client)
{
	return client->connected && client->state != CLIENT_ASKING &&
	       client->state != CLIENT_CONFIGURING &&
	       client->state != CLIENT_PROBING;
}

bool client_connected_roam(struct client *client)
{
	struct noise_link *link = client->route->link;

	if (!has_been_up(client) || !link || !link->is_known ||
	    client->unroutable)
		return false;
	client_stop_attempt(client);
	client->rekeying = client->called = client->moved = false;
	client->rebound = false;
	client->state = CLIENT_UP;
	take_up(client);
	noise_link_move(link);
	control_ping(client->connected);
	client_connected_alarm(client);
	/* It is another path. */
	run_probe_session_restart(&client->run_probe);
	find_mtu(client);
	return true;
}

void client_connected_configured(struct client *client, unsigned mtu)
{
	bool begins = client->state == CLIENT_CONFIGURING;
	bool searches = begins || mtu != client->session.mtu;

	client->configured = true;
	client->session.mtu = mtu;
	if (client->connected && searches)
		find_mtu(client);
	if (!begins)
		return;
	client->state = CLIENT_PROBING;
	client_wait(client, client->race.patience);
	control_ping(client->connected);
	ev_timer_again(client->tunnel->loop, &client->session.request_timer);
}

void client_connected_sent(struct client *client, int err)
{
	/* A probe that is larger than the link is no loss. */
	if (err && err != -EMSGSIZE)
		role_drop(client->tunnel, &client->session.traffic, DROP_SEND);
	take_error(client, err);
}

bool client_connected_verify(struct client *client)
{
	double again;

	if (keepalive_due(&client->keepalive, clock_now(), &again) ==
	    KEEPALIVE_GONE) {
		client_connected_ended(client, -ETIMEDOUT, GONE);
		return false;
	}
	control_ping(client->connected);
	return true;
}

void client_connected_alarm(struct client *client)
{
	if (!client->connected || client->keepalive.alarmed)
		return;
	keepalive_alarm(&client->keepalive);
	ev_feed_event(client->tunnel->loop, &client->session.watch, EV_TIMER);
}

void client_connected_init(struct client *client)
{
	ev_timer_init(&client->session.request_timer, repeat_request, 0.,
		      REQUEST_PAUSE);
	ev_init(&client->session.watch, watch);
	previous_session_init(&client->previous, client->tunnel->loop,
			      message_is_control);
	run_probe_session_init(&client->run_probe, client->tunnel->loop,
			       &run_probe_hooks, client);
	pmtu_session_init(&client->pmtu_session, client->tunnel->loop,
			  client->tunnel->config->mtu, path_settled, client);
	client->session.request_timer.data = client->session.watch.data =
		client;
	client->session.control = CONTROL_RATE;
	client->session.calls.burst = CALLS_BURST;
	client->session.calls.per_second = 1. / CALLS_PAUSE;
}
