/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coalesce_*(): what belongs together, and what does not. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/join_lab.h"

#define TH_ECE 0x40
#define TH_CWR 0x80
#define DF     0x4000

static uint8_t buffer[IP_PACKET_MAX];

static void test_segments_become_their_whole(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet super =
			inner_packet_default(kind & 1, kind & 2);

		for (super.payload = 101; super.payload < 400; super.payload++)
			join_lab_check_whole(&super, 100);
		super.options_size = 0;
		super.payload = 6400;
		join_lab_check_whole(&super, 100);
		super.payload = 45 * 1383 + 1;
		join_lab_check_whole(&super, 1383);
		super.fragment = 0; /* IDs then count, and may */
		super.payload = 2000;
		join_lab_check_whole(&super, 700);
	}
}

static void test_last_flags_are_kept(void **state)
{
	static const uint8_t flags[] = {
		TH_PUSH, TH_FIN, TH_PUSH | TH_FIN, TH_ECE, 0,
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(flags); i++) {
		struct inner_packet super = inner_packet_default(i % 2, false);

		super.flags |= flags[i / 2];
		super.payload = 300;
		join_lab_check_whole(&super, 100);
		super.payload = 210;
		join_lab_check_whole(&super, 100);
	}
}

/* Sends two packets of which the second does not go on with the first. */
static void check_apart(const struct inner_packet *first,
			const struct inner_packet *second)
{
	struct join_lab lab;

	join_lab_open(&lab, JOIN_LAB_ALL);
	join_lab_put(&lab, first);
	join_lab_put(&lab, second);
	coalesce_flush(lab.join);
	assert_int_equal(lab.joined.count, 2);
	join_lab_assert_single(&lab, 0, 0);
	join_lab_assert_single(&lab, 1, 1);
	join_lab_close(&lab);
}

static void check_together(const struct inner_packet *first,
			   const struct inner_packet *second)
{
	struct join_lab lab;

	join_lab_open(&lab, JOIN_LAB_ALL);
	join_lab_put(&lab, first);
	join_lab_put(&lab, second);
	coalesce_flush(lab.join);
	assert_int_equal(lab.joined.count, 1);
	assert_int_equal(lab.joined.packets[0].parts, 2);
	join_lab_close(&lab);
}

#define APART(change)                                                          \
	do {                                                                   \
		struct inner_packet second = inner_packet_after(&first);       \
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
		APART(traffic_class ^= 2);
		APART(traffic_class ^= 3);
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
		struct join_lab lab;

		if (i < sizeof(flags))
			packet.flags = flags[i];
		else
			packet.payload = 0;
		join_lab_open(&lab, JOIN_LAB_ALL);
		join_lab_put(&lab, &packet);
		assert_int_equal(lab.joined.count, 1);
		join_lab_assert_single(&lab, 0, 0);
		join_lab_close(&lab);
	}
}

static void test_fixed_ids(void **state)
{
	struct inner_packet packet = inner_packet_default(false, true);
	struct inner_packet second = packet;
	struct join_lab lab;

	(void)state;
	second.sequence += packet.payload;
	packet.fragment = second.fragment = 0;
	check_apart(&packet, &second);
	packet.fragment = second.fragment = DF;
	check_together(&packet, &second);
	/* The second decides how it goes on. */
	join_lab_open(&lab, JOIN_LAB_ALL);
	join_lab_put(&lab, &packet);
	join_lab_put(&lab, &packet);
	join_lab_put(&lab, &packet);
	packet.id++;
	join_lab_put(&lab, &packet);
	packet.id++;
	join_lab_put(&lab, &packet);
	join_lab_put(&lab, &packet);
	coalesce_flush(lab.join);
	assert_int_equal(lab.joined.count, 3);
	assert_int_equal(lab.joined.packets[0].parts, 3);
	assert_int_equal(lab.joined.packets[1].parts, 2);
	join_lab_assert_single(&lab, 2, 5);
	join_lab_close(&lab);
}

static unsigned singles_like(const struct join_lab *lab, unsigned in)
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

static unsigned parts_in_all(const struct join_lab *lab)
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
		struct join_lab lab;
		size_t length;

		packets[0] = inner_packet_default(i & 1, i & 2);
		packets[0].payload = 60;
		packets[1] = inner_packet_after(&packets[0]);
		packets[2] = inner_packet_after(&packets[1]);
		join_lab_open(&lab, JOIN_LAB_ALL);
		for (unsigned j = 0; j < 3; j++) {
			length = inner_packet_make(&packets[j], buffer);
			if (j == wrong)
				buffer[place % length] ^= 0x10;
			join_lab_put_bytes(&lab, buffer, length);
		}
		coalesce_flush(lab.join);
		assert_int_equal(singles_like(&lab, wrong), 1);
		assert_int_equal(parts_in_all(&lab), 3);
		join_lab_close(&lab);
	}
}

/* Also where the sum happens to be right, so that 0 would pass for it. */
static void test_udp_without_checksum(void **state)
{
	struct inner_packet packet = inner_packet_default(false, true);
	struct inner_packet first;
	struct join_lab lab;
	size_t length;

	(void)state;
	do {
		packet.source++;
		length = inner_packet_make(&packet, buffer);
	} while (buffer[26] != 0xff || buffer[27] != 0xff);
	first = packet;
	first.id--;
	check_together(&first, &packet);
	for (unsigned which = 1; which <= 2; which++) {
		first.id = packet.id + (which == 1 ? 1 : -1);
		join_lab_open(&lab, JOIN_LAB_ALL);
		if (which == 2)
			join_lab_put(&lab, &first);
		inner_packet_make(&packet, buffer);
		memset(buffer + 26, 0, 2);
		join_lab_put_bytes(&lab, buffer, length);
		if (which == 1)
			join_lab_put(&lab, &first);
		coalesce_flush(lab.join);
		assert_int_equal(lab.joined.count, 2);
		join_lab_assert_single(&lab, 0, 0);
		join_lab_assert_single(&lab, 1, 1);
		join_lab_close(&lab);
	}
}

static void test_a_shorter_one_is_the_last(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet packet =
			inner_packet_default(kind & 1, kind & 2);
		struct join_lab lab;

		join_lab_open(&lab, JOIN_LAB_ALL);
		for (unsigned i = 0; i < 3; i++) {
			packet.payload = i == 1 ? 99 : 100;
			join_lab_put(&lab, &packet);
			packet = inner_packet_after(&packet);
		}
		assert_int_equal(lab.joined.count, 1);
		assert_int_equal(lab.joined.packets[0].parts, 2);
		coalesce_flush(lab.join);
		join_lab_assert_single(&lab, 1, 2);
		join_lab_close(&lab);
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
		cmocka_unit_test(test_a_shorter_one_is_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
