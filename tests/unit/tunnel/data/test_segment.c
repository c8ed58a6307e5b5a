/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/data/checksum.h"
#include "unit/inner_packet.h"

#define TH_CWR 0x80

static uint8_t packet[IP_PACKET_MAX], expected[IP_PACKET_MAX];

/* Cuts a super-packet and compares with its packets, each made by itself. */
static void check_super(const struct inner_packet *super, uint16_t gso_size)
{
	struct virtio_net_hdr header;
	size_t length = inner_packet_super(super, gso_size, &header, packet);
	struct inner_packet segment;
	struct segment cut;
	unsigned count = 0;

	header.hdr_len = 0xffff; /* the kernel lies */
	assert_int_equal(segment_begin(&cut, &header, packet, length), 0);
	for (; inner_packet_segment(super, gso_size, count, &segment);
	     count++) {
		size_t size = inner_packet_make(&segment, expected);
		uint8_t *out = malloc(size);

		assert_true(size <= cut.size);
		assert_int_equal(segment_next(&cut, out), size);
		assert_memory_equal(out, expected, size);
		assert_true(inner_packet_verify(out, size));
		free(out);
	}
	assert_int_equal(cut.count, count);
	assert_int_equal(segment_next(&cut, NULL), 0);
}

/* Every protocol, without and with options and extension headers. */
static void for_each_kind(void (*run)(struct inner_packet super))
{
	for (unsigned kind = 0; kind < 8; kind++) {
		struct inner_packet super =
			inner_packet_default(kind & 1, kind & 2);

		if (kind & 4) {
			super.extension = super.ipv6 ? 264 : 8;
			super.options_size = 0;
		}
		run(super);
	}
}

static void cut_sizes(struct inner_packet super)
{
	static const size_t sizes[] = {1, 2, 999, 1000, 1001, 4000, 4001, 7777};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		super.payload = sizes[i];
		check_super(&super, 1000);
	}
	super.payload = 301;
	check_super(&super, 1);
	super.payload = IP_PACKET_MAX - inner_packet_headers(&super);
	check_super(&super, 1383);
}

static void test_sizes(void **state)
{
	(void)state;
	for_each_kind(cut_sizes);
}

static void test_flags(void **state)
{
	static const uint8_t flags[] = {
		TH_ACK | TH_PUSH, TH_ACK | TH_FIN,
		TH_ACK | TH_CWR,  TH_ACK | TH_CWR | TH_PUSH | TH_FIN,
		TH_ACK | 0x40, /* ECE */
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(flags); i++) {
		struct inner_packet super = inner_packet_default(i % 2, false);

		super.flags = flags[i / 2];
		super.payload = 2500;
		check_super(&super, 1000);
		check_super(&super, 2500);
	}
}

/* Numbers count on past their end: every sum there can be, 0 among them. */
static void test_every_checksum(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x10000; i++) {
		struct inner_packet super = inner_packet_default(i & 1, i & 2);

		super.source = i;
		super.id = i * 3;
		super.payload = 5;
		check_super(&super, 2);
	}
}

/* What the kernel has not begun to sum up is summed up all the same. */
static void test_no_checksum_begun(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet super =
			inner_packet_default(kind & 1, kind & 2);
		struct virtio_net_hdr header;
		struct segment cut;
		uint8_t out[1100];
		size_t length;

		super.payload = 1500;
		length = inner_packet_super(&super, 1000, &header, packet);
		header.flags = 0;
		assert_int_equal(segment_begin(&cut, &header, packet, length),
				 0);
		while ((length = segment_next(&cut, out)) > 0)
			assert_true(inner_packet_verify(out, length));
	}
}

static void complete(struct inner_packet single)
{
	for (single.payload = 0; single.payload < 40; single.payload++) {
		struct virtio_net_hdr header;
		struct segment cut;
		uint8_t out[512];
		size_t length;

		length = inner_packet_super(&single, 0, &header, packet);
		assert_int_equal(inner_packet_make(&single, expected), length);
		assert_int_equal(segment_begin(&cut, &header, packet, length),
				 0);
		assert_int_equal(cut.count, 1);
		assert_int_equal(cut.size, length);
		assert_int_equal(segment_next(&cut, out), length);
		assert_memory_equal(out, expected, length);
		assert_int_equal(segment_next(&cut, out), 0);
	}
}

static void test_one_packet_completed(void **state)
{
	(void)state;
	for_each_kind(complete);
}

static void test_udp_checksum_is_never_zero(void **state)
{
	struct inner_packet single = inner_packet_default(false, true);
	struct virtio_net_hdr header;
	struct segment cut;
	unsigned seen = 0;
	uint8_t out[64];

	(void)state;
	single.payload = 2;
	for (unsigned i = 0; i < 0x10000; i++) {
		size_t length;

		single.source = i;
		length = inner_packet_super(&single, i % 2, &header, packet);
		assert_int_equal(segment_begin(&cut, &header, packet, length),
				 0);
		while ((length = segment_next(&cut, out)) > 0) {
			assert_true(out[26] || out[27]);
			seen += out[26] == 0xff && out[27] == 0xff;
		}
	}
	assert_true(seen >= 2);
}

static void test_others_are_left_as_they_are(void **state)
{
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};
	struct segment cut;
	uint8_t out[5];

	(void)state;
	assert_int_equal(
		segment_begin(&cut, &header, (const uint8_t *)"\x45nip", 5), 0);
	assert_int_equal(cut.count, 1);
	assert_int_equal(segment_next(&cut, out), 5);
	assert_memory_equal(out, "\x45nip", 5);
	assert_int_equal(segment_next(&cut, out), 0);
}

