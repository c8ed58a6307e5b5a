/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that are larger than their way carries. */
#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "tunnel/data/checksum.h"
#include "tunnel/data/oversize.h"
#include "unit/inner_packet.h"

#define LARGEST 1215

static uint8_t packet[IP_PACKET_MAX], out[IP_PACKET_MAX];
static uint8_t whole[IP_PACKET_MAX], answer[OVERSIZE_ANSWER_SIZE];

static const struct virtio_net_hdr plain;

static enum oversize oversize(struct segment *cut,
			      const struct virtio_net_hdr *header,
			      size_t length, size_t largest)
{
	assert_int_equal(segment_begin(cut, header, packet, length), 0);
	return oversize_packet(cut, header, packet, length, largest);
}

/* All that was cut fits, is right, and is the payload in its order. */
static void check_cut(struct segment *cut, size_t headers, size_t length,
		      size_t largest)
{
	size_t done = 0, size;

	while ((size = segment_next(cut, out)) > 0) {
		assert_true(size <= largest && size > headers);
		assert_true(inner_packet_verify(out, size));
		assert_memory_equal(out + headers, packet + headers + done,
				    size - headers);
		done += size - headers;
	}
	assert_int_equal(done, length - headers);
}

static void test_tcp_is_cut_anew(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct inner_packet tcp = inner_packet_default(ipv6, false);
		size_t headers = inner_packet_headers(&tcp), length;
		struct virtio_net_hdr header;
		struct segment cut;

		/* One packet with its checksum, as forwarded. */
		tcp.payload = 1435 - headers;
		length = inner_packet_make(&tcp, packet);
		assert_int_equal(oversize(&cut, &plain, length, LARGEST),
				 OVERSIZE_SEGMENT);
		assert_int_equal(cut.count, 2);
		check_cut(&cut, headers, length, LARGEST);

		/* A super-packet of the kernel's. */
		tcp.payload = 30000;
		length = inner_packet_super(&tcp, 1383, &header, packet);
		assert_int_equal(oversize(&cut, &header, length, LARGEST),
				 OVERSIZE_SEGMENT);
		check_cut(&cut, headers, length, LARGEST);
	}
}

/* What is cut gets new checksums: it must not be made right by that. */
static void test_wrong_checksums_stay_wrong(void **state)
{
	struct inner_packet tcp = inner_packet_default(false, false);
	struct segment cut;
	size_t length;

	(void)state;
	tcp.payload = 1300;
	length = inner_packet_make(&tcp, packet);
	packet[length - 1] ^= 1;
	assert_int_equal(oversize(&cut, &plain, length, LARGEST),
			 OVERSIZE_REFUSE);
	packet[length - 1] ^= 1;
	packet[8]--; /* TTL, under the header's own checksum */
	assert_int_equal(oversize(&cut, &plain, length, LARGEST),
			 OVERSIZE_REFUSE);
}

static void test_room_for_nothing(void **state)
{
	struct inner_packet tcp = inner_packet_default(true, false);
	struct segment cut;
	size_t length;

	(void)state;
	tcp.payload = 1300;
	length = inner_packet_make(&tcp, packet);
	for (size_t largest = 0; largest <= inner_packet_headers(&tcp);
	     largest++)
		assert_int_equal(oversize(&cut, &plain, length, largest),
				 OVERSIZE_REFUSE);
	tcp = inner_packet_default(false, true);
	tcp.fragment = 0;
	length = inner_packet_make(&tcp, packet);
	assert_int_equal(oversize(&cut, &plain, length, 27), OVERSIZE_REFUSE);
	assert_int_equal(oversize(&cut, &plain, length, 28), OVERSIZE_FRAGMENT);
}

static void check_fragments(size_t length, size_t largest)
{
	struct oversize_fragments fragments = {packet, length, largest, 0, 0};
	unsigned first = get16(packet + 6), at = 0;
	bool more = true;
	size_t size;

	while ((size = oversize_fragment(&fragments, out)) > 0) {
		assert_true(more && size <= largest);
		assert_int_equal(get16(out + 2), size);
		assert_int_equal(get16(out + 4), get16(packet + 4));
		assert_int_equal(checksum_fold(checksum_add(0, out, 20)),
				 0xffff);
		assert_int_equal(get16(out + 6) & 0x1fff,
				 (first & 0x1fff) + at / 8);
		more = get16(out + 6) & 0x2000;
		memcpy(whole + at, out + 20, size - 20);
		at += size - 20;
	}
	assert_int_equal(more, (first & 0x2000) != 0);
	assert_int_equal(at, length - 20);
	assert_memory_equal(whole, packet + 20, at);
}

