/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inner_packet.h"
#include "joined.h"

#define TH_ECE 0x40
#define TH_CWR 0x80
#define DF     0x4000

#define EVERYTHING                                                             \
	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 |   \
	 TUN_F_USO6)

/* Packets in memory of exactly their length, as they were and as they are. */
struct lab {
	struct offload_join *join;
	struct joined joined;
	unsigned count;
	struct {
		size_t length;
		uint8_t *bytes, *copy;
	} sent[JOINED_MAX];
};

static uint8_t buffer[OFFLOAD_PACKET_MAX];

static void open_lab(struct lab *lab, unsigned usable)
{
	memset(lab, 0, sizeof(*lab));
	assert_int_equal(
		offload_join_new(&lab->join, usable, joined_emit, &lab->joined),
		0);
}

static void close_lab(struct lab *lab)
{
	for (unsigned i = 0; i < lab->count; i++) {
		free(lab->sent[i].bytes);
		free(lab->sent[i].copy);
	}
	joined_clear(&lab->joined);
	offload_join_free(lab->join);
}

static void put_in_bytes(struct lab *lab, const uint8_t *bytes, size_t length)
{
	unsigned i = lab->count++;

	assert_true(i < JOINED_MAX);
	lab->sent[i].length = length;
	lab->sent[i].bytes = malloc(length ? length : 1);
	lab->sent[i].copy = malloc(length ? length : 1);
	memcpy(lab->sent[i].bytes, bytes, length);
	memcpy(lab->sent[i].copy, bytes, length);
	offload_join_add(lab->join, lab->sent[i].bytes, length);
}

static void put_in(struct lab *lab, const struct inner_packet *packet)
{
	put_in_bytes(lab, buffer, inner_packet_make(packet, buffer));
}

static struct inner_packet after(const struct inner_packet *packet)
{
	struct inner_packet next = *packet;

	next.sequence += packet->payload;
	next.id++;
	next.flags &= ~TH_CWR;
	return next;
}

/* What came out at this place is what went in at that, and nothing else. */
static void assert_single(const struct lab *lab, unsigned out, unsigned in)
{
	const struct virtio_net_hdr none = {0};
	const struct joined_packet *packet = &lab->joined.packets[out];

	assert_true(out < lab->joined.count);
	assert_memory_equal(&packet->header, &none, sizeof(none));
	assert_int_equal(packet->length, lab->sent[in].length);
	assert_memory_equal(packet->bytes, lab->sent[in].copy, packet->length);
}

/* It is as the kernel would have made it at once. */
static void assert_joined(const struct lab *lab, unsigned out,
			  const struct inner_packet *super, uint16_t gso_size)
{
	const struct joined_packet *packet = &lab->joined.packets[out];
	struct virtio_net_hdr header;
	size_t length = inner_packet_super(super, gso_size, &header, buffer);

	assert_true(out < lab->joined.count);
	assert_memory_equal(&packet->header, &header, sizeof(header));
	assert_int_equal(packet->length, length);
	assert_memory_equal(packet->bytes, buffer, length);
}

static void put_in_segments(struct lab *lab, const struct inner_packet *super,
			    uint16_t gso_size)
{
	struct inner_packet segment;

	for (unsigned i = 0; inner_packet_segment(super, gso_size, i, &segment);
	     i++)
		put_in(lab, &segment);
}

static void check_super(const struct inner_packet *super, uint16_t gso_size)
{
	struct lab lab;

	open_lab(&lab, EVERYTHING);
	put_in_segments(&lab, super, gso_size);
	offload_join_flush(lab.join);
	assert_int_equal(lab.joined.count, 1);
	assert_int_equal(lab.joined.packets[0].parts, lab.count);
	assert_joined(&lab, 0, super, gso_size);
	close_lab(&lab);
}

static void test_segments_become_their_whole(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet super =
			inner_packet_default(kind & 1, kind & 2);

		for (super.payload = 101; super.payload < 400; super.payload++)
			check_super(&super, 100);
		super.options_size = 0;
		super.payload = 6400;
		check_super(&super, 100);
		super.payload = 45 * 1383 + 1;
		check_super(&super, 1383);
		super.fragment = 0; /* IDs then count, and may */
		super.payload = 2000;
		check_super(&super, 700);
	}
}

