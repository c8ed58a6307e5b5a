/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the server's addresses answers first (RFC 8305, section 5, with a
 * hello for a connection): the hello of one attempt goes to one address after
 * another, with a pause, and to all of them when it is repeated. The handshake
 * goes on with the first that answers. As a hello leaves nothing behind at a
 * server that asks for a cookie, the others need not be told.
 *
 * It has sockets of its own, with fresh ports: the connected session keeps the
 * one that it is on, and what a NAT has come to think of a port is of no matter
 * to the attempt.
 */
#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "common/config/config.h"
#include "common/jitter.h"
#include "tunnel/client/client_internal.h"

/* So many seconds are between two addresses (RFC 8305, section 8). */
#define NEXT_AFTER 0.3
/* It is less by up to this part. */
#define SPREAD 0.2
/* The last one has so many seconds to answer. */
#define LAST_PATIENCE 2.5

/*
 * The first sockets are for IPv4 and IPv6, in this order, and behind them is
 * one more of each.
 */
#define FAMILIES 2

#define HEADER_SIZE    13 /* of a record (RFC 6347, section 4.1) */
#define TYPE_HANDSHAKE 22

static unsigned family_of(const struct inet_endpoint *endpoint)
{
	return endpoint->address.family == AF_INET ? 0 : 1;
}

static bool usable(const struct client *client, unsigned socket)
{
	return socket < client->tunnel->udp_count &&
	       client->tunnel->udp[socket].io.fd >= 0;
}

/* The connected session's socket is left alone, if there is another. */
static unsigned choose_socket(const struct client *client, unsigned family)
{
	unsigned spare = family + FAMILIES;

	if (!client->connected || client->route->socket != family)
		return family;
	return usable(client, spare) ? spare : family;
}

void client_race_take(struct client *client,
		      const struct channel_message *message)
{
	struct client_race *race = &client->race;
	const struct config *config = client->tunnel->config;

	race->count = 0;
	for (uint32_t i = 0; i < message->endpoints.count; i++) {
		const struct channel_endpoint *endpoint =
			&message->endpoints.list[i];

		if (endpoint->server < config->server_count)
			race->list[race->count++] = *endpoint;
	}
	race->lead = message->endpoints.lead_ms / 1000.;
	/* An ICMP error says that the one that we know is gone. */
	if (client->connected && client->keepalive.alarmed &&
	    race->lead > NEXT_AFTER)
		race->lead = NEXT_AFTER;
	race->patience = message->endpoints.patience_ms / 1000.;
}

void client_race_take_connected(struct client *client)
{
	struct client_race *race = &client->race;

	race->list[0].address = client->route->endpoint;
	race->list[0].server = client->route->server;
	race->count = 1;
}

static struct inet_ports ports_of(const struct client *client, unsigned server)
{
	return config_host_ports(&client->tunnel->config->servers[server]);
}

int client_race_find(const struct client *client,
		     const struct inet_endpoint *endpoint)
{
	const struct client_race *race = &client->race;

	for (unsigned i = 0; i < race->count; i++) {
		const struct inet_ports ports =
			ports_of(client, race->list[i].server);

		if (inet_address_equal(&race->list[i].address.address,
				       &endpoint->address) &&
		    inet_ports_contain(&ports, endpoint->port))
			return (int)i;
	}
	return -1;
}

/* Each attempt is at a port of its own, evenly chosen of those there are. */
static void choose_ports(struct client *client)
{
	struct client_race *race = &client->race;

	for (unsigned i = 0; i < race->count; i++) {
		const struct inet_ports ports =
			ports_of(client, race->list[i].server);
		uint32_t random = 0;

		gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof(random));
		random %= ports.last - ports.first + 1u;
		race->list[i].address.port = (uint16_t)(ports.first + random);
	}
}

bool client_race_lacks_socket(const struct client *client)
{
	return client->connected &&
	       (client->route->socket == choose_socket(client, 0) ||
		client->route->socket == choose_socket(client, 1));
}

void client_race_prepare(struct client *client)
{
	struct client_race *race = &client->race;

	choose_ports(client);
	race->begun = 0;
	race->length = 0;
	race->error = -EAFNOSUPPORT;
	memset(race->refused, 0, sizeof(race->refused));
	for (unsigned family = 0; family < FAMILIES; family++) {
		unsigned socket = choose_socket(client, family);

		race->sockets[family] = socket;
		if (usable(client, socket))
			udp_io_release(&client->tunnel->udp[socket].io);
	}
	client->attempted->racing = true;
}

