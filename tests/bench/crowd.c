/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crowd of clients in one process, each with the client's role as it is in a
 * tunnel process, retries and all, against a real server:
 *
 *   crowd SERVER:PORT KEY [AT-ONCE [KEEPALIVE]] < KEYS
 *
 * KEY is the server's public key. The clients' keys come first on the standard
 * input, as `load keys` prints them, up to an empty line. AT-ONCE clients begin
 * at a time (32); 0: all do. KEEPALIVE is in seconds (25). Then each line is a
 * command, with a line of JSON for an answer:
 *
 *   state   how it is
 *   mark    the same, and counts begin anew
 *   quit
 *
 * A client has a pair of UDP sockets and what host would say to it, and no tun
 * device. "up" is how many are, "back" how many have been up anew since the
 * mark, "first" and "last" the seconds until the first and the last of them
 * was, and "attempts" the handshakes that were begun. "turn" is the longest
 * turn of the loop in seconds: where it is long, this process had too much to
 * do, and its clients were slow.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/inet.h"
#include "common/key.h"
#include "common/reason.h"
#include "tunnel/client/client.h"
#include "tunnel/client/client_internal.h"

#define SPARE	  2 /* of a client's sockets: for attempts */
#define KEEPALIVE 25
#define MTU	  1400
/* As host has it for a client that was up before. */
#define PATIENCE_MS 5000

struct crowd;

/* In place of common/ipc/channel.c: host is a function here. */
struct channel {
	struct crowd *crowd;
	struct tunnel tunnel;
	bool up;
	double back; /* when it was up anew, after the mark; 0: not yet */
	ev_timer answer;
	bool wants_endpoints, wants_configured;
};

struct crowd {
	struct ev_loop *loop;
	struct inet_endpoint server;
	struct config config;
	struct channel *clients;
	unsigned count, begun, at_once;
	struct udp_batch *batch;
	struct path *path;
	double marked, first, last;
	double turned, turn;
	ev_prepare before;
	ev_check after;
	unsigned up, ever, back, attempts, lost;
	char reason[LOG_LINE_SIZE]; /* of the last that was lost */
};

static void die(const char *what)
{
	fprintf(stderr, "crowd: %s\n", what);
	exit(1);
}

static void send_to(struct channel *client,
		    const struct channel_message *message)
{
	client_role.message(client->tunnel.state, message, -1);
}

static void begin_more(struct crowd *crowd)
{
	const struct channel_message start = {.type = CHANNEL_START};

	while (crowd->begun < crowd->count &&
	       (!crowd->at_once || crowd->begun - crowd->ever < crowd->at_once))
		send_to(&crowd->clients[crowd->begun++], &start);
}

/* Host's answers, which come later than what was asked. */
static void answer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct channel *client = timer->data;
	struct channel_message message = {0};

	(void)loop;
	(void)events;
	if (client->wants_endpoints) {
		message.type = CHANNEL_ENDPOINTS;
		message.endpoints.list[0].address = client->crowd->server;
		message.endpoints.count = 1;
		message.endpoints.patience_ms = PATIENCE_MS;
		client->wants_endpoints = false;
		client->crowd->attempts++;
		send_to(client, &message);
	}
	if (client->wants_configured) {
		message = (struct channel_message){.type = CHANNEL_CONFIGURED,
						   .mtu = MTU};
		client->wants_configured = false;
		send_to(client, &message);
	}
}

static void answer_later(struct channel *client)
{
	ev_timer_start(client->tunnel.loop, &client->answer);
}

static void came_up(struct channel *client)
{
	const struct client *role = client->tunnel.state;
	struct crowd *crowd = client->crowd;

	if (!client->up)
		crowd->up++;
	client->up = true;
	if (client->back > 0. || role->session.since < crowd->marked)
		return;
	client->back = clock_now();
	crowd->last = client->back - crowd->marked;
	if (!crowd->back++)
		crowd->first = crowd->last;
	crowd->ever++;
	begin_more(crowd);
}

