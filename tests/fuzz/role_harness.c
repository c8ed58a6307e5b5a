/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/load.h"
#include "role_harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "tunnel/client/client.h"
#include "tunnel/server/server.h"

#define HANDSHAKES_MOST 3
#define STEPS_MOST	64
/* What a tun device can do of Linux 6.2 on. */
#define TUN_ALL (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6)
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
/* Of a handshake, a millisecond each; the other side may not wish a second. */
#define ROUNDS_FIRST 5000
#define ROUNDS_LATER 16

/* Of tunnel->udp: of one family, as a client has them. */
#define SPARE 2

static int near_socket = -1, spare_socket = -1, peer_socket = -1;

/* It is so many seconds later in the harness. */
static time_t later;

/* For all of the program: ours, libev's and GnuTLS's timers. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, clock, now);

	now->tv_sec += later;
	return (int)result;
}

static void discard(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	for (; *line; line++)
		check((uint8_t)*line >= ' ' && *line != 0x7f);
}

static int open_socket(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void name_socket(int fd, struct inet_endpoint *endpoint)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	check(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	memset(endpoint, 0, sizeof(*endpoint));
	check(inet_endpoint_from_sockaddr((struct sockaddr *)&address,
					  endpoint) == 0);
}

static void drain(int fd)
{
	uint8_t byte;

	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
		;
}

static void enter(void)
{
	log_set_sink(discard, NULL);
	log_set_level(LOG_LEVEL_DEBUG);
	peer_socket = open_socket();
}

static void hand_over(struct role_harness *harness,
		      const struct inet_endpoint *from, const uint8_t *data,
		      size_t length)
{
	struct tunnel *tunnel = &harness->tunnel;
	struct udp_datagram datagram = {
		.peer = *from,
		.local = harness->near_address.address,
		.data = malloc(length ? length : 1),
		.length = length,
	};

	check(datagram.data != NULL);
	memcpy(datagram.data, data, length);
	tunnel->now = clock_now();
	tunnel->role->datagram(tunnel->state, harness->near, &datagram);
	path_flush(tunnel->path);
	free(datagram.data);
}

static void send_as_peer(void *owner, const uint8_t *data, size_t length)
{
	struct role_harness *harness = owner;
	struct captured_datagram *copy =
		&harness->captured[harness->captures++ % HARNESS_CAPTURED];

	copy->length = length < HARNESS_DATAGRAM ? length : HARNESS_DATAGRAM;
	memcpy(copy->bytes, data, copy->length);
	hand_over(harness, &harness->peer_address, data, length);
}

/* Host and tunnel never send each other what the other would refuse. */
static void tell(struct role_harness *harness,
		 const struct channel_message *message, int fd)
{
	check(channel_check(message) == 0);
	harness->tunnel.role->message(harness->tunnel.state, message, fd);
}

static void tell_endpoint(struct role_harness *harness)
{
	struct channel_message message = {
		.type = CHANNEL_ENDPOINTS,
		.endpoints.list[0].address = harness->peer_address,
		.endpoints.count = 1,
		.endpoints.patience_ms = 10000,
	};

	tell(harness, &message, -1);
}

static void take_message(struct role_harness *harness,
			 const struct channel_message *message)
{
	const struct channel_message configured = {.type = CHANNEL_CONFIGURED};

	check(channel_check(message) == 0);
	check(message->type < CHANNEL_LEASE);
	if (message->type == CHANNEL_ENDPOINT_WANTED) {
		tell_endpoint(harness);
	} else if (message->type == CHANNEL_CONFIG) {
		harness->settings = message->settings;
		harness->configured = true;
		tell(harness, &configured, -1);
	}
}

/* This is as tunnel.c has it. */
static bool route(void *owner, const uint8_t *packet, size_t length,
		  struct path_target *target)
{
	struct role_harness *harness = owner;

	return harness->tunnel.role->route(harness->tunnel.state, packet,
					   length, target);
}

static void sent(void *owner, const struct udp_run *run, uint64_t bytes)
{
	struct role_harness *harness = owner;

	harness->tunnel.role->sent(harness->tunnel.state, run, bytes);
}

static void dropped(void *owner, struct traffic *traffic,
		    enum drop_reason reason)
{
	struct role_harness *harness = owner;

	role_drop(&harness->tunnel, traffic, reason);
}

static const struct path_hooks path_hooks = {
	.route = route,
	.sent = sent,
	.dropped = dropped,
};

/* Packets, joined perhaps, with a header that does not lie. */
static void check_kernel(struct role_harness *harness)
{
	struct tun_frame frame;
	const struct virtio_net_hdr *header = &frame.header;
	const struct tun_io tun = {.fd = harness->kernel, .header = true};
	struct packet packet;
	ssize_t got;

	while ((got = tun_io_read(&tun, &frame)) >= 0) {
		check(packet_parse(frame.packet, (size_t)got, &packet) == 0);
		check(header->gso_type == VIRTIO_NET_HDR_GSO_NONE ||
		      (header->gso_size > 0 && header->hdr_len <= got));
		if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			check(header->csum_start + header->csum_offset + 2 <=
			      got);
		harness->check_packet(harness, &packet);
	}
}

