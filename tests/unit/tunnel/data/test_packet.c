/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/data/packet.h"

#define V4_SIZE 28
#define V6_SIZE 48

static void make_v4(uint8_t packet[V4_SIZE])
{
	memset(packet, 0, V4_SIZE);
	packet[0] = 0x45;
	packet[3] = V4_SIZE;
	memcpy(packet + 12, "\x0a\x08\x00\x02", 4);
	memcpy(packet + 16, "\xc6\x33\x64\x0a", 4);
}

static void make_v6(uint8_t packet[V6_SIZE])
{
	memset(packet, 0, V6_SIZE);
	packet[0] = 0x60;
	packet[5] = V6_SIZE - 40;
	packet[8] = packet[24] = 0xfd;
	packet[23] = 2;
	packet[39] = 1;
}

static void assert_text(const struct inet_address *address, const char *text)
{
	char buffer[INET_ADDRESS_TEXT];

	assert_string_equal(
		inet_format_address(address, buffer, sizeof(buffer)), text);
}

static void test_addresses(void **state)
{
	uint8_t v4[V4_SIZE], v6[V6_SIZE];
	struct packet packet;

	(void)state;
	make_v4(v4);
	assert_int_equal(packet_parse(v4, sizeof(v4), &packet), 0);
	assert_text(&packet.source, "10.8.0.2");
	assert_text(&packet.destination, "198.51.100.10");
	assert_int_equal(packet.length, V4_SIZE);
	make_v6(v6);
	assert_int_equal(packet_parse(v6, sizeof(v6), &packet), 0);
	assert_text(&packet.source, "fd00::2");
	assert_text(&packet.destination, "fd00::1");
}

static void test_every_truncation_is_refused(void **state)
{
	uint8_t v4[V4_SIZE], v6[V6_SIZE];
	struct packet packet;

	(void)state;
	make_v4(v4);
	make_v6(v6);
	for (size_t i = 0; i < sizeof(v4); i++)
		assert_int_equal(packet_parse(v4, i, &packet), -EINVAL);
	for (size_t i = 0; i < sizeof(v6); i++)
		assert_int_equal(packet_parse(v6, i, &packet), -EINVAL);
}

