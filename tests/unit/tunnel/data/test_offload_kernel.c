/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.h and coalesce.h beside the kernel's own segmentation:
 *
 *	write -> tun0 (virtio_net_hdr) -> forwarding -> tun1 (nothing) -> read
 *
 * What the kernel makes of a super-packet on its way to a device without
 * offloads is what we have to make of it, byte for byte, with a hop less.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "unit/inner_packet.h"
#include "unit/joined.h"
#include "unit/netns.h"

#define WAIT_MS	   10000
#define ROUNDS	   300
#define SEGMENTS   64
#define FLOWS	   3
#define FIRST_PORT 40000

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

struct lab {
	int super, plain; /* tun0, tun1 */
	bool has_uso;
	uint32_t random;
};

static uint8_t packet[IP_PACKET_MAX], got[IP_PACKET_MAX];

static int open_tun(const char *name, short flags)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | flags};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	strcpy(request.ifr_name, name);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	return fd;
}

static int setup(void **state)
{
	static const char *const commands[] = {
		"ip link set tun0 addrgenmode none up",
		"ip link set tun1 addrgenmode none up",
		"ip address add 10.1.0.1/24 dev tun0",
		"ip address add 10.2.0.1/24 dev tun1",
		"ip address add fd01::1/64 dev tun0 nodad",
		"ip address add fd02::1/64 dev tun1 nodad",
	};
	static struct lab lab;

	if (access("/dev/net/tun", R_OK | W_OK) < 0 || netns_enter() < 0)
		return 0;
	lab.super = open_tun("tun0", IFF_VNET_HDR);
	lab.plain = open_tun("tun1", 0);
	lab.random = 1;
	lab.has_uso = ioctl(lab.super, TUNSETOFFLOAD,
			    TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6) == 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		assert_int_equal(netns_run(commands[i]), 0);
	assert_true(netns_write("/proc/sys/net/ipv4/ip_forward", "1"));
	assert_true(netns_write("/proc/sys/net/ipv6/conf/all/forwarding", "1"));
	*state = &lab;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	if (lab) {
		close(lab->super);
		close(lab->plain);
	}
	return 0;
}

/* Some machines keep the device for root. */
static void need_lab(void **state)
{
	if (!*state) {
		print_message("/dev/net/tun can't be used: left out\n");
		skip();
	}
}

/* This is xorshift, which gives the same numbers on each machine. */
static uint32_t below(struct lab *lab, uint32_t limit)
{
	lab->random ^= lab->random << 13;
	lab->random ^= lab->random >> 17;
	lab->random ^= lab->random << 5;
	return lab->random % limit;
}

/* The next packet that is none of the kernel's own. */
static size_t read_packet(int fd, uint8_t *bytes, size_t size)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	ssize_t length;

	for (;;) {
		assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
		length = read(fd, bytes, size);
		assert_true(length > 0);
		if (bytes[0] >> 4 == 4 && bytes[12] == 10)
			return length;
		if (bytes[0] >> 4 == 6 && bytes[8] == 0xfd)
			return length;
	}
}

static void write_packet(const struct lab *lab,
			 const struct virtio_net_hdr *header,
			 const uint8_t *bytes, size_t length)
{
	struct virtio_net_hdr copy = *header;
	struct iovec parts[] = {
		{&copy, sizeof(copy)},
		{(void *)bytes, length},
	};

	assert_int_equal(writev(lab->super, parts, 2), sizeof(copy) + length);
}

static struct inner_packet random_packet(struct lab *lab)
{
	static const uint8_t flags[] = {0, 0, TH_PUSH, TH_FIN, 0x80, 0x40};
	bool udp = lab->has_uso && below(lab, 3) == 0;
	struct inner_packet random = inner_packet_default(below(lab, 2), udp);