/* From the kernel: what a peer is sent, with the header of a tun device. */
static void send_from_kernel(struct role_harness *harness, const uint8_t *frame,
			     size_t length)
{
	if (send(harness->kernel, frame, length, MSG_DONTWAIT) < 0)
		return;
	harness->tunnel.now = clock_now();
	path_from_tun(harness->tunnel.path);
}

/* Timers, what host is told, and what has come out. */
static void settle(struct role_harness *harness)
{
	struct channel_message message;

	ev_run(harness->tunnel.loop, EVRUN_NOWAIT);
	while (recv(harness->host, &message, sizeof(message), MSG_DONTWAIT) ==
	       sizeof(message))
		take_message(harness, &message);
	check_kernel(harness);
}

/* At the peer, whose answers go to where it came from. */
static ssize_t receive(struct role_harness *harness, uint8_t *datagram)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	struct inet_endpoint from;
	ssize_t got =
		recvfrom(harness->socket, datagram, HARNESS_DATAGRAM,
			 MSG_DONTWAIT, (struct sockaddr *)&address, &length);

	if (got < 0)
		return got;
	memset(&from, 0, sizeof(from));
	check(inet_endpoint_from_sockaddr((struct sockaddr *)&address, &from) ==
	      0);
	if (inet_endpoint_equal(&from, &harness->near_address))
		harness->near = 0;
	else if (inet_endpoint_equal(&from, &harness->spare_address))
		harness->near = SPARE;
	return got;
}

static void carry_to_peer(struct role_harness *harness)
{
	uint8_t datagram[HARNESS_DATAGRAM];
	ssize_t got;

	while ((got = receive(harness, datagram)) >= 0)
		far_end_input(&harness->peer, datagram, (size_t)got);
}

/* A server lets handshakes wait for a quiet moment: that of settle(). */
static void shake_hands(struct role_harness *harness)
{
	struct pollfd ready = {.fd = harness->socket, .events = POLLIN};
	bool server = harness->tunnel.role == &client_role;
	bool first = !harness->handshakes;
	unsigned rounds = first ? ROUNDS_FIRST : ROUNDS_LATER;

	if (harness->handshakes++ == HANDSHAKES_MOST)
		return;
	far_end_clear(&harness->peer);
	far_end_begin(&harness->peer, server, harness->peer_credentials,
		      send_as_peer, harness);
	if (!server)
		far_end_input(&harness->peer, NULL, 0);
	while (!harness->peer.open && rounds--) {
		settle(harness);
		/* Loopback delivers at once, but the machine may be busy. */
		if (poll(&ready, 1, first) > 0)
			carry_to_peer(harness);
	}
	settle(harness);
}

/* Another handshake beside the session, of which only so many datagrams come.
 */
static void begin_again(struct role_harness *harness, unsigned datagrams)
{
	uint8_t datagram[HARNESS_DATAGRAM];
	bool server = harness->tunnel.role == &client_role;
	ssize_t got;

	if (harness->handshakes++ >= HANDSHAKES_MOST)
		return;
	far_end_clear(&harness->again);
	far_end_begin(&harness->again, server, harness->peer_credentials,
		      send_as_peer, harness);
	if (!server)
		far_end_input(&harness->again, NULL, 0);
	for (unsigned i = 0; i < datagrams; i++) {
		settle(harness);
		got = receive(harness, datagram);
		if (got < 0)
			return;
		far_end_input(&harness->again, datagram, (size_t)got);
	}
}

struct role_harness *role_harness_begin(enum config_role role, const char *text,
					struct credentials *own,
					const struct credentials *peer)
{
	static const struct channel_hooks hooks;
	static struct role_harness harness;
	struct tunnel *tunnel = &harness.tunnel;
	bool server = role == CONFIG_SERVER;
	int pair[2];

	if (peer_socket < 0)
		enter();
	memset(&harness, 0, sizeof(harness));
	drain(peer_socket);
	near_socket = open_socket();
	spare_socket = open_socket();
	harness.socket = peer_socket;
	harness.peer_credentials = peer;
	name_socket(near_socket, &harness.near_address);
	name_socket(spare_socket, &harness.spare_address);
	name_socket(peer_socket, &harness.peer_address);
	harness.reload.tunnel = tunnel;
	tunnel->loop = ev_loop_new(EVFLAG_AUTO);
	check(tunnel->loop != NULL);
	tunnel->credentials = credentials_keep(own);
	tunnel->udp_count = server ? 1 : SPARE + 1;
	check(udp_io_init(&tunnel->udp[0].io, near_socket, true) == 0);
	tunnel->udp[1].io.fd = -1;
	check(udp_io_init(&tunnel->udp[SPARE].io, spare_socket, true) == 0);
	check(config_parse("fuzz.conf", text, strlen(text), NULL, NULL,
			   &tunnel->config) == 0);
	check(channel_pair(pair) == 0);
	harness.host = pair[0];
	check(channel_new(&tunnel->channel, tunnel->loop, pair[1], &hooks,
			  &harness) == 0);
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
			 0, pair) == 0);
	harness.kernel = pair[0];
	harness.tun = (struct tun_io){.fd = pair[1], .header = true};
	check(path_new(&tunnel->path, &harness.tun, TUN_ALL, &path_hooks,
		       &harness) == 0);
	tunnel->role = server ? &server_role : &client_role;
	check((server ? server_new : client_new)(tunnel, &tunnel->state) == 0);
	tell(&harness, &(struct channel_message){.type = CHANNEL_START}, -1);
	settle(&harness);
	return &harness;
}