static void test_lies_in_the_header_are_refused(void **state)
{
	uint8_t v4[V4_SIZE], v6[V6_SIZE];
	struct packet packet;

	(void)state;
	make_v4(v4);
	v4[0] = 0x44; /* a header of 16 bytes */
	assert_int_equal(packet_parse(v4, sizeof(v4), &packet), -EINVAL);
	v4[0] = 0x4f; /* of 60 */
	assert_int_equal(packet_parse(v4, sizeof(v4), &packet), -EINVAL);
	make_v4(v4);
	v4[3] = V4_SIZE - 1;
	assert_int_equal(packet_parse(v4, sizeof(v4), &packet), -EINVAL);
	v4[0] = 0x55;
	assert_int_equal(packet_parse(v4, sizeof(v4), &packet), -EINVAL);
	make_v6(v6);
	v6[4] = 0xff;
	assert_int_equal(packet_parse(v6, sizeof(v6), &packet), -EINVAL);
	make_v6(v6); /* ::ffff:10.8.0.9 would pass as an IPv4 address */
	memcpy(v6 + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x08\0\x09", 16);
	assert_int_equal(packet_parse(v6, sizeof(v6), &packet), -EINVAL);
}

static struct inet_endpoint endpoint(const char *text)
{
	struct inet_endpoint made = {.port = 4433};

	assert_int_equal(inet_parse_address(text, &made.address), 0);
	return made;
}

static void test_udp_to(void **state)
{
	const struct inet_endpoint to4 = endpoint("198.51.100.10"),
				   to6 = endpoint("fd00::1"),
				   other = endpoint("198.51.100.11");
	uint8_t v4[V4_SIZE], v6[V6_SIZE];

	(void)state;
	make_v4(v4);
	make_v6(v6);
	v4[9] = v6[6] = IPPROTO_UDP;
	v4[22] = v6[42] = 4433 >> 8;
	v4[23] = v6[43] = 4433 & 0xff;
	assert_true(packet_is_udp_to(v4, 28, &to4));
	assert_true(packet_is_udp_to(v6, 48, &to6));
	assert_false(packet_is_udp_to(v4, 28, &to6));
	assert_false(packet_is_udp_to(v6, 48, &to4));
	assert_false(packet_is_udp_to(v4, 28, &other));
	for (size_t i = 0; i < 28; i++)
		assert_false(packet_is_udp_to(v4, i, &to4));
	for (size_t i = 0; i < 48; i++)
		assert_false(packet_is_udp_to(v6, i, &to6));
	v4[23] = v6[43] = 0;
	assert_false(packet_is_udp_to(v4, 28, &to4));
	assert_false(packet_is_udp_to(v6, 48, &to6));
	v4[23] = 4433 & 0xff;
	v4[9] = IPPROTO_TCP;
	assert_false(packet_is_udp_to(v4, 28, &to4));
	v4[9] = IPPROTO_UDP;
	v4[0] = 0x4f; /* the port is beyond the end */
	assert_false(packet_is_udp_to(v4, 28, &to4));
}

static void test_udp(void **state)
{
	uint8_t v4[V4_SIZE], v6[V6_SIZE];

	(void)state;
	make_v4(v4);
	make_v6(v6);
	v4[9] = v6[6] = IPPROTO_UDP;
	assert_true(packet_is_udp(v4, sizeof(v4)));
	assert_true(packet_is_udp(v6, sizeof(v6)));
	for (size_t i = 0; i < 20; i++)
		assert_false(packet_is_udp(v4, i));
	v4[9] = v6[6] = IPPROTO_TCP;
	v4[6] = v6[9] = IPPROTO_UDP; /* where the other one has it */
	assert_false(packet_is_udp(v4, sizeof(v4)));
	assert_false(packet_is_udp(v6, sizeof(v6)));
}

static void check_source(const char *text, bool expected)
{
	uint8_t v4[V4_SIZE], v6[V6_SIZE];
	struct inet_address address;

	make_v4(v4);
	make_v6(v6);
	assert_int_equal(inet_parse_address(text, &address), 0);
	if (address.family == AF_INET) {
		memcpy(v4 + 12, address.bytes, 4);
		assert_true(packet_is_link_local(v4, sizeof(v4)) == expected);
	} else {
		memcpy(v6 + 8, address.bytes, 16);
		assert_true(packet_is_link_local(v6, sizeof(v6)) == expected);
		assert_false(packet_is_link_local(v6, 39));
	}
}

/* By the source alone. */
static void test_link_local(void **state)
{
	static const char *const those[] = {
		"0.0.0.0", "169.254.0.1", "169.254.255.255",
		"::",	   "fe80::1",	  "febf:ffff::2",
	};
	static const char *const others[] = {
		"10.8.0.2", "169.253.0.1", "169.255.0.1", "224.0.0.22", "::1",
		"fec0::1",  "fd00::2",	   "ff02::16",	  "::2:0:0:0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(those) / sizeof(*those); i++)
		check_source(those[i], true);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		check_source(others[i], false);
	assert_false(packet_is_link_local((const uint8_t *)"", 0));
}

static void test_multicast(void **state)
{
	uint8_t v4[V4_SIZE], v6[V6_SIZE];

	(void)state;
	make_v4(v4);
	make_v6(v6);
	for (unsigned first = 0; first < 256; first++) {
		v4[16] = v6[24] = (uint8_t)first;
		assert_true(packet_is_multicast(v4, sizeof(v4)) ==
			    (first >= 224 && first < 240));
		assert_true(packet_is_multicast(v6, sizeof(v6)) ==
			    (first == 255));
	}
	assert_false(packet_is_multicast(v6, 39));
	assert_false(packet_is_multicast(v4, 19));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_lies_in_the_header_are_refused),
		cmocka_unit_test(test_udp_to),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_link_local),
		cmocka_unit_test(test_multicast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
