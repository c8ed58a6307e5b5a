/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path between a tun device and a UDP socket that are the test's own: the
 * device is a pair of sockets that keep the borders of packets, the network the
 * loopback device, and each packet is opened by a real session's other end.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netns.h"
#include "session_cases.h"
#include "tunnel/offload.h"
#include "tunnel/path.h"

#define OVERHEAD 37 /* AES-GCM */

struct lab {
	struct memory_link *link;
	struct path *path;
	int device; /* the kernel's side of the tun device */
	struct tun_io tun;
	struct udp_io near, far;
	struct udp_batch *batch;
	struct inet_endpoint peer;
	struct traffic traffic;
	/* What the hooks were told. */
	bool nowhere;
	unsigned routed, runs, sent, refused, dropped[DROP_REASONS];
	/* What it answers. */
	size_t largest;
	bool certain;
	uint64_t bytes;
	int error;
};

static bool route(void *owner, const uint8_t *packet, size_t length,
		  struct path_target *target)
{
	struct lab *lab = owner;

	assert_int_equal(packet[0] >> 4, 4);
	assert_int_equal(packet[2] << 8 | packet[3], length);
	lab->routed++;
	target->session = lab->link->ends[LINK_CLIENT].session;
	target->io = &lab->near;
	target->peer = lab->peer;
	target->traffic = &lab->traffic;
	target->largest = lab->largest;
	target->certain = lab->certain;
	return !lab->nowhere;
}

static void sent(void *owner, const struct udp_run *run, uint64_t bytes)
{
	struct lab *lab = owner;

	lab->runs++;
	lab->sent += run->sent;
	lab->bytes += bytes;
	lab->error = run->error;
}

static void dropped(void *owner, struct traffic *traffic,
		    enum drop_reason reason)
{
	struct lab *lab = owner;

	assert_true(!traffic || traffic == &lab->traffic);
	lab->dropped[reason]++;
}

static void refused(void *owner, const struct path_target *target,
		    const uint8_t *packet, size_t length)
{
	struct lab *lab = owner;

	assert_int_equal(target->largest, lab->largest);
	assert_int_equal(packet[0], 0x45);
	assert_true(length > lab->largest);
	lab->refused++;
}

static const struct path_hooks hooks = {
	.route = route,
	.sent = sent,
	.refused = refused,
	.dropped = dropped,
};

static int open_socket(struct udp_io *io, struct inet_endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memset(endpoint, 0, sizeof(*endpoint));
	inet_parse_address("127.0.0.1", &endpoint->address);
	length = inet_endpoint_to_sockaddr(endpoint, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length),
			 0);
	inet_endpoint_from_sockaddr((struct sockaddr *)&address, endpoint);
	return udp_io_init(io, fd, true);
}

static struct lab *open_lab(unsigned usable)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct inet_endpoint own;
	int ends[2], room = 4 << 20;

	assert_non_null(lab);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends),
		0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	lab->device = ends[0];
	lab->tun.fd = ends[1];
	lab->tun.header = usable != 0;
	assert_int_equal(open_socket(&lab->near, &own), 0);
	assert_int_equal(open_socket(&lab->far, &lab->peer), 0);
	assert_int_equal(udp_batch_new(&lab->batch), 0);
	lab->link = open_link(CONFIG_AES_GCM);
	assert_int_equal(path_new(&lab->path, &lab->tun, usable, &hooks, lab),
			 0);
	return lab;
}

static void close_lab(struct lab *lab)
{
	path_free(lab->path);
	memory_link_free(lab->link);
	udp_batch_free(lab->batch);
	close(lab->near.fd);
	close(lab->far.fd);
	close(lab->device);
	close(lab->tun.fd);
	free(lab);
}

