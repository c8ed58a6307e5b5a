/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many clients in one process, against a real server:
 *
 *   load keys COUNT                        key pairs, "PRIVATE PUBLIC" a line
 *   load full SERVER:PORT KEY COUNT        COUNT handshakes, one result line
 *   load resumed SERVER:PORT KEY COUNT     the same by ticket
 *   load idle SERVER:PORT KEY COUNT        COUNT clients that stay, "idle" when
 *                                          all are, until the input ends
 *
 * Those that stay take lines from the input, and print one for each:
 *
 *   turn CLIENTS COUNT WINDOW    COUNT echo requests to the server's inner
 *                                address, by the first CLIENTS in turn, WINDOW
 *                                of them under way
 *   watch                        one each millisecond, by the first client,
 *                                until the next line: how long the slowest took
 *
 * KEY is the server's public key; the clients' keys are read from the standard
 * input, as the first command has printed them, up to an empty line or its end.
 * No tun device and no routes: a client has its session and what HELLO asks
 * for.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/inet.h"
#include "common/key.h"
#include "common/reason.h"
#include "tunnel/control/message.h"
#include "tunnel/data/checksum.h"
#include "tunnel/dtls/session.h"

#define WINDOW 24 /* handshakes at once */
#define MTU    1200
#define EVENTS 64

/* An echo request (RFC 792) behind an IPv4 header without options. */
#define ECHO_SIZE      84
#define ECHO_ICMP      20
#define ECHO_TIME      28 /* when it was sent, in nanoseconds */
#define ECHO_REQUEST   8
#define ECHO_LOST_MS   2000
#define IPV4_TTL       8
#define IPV4_PROTOCOL  9
#define IPV4_CHECKSUM  10
#define IPV4_ADDRESSES 12

enum kind { FULL, RESUMED, IDLE };

struct identity_slot {
	struct credentials *credentials;
	struct ticket *ticket;
};

struct client {
	struct load *load;
	struct identity_slot *as;
	struct session *session; /* NULL: not in use */
	int fd;
	bool idle;			 /* has its CONFIG */
	struct inet_address own, server; /* inner, IPv4 */
};

struct echoes {
	unsigned sent, answered;
	double slowest; /* seconds */
};

struct load {
	enum kind kind;
	struct sockaddr_storage server;
	socklen_t server_length;
	struct identity_slot *identities;
	unsigned identity_count;
	struct client *clients;
	unsigned client_count;
	unsigned total, begun, done, failed, resumed;
	unsigned next_free; /* of clients */
	struct echoes echoes;
	int epoll;
	char reason[128]; /* of the first failure */
};

static void die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	const struct client *client = owner;

	/* Lost, as datagrams are: the handshake sends it again. */
	if (send(client->fd, datagram, length, 0) < 0)
		return;
}

static const struct session_hooks hooks = {.transmit = transmit};