static void test_last_flags_are_kept(void **state)
{
	static const uint8_t flags[] = {
		TH_PUSH, TH_FIN, TH_PUSH | TH_FIN, TH_CWR, TH_CWR | TH_PUSH,
		TH_ECE,	 0,
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(flags); i++) {
		struct inner_packet super = inner_packet_default(i % 2, false);

		super.flags |= flags[i / 2];
		super.payload = 300;
		check_super(&super, 100);
		super.payload = 210;
		check_super(&super, 100);
	}
}

/* Sends two packets of which the second does not go on with the first. */
static void check_apart(const struct inner_packet *first,
			const struct inner_packet *second)
{
	struct lab lab;

	open_lab(&lab, EVERYTHING);
	put_in(&lab, first);
	put_in(&lab, second);
	offload_join_flush(lab.join);
	assert_int_equal(lab.joined.count, 2);
	assert_single(&lab, 0, 0);
	assert_single(&lab, 1, 1);
	close_lab(&lab);
}

static void check_together(const struct inner_packet *first,
			   const struct inner_packet *second)
{
	struct lab lab;

	open_lab(&lab, EVERYTHING);
	put_in(&lab, first);
	put_in(&lab, second);
	offload_join_flush(lab.join);
	assert_int_equal(lab.joined.count, 1);
	assert_int_equal(lab.joined.packets[0].parts, 2);
	close_lab(&lab);
}

#define APART(change)                                                          \
	do {                                                                   \
		struct inner_packet second = after(&first);                    \
                                                                               \
		check_together(&first, &second);                               \
		second.change;                                                 \
		check_apart(&first, &second);                                  \
	} while (0)

static void test_what_differs_stays_apart(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet first =
			inner_packet_default(kind & 1, kind & 2);

		APART(traffic_class ^= 1);
		APART(hop_limit--);
		APART(host++);
		APART(source++);
		APART(destination++);
		APART(payload++);
		APART(payload = 0);
		APART(extension = 8);
		APART(udp ^= true);
		if (first.ipv6) {
			APART(flow_label++);
		} else {
			APART(fragment = 0);
			APART(fragment = DF | 0x8000);
			APART(fragment = 0x2000);
			APART(fragment = 7);
			APART(id++);
			APART(id -= 2);
		}
	}
}

static void test_tcp_that_differs_stays_apart(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 2; kind++) {
		struct inner_packet first = inner_packet_default(kind, false);

		APART(sequence++);
		APART(sequence--);
		APART(sequence = first.sequence);
		APART(ack++);
		APART(window++);
		APART(options[11]++);
		APART(options_size = 8);
		APART(options_size = 16);
		APART(flags |= TH_SYN);
		APART(flags |= TH_RST);
		APART(flags |= TH_URG);
		APART(flags |= TH_ECE);
		APART(flags |= TH_CWR);
		APART(flags &= ~TH_ACK);
	}
}

/* The first packet leaves at once, and the second does not wait for it. */
static void test_what_never_waits(void **state)
{
	static const uint8_t flags[] = {
		TH_ACK | TH_PUSH, TH_ACK | TH_FIN, TH_SYN, TH_ACK | TH_SYN,
		TH_ACK | TH_RST,  TH_ACK | TH_URG, TH_RST, 0,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) + 1; i++) {
		struct inner_packet packet = inner_packet_default(false, false);
		struct lab lab;

		if (i < sizeof(flags))
			packet.flags = flags[i];
		else
			packet.payload = 0;
		open_lab(&lab, EVERYTHING);
		put_in(&lab, &packet);
		assert_int_equal(lab.joined.count, 1);
		assert_single(&lab, 0, 0);
		close_lab(&lab);
	}
}

static void test_fixed_ids(void **state)
{
	struct inner_packet packet = inner_packet_default(false, true);
	struct inner_packet second = packet;
	struct lab lab;

	(void)state;
	second.sequence += packet.payload;
	packet.fragment = second.fragment = 0;
	check_apart(&packet, &second);
	packet.fragment = second.fragment = DF;
	check_together(&packet, &second);
	/* The second decides how it goes on. */
	open_lab(&lab, EVERYTHING);
	put_in(&lab, &packet);
	put_in(&lab, &packet);
	put_in(&lab, &packet);
	packet.id++;
	put_in(&lab, &packet);
	packet.id++;
	put_in(&lab, &packet);
	put_in(&lab, &packet);
	offload_join_flush(lab.join);
	assert_int_equal(lab.joined.count, 3);
	assert_int_equal(lab.joined.packets[0].parts, 3);
	assert_int_equal(lab.joined.packets[1].parts, 2);
	assert_single(&lab, 2, 5);
	close_lab(&lab);
}