static uint16_t checksum(const uint8_t *data, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_u16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

/* A UDP packet of length bytes in all, with true checksums; its length. */
static size_t make_packet(uint8_t *packet, size_t length, uint8_t fill)
{
	static const uint8_t addresses[] = {10, 8, 0, 2, 10, 8, 0, 1};
	size_t inner = length - 20;

	memset(packet, fill, length);
	memset(packet, 0, 28);
	packet[0] = 0x45;
	put_u16(packet + 2, (uint16_t)length);
	packet[6] = 0x40; /* not to be fragmented */
	packet[8] = 64;
	packet[9] = IPPROTO_UDP;
	memcpy(packet + 12, addresses, sizeof(addresses));
	put_u16(packet + 10, checksum(packet, 20, 0));
	put_u16(packet + 20, 1000);
	put_u16(packet + 22, 2000);
	put_u16(packet + 24, (uint16_t)inner);
	put_u16(packet + 26, checksum(packet + 12, length - 12,
				      IPPROTO_UDP + (uint32_t)inner));
	return length;
}

/* The kernel has a packet for the tunnel; false: no room for it. */
static bool give(struct lab *lab, const struct virtio_net_hdr *header,
		 const uint8_t *packet, size_t length)
{
	struct iovec parts[2] = {{(void *)header, sizeof(*header)},
				 {(void *)packet, length}};
	bool plain = !lab->tun.header;

	return writev(lab->device, parts + plain, 2 - plain) > 0;
}

static void give_packets(struct lab *lab, unsigned count, size_t length)
{
	static const struct virtio_net_hdr none;
	uint8_t packet[2000];

	for (unsigned i = 0; i < count; i++)
		assert_true(give(lab, &none, packet,
				 make_packet(packet, length, (uint8_t)i)));
}

/* Opens what has come, has it joined, and counts the packets of it. */
static unsigned pass_on(struct lab *lab, unsigned *messages)
{
	struct session *session = lab->link->ends[LINK_SERVER].session;
	struct udp_datagram datagram;
	struct udp_message message;
	unsigned packets = 0;
	size_t length;
	uint8_t *record;
	int count;

	while ((count = udp_io_receive(&lab->far, lab->batch)) > 0) {
		path_begin(lab->path);
		for (int i = 0; i < count; i++) {
			assert_true(udp_batch_message(lab->batch, (unsigned)i,
						      &message));
			(*messages)++;
			do {
				udp_message_next(&message, &datagram);
				session_input(session, datagram.data,
					      datagram.length);
				assert_int_equal(
					session_next(session, &record, &length),
					SESSION_RECORD);
				path_to_tun(lab->path, record, length);
				packets++;
			} while (message.length);
		}
		path_flush(lab->path);
	}
	return packets;
}

/* What the kernel gets, after its header; -1 for nothing. */
static ssize_t take(struct lab *lab, struct virtio_net_hdr *header,
		    uint8_t *packet, size_t size)
{
	struct iovec parts[2] = {{header, sizeof(*header)}, {packet, size}};
	bool plain = !lab->tun.header;
	ssize_t got = readv(lab->device, parts + plain, 2 - plain);

	return got < 0 || plain ? got : got - (ssize_t)sizeof(*header);
}

/* Small packets that lie ready leave in one run, the shorter one at its end. */
static void test_what_is_ready_is_gathered(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM);
	unsigned messages = 0;

	(void)state;
	give_packets(lab, 30, 92);
	give_packets(lab, 1, 60);
	give_packets(lab, 3, 60);
	give_packets(lab, 2, 1435);
	path_from_tun(lab->path);
	assert_int_equal(lab->routed, 36);
	assert_int_equal(lab->sent, 36);
	assert_int_equal(lab->runs, 3); /* 31 in one, 3, 2 */
	assert_int_equal(lab->bytes, 30 * 92 + 4 * 60 + 2 * 1435);
	assert_int_equal(pass_on(lab, &messages), 36);
	assert_int_equal(messages, 3);
	close_lab(lab);
}

/* One turn ends, however much there is; the rest is for the next. */
static void test_a_turn_is_bounded(void **state)
{
	static const struct virtio_net_hdr none;
	struct lab *lab = open_lab(TUN_F_CSUM);
	unsigned messages = 0, given = 0, packets = 0, turns = 0;
	uint8_t packet[60];
	size_t length = make_packet(packet, sizeof(packet), 1);

	(void)state;
	while (give(lab, &none, packet, length))
		given++;
	while (packets < given && turns++ < given) {
		path_from_tun(lab->path);
		assert_true(turns > 1 || lab->sent < given);
		packets += pass_on(lab, &messages);
	}
	assert_int_equal(lab->sent, given);
	assert_int_equal(packets, given);
	/* 64 are the most that a run holds. */
	assert_true(lab->runs >= given / 64);
	assert_true(lab->runs <= given / 64 + turns);
	close_lab(lab);
}

