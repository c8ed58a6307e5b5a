/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RFC 6040, beside its own table; both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/data/traffic_class.h"

#define IPV4 20
#define IPV6 40

enum { NOT_ECT, ECT_1, ECT_0, CE, DROP };

static uint16_t checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < IPV4; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void make_ipv4(uint8_t packet[IPV4], uint8_t class, uint8_t fill)
{
	uint16_t sum;

	memset(packet, fill, IPV4);
	packet[0] = 0x45;
	packet[1] = class;
	packet[10] = packet[11] = 0;
	sum = checksum(packet);
	packet[10] = sum >> 8;
	packet[11] = sum & 0xff;
}

static void make_ipv6(uint8_t packet[IPV6], uint8_t class)
{
	memset(packet, 0xaa, IPV6);
	packet[0] = (uint8_t)(0x60 | class >> 4);
	packet[1] = (uint8_t)(class << 4 | 0x0a);
}

/* Figure 4: by inner, then by outer field. */
static const uint8_t figure[4][4] = {
	[NOT_ECT] = {NOT_ECT, NOT_ECT, NOT_ECT, DROP},
	[ECT_0] = {[NOT_ECT] = ECT_0,
		   [ECT_0] = ECT_0,
		   [ECT_1] = ECT_1,
		   [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1,
		   [ECT_0] = ECT_1,
		   [ECT_1] = ECT_1,
		   [CE] = CE},
	[CE] = {CE, CE, CE, CE},
};

/* The DSCP of either side stays where it is, and so does all else. */
static void test_arrival_ipv4(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256 * 256; i++) {
		uint8_t class = i & 0xff, outer = i >> 8;
		uint8_t expected = figure[class & 3][outer & 3];
		uint8_t packet[IPV4], after[IPV4];

		make_ipv4(packet, class, (uint8_t)(i * 7));
		make_ipv4(after,
			  expected == DROP ? class : (class & ~3) | expected,
			  (uint8_t)(i * 7));
		assert_true(traffic_class_arrive(packet, outer) ==
			    (expected != DROP));
		/* 0xffff and 0 are the same sum. */
		assert_int_equal(checksum(packet), 0);
		memcpy(packet + 10, after + 10, 2);
		assert_memory_equal(packet, after, IPV4);
	}
}

static void test_arrival_ipv6(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256 * 256; i++) {
		uint8_t class = i & 0xff, outer = i >> 8;
		uint8_t expected = figure[class & 3][outer & 3];
		uint8_t packet[IPV6], after[IPV6];

		make_ipv6(packet, class);
		make_ipv6(after,
			  expected == DROP ? class : (class & ~3) | expected);
		assert_true(traffic_class_arrive(packet, outer) ==
			    (expected != DROP));
		assert_memory_equal(packet, after, IPV6);
	}
}

/* A header that was damaged is not repaired by that. */
static void test_wrong_checksum_stays_wrong(void **state)
{
	uint8_t packet[IPV4];
	uint16_t before;

	(void)state;
	make_ipv4(packet, ECT_0, 0x11);
	packet[16] ^= 0x40;
	before = checksum(packet);
	assert_int_not_equal(before, 0);
	assert_true(traffic_class_arrive(packet, CE));
	assert_int_equal(packet[1], CE);
	assert_int_equal(checksum(packet), before);
}

static void test_outer(void **state)
{
	uint8_t v4[IPV4], v6[IPV6];

	(void)state;
	for (unsigned class = 0; class < 256; class ++) {
		make_ipv4(v4, (uint8_t) class, 0);
		make_ipv6(v6, (uint8_t) class);
		for (unsigned i = 0; i < 4; i++) {
			uint8_t shown = (i & 1 ? 0x03 : 0) | (i & 2 ? 0xfc : 0);

			assert_int_equal(traffic_class_outer(v4, sizeof(v4),
							     i & 1, i & 2),
					 class & shown);
			assert_int_equal(traffic_class_outer(v6, sizeof(v6),
							     i & 1, i & 2),
					 class & shown);
		}
	}
	memset(v4, 0x4f, sizeof(v4));
	for (size_t length = 0; length < IPV4; length++)
		assert_int_equal(traffic_class_outer(v4, length, true, true),
				 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrival_ipv4),
		cmocka_unit_test(test_arrival_ipv6),
		cmocka_unit_test(test_wrong_checksum_stays_wrong),
		cmocka_unit_test(test_outer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