	random.traffic_class = below(lab, 256);
	random.hop_limit = 2 + below(lab, 250);
	random.id = below(lab, 0x10000);
	random.fragment = below(lab, 2) ? 0x4000 : 0;
	random.flow_label = below(lab, 0x100000);
	random.host = 2 + below(lab, 200);
	random.source = below(lab, 0x10000);
	random.sequence = below(lab, 2) ? -below(lab, 70000) : 5;
	random.flags |= flags[below(lab, 6)] | flags[below(lab, 6)];
	random.options_size = below(lab, 11) * 4;
	for (size_t i = 0; i < sizeof(random.options); i++)
		random.options[i] = below(lab, 256);
	return random;
}

/* What we make of it, on the way that the kernel has it gone. */
static void compare_cut(struct lab *lab, struct inner_packet *super,
			uint16_t gso_size)
{
	struct virtio_net_hdr header;
	struct segment cut;
	uint8_t ours[2000];
	size_t length = inner_packet_super(super, gso_size, &header, packet);

	write_packet(lab, &header, packet, length);
	super->hop_limit--;
	length = inner_packet_super(super, gso_size, &header, packet);
	assert_int_equal(segment_begin(&cut, &header, packet, length), 0);
	assert_true(cut.size <= sizeof(ours));
	while ((length = segment_next(&cut, ours)) > 0) {
		assert_int_equal(read_packet(lab->plain, got, sizeof(got)),
				 length);
		assert_memory_equal(ours, got, length);
	}
}

static void test_cut(void **state)
{
	struct lab *lab = *state;

	need_lab(state);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct inner_packet super = random_packet(lab);
		uint16_t gso_size = 90 + below(lab, 1300);
		uint32_t most = IP_PACKET_MAX - 200;

		if (below(lab, 4) == 0)
			super.extension = super.ipv6 ? 8 : 4;
		if (gso_size * SEGMENTS < (int)most)
			most = gso_size * SEGMENTS;
		super.payload = gso_size + 1 + below(lab, most - gso_size);
		compare_cut(lab, &super, gso_size);
	}
}

static void test_checksum_completed(void **state)
{
	struct lab *lab = *state;

	need_lab(state);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct inner_packet single = random_packet(lab);

		single.payload = below(lab, 1300);
		compare_cut(lab, &single, 0);
	}
	/* All of their sums, among them that of which 0 is the checksum. */
	for (unsigned i = 0; i < 0x10000; i++) {
		struct inner_packet single = inner_packet_default(i & 1, i & 2);

		single.source = i;
		single.payload = i % 3;
		compare_cut(lab, &single, 0);
	}
}

/* Packets of several flows by turns, as they arrived. */
struct arrivals {
	unsigned count;
	struct {
		struct inner_packet packet;
		uint8_t *bytes;
	} all[FLOWS * SEGMENTS];
};

static void arrive(struct lab *lab, struct arrivals *arrivals)
{
	struct inner_packet supers[FLOWS];
	uint16_t gso_size[FLOWS];
	unsigned next[FLOWS] = {0}, flow;
	struct inner_packet *one;

	for (flow = 0; flow < FLOWS; flow++) {
		supers[flow] = random_packet(lab);
		supers[flow].source = FIRST_PORT + flow;
		gso_size[flow] = 90 + below(lab, 1300);
		supers[flow].payload = 1 + below(lab, gso_size[flow] * 20);
	}
	arrivals->count = 0;
	for (unsigned i = 0; i < FLOWS * SEGMENTS; i++) {
		flow = below(lab, FLOWS);
		one = &arrivals->all[arrivals->count].packet;
		if (!inner_packet_segment(&supers[flow], gso_size[flow],
					  next[flow]++, one))
			continue;
		arrivals->all[arrivals->count].bytes = malloc(2000);
		inner_packet_make(one, arrivals->all[arrivals->count].bytes);
		arrivals->count++;
	}
}