/* Cut on one side, joined on the other: the same super-packet. */
static void test_super_packet(void **state)
{
	const unsigned usable = TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6;
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.gso_size = 1400,
		.csum_start = 20,
		.csum_offset = 6,
	};
	struct lab *lab = open_lab(usable);
	static uint8_t packet[65536], got[65536];
	size_t length = make_packet(packet, 28 + 40 * 1400 + 9, 7);
	struct virtio_net_hdr back;
	unsigned messages = 0;

	(void)state;
	for (size_t i = 28; i < length; i++)
		packet[i] = (uint8_t)(i * 13 + i / 255);
	put_u16(packet + 26,
		~checksum(packet + 12, 8, IPPROTO_UDP + (uint32_t)length - 20));
	assert_true(give(lab, &header, packet, length));
	path_from_tun(lab->path);
	assert_int_equal(lab->routed, 1);
	assert_int_equal(lab->runs, 1);
	assert_int_equal(lab->sent, 41);
	assert_int_equal(lab->bytes, 40 * 1428 + 28 + 9);
	assert_int_equal(pass_on(lab, &messages), 41);
	assert_int_equal(messages, 1);
	assert_int_equal(take(lab, &back, got, sizeof(got)), length);
	assert_int_equal(back.gso_type, VIRTIO_NET_HDR_GSO_UDP_L4);
	assert_int_equal(back.gso_size, 1400);
	assert_memory_equal(got, packet, 10);
	assert_memory_equal(got + 12, packet + 12, 14);
	assert_memory_equal(got + 28, packet + 28, length - 28);
	assert_int_equal(take(lab, &back, got, sizeof(got)), -1);
	close_lab(lab);
}

/* A device without virtio_net_hdr, as very old kernels have. */
static void test_device_without_header(void **state)
{
	struct lab *lab = open_lab(0);
	uint8_t packet[2000], got[2000];
	unsigned messages = 0;

	(void)state;
	give_packets(lab, 5, 1435);
	path_from_tun(lab->path);
	assert_int_equal(lab->runs, 1);
	assert_int_equal(pass_on(lab, &messages), 5);
	for (uint8_t i = 0; i < 5; i++) {
		make_packet(packet, 1435, i);
		assert_int_equal(take(lab, NULL, got, sizeof(got)), 1435);
		assert_memory_equal(got, packet, 1435);
	}
	assert_int_equal(take(lab, NULL, got, sizeof(got)), -1);
	close_lab(lab);
}

/* From one tunnel into the next: sealed anew, in the same run as others. */
static void test_to_peer(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM);
	struct path_target target = {0};
	uint8_t packet[200];
	unsigned messages = 0;

	(void)state;
	make_packet(packet, 200, 1);
	route(lab, packet, 200, &target);
	path_to_peer(lab->path, &target, packet, 200);
	assert_int_equal(lab->runs, 1);
	path_begin(lab->path);
	for (int i = 0; i < 10; i++)
		path_to_peer(lab->path, &target, packet, 200);
	assert_int_equal(lab->runs, 1);
	path_flush(lab->path);
	assert_int_equal(lab->runs, 2);
	assert_int_equal(lab->sent, 11);
	assert_int_equal(pass_on(lab, &messages), 11);
	assert_int_equal(messages, 2);
	close_lab(lab);
}

/* UDP that is larger than its way carries; TCP see test_fit.c. */
static void test_too_large(void **state)
{
	struct lab *lab = open_lab(0);
	uint8_t packet[2000], got[2000];
	struct path_target target = {0};
	unsigned messages = 0;

	(void)state;
	lab->largest = 1215;
	give_packets(lab, 2, 1215);
	give_packets(lab, 2, 1216);
	path_from_tun(lab->path);
	/* It may pass yet. */
	assert_int_equal(pass_on(lab, &messages), 4);
	assert_int_equal(lab->refused, 0);

	lab->certain = true;
	give_packets(lab, 2, 1215);
	give_packets(lab, 2, 1216);
	path_from_tun(lab->path);
	assert_int_equal(pass_on(lab, &messages), 2);
	assert_int_equal(lab->refused, 2);
	make_packet(packet, 1400, 7);
	route(lab, packet, 1400, &target);
	path_to_peer(lab->path, &target, packet, 1400);
	assert_int_equal(pass_on(lab, &messages), 0);
	assert_int_equal(lab->refused, 3);

	/* May be fragmented: whole packets of what fits, and of the rest. */
	packet[6] = 0;
	path_to_peer(lab->path, &target, packet, 1400);
	assert_int_equal(pass_on(lab, &messages), 2);
	assert_int_equal(lab->refused, 3);
	for (int i = 0; i < 6; i++)
		assert_true(take(lab, NULL, got, sizeof(got)) >= 1215);
	assert_int_equal(take(lab, NULL, got, sizeof(got)), 20 + 1192);
	assert_int_equal(take(lab, NULL, got, sizeof(got)), 20 + 1380 - 1192);
	close_lab(lab);
}