static unsigned singles_like(const struct lab *lab, unsigned in)
{
	unsigned count = 0;

	for (unsigned i = 0; i < lab->joined.count; i++) {
		const struct joined_packet *packet = &lab->joined.packets[i];

		count += packet->parts == 1 &&
			 packet->length == lab->sent[in].length &&
			 memcmp(packet->bytes, lab->sent[in].copy,
				packet->length) == 0;
	}
	return count;
}

static unsigned parts_in_all(const struct lab *lab)
{
	unsigned count = 0;

	for (unsigned i = 0; i < lab->joined.count; i++)
		count += lab->joined.packets[i].parts;
	return count;
}

/* Any byte of either packet turned over: it leaves as it came, and alone. */
static void test_wrong_checksums_are_not_laundered(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * 2 * 120; i++) {
		struct inner_packet packets[3];
		unsigned wrong = i / 4 % 2, place = i / 8;
		struct lab lab;
		size_t length;

		packets[0] = inner_packet_default(i & 1, i & 2);
		packets[0].payload = 60;
		packets[1] = after(&packets[0]);
		packets[2] = after(&packets[1]);
		open_lab(&lab, EVERYTHING);
		for (unsigned j = 0; j < 3; j++) {
			length = inner_packet_make(&packets[j], buffer);
			if (j == wrong)
				buffer[place % length] ^= 0x10;
			put_in_bytes(&lab, buffer, length);
		}
		offload_join_flush(lab.join);
		assert_int_equal(singles_like(&lab, wrong), 1);
		assert_int_equal(parts_in_all(&lab), 3);
		close_lab(&lab);
	}
}

static void test_udp_without_checksum(void **state)
{
	struct lab lab;

	(void)state;
	for (unsigned which = 0; which < 3; which++) {
		struct inner_packet packet = inner_packet_default(false, true);

		open_lab(&lab, EVERYTHING);
		for (unsigned i = 0; i < 2; i++) {
			size_t length = inner_packet_make(&packet, buffer);

			if (which & 1 << i)
				memset(buffer + 26, 0, 2);
			put_in_bytes(&lab, buffer, length);
			packet = after(&packet);
		}
		offload_join_flush(lab.join);
		assert_int_equal(lab.joined.count, which ? 2 : 1);
		close_lab(&lab);
	}
}

static void test_only_what_is_usable(void **state)
{
	static const struct {
		unsigned bits;
		bool ipv6, udp;
	} cases[] = {
		{TUN_F_CSUM | TUN_F_TSO4, false, false},
		{TUN_F_CSUM | TUN_F_TSO6, true, false},
		{TUN_F_CSUM | TUN_F_USO4, false, true},
		{TUN_F_CSUM | TUN_F_USO6, true, true},
		{EVERYTHING & ~TUN_F_CSUM, false, false},
		{0, true, true},
	};

	(void)state;
	for (unsigned i = 0; i < 6 * 4; i++) {
		unsigned bits = cases[i / 4].bits;
		struct inner_packet super = inner_packet_default(i & 1, i & 2);
		bool usable = bits & TUN_F_CSUM &&
			      cases[i / 4].ipv6 == super.ipv6 &&
			      cases[i / 4].udp == super.udp;
		struct lab lab;

		open_lab(&lab, bits);
		super.payload = 300;
		put_in_segments(&lab, &super, 100);
		/* What can't be joined does not wait either. */
		assert_int_equal(lab.joined.count, usable ? 0 : 3);
		offload_join_flush(lab.join);
		assert_int_equal(lab.joined.count, usable ? 1 : 3);
		close_lab(&lab);
	}
}

static void test_ecn_is_asked_for(void **state)
{
	struct inner_packet super = inner_packet_default(false, false);
	struct lab lab;

	(void)state;
	super.flags |= TH_CWR;
	super.payload = 300;
	open_lab(&lab, EVERYTHING & ~TUN_F_TSO_ECN);
	put_in_segments(&lab, &super, 100);
	offload_join_flush(lab.join);
	assert_int_equal(lab.joined.count, 2);
	assert_single(&lab, 0, 0);
	close_lab(&lab);
}

