/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data path, from the tun device to a peer and back. */
#include "unit/path_lab.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* UDP, 1400 bytes a segment. */
static const struct virtio_net_hdr super_packet = {
	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
	.gso_size = 1400,
	.csum_start = 20,
	.csum_offset = 6,
};

static unsigned yields;

/* A device that takes no super-packet, whatever it has said; and how many. */
static bool refusing;
static unsigned refusals;

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	const struct virtio_net_hdr *header = parts[0].iov_base;

	if (refusing && parts[0].iov_len == sizeof(*header) &&
	    header->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		refusals++;
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_writev, fd, parts, count);
}

int sched_yield(void);

int sched_yield(void)
{
	yields++;
	return 0;
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

/* What one side segments the other joins to the same super-packet. */
static void pass_super_packet(struct lab *lab)
{
	static uint8_t packet[65536], got[65536];
	size_t length = make_packet(packet, 28 + 40 * 1400 + 9, 7);
	struct virtio_net_hdr back;
	unsigned messages = 0;

	for (size_t i = 28; i < length; i++)
		packet[i] = (uint8_t)(i * 13 + i / 255);
	put16(packet + 26,
	      ~checksum(packet + 12, 8, IPPROTO_UDP + (uint32_t)length - 20));
	assert_true(give(lab, &super_packet, packet, length));
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
}

static void test_super_packet(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);

	(void)state;
	pass_super_packet(lab);
	close_lab(lab);
}

/*
 * Records that are hidden are one behind the other as well, and become records
 * again where they are.
 */
static void test_super_packet_is_hidden(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);

	(void)state;
	hide(lab);
	pass_super_packet(lab);
	close_lab(lab);
}

/* The other end has yet to say what it receives by. */
static void test_hidden_from_nobody(void **state)
{
	struct lab *lab = open_lab(0);

	(void)state;
	hide(lab);
	lab->links[0]->is_known = false;
	give_packets(lab, 3, 500);
	path_from_tun(lab->path);
	assert_int_equal(lab->dropped[DROP_SEND], 3);
	assert_int_equal(lab->sent, 0);
	lab->links[0]->is_known = true;
	give_packets(lab, 3, 500);
	path_from_tun(lab->path);
	assert_int_equal(lab->sent, 3);
	close_lab(lab);
}

/* It is given the packets themselves, and from then on nothing else. */
static void test_super_packet_is_refused(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);
	static uint8_t packet[65536], got[65536];
	size_t length = make_packet(packet, 28 + 2 * 1400 + 9, 7);
	struct virtio_net_hdr back;
	unsigned messages = 0;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		put16(packet + 26,
		      ~checksum(packet + 12, 8,
				IPPROTO_UDP + (uint32_t)length - 20));
		assert_true(give(lab, &super_packet, packet, length));
		path_from_tun(lab->path);
		refusing = true;
		assert_int_equal(pass_on(lab, &messages), 3);
		refusing = false;
		for (unsigned i = 0; i < 3; i++) {
			size_t size = i < 2 ? 1400 : 9;

			assert_int_equal(take(lab, &back, got, sizeof(got)),
					 28 + size);
			assert_int_equal(back.gso_type, 0);
			assert_memory_equal(got + 28, packet + 28 + i * 1400,
					    size);
		}
		assert_int_equal(take(lab, &back, got, sizeof(got)), -1);
	}
	assert_int_equal(refusals, 1);
	assert_int_equal(lab->joined_refused, 1);
	assert_int_equal(lab->refusal, -EINVAL);
	close_lab(lab);
}

/* How often is the processor yielded for so many segments of a super-packet? */
static unsigned yields_for(struct lab *lab, unsigned segments)
{
	struct virtio_net_hdr header = super_packet;
	static uint8_t packet[65536];
	size_t length = make_packet(packet, 28 + (segments - 1) * 1400 + 9, 7);

	if (segments == 1)
		header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	yields = lab->sent = 0;
	assert_true(give(lab, &header, packet, length));
	path_from_tun(lab->path);
	assert_int_equal(lab->sent, segments);
	return yields;
}

/* Who wrote the only packet may end what it does, before that is sent. */
static void test_way_is_given_for_one_alone(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);

	(void)state;
	assert_int_equal(yields_for(lab, 1), 1);
	assert_int_equal(yields_for(lab, 2), 0);
	/* 44 of them fill the queue, the last is in it alone. */
	lab->runs = 0;
	assert_int_equal(yields_for(lab, 45), 0);
	assert_int_equal(lab->runs, 2);
	yields = 0;
	give_packets(lab, 2, 100);
	path_from_tun(lab->path);
	path_from_tun(lab->path); /* there is nothing */
	lab->nowhere = true;
	give_packets(lab, 1, 100);
	path_from_tun(lab->path);
	assert_int_equal(yields, 0);
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

/*
 * A packet from one tunnel into the next is sealed anew, in the same run as
 * others.
 */
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

/* This is UDP larger than its path carries; test_oversize.c has TCP. */
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

/* Nor of two traffic classes, which the kernel gives to all of it. */
static void test_runs_are_of_one_class(void **state)
{
	static const uint8_t classes[] = {0, 0, 2, 2, 2, 3, 2, 0};
	struct lab *lab = open_lab(TUN_F_CSUM);
	struct path_target target = {0};
	unsigned messages = 0;
	uint8_t packet[200];

	(void)state;
	make_packet(packet, 200, 1);
	route(lab, packet, 200, &target);
	path_begin(lab->path);
	for (size_t i = 0; i < sizeof(classes); i++) {
		target.tos = classes[i];
		path_to_peer(lab->path, &target, packet, 200);
	}
	path_flush(lab->path);
	assert_int_equal(lab->runs, 5);
	assert_int_equal(pass_on(lab, &messages), 8);
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

/* What is paced: UDP, and small. */
static void test_small_packets_are_counted(void **state)
{
	struct lab *lab = open_lab(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);
	uint8_t packet[600];

	(void)state;
	make_packet(packet, 600, 1);
	packet[9] = IPPROTO_UDP;
	path_begin(lab->path);
	for (int i = 0; i < 3; i++)
		path_to_tun(lab->path, packet, 512);
	path_to_tun(lab->path, packet, 513);
	packet[9] = IPPROTO_TCP;
	path_to_tun(lab->path, packet, 100);
	path_flush(lab->path);
	assert_int_equal(path_small(lab->path), 3);
	assert_int_equal(path_small(lab->path), 0);
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
		cmocka_unit_test(test_super_packet_is_hidden),
		cmocka_unit_test(test_hidden_from_nobody),
		cmocka_unit_test(test_super_packet_is_refused),
		cmocka_unit_test(test_way_is_given_for_one_alone),
		cmocka_unit_test(test_device_without_header),
		cmocka_unit_test(test_to_peer),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_runs_are_of_one_peer),
		cmocka_unit_test(test_runs_are_of_one_class),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_small_packets_are_counted),
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_unreachable),
	};

	if (netns_enter() || netns_run("ip link set lo up"))
		return 1;
	open_link_keys();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
