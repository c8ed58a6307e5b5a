/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What handshakes cost, client and server joined by memory on one core: full
 * and resumed ones a second, of the server's processor time alone, and the
 * memory of a session that is open and idle.
 *
 *   make tests/bench/handshakes && tests/bench/handshakes [COUNT]
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/key.h"
#include "common/reason.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/dtls/session.h"

#define QUEUE 64
#define SIZE  2048
#define MTU   1200

struct end {
	struct end *other;
	struct session *session;
	uint8_t data[QUEUE][SIZE];
	size_t lengths[QUEUE];
	unsigned first, count; /* datagrams that have come */
	double spent;	       /* seconds of processor time */
};

struct world {
	struct credentials *client, *server;
	struct cookie_jar *cookies;
	struct ticket_jar *tickets;
	struct end ends[2]; /* client, server */
};

static void die(const char *what)
{
	fprintf(stderr, "handshakes: %s\n", what);
	exit(1);
}

static double cpu(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	struct end *from = owner, *to = from->other;
	unsigned slot = (to->first + to->count) % QUEUE;

	if (to->count == QUEUE || length > SIZE)
		die("a queue is full");
	memcpy(to->data[slot], datagram, length);
	to->lengths[slot] = length;
	to->count++;
}

static const struct session_hooks hooks = {.transmit = transmit};

static void accept_hello(struct world *world, uint8_t *data, size_t length)
{
	static const struct inet_endpoint from = {
		.address = {AF_INET, {192, 0, 2, 1}}, .port = 50000};
	struct end *server = &world->ends[1];
	struct cookie_result hello;

	if (cookie_check(world->cookies, &from, data, length, 1., &hello) ==
	    COOKIE_ASKED) {
		transmit(server, hello.reply, hello.reply_length);
		return;
	}
	if (session_server(&server->session, world->server, &hooks, server,
			   &hello.prestate, MTU))
		die("no session");
	session_offer_tickets(server->session, world->tickets, 1.);
}

static void receive(struct world *world, struct end *end)
{
	uint8_t *data = end->data[end->first], *record;
	size_t length = end->lengths[end->first], size;
	double start = cpu();

	end->first = (end->first + 1) % QUEUE;
	end->count--;
	if (!end->session)
		accept_hello(world, data, length);
	if (end->session) {
		session_input(end->session, data, length);
		while (session_next(end->session, &record, &size) !=
		       SESSION_NONE) {
			if (session_error(end->session))
				die(session_reason(end->session));
		}
	}
	end->spent += cpu() - start;
}

/* This makes one handshake, after which both sessions are open. */
static void shake(struct world *world, const struct ticket *ticket)
{
	struct end *client = &world->ends[0], *server = &world->ends[1];
	double start = cpu();

	if (session_client(&client->session, world->client, &hooks, client,
			   NULL, MTU))
		die("no session");
	if (ticket)
		session_resume(client->session, ticket, 1.);
	session_start(client->session);
	client->spent += cpu() - start;
	while (client->count || server->count) {
		if (server->count)
			receive(world, server);
		else
			receive(world, client);
	}
	if (!session_is_open(client->session) ||
	    !session_is_open(server->session) ||
	    session_resumed(server->session) != (ticket != NULL))
		die("it does not come to a session");
}

static void part(struct end *end)
{
	double start = cpu();

	session_free(end->session);
	end->session = NULL;
	end->spent += cpu() - start;
}

static void measure(struct world *world, const struct ticket *ticket,
		    unsigned count)
{
	struct end *client = &world->ends[0], *server = &world->ends[1];

	client->spent = server->spent = 0.;
	for (unsigned i = 0; i < count; i++) {
		shake(world, ticket);
		part(client);
		part(server);
	}
	printf("%-8s %5.0f handshakes/s on one core (server %.0f us, client "
	       "%.0f us)\n",
	       ticket ? "resumed" : "full", count / server->spent,
	       server->spent / count * 1e6, client->spent / count * 1e6);
}

static void measure_memory(struct world *world, unsigned count)
{
	struct session **kept = calloc(count, sizeof(*kept));
	size_t before;

	if (!kept)
		die("no memory");
	shake(world, NULL);
	part(&world->ends[0]);
	part(&world->ends[1]);
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < count; i++) {
		shake(world, NULL);
		part(&world->ends[0]);
		kept[i] = world->ends[1].session;
		world->ends[1].session = NULL;
	}
	printf("memory   %.1f KiB a session\n",
	       (double)(mallinfo2().uordblks - before) / count / 1024.);
	for (unsigned i = 0; i < count; i++)
		session_free(kept[i]);
	free(kept);
}

static struct credentials *credentials(enum config_role role,
				       const uint8_t *key,
				       const uint8_t *server_key)
{
	struct config config = {.role = role, .identity = CONFIG_KEYS};
	struct credentials *made;
	struct reason reason;

	memcpy(config.private_key, key, KEY_SIZE);
	if (server_key)
		memcpy(config.server_key, server_key, KEY_SIZE);
	if (credentials_new(&made, &config, &reason))
		die(reason.text);
	return made;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	uint8_t keys[2][KEY_SIZE], public_key[KEY_SIZE];
	static struct world world;
	struct ticket *ticket;

	if (!count || key_generate(keys[0]) || key_generate(keys[1]) ||
	    key_public(keys[1], public_key))
		die("no key");
	world.ends[0].other = &world.ends[1];
	world.ends[1].other = &world.ends[0];
	world.client = credentials(CONFIG_CLIENT, keys[0], public_key);
	world.server = credentials(CONFIG_SERVER, keys[1], NULL);
	if (cookie_jar_new(&world.cookies) ||
	    ticket_jar_new(&world.tickets, NULL))
		die("no memory");
	shake(&world, NULL);
	ticket = session_ticket(world.ends[0].session, 1.);
	part(&world.ends[0]);
	part(&world.ends[1]);
	if (!ticket)
		die("no ticket");
	measure(&world, NULL, count);
	measure(&world, ticket, count);
	measure_memory(&world, count);
	ticket_free(ticket);
	ticket_jar_free(world.tickets);
	cookie_jar_free(world.cookies);
	credentials_free(world.client);
	credentials_free(world.server);
	return 0;
}