/* Neither more parts nor more bytes than there may be, and nothing lost. */
static void test_limits(void **state)
{
	struct inner_packet super = inner_packet_default(true, false);
	struct lab lab;

	(void)state;
	super.payload = 65 * 100;
	open_lab(&lab, EVERYTHING);
	put_in_segments(&lab, &super, 100);
	assert_int_equal(lab.joined.count, 1);
	offload_join_flush(lab.join);
	assert_int_equal(lab.joined.packets[0].parts, OFFLOAD_PARTS_MAX);
	assert_single(&lab, 1, 64);
	close_lab(&lab);

	super.payload = 0xffff - inner_packet_headers(&super);
	check_super(&super, 2048);
	open_lab(&lab, EVERYTHING);
	super.payload++;
	put_in_segments(&lab, &super, 2048);
	offload_join_flush(lab.join);
	assert_int_equal(lab.joined.count, 2);
	assert_int_equal(lab.joined.packets[0].parts, lab.count - 1);
	assert_single(&lab, 1, lab.count - 1);
	close_lab(&lab);
}

/* As many flows as there is room for join, whatever the turns they take. */
static void test_many_flows(void **state)
{
	for (unsigned flows = 1; flows <= 40; flows++) {
		struct inner_packet packet = inner_packet_default(true, false);
		struct lab lab;

		(void)state;
		packet.payload = 100;
		open_lab(&lab, EVERYTHING);
		for (unsigned i = 0; i < 8 * flows; i++) {
			packet.source = i % flows;
			put_in(&lab, &packet);
			if (packet.source == flows - 1)
				packet = after(&packet);
		}
		offload_join_flush(lab.join);
		assert_int_equal(lab.joined.count,
				 flows > 16 ? 8 * flows : flows);
		for (unsigned i = 0; i < lab.joined.count; i++)
			assert_int_equal(lab.joined.packets[i].bytes[41],
					 i % flows);
		close_lab(&lab);
	}
}

/* In the order in which they came, within a flow and between two hosts. */
static void test_nothing_overtakes(void **state)
{
	struct inner_packet data = inner_packet_default(false, false), other;
	struct lab lab;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		other = after(&data);
		if (i == 0)
			other.payload = 0;
		else if (i == 1)
			other.extension = 4;
		else if (i == 2)
			other.fragment = 0x2000;
		open_lab(&lab, EVERYTHING);
		put_in(&lab, &data);
		if (i == 3)
			put_in_bytes(&lab, buffer,
				     inner_packet_make(&other, buffer) - 1);
		else
			put_in(&lab, &other);
		assert_int_equal(lab.joined.count, 2);
		assert_single(&lab, 0, 0);
		assert_single(&lab, 1, 1);
		close_lab(&lab);
	}
	/* Others' packets in pieces are no reason. */
	other.fragment = 0x2000;
	other.host++;
	open_lab(&lab, EVERYTHING);
	put_in(&lab, &data);
	put_in(&lab, &other);
	assert_int_equal(lab.joined.count, 1);
	assert_single(&lab, 0, 1);
	close_lab(&lab);
}

static void test_truncated(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet packet =
			inner_packet_default(kind & 1, kind & 2);
		struct lab lab;

		packet.payload = 20;
		open_lab(&lab, EVERYTHING);
		inner_packet_make(&packet, buffer);
		for (size_t i = 0; i < inner_packet_headers(&packet) + 20; i++)
			put_in_bytes(&lab, buffer, i);
		assert_int_equal(lab.joined.count, lab.count);
		for (unsigned i = 0; i < lab.count; i++)
			assert_single(&lab, i, i);
		close_lab(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_become_their_whole),
		cmocka_unit_test(test_last_flags_are_kept),
		cmocka_unit_test(test_what_differs_stays_apart),
		cmocka_unit_test(test_tcp_that_differs_stays_apart),
		cmocka_unit_test(test_what_never_waits),
		cmocka_unit_test(test_fixed_ids),
		cmocka_unit_test(test_wrong_checksums_are_not_laundered),
		cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_only_what_is_usable),
		cmocka_unit_test(test_ecn_is_asked_for),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_flows),
		cmocka_unit_test(test_nothing_overtakes),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