static void end(struct role_harness *harness)
{
	struct tunnel *tunnel = &harness->tunnel;

	tunnel->role->stop(tunnel->state);
	settle(harness);
	tunnel->role->free(tunnel->state);
	channel_free(tunnel->channel);
	reload_free(&harness->reload);
	credentials_free(tunnel->credentials);
	config_free(tunnel->config);
	ev_loop_destroy(tunnel->loop);
	far_end_clear(&harness->peer);
	far_end_clear(&harness->again);
	later = 0;
	path_free(tunnel->path);
	close(harness->tun.fd);
	close(harness->kernel);
	close(harness->host);
	close(near_socket);
	close(spare_socket);
}

/* flip: the bit of the sealed record that is changed; 0: none. */
static void send_record(struct role_harness *harness, uint8_t type,
			const uint8_t *plain, size_t length, unsigned flip)
{
	uint8_t *out;
	size_t sealed;

	if (!harness->peer.open || length > 16384)
		return;
	out = malloc(length + FAR_END_OVERHEAD);
	check(out != NULL);
	sealed = far_end_seal(&harness->peer, type, plain, length, out);
	out[flip / 8 % sealed] ^= flip ? 1 << flip % 8 : 0;
	send_as_peer(harness, out, sealed);
	free(out);
}

static void replay(struct role_harness *harness, uint8_t which,
		   bool as_stranger)
{
	const struct captured_datagram *copy =
		&harness->captured[which % HARNESS_CAPTURED];
	struct inet_endpoint from = harness->peer_address;

	from.port ^= as_stranger;
	hand_over(harness, &from, copy->bytes, copy->length);
}

static void reload(struct role_harness *harness, const uint8_t *text,
		   size_t length)
{
	int fd = memfd_make((const char *)text, length);

	check(fd >= 0);
	reload_prepare(&harness->reload, 1, fd);
	if (harness->reload.config)
		reload_take(&harness->reload, 0);
	close(fd);
}

static void send_as_stranger(struct role_harness *harness, uint8_t which,
			     const uint8_t *data, size_t length)
{
	struct inet_endpoint from = {
		.address = {.family = AF_INET, .bytes = {198, 51, 100, which}},
		.port = 4433,
	};

	hand_over(harness, &from, data, length);
}

/* The input says first what happens, then with what. */
static void step(struct role_harness *harness, struct input *input)
{
	static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, EMSGSIZE};
	uint8_t which = input_byte(input), with = input_byte(input);
	struct tunnel *tunnel = &harness->tunnel;
	size_t length;
	uint8_t *piece = input_piece(input, &length);

	switch (which) {
	case 'r': /* an application record */
		send_record(harness, 23, piece, length, 0);
		break;
	case 't': /* another type of record, as well sealed */
		send_record(harness, with, piece, length, 0);
		break;
	case 'f': /* forged */
		send_record(harness, 23, piece, length, 1 + with * 3);
		break;
	case 'j': /* records were lost, or come late */
		harness->peer.position += with - 64;
		send_record(harness, 23, piece, length, 0);
		break;
	case 'd': /* a datagram that bears the peer's address */
		hand_over(harness, &harness->peer_address, piece, length);
		break;
	case 's':
		send_as_stranger(harness, with, piece, length);
		break;
	case 'p':
		replay(harness, with, false);
		break;
	case 'q':
		replay(harness, with, true);
		break;
	case 'k': /* a packet from the kernel, virtio_net_hdr first */
		send_from_kernel(harness, piece, length);
		break;
	case 'i': /* an ICMP error */
		tunnel->role->unreachable(tunnel->state, 0, -errors[with % 3]);
		break;
	case 'l':
		if (tunnel->role == &server_role)
			reload(harness, piece, length);
		break;
	case 'u':
		tunnel->role->status(tunnel->state, true);
		break;
	case 'h':
		shake_hands(harness);
		break;
	case 'n':
		begin_again(harness, with % 8);
		break;
	case 'w': /* nothing happens for up to four and a half hours */
		later += with * with / 4;
		break;
	}
	free(piece);
	settle(harness);
	drain(harness->socket);
}

void role_harness_run(struct role_harness *harness,
		      void (*check_packet)(const struct role_harness *harness,
					   const struct packet *packet),
		      const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	harness->check_packet = check_packet;
	shake_hands(harness);
	check(harness->peer.open);
	for (unsigned i = 0; input.left && i < STEPS_MOST; i++)
		step(harness, &input);
	end(harness);
}