/* No run has datagrams for two peers, or from two addresses of ours. */
static void test_runs_are_of_one_peer(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM);
	struct path_target targets[3] = {0};
	struct udp_io other = lab->near;
	unsigned messages = 0;
	uint8_t packet[200];

	(void)state;
	make_packet(packet, 200, 1);
	for (int i = 0; i < 3; i++)
		route(lab, packet, 200, &targets[i]);
	targets[0].peer.port++;
	inet_parse_address("127.0.0.1", &targets[1].local);
	path_begin(lab->path);
	for (int i = 0; i < 6; i++)
		path_to_peer(lab->path, &targets[i % 3], packet, 200);
	targets[2].io = &other;
	for (int i = 0; i < 2; i++)
		path_to_peer(lab->path, &targets[2], packet, 200);
	path_flush(lab->path);
	assert_int_equal(lab->runs, 7);
	assert_int_equal(lab->sent, 8);
	assert_int_equal(pass_on(lab, &messages), 6);
	assert_int_equal(messages, 5);
	close_lab(lab);
}

/* A packet that comes outside of a turn is not kept back. */
static void test_at_once(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);
	struct virtio_net_hdr header;
	uint8_t packet[200], got[200];

	(void)state;
	for (int i = 0; i < 2; i++) {
		make_packet(packet, 200, 1);
		path_to_tun(lab->path, packet, 200);
		assert_int_equal(take(lab, &header, got, sizeof(got)), 200);
		assert_memory_equal(got, packet, 200);
	}
	close_lab(lab);
}

/* Larger than a record can be; nobody's; no packet at all. */
static void test_drops(void **state)
{
	static const struct virtio_net_hdr none;
	const struct virtio_net_hdr lie = {
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = 60000,
	};
	struct lab *lab = open_lab(TUN_F_CSUM);
	static uint8_t packet[65536];

	(void)state;
	make_packet(packet, 20000, 1);
	assert_true(give(lab, &none, packet, 20000));
	make_packet(packet, 65535, 1);
	assert_true(give(lab, &none, packet, 65535));
	path_from_tun(lab->path);
	assert_int_equal(lab->dropped[DROP_SEND], 2);
	assert_true(give(lab, &lie, packet, 1400));
	path_from_tun(lab->path);
	assert_int_equal(lab->dropped[DROP_MALFORMED], 1);
	lab->nowhere = true;
	give_packets(lab, 3, 100);
	path_from_tun(lab->path);
	assert_int_equal(lab->runs, 0);
	lab->nowhere = false;
	give_packets(lab, 1, 100);
	path_from_tun(lab->path);
	assert_int_equal(lab->sent, 1);
	close_lab(lab);
}

static void test_unreachable(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM);

	(void)state;
	inet_parse_endpoint("192.0.2.1:9", &lab->peer);
	give_packets(lab, 3, 100);
	path_from_tun(lab->path);
	assert_int_equal(lab->runs, 1);
	assert_int_equal(lab->sent, 0);
	assert_int_equal(lab->bytes, 0);
	assert_int_equal(lab->error, -ENETUNREACH);
	close_lab(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_ready_is_gathered),
		cmocka_unit_test(test_a_turn_is_bounded),
		cmocka_unit_test(test_super_packet),
		cmocka_unit_test(test_device_without_header),
		cmocka_unit_test(test_to_peer),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_runs_are_of_one_peer),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_unreachable),
	};

	if (netns_enter() || netns_run("ip link set lo up"))
		return 1;
	session_cases_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