int channel_send(struct channel *client, const struct channel_message *message,
		 int fd)
{
	struct crowd *crowd = client->crowd;

	(void)fd;
	switch ((enum channel_type)message->type) {
	case CHANNEL_ENDPOINT_WANTED:
		client->wants_endpoints = true;
		answer_later(client);
		break;
	case CHANNEL_CONFIG:
		client->wants_configured = true;
		answer_later(client);
		break;
	case CHANNEL_UP:
		came_up(client);
		break;
	case CHANNEL_LOST:
		crowd->up -= client->up;
		client->up = false;
		crowd->lost++;
		snprintf(crowd->reason, sizeof(crowd->reason), "%s",
			 message->lost.reason);
		break;
	default:
		break;
	}
	return 0;
}

int channel_send_type(struct channel *channel, enum channel_type type)
{
	const struct channel_message message = {.type = type};

	return channel_send(channel, &message, -1);
}

bool channel_is_full(const struct channel *channel)
{
	(void)channel;
	return false;
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct tunnel_socket *socket = watcher->data;
	struct tunnel *tunnel = socket->tunnel;
	struct crowd *crowd = socket->reader;
	unsigned index = (unsigned)(socket - tunnel->udp);
	int count = udp_io_receive(&socket->io, crowd->batch);
	struct udp_message message;
	struct udp_datagram datagram;

	(void)loop;
	(void)events;
	tunnel->now = clock_now();
	if (count < 0 && count != -EAGAIN)
		client_role.unreachable(tunnel->state, index, count);
	for (int i = 0; i < count; i++) {
		if (!udp_batch_message(crowd->batch, (unsigned)i, &message))
			continue;
		do {
			udp_message_next(&message, &datagram);
			client_role.datagram(tunnel->state, index, &datagram);
		} while (message.length);
	}
}

static void open_socket(struct channel *client, unsigned index)
{
	struct crowd *crowd = client->crowd;
	struct tunnel_socket *opened = &client->tunnel.udp[index];
	int family = crowd->server.address.family,
	    fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || udp_io_init(&opened->io, fd, false))
		die(strerror(errno));
	opened->tunnel = &client->tunnel;
	opened->reader = crowd;
	ev_io_init(&opened->watcher, readable, fd, EV_READ);
	opened->watcher.data = opened;
	ev_io_start(crowd->loop, &opened->watcher);
}

static void add_client(struct crowd *crowd, struct channel *client,
		       const char *key)
{
	unsigned family = crowd->server.address.family == AF_INET ? 0 : 1;
	struct tunnel *tunnel = &client->tunnel;
	struct config config = crowd->config;
	struct reason reason;

	if (key_parse(key, config.private_key))
		die("the input is not a list of keys");
	client->crowd = crowd;
	tunnel->loop = crowd->loop;
	tunnel->config = &crowd->config;
	tunnel->channel = client;
	tunnel->path = crowd->path;
	tunnel->udp_count = TUNNEL_SOCKETS;
	for (unsigned i = 0; i < TUNNEL_SOCKETS; i++)
		tunnel->udp[i].io.fd = -1;
	open_socket(client, family);
	open_socket(client, family + SPARE);
	if (credentials_new(&tunnel->credentials, &config, &reason))
		die(reason.text);
	if (client_new(tunnel, &tunnel->state))
		die("no memory");
	ev_timer_init(&client->answer, answer, 0., 0.);
	client->answer.data = client;
}

static bool no_route(void *owner, const uint8_t *packet, size_t length,
		     struct path_target *target)
{
	(void)owner;
	(void)packet;
	(void)length;
	(void)target;
	return false;
}

static void make_path(struct crowd *crowd)
{
	static const struct path_hooks hooks = {.route = no_route};
	static struct tun_io tun = {.header = true};

	tun.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (tun.fd < 0 || path_new(&crowd->path, &tun, 0, &hooks, NULL) ||
	    udp_batch_new(&crowd->batch))
		die("no memory");
}