/* The packet is in memory of exactly this length, for the sanitizer. */
static int begin(const struct virtio_net_hdr *header, size_t length)
{
	uint8_t *exact = malloc(length ? length : 1);
	struct segment cut;
	int error;

	memcpy(exact, packet, length);
	error = segment_begin(&cut, header, exact, length);
	free(exact);
	return error;
}

/* Says in the IP header that the packet ends here, where that is behind it. */
static void end_at(const struct inner_packet *super, size_t length)
{
	size_t field = super->ipv6 ? 4 : 2, header = super->ipv6 ? 40 : 0;

	if (length < header)
		return;
	packet[field] = (length - header) >> 8;
	packet[field + 1] = length - header;
}

static void refuse_truncated(struct inner_packet super)
{
	struct virtio_net_hdr header;
	size_t headers = inner_packet_headers(&super);

	inner_packet_super(&super, 100, &header, packet);
	for (size_t i = 0; i < headers + 200; i++) {
		assert_int_equal(begin(&header, i), -EINVAL);
		end_at(&super, i);
		assert_int_equal(begin(&header, i), i < headers ? -EINVAL : 0);
		end_at(&super, headers + super.payload);
	}
	inner_packet_super(&super, 0, &header, packet);
	for (size_t i = 0; i < header.csum_start + header.csum_offset + 2u; i++)
		assert_int_equal(begin(&header, i), -EINVAL);
}

static void test_truncated(void **state)
{
	(void)state;
	for_each_kind(refuse_truncated);
}

/* What is different from a right super-packet or single one in one thing. */
static void refuse_lies(struct inner_packet super)
{
	struct virtio_net_hdr good, bad;
	size_t length, transport = inner_packet_transport(&super);

	length = inner_packet_super(&super, 100, &good, packet);
	bad = good;
	bad.gso_size = 0;
	assert_int_equal(begin(&bad, length), -EINVAL);
	for (unsigned type = 1; type < 0x80; type++) {
		bad = good;
		bad.gso_type = type;
		assert_int_equal(begin(&bad, length),
				 type == good.gso_type ? 0 : -EINVAL);
	}
	for (unsigned i = 0; i < 0x10000; i++) {
		bad = good;
		bad.csum_start = i;
		assert_int_equal(begin(&bad, length),
				 i == good.csum_start ? 0 : -EINVAL);
		bad = good;
		bad.csum_offset = i;
		assert_int_equal(begin(&bad, length),
				 i == good.csum_offset ? 0 : -EINVAL);
	}
	packet[transport + 12] = 0x40; /* a TCP header of 16 bytes */
	assert_int_equal(begin(&good, length), super.udp ? 0 : -EINVAL);
	if (!super.udp)
		return;
	inner_packet_super(&super, 0, &bad, packet);
	for (unsigned i = 0; i < 0x10000; i++) {
		bad.csum_start = i;
		assert_int_equal(begin(&bad, length),
				 i < transport - super.extension * super.ipv6 ||
						 i + 8 > length
					 ? -EINVAL
					 : 0);
	}
}

static void test_lies(void **state)
{
	(void)state;
	for_each_kind(refuse_lies);
}

static void test_fragments_and_unknown_versions(void **state)
{
	struct inner_packet super = inner_packet_default(false, false);
	struct virtio_net_hdr header;
	size_t length;

	(void)state;
	super.fragment = 0x2000;
	length = inner_packet_super(&super, 100, &header, packet);
	assert_int_equal(begin(&header, length), -EINVAL);
	super.fragment = 1;
	length = inner_packet_super(&super, 100, &header, packet);
	assert_int_equal(begin(&header, length), -EINVAL);
	super.fragment = 0;
	length = inner_packet_super(&super, 100, &header, packet);
	assert_int_equal(begin(&header, length), 0);
	packet[0] = 0x55;
	assert_int_equal(begin(&header, length), -EINVAL);
	header.gso_type = 0;
	assert_int_equal(begin(&header, length), -EINVAL);
	packet[0] = 0x44;
	assert_int_equal(begin(&header, length), -EINVAL);
	header.flags = 0;
	assert_int_equal(begin(&header, length), 0);
}

/* Any length at any place against the sum of RFC 1071, word by word. */
static void test_checksum(void **state)
{
	uint8_t from[200], to[200];

	(void)state;
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = i * 2654435761u >> 13;
	memset(from + 20, 0xff, 70);
	for (size_t i = 0; i < 130 * 16; i++) {
		size_t length = i / 16, offset = i % 16;
		uint32_t sum = 0;
		uint16_t value;

		for (size_t j = 0; j < length; j += 2)
			sum += from[offset + j] << 8 |
			       (j + 1 < length ? from[offset + j + 1] : 0);
		while (sum > 0xffff)
			sum = (sum & 0xffff) + (sum >> 16);
		value = htons(sum);
		assert_int_equal(
			checksum_fold(checksum_add(0, from + offset, length)),
			value);
		memset(to, 0x5a, sizeof(to));
		assert_int_equal(checksum_fold(checksum_copy(
					 0, to + 3, from + offset, length)),
				 value);
		assert_memory_equal(to + 3, from + offset, length);
		assert_int_equal(to[2], 0x5a);
		assert_int_equal(to[3 + length], 0x5a);
	}
	assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(checksum_fold(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_every_checksum),
		cmocka_unit_test(test_no_checksum_begun),
		cmocka_unit_test(test_one_packet_completed),
		cmocka_unit_test(test_udp_checksum_is_never_zero),
		cmocka_unit_test(test_others_are_left_as_they_are),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_fragments_and_unknown_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