/* Errors that our own kernel gives at once, and will give again. */
static bool is_final(int err)
{
	return err == -EAFNOSUPPORT || err == -ENETUNREACH ||
	       err == -EHOSTUNREACH || err == -ENETDOWN ||
	       err == -EADDRNOTAVAIL;
}

static int send_hello(struct client *client, unsigned index)
{
	struct client_race *race = &client->race;
	const struct inet_endpoint *peer = &race->list[index].address;
	const struct role_destination to = {
		.socket = race->sockets[family_of(peer)],
		.peer = peer,
	};

	if (!usable(client, to.socket))
		return -EAFNOSUPPORT;
	return role_send(client->tunnel, &to, race->hello, race->length);
}

void client_race_transmit(struct client *client, const uint8_t *datagram,
			  size_t length)
{
	struct client_race *race = &client->race;

	/* The session keeps to that size, so it is never longer. */
	if (length > sizeof(race->hello))
		return;
	memcpy(race->hello, datagram, length);
	race->length = length;
	for (unsigned i = 0; i < race->begun; i++)
		send_hello(client, i);
}

/*
 * Sends the hello to the next address, and at once to another where that can't
 * be reached.
 */
static void go_on(struct client *client)
{
	struct client_race *race = &client->race;
	bool sent = false;

	while (!sent && race->begun < race->count) {
		unsigned index = race->begun++;
		int err = send_hello(client, index);

		race->refused[index] = is_final(err);
		sent = !race->refused[index];
		if (!sent)
			race->error = err;
	}
	if (race->begun == race->count)
		return;
	ev_timer_set(
		&race->next,
		jitter(race->begun > 1 ? NEXT_AFTER : race->lead, SPREAD, 0.),
		0.);
	ev_timer_start(client->tunnel->loop, &race->next);
}

static void next_one(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	go_on(timer->data);
}

static bool is_hopeless(const struct client_race *race)
{
	for (unsigned i = 0; i < race->count; i++) {
		if (!race->refused[i])
			return false;
	}
	return true;
}

int client_race_start(struct client *client)
{
	struct client_race *race = &client->race;
	if (!race->length)
		return 0; /* the session has ended, and says why */
	go_on(client);
	return is_hopeless(race) ? race->error : 0;
}

double client_race_patience(const struct client *client)
{
	const struct client_race *race = &client->race;
	double last = race->lead + NEXT_AFTER * race->count + LAST_PATIENCE;

	return last > race->patience ? last : race->patience;
}

/*
 * An answer is a handshake record, whole or not, of an address that was asked.
 * A plain alert is anybody's, and would end the race for all.
 */
static bool is_answer(const struct client *client, unsigned socket,
		      const struct udp_datagram *datagram)
{
	const struct client_race *race = &client->race;
	int index = client_race_find(client, &datagram->peer);

	return index >= 0 && (unsigned)index < race->begun &&
	       race->list[index].address.port == datagram->peer.port &&
	       socket == race->sockets[family_of(&datagram->peer)] &&
	       datagram->length > HEADER_SIZE &&
	       datagram->data[0] == TYPE_HANDSHAKE;
}

bool client_race_won(struct client *client, unsigned socket,
		     const struct udp_datagram *datagram)
{
	struct client_race *race = &client->race;
	struct client_route *route = client->attempted;
	const struct config *config = client->tunnel->config;
	struct channel_message message = {
		.type = CHANNEL_ANSWERED,
		.answered = datagram->peer,
	};
	int index = client_race_find(client, &datagram->peer);

	/* Its port stays; from now on the kernel tells us of ICMP errors. */
	if (!is_answer(client, socket, datagram) ||
	    session_expect(client->attempt,
			   config->servers[race->list[index].server].host) ||
	    udp_io_pin(&client->tunnel->udp[socket].io, &datagram->peer))
		return false;
	ev_timer_stop(client->tunnel->loop, &race->next);
	route->racing = false;
	route->endpoint = datagram->peer;
	route->server = race->list[index].server;
	route->socket = socket;
	channel_send(client->tunnel->channel, &message, -1);
	return true;
}

void client_race_stop(struct client *client)
{
	ev_timer_stop(client->tunnel->loop, &client->race.next);
	client->attempted->racing = false;
}

void client_race_failed(struct client *client)
{
	struct client_race *race = &client->race;
	const struct client_route *route = client->attempted;
	int index =
		route->racing ? -1 : client_race_find(client, &route->endpoint);

	if (index < 0) {
		race->count = 0;
		return;
	}
	race->count--;
	memmove(&race->list[index], &race->list[index + 1],
		(race->count - (unsigned)index) * sizeof(race->list[0]));
}

void client_race_init(struct client *client)
{
	ev_init(&client->race.next, next_one);
	client->race.next.data = client;
}