/* The packet that has to be the next of the flow that this one is of. */
static struct inner_packet *expect(struct arrivals *arrivals,
				   const uint8_t *bytes)
{
	const uint8_t *port = bytes + (bytes[0] >> 4 == 4 ? 20 : 40);

	for (unsigned i = 0; i < arrivals->count; i++) {
		struct inner_packet *one = &arrivals->all[i].packet;

		if (one->hop_limit > 0 && one->source == get16(port))
			return one;
	}
	return NULL;
}

static void compare_join(struct lab *lab, struct arrivals *arrivals,
			 struct joined *joined)
{
	for (unsigned i = 0; i < joined->count; i++) {
		const struct joined_packet *whole = &joined->packets[i];

		write_packet(lab, &whole->header, whole->bytes, whole->length);
		for (unsigned j = 0; j < whole->parts; j++) {
			size_t length =
				read_packet(lab->plain, got, sizeof(got));
			struct inner_packet *one = expect(arrivals, got);

			assert_non_null(one);
			one->hop_limit--;
			assert_int_equal(inner_packet_make(one, packet),
					 length);
			assert_memory_equal(got, packet, length);
			one->hop_limit = 0;
		}
	}
}

static void test_join(void **state)
{
	struct lab *lab = *state;
	unsigned usable = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	unsigned in = 0, out = 0;

	need_lab(state);
	if (lab->has_uso)
		usable |= TUN_F_USO4 | TUN_F_USO6;
	for (unsigned i = 0; i < ROUNDS; i++) {
		static struct joined joined;
		struct arrivals arrivals;
		struct coalesce *join;

		assert_int_equal(
			coalesce_new(&join, usable, joined_emit, &joined), 0);
		arrive(lab, &arrivals);
		for (unsigned j = 0; j < arrivals.count; j++)
			coalesce_add(
				join, arrivals.all[j].bytes,
				inner_packet_headers(&arrivals.all[j].packet) +
					arrivals.all[j].packet.payload);
		coalesce_flush(join);
		in += arrivals.count;
		out += joined.count;
		compare_join(lab, &arrivals, &joined);
		assert_null(expect(&arrivals, got));
		for (unsigned j = 0; j < arrivals.count; j++)
			free(arrivals.all[j].bytes);
		joined_clear(&joined);
		coalesce_free(join);
	}
	print_message("%u packets in, %u out\n", in, out);
	assert_true(out * 5 < in);
}

/* A program's own super-packet, with what the kernel says of it. */
static void test_kernel_made(void **state)
{
	struct lab *lab = *state;
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(9),
		.sin6_addr = {{{0xfd, 1, [15] = 9}}},
	};
	int size = 500, fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct virtio_net_hdr header;
	struct segment cut;
	uint8_t data[2300], out[600];
	size_t length, seen = 0;

	need_lab(state);
	assert_true(fd >= 0);
	if (!lab->has_uso ||
	    setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) < 0) {
		close(fd);
		skip();
	}
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 7;
	assert_int_equal(sendto(fd, data, sizeof(data), 0,
				(struct sockaddr *)&to, sizeof(to)),
			 sizeof(data));
	do {
		struct pollfd poller = {.fd = lab->super, .events = POLLIN};

		assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
		length = read(lab->super, got, sizeof(got));
		assert_true(length > sizeof(header));
		memcpy(&header, got, sizeof(header));
	} while (header.gso_type != VIRTIO_NET_HDR_GSO_UDP_L4);
	assert_int_equal(segment_begin(&cut, &header, got + sizeof(header),
				       length - sizeof(header)),
			 0);
	assert_int_equal(cut.count, 5);
	assert_int_equal(cut.size, 548);
	while ((length = segment_next(&cut, out)) > 0) {
		assert_true(inner_packet_verify(out, length));
		assert_memory_equal(out + 48, data + seen, length - 48);
		seen += length - 48;
	}
	assert_int_equal(seen, sizeof(data));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_checksum_completed),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_kernel_made),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