/* It begins from a port of its own, as every client does. */
static void begin(struct client *client)
{
	struct load *load = client->load;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	client->as = &load->identities[load->begun++ % load->identity_count];
	client->idle = false;
	client->fd = socket(load->server.ss_family,
			    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
	    connect(client->fd, (struct sockaddr *)&load->server,
		    load->server_length) < 0 ||
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
		die(strerror(errno));
	if (session_client(&client->session, client->as->credentials, &hooks,
			   client, NULL, MTU))
		die("no session");
	if (load->kind == RESUMED && client->as->ticket)
		session_resume(client->session, client->as->ticket, now());
	session_start(client->session);
}

static void end(struct client *client)
{
	session_free(client->session);
	client->session = NULL;
	close(client->fd);
}

static void say_hello(struct client *client)
{
	struct message hello = {
		.type = MESSAGE_HELLO, .version = MESSAGE_VERSION, .id = 1};
	uint8_t record[MESSAGE_SIZE];
	ssize_t length = message_encode(&hello, record, sizeof(record));

	if (length < 0 ||
	    session_send(client->session, record, (size_t)length) < 0)
		die("no HELLO");
}

static void opened(struct client *client)
{
	struct load *load = client->load;

	if (load->kind == IDLE) {
		say_hello(client);
		return;
	}
	load->resumed += session_resumed(client->session);
	if (load->kind == RESUMED && !client->as->ticket)
		client->as->ticket = session_ticket(client->session, now());
	load->done++;
	session_close(client->session);
	end(client);
}

static void put_checksum(uint8_t *bytes, size_t offset, size_t length)
{
	uint16_t sum = (uint16_t)~checksum_fold(checksum_add(0, bytes, length));

	memcpy(bytes + offset, &sum, sizeof(sum));
}

static void send_echo(struct client *client)
{
	uint8_t packet[ECHO_SIZE] = {0x45};
	uint8_t *icmp = packet + ECHO_ICMP;

	put16(packet + 2, sizeof(packet));
	packet[IPV4_TTL] = 64;
	packet[IPV4_PROTOCOL] = IPPROTO_ICMP;
	memcpy(packet + IPV4_ADDRESSES, client->own.bytes, 4);
	memcpy(packet + IPV4_ADDRESSES + 4, client->server.bytes, 4);
	put_checksum(packet, IPV4_CHECKSUM, ECHO_ICMP);
	icmp[0] = ECHO_REQUEST;
	put16(icmp + 6, (uint16_t)client->load->echoes.sent);
	put64(packet + ECHO_TIME, (uint64_t)(now() * 1e9));
	put_checksum(icmp, 2, sizeof(packet) - ECHO_ICMP);
	client->load->echoes.sent++;
	if (session_send(client->session, packet, sizeof(packet)) < 0)
		die("a packet could not be sent");
}

/* Returns false where it is something else. */
static bool take_echo(struct echoes *echoes, const uint8_t *packet,
		      size_t length)
{
	double took;

	if (length != ECHO_SIZE || packet[0] != 0x45 ||
	    packet[IPV4_PROTOCOL] != IPPROTO_ICMP || packet[ECHO_ICMP] != 0)
		return false;
	took = now() - (double)get64(packet + ECHO_TIME) / 1e9;
	echoes->answered++;
	if (took > echoes->slowest)
		echoes->slowest = took;
	return true;
}

/* A control message: CONFIG is what we wait for, PING is to be answered. */
static void control(struct client *client, const uint8_t *record, size_t length)
{
	struct message message;
	uint8_t answer[MESSAGE_SIZE];
	ssize_t size;

	if (take_echo(&client->load->echoes, record, length) ||
	    !message_is_control(record, length) ||
	    message_decode(record, length, &message) < 0)
		return;
	if (message.type == MESSAGE_CONFIG && !client->idle) {
		client->idle = true;
		client->own = message.settings.address4.address;
		client->server = message.settings.server4;
		client->load->done++;
	} else if (message.type == MESSAGE_PING) {
		message.type = MESSAGE_PONG;
		message.padding = 0;
		size = message_encode(&message, answer, sizeof(answer));
		if (size > 0)
			session_send(client->session, answer, (size_t)size);
	}
}

static void pump(struct client *client)
{
	struct load *load = client->load;
	uint8_t *record;
	size_t length;

	while (client->session) {
		switch (session_next(client->session, &record, &length)) {
		case SESSION_OPENED:
			opened(client);
			break;
		case SESSION_RECORD:
			control(client, record, length);
			break;
		case SESSION_ENDED:
			if (!load->failed++)
				snprintf(load->reason, sizeof(load->reason),
					 "%s", session_reason(client->session));
			load->done += !client->idle;
			end(client);
			break;
		case SESSION_NONE:
			return;
		}
	}
}

static void receive(struct client *client)
{
	uint8_t datagram[2048];
	ssize_t length;

	while (client->session) {
		length = recv(client->fd, datagram, sizeof(datagram), 0);
		if (length < 0)
			return;
		session_input(client->session, datagram, (size_t)length);
		pump(client);
	}
}

/* Flights, and HELLO, that were not answered. */
static void repeat(struct load *load)
{
	for (unsigned i = 0; i < load->client_count; i++) {
		struct client *client = &load->clients[i];

		if (!client->session || client->idle)
			continue;
		if (session_is_open(client->session)) {
			say_hello(client);
		} else if (session_timeout(client->session) == 0) {
			session_tick(client->session);
			pump(client);
		}
	}
}

/* Sockets that stay are begun a few at a time, too: WINDOW of them at once. */
static void fill(struct load *load)
{
	for (unsigned i = 0; i < load->client_count; i++) {
		struct client *client =
			&load->clients[load->next_free % load->client_count];

		if (load->begun == load->total ||
		    load->begun - load->done >= WINDOW)
			return;
		load->next_free++;
		if (!client->session)
			begin(client);
	}
}

/* This runs until total are done, and returns the seconds that it took. */
static double run(struct load *load, unsigned total)
{
	struct epoll_event events[EVENTS];
	double start = now(), repeated = start;

	load->begun = load->done = load->failed = load->resumed = 0;
	load->total = total;
	while (load->done < load->total) {
		int count;

		fill(load);
		count = epoll_wait(load->epoll, events, EVENTS, 50);
		for (int i = 0; i < count; i++)
			receive(events[i].data.ptr);
		if (now() - repeated > 0.2) {
			repeat(load);
			repeated = now();
		}
	}
	return now() - start;
}

/* Returns true where there is a line on the input, or its end. */
static bool serve(struct load *load, int timeout_ms, int *count)
{
	struct epoll_event events[EVENTS];
	bool asked = false;

	*count = epoll_wait(load->epoll, events, EVENTS, timeout_ms);
	for (int i = 0; i < *count; i++) {
		if (events[i].data.ptr)
			receive(events[i].data.ptr);
		else
			asked = true;
	}
	return asked;
}

static void print_echoes(const char *what, const struct load *load,
			 double seconds)
{
	printf("%s {\"sent\": %u, \"answered\": %u, \"seconds\": %.6f, "
	       "\"slowest\": %.6f}\n",
	       what, load->echoes.sent, load->echoes.answered, seconds,
	       load->echoes.slowest);
	fflush(stdout);
}

static void turn(struct load *load, unsigned clients, unsigned total,
		 unsigned window)
{
	struct echoes *echoes = &load->echoes;
	double start = now();
	int count = 1;

	if (!clients || clients > load->client_count)
		die("not so many clients");
	*echoes = (struct echoes){0};
	while (echoes->answered < total && count > 0) {
		while (echoes->sent < total &&
		       echoes->sent - echoes->answered < window)
			send_echo(&load->clients[echoes->sent % clients]);
		serve(load, ECHO_LOST_MS, &count);
	}
	print_echoes("turn", load, now() - start);
}

static void watch(struct load *load)
{
	struct echoes *echoes = &load->echoes;
	double start = now(), next = start, last;
	char line[64];
	int count;

	*echoes = (struct echoes){0};
	puts("watching");
	fflush(stdout);
	do {
		if (now() < next)
			continue;
		send_echo(&load->clients[0]);
		next = now() + 0.001;
	} while (!serve(load, 1, &count));
	last = now();
	if (!fgets(line, sizeof(line), stdin))
		return;
	while (echoes->answered < echoes->sent &&
	       now() - last < ECHO_LOST_MS / 1000.)
		serve(load, 1, &count);
	print_echoes("watch", load, last - start);
}

/* Answers keepalives, and does what it is told, until the input ends. */
static void stay(struct load *load)
{
	struct epoll_event input = {.events = EPOLLIN};
	unsigned clients, count, window;
	char line[64];
	int ready;

	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0)
		die("the input has to be a pipe");
	for (;;) {
		if (!serve(load, -1, &ready))
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return;
		if (sscanf(line, "turn %u %u %u", &clients, &count, &window) ==
		    3)
			turn(load, clients, count, window);
		else if (!strcmp(line, "watch\n"))
			watch(load);
		else if (line[0] != '\n')
			die("turn CLIENTS COUNT WINDOW, or watch?");
	}
}

