/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coalesce_*(): many flows at once, limits, and what waits for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/join_lab.h"

#define TH_CWR 0x80

static uint8_t buffer[IP_PACKET_MAX];

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
		{JOIN_LAB_ALL & ~TUN_F_CSUM, false, false},
		{0, true, true},
	};

	(void)state;
	for (unsigned i = 0; i < 6 * 4; i++) {
		unsigned bits = cases[i / 4].bits;
		struct inner_packet super = inner_packet_default(i & 1, i & 2);
		bool usable = bits & TUN_F_CSUM &&
			      cases[i / 4].ipv6 == super.ipv6 &&
			      cases[i / 4].udp == super.udp;
		struct join_lab lab;

		join_lab_open(&lab, bits);
		super.payload = 300;
		join_lab_put_segments(&lab, &super, 100);
		/* What can't be joined does not wait either. */
		assert_int_equal(lab.joined.count, usable ? 0 : 3);
		coalesce_flush(lab.join);
		assert_int_equal(lab.joined.count, usable ? 1 : 3);
		join_lab_close(&lab);
	}
}

/* One alone, as who cuts what was joined would clear it in the rest. */
static void test_cwr_stays_alone(void **state)
{
	struct inner_packet super = inner_packet_default(false, false);
	struct join_lab lab;

	(void)state;
	super.flags |= TH_CWR;
	super.payload = 300;
	join_lab_open(&lab, JOIN_LAB_ALL);
	join_lab_put_segments(&lab, &super, 100);
	coalesce_flush(lab.join);
	assert_int_equal(lab.joined.count, 2);
	join_lab_assert_single(&lab, 0, 0);
	assert_int_equal(lab.joined.packets[1].parts, 2);
	assert_int_equal(lab.joined.packets[1].header.gso_type,
			 VIRTIO_NET_HDR_GSO_TCPV4);
	join_lab_close(&lab);
}

/* Neither more parts nor more bytes than there may be, and nothing lost. */
static void test_limits(void **state)
{
	struct inner_packet super = inner_packet_default(true, false);
	struct join_lab lab;

	(void)state;
	super.payload = 65 * 100;
	join_lab_open(&lab, JOIN_LAB_ALL);
	join_lab_put_segments(&lab, &super, 100);
	assert_int_equal(lab.joined.count, 1);
	coalesce_flush(lab.join);
	assert_int_equal(lab.joined.packets[0].parts, COALESCE_PARTS_MAX);
	join_lab_assert_single(&lab, 1, 64);
	join_lab_close(&lab);

	super.payload = 0xffff - inner_packet_headers(&super);
	join_lab_check_whole(&super, 2048);
	join_lab_open(&lab, JOIN_LAB_ALL);
	super.payload++;
	join_lab_put_segments(&lab, &super, 2048);
	coalesce_flush(lab.join);
	assert_int_equal(lab.joined.count, 2);
	assert_int_equal(lab.joined.packets[0].parts, lab.count - 1);
	join_lab_assert_single(&lab, 1, lab.count - 1);
	join_lab_close(&lab);
}

/* As many flows as there is room for join, whatever the turns they take. */
static void test_many_flows(void **state)
{
	for (unsigned flows = 1; flows <= 40; flows++) {
		struct inner_packet packet = inner_packet_default(true, false);
		struct join_lab lab;

		(void)state;
		packet.payload = 100;
		join_lab_open(&lab, JOIN_LAB_ALL);
		for (unsigned i = 0; i < 8 * flows; i++) {
			packet.source = i % flows;
			join_lab_put(&lab, &packet);
			if (packet.source == flows - 1)
				packet = inner_packet_after(&packet);
		}
		coalesce_flush(lab.join);
		assert_int_equal(lab.joined.count,
				 flows > 16 ? 8 * flows : flows);
		for (unsigned i = 0; i < lab.joined.count; i++)
			assert_int_equal(lab.joined.packets[i].bytes[41],
					 i % flows);
		join_lab_close(&lab);
	}
}

/* Packets stay in their order within a flow, and between two hosts. */
static void test_nothing_overtakes(void **state)
{
	struct inner_packet data = inner_packet_default(false, false), other;
	struct join_lab lab;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		other = inner_packet_after(&data);
		if (i == 0)
			other.payload = 0;
		else if (i == 1)
			other.extension = 4;
		else if (i == 2)
			other.fragment = 0x2000;
		join_lab_open(&lab, JOIN_LAB_ALL);
		join_lab_put(&lab, &data);
		if (i == 3)
			join_lab_put_bytes(&lab, buffer,
					   inner_packet_make(&other, buffer) -
						   1);
		else
			join_lab_put(&lab, &other);
		assert_int_equal(lab.joined.count, 2);
		join_lab_assert_single(&lab, 0, 0);
		join_lab_assert_single(&lab, 1, 1);
		join_lab_close(&lab);
	}
	/* Others' packets in pieces are no reason. */
	other.fragment = 0x2000;
	other.host++;
	join_lab_open(&lab, JOIN_LAB_ALL);
	join_lab_put(&lab, &data);
	join_lab_put(&lab, &other);
	assert_int_equal(lab.joined.count, 1);
	join_lab_assert_single(&lab, 0, 1);
	join_lab_close(&lab);
}

static void test_truncated(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet packet =
			inner_packet_default(kind & 1, kind & 2);
		struct join_lab lab;

		packet.payload = 20;
		join_lab_open(&lab, JOIN_LAB_ALL);
		inner_packet_make(&packet, buffer);
		for (size_t i = 0; i < inner_packet_headers(&packet) + 20; i++)
			join_lab_put_bytes(&lab, buffer, i);
		assert_int_equal(lab.joined.count, lab.count);
		for (unsigned i = 0; i < lab.count; i++)
			join_lab_assert_single(&lab, i, i);
		join_lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_is_usable),
		cmocka_unit_test(test_cwr_stays_alone),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_flows),
		cmocka_unit_test(test_nothing_overtakes),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