static void test_fragments(void **state)
{
	struct inner_packet udp = inner_packet_default(false, true);
	struct segment cut;
	size_t length;

	(void)state;
	udp.payload = 4000;
	/* Not one itself; the first one; one of the middle; the last. */
	for (unsigned i = 0; i < 4; i++) {
		udp.fragment = (const uint16_t[]){0, 0x2000, 0x2064, 0x64}[i];
		length = inner_packet_make(&udp, packet);
		assert_int_equal(oversize(&cut, &plain, length, LARGEST),
				 OVERSIZE_FRAGMENT);
		for (size_t largest = 28; largest < length; largest += 11)
			check_fragments(length, largest);
	}
	udp.fragment = 0x4000;
	length = inner_packet_make(&udp, packet);
	assert_int_equal(oversize(&cut, &plain, length, LARGEST),
			 OVERSIZE_REFUSE);
	udp.fragment = 0;
	udp.extension = 8; /* options: not copied into all (RFC 791, 3.1) */
	length = inner_packet_make(&udp, packet);
	assert_int_equal(oversize(&cut, &plain, length, LARGEST),
			 OVERSIZE_REFUSE);
}

static void check_fragments_ipv6(size_t length, size_t largest)
{
	struct oversize_fragments fragments = {packet, length, largest, 0,
					       0x12345678};
	unsigned at = 0;
	bool more = true;
	size_t size;

	while ((size = oversize_fragment(&fragments, out)) > 0) {
		assert_true(more && size <= largest);
		assert_memory_equal(out, packet, 4);
		assert_int_equal(get16(out + 4), size - 40);
		assert_int_equal(out[6], IPPROTO_FRAGMENT);
		assert_memory_equal(out + 7, packet + 7, 33);
		assert_int_equal(out[40], packet[6]);
		assert_int_equal(out[41], 0);
		assert_int_equal(get16(out + 42) & ~1u, at);
		more = get16(out + 42) & 1;
		assert_memory_equal(out + 44, "\x12\x34\x56\x78", 4);
		memcpy(whole + at, out + 48, size - 48);
		at += size - 48;
	}
	assert_false(more);
	assert_int_equal(at, length - 40);
	assert_memory_equal(whole, packet + 40, at);
}

/* Nobody can be told that less than 1280 bytes pass. */
static void test_fragments_ipv6(void **state)
{
	struct inner_packet udp = inner_packet_default(true, true);
	struct virtio_net_hdr header;
	struct segment cut;
	size_t length;

	(void)state;
	udp.payload = 1280 - 48;
	length = inner_packet_make(&udp, packet);
	assert_int_equal(oversize(&cut, &plain, length, LARGEST),
			 OVERSIZE_FRAGMENT);
	assert_int_equal(oversize(&cut, &plain, length, 55), OVERSIZE_REFUSE);
	for (size_t largest = 56; largest < length; largest++)
		check_fragments_ipv6(length, largest);
	/* Several of them, as the kernel hands them out. */
	udp.payload = 8000;
	length = inner_packet_super(&udp, 1200, &header, packet);
	assert_int_equal(oversize(&cut, &header, length, LARGEST),
			 OVERSIZE_FRAGMENT);
	length = inner_packet_super(&udp, 1300, &header, packet);
	assert_int_equal(oversize(&cut, &header, length, LARGEST),
			 OVERSIZE_REFUSE);
	/* The source is told of what is larger. */
	udp.payload = 1281 - 48;
	length = inner_packet_make(&udp, packet);
	assert_int_equal(oversize(&cut, &plain, length, LARGEST),
			 OVERSIZE_REFUSE);
	/* What routers read stays in front, which is not done here. */
	udp.payload = 1280 - 56;
	udp.extension = 8;
	length = inner_packet_make(&udp, packet);
	assert_int_equal(oversize(&cut, &plain, length, LARGEST),
			 OVERSIZE_REFUSE);
}