static void read_identities(struct load *load, const uint8_t *server_key)
{
	struct config config = {.role = CONFIG_CLIENT, .identity = CONFIG_KEYS};
	struct identity_slot *slot;
	struct reason reason;
	char line[256];

	memcpy(config.server_key, server_key, KEY_SIZE);
	while (fgets(line, sizeof(line), stdin) && line[0] != '\n') {
		line[strcspn(line, " \n")] = '\0';
		if (key_parse(line, config.private_key))
			die("the input is not a list of keys");
		load->identities =
			realloc(load->identities,
				(load->identity_count + 1) * sizeof(*slot));
		if (!load->identities)
			die("no memory");
		slot = &load->identities[load->identity_count++];
		*slot = (struct identity_slot){0};
		if (credentials_new(&slot->credentials, &config, &reason))
			die(reason.text);
	}
	if (!load->identity_count)
		die("no keys on the input");
}

static void prepare(struct load *load, const char *server, const char *key,
		    unsigned count)
{
	struct rlimit files = {count + 64, count + 64};
	struct inet_endpoint endpoint;
	uint8_t server_key[KEY_SIZE];

	if (inet_parse_endpoint(server, &endpoint) ||
	    key_parse(key, server_key))
		die("not ADDRESS:PORT, or not a key");
	load->server_length =
		inet_endpoint_to_sockaddr(&endpoint, &load->server);
	read_identities(load, server_key);
	load->client_count = load->kind == IDLE ? count : WINDOW;
	load->clients = calloc(load->client_count, sizeof(*load->clients));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load->clients || load->epoll < 0)
		die(strerror(errno));
	for (unsigned i = 0; i < load->client_count; i++)
		load->clients[i].load = load;
	/* Where this is refused, socket() says so. */
	setrlimit(RLIMIT_NOFILE, &files);
}