static void read_clients(struct crowd *crowd)
{
	struct rlimit files = {1 << 17, 1 << 17};
	char line[256], (*keys)[KEY_TEXT_SIZE] = NULL;

	setrlimit(RLIMIT_NOFILE, &files);
	while (fgets(line, sizeof(line), stdin) && line[0] != '\n') {
		line[strcspn(line, " \n")] = '\0';
		keys = realloc(keys, (crowd->count + 1) * sizeof(*keys));
		if (!keys)
			die("no memory");
		snprintf(keys[crowd->count++], KEY_TEXT_SIZE, "%s", line);
	}
	crowd->clients = calloc(crowd->count, sizeof(*crowd->clients));
	if (!crowd->clients)
		die("no keys on the input");
	for (unsigned i = 0; i < crowd->count; i++)
		add_client(crowd, &crowd->clients[i], keys[i]);
	free(keys);
}

static void print_state(const struct crowd *crowd)
{
	printf("{\"up\": %u, \"back\": %u, \"attempts\": %u, \"lost\": %u, "
	       "\"first\": %.3f, \"last\": %.3f, \"turn\": %.3f, "
	       "\"reason\": \"%s\"}\n",
	       crowd->up, crowd->back, crowd->attempts, crowd->lost,
	       crowd->first, crowd->last, crowd->turn, crowd->reason);
	fflush(stdout);
}

static void mark(struct crowd *crowd)
{
	for (unsigned i = 0; i < crowd->count; i++)
		crowd->clients[i].back = 0.;
	crowd->marked = clock_now();
	crowd->first = crowd->last = crowd->turn = 0.;
	crowd->back = crowd->attempts = crowd->lost = 0;
	crowd->reason[0] = '\0';
}

static void command(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct crowd *crowd = watcher->data;
	char line[16];

	(void)events;
	if (!fgets(line, sizeof(line), stdin) || !strcmp(line, "quit\n")) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	print_state(crowd);
	if (!strcmp(line, "mark\n"))
		mark(crowd);
}

static void turn_begins(struct ev_loop *loop, ev_check *watcher, int events)
{
	struct crowd *crowd = watcher->data;

	(void)loop;
	(void)events;
	crowd->turned = clock_now();
}

static void turn_ends(struct ev_loop *loop, ev_prepare *watcher, int events)
{
	struct crowd *crowd = watcher->data;
	double took = clock_now() - crowd->turned;

	(void)loop;
	(void)events;
	if (crowd->turned > 0. && took > crowd->turn)
		crowd->turn = took;
}

static void keep_quiet(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	(void)line;
}

int main(int argc, char **argv)
{
	static struct config_host server = {.host = "server"};
	struct crowd crowd = {.at_once = 32};
	ev_io input;

	if (argc < 3 || inet_parse_endpoint(argv[1], &crowd.server) ||
	    key_parse(argv[2], crowd.config.server_key))
		die("usage: crowd ADDRESS:PORT KEY [AT-ONCE [KEEPALIVE]] < KEYS");
	if (argc > 3)
		crowd.at_once = (unsigned)atoi(argv[3]);
	log_set_sink(keep_quiet, NULL);
	/* Each command is a line of its own, and one event. */
	setvbuf(stdin, NULL, _IONBF, 0);
	crowd.config.role = CONFIG_CLIENT;
	crowd.config.identity = CONFIG_KEYS;
	crowd.config.keepalive = argc > 4 ? (unsigned)atoi(argv[4]) : KEEPALIVE;
	crowd.config.servers = &server;
	crowd.config.server_count = 1;
	crowd.loop = ev_loop_new(EVFLAG_AUTO);
	make_path(&crowd);
	read_clients(&crowd);
	mark(&crowd);
	begin_more(&crowd);
	ev_io_init(&input, command, STDIN_FILENO, EV_READ);
	input.data = &crowd;
	ev_io_start(crowd.loop, &input);
	ev_check_init(&crowd.after, turn_begins);
	ev_prepare_init(&crowd.before, turn_ends);
	crowd.after.data = crowd.before.data = &crowd;
	ev_set_priority(&crowd.after, EV_MAXPRI);
	ev_check_start(crowd.loop, &crowd.after);
	ev_prepare_start(crowd.loop, &crowd.before);
	ev_run(crowd.loop, 0);
	/* Nothing is said: as if the power had failed. */
	return 0;
}