static void test_answer_ipv4(void **state)
{
	struct inner_packet udp = inner_packet_default(false, true);
	size_t length, size;

	(void)state;
	udp.payload = 1400;
	length = inner_packet_make(&udp, packet);
	size = oversize_answer(packet, length, LARGEST, answer);
	assert_int_equal(size, 576);
	assert_int_equal(get16(answer + 2), size);
	assert_int_equal(answer[9], IPPROTO_ICMP);
	assert_memory_equal(answer + 12, packet + 16, 4);
	assert_memory_equal(answer + 16, packet + 12, 4);
	assert_int_equal(answer[20], 3);
	assert_int_equal(answer[21], 4);
	assert_int_equal(get16(answer + 26), LARGEST);
	assert_memory_equal(answer + 28, packet, size - 28);
	assert_int_equal(checksum_fold(checksum_add(0, answer, 20)), 0xffff);
	assert_int_equal(checksum_fold(checksum_add(0, answer + 20, size - 20)),
			 0xffff);
}

static void test_answer_ipv6(void **state)
{
	struct inner_packet udp = inner_packet_default(true, true);
	size_t length, size;
	uint64_t sum;

	(void)state;
	udp.payload = 1400;
	length = inner_packet_make(&udp, packet);
	size = oversize_answer(packet, length, 1300, answer);
	assert_int_equal(size, 1280);
	assert_int_equal(get16(answer + 4), size - 40);
	assert_memory_equal(answer + 8, packet + 24, 16);
	assert_memory_equal(answer + 24, packet + 8, 16);
	assert_int_equal(answer[40], 2);
	assert_int_equal(get16(answer + 46), 1300);
	assert_memory_equal(answer + 48, packet, size - 48);
	sum = checksum_add(htons(IPPROTO_ICMPV6) + htons((uint16_t)(size - 40)),
			   answer + 8, 32);
	assert_int_equal(
		checksum_fold(checksum_add(sum, answer + 40, size - 40)),
		0xffff);
	/* No IPv6 host sends less than 1280. */
	oversize_answer(packet, length, LARGEST, answer);
	assert_int_equal(get16(answer + 46), 1280);
	udp.payload = 1280 - 48;
	length = inner_packet_make(&udp, packet);
	assert_int_equal(oversize_answer(packet, length, LARGEST, answer), 0);
}

/* RFC 1122, section 3.2.2, and RFC 4443, section 2.4 (e). */
static void test_no_answer(void **state)
{
	struct inner_packet udp = inner_packet_default(false, true);
	size_t length;

	(void)state;
	udp.payload = 1400;
	udp.fragment = 0x64;
	length = inner_packet_make(&udp, packet);
	assert_int_equal(oversize_answer(packet, length, LARGEST, answer), 0);
	udp.fragment = 0x4000;
	length = inner_packet_make(&udp, packet);
	packet[9] = IPPROTO_ICMP;
	packet[20] = 3;
	assert_int_equal(oversize_answer(packet, length, LARGEST, answer), 0);
	packet[20] = 8;
	assert_int_equal(oversize_answer(packet, length, LARGEST, answer), 576);
	packet[16] = 224;
	assert_int_equal(oversize_answer(packet, length, LARGEST, answer), 0);
	packet[16] = 10;
	packet[12] = 0;
	assert_int_equal(oversize_answer(packet, length, LARGEST, answer), 0);

	udp = inner_packet_default(true, true);
	udp.payload = 1400;
	length = inner_packet_make(&udp, packet);
	packet[6] = IPPROTO_ICMPV6;
	packet[40] = 1;
	assert_int_equal(oversize_answer(packet, length, 1280, answer), 0);
	packet[40] = 137;
	assert_int_equal(oversize_answer(packet, length, 1280, answer), 0);
	packet[40] = 128;
	assert_int_equal(oversize_answer(packet, length, 1280, answer), 1280);
	packet[24] = 0xff;
	assert_int_equal(oversize_answer(packet, length, 1280, answer), 0);
}

/* Lengths that lie: each read stays inside (run with sanitizers). */
static void test_cut_short(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct inner_packet made =
			inner_packet_default(kind & 1, kind & 2);
		size_t length = inner_packet_make(&made, whole);

		for (size_t i = 1; i < length; i++) {
			uint8_t *copy = test_malloc(i);
			struct segment cut;

			memcpy(copy, whole, i);
			oversize_answer(copy, i, 20, answer);
			if (!segment_begin(&cut, &plain, copy, i))
				oversize_packet(&cut, &plain, copy, i, 100);
			test_free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_is_cut_anew),
		cmocka_unit_test(test_wrong_checksums_stay_wrong),
		cmocka_unit_test(test_room_for_nothing),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_fragments_ipv6),
		cmocka_unit_test(test_answer_ipv4),
		cmocka_unit_test(test_answer_ipv6),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