static int print_keys(unsigned count)
{
	char private_text[KEY_TEXT_SIZE], public_text[KEY_TEXT_SIZE];
	uint8_t private_key[KEY_SIZE], public_key[KEY_SIZE];

	while (count--) {
		if (key_generate(private_key) ||
		    key_public(private_key, public_key))
			die("no key");
		key_format(private_key, private_text);
		key_format(public_key, public_text);
		printf("%s %s\n", private_text, public_text);
	}
	return 0;
}

static void release(struct load *load)
{
	for (unsigned i = 0; i < load->client_count; i++)
		if (load->clients[i].session)
			end(&load->clients[i]);
	free(load->clients);
	for (unsigned i = 0; i < load->identity_count; i++) {
		ticket_free(load->identities[i].ticket);
		credentials_free(load->identities[i].credentials);
	}
	free(load->identities);
	close(load->epoll);
}

/* The bench looks at the server's processor time before and after. */
static void await_start(void)
{
	char line[16];

	puts("start");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		die("the input has ended");
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"full", "resumed", "idle"};
	static struct load load;
	unsigned count = argc > 2 ? (unsigned)atoi(argv[argc - 1]) : 0;
	double seconds;

	if (argc == 3 && count && !strcmp(argv[1], "keys"))
		return print_keys(count);
	if (argc != 5 || !count)
		die("usage: load keys COUNT | load full|resumed|idle "
		    "SERVER:PORT KEY COUNT");
	while (strcmp(argv[1], kinds[load.kind]))
		if (++load.kind > IDLE)
			die("full, resumed or idle?");
	prepare(&load, argv[2], argv[3], count);
	if (load.kind == RESUMED)
		run(&load, load.identity_count);
	await_start();
	seconds = run(&load, count);
	printf("%s {\"done\": %u, \"failed\": %u, \"resumed\": %u, "
	       "\"seconds\": %.6f, \"reason\": \"%s\"}\n",
	       load.kind == IDLE ? "idle" : "end", load.done - load.failed,
	       load.failed, load.resumed, seconds, load.reason);
	fflush(stdout);
	if (load.kind == IDLE)
		stay(&load);
	release(&load);
	return load.failed ? 1 : 0;
}
