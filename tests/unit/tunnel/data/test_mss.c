/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MSS of a SYN is lowered, and nothing else is. */
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "tunnel/data/mss.h"
#include "unit/inner_packet.h"

#define SYN 0x02
#define ACK 0x10

static uint8_t packet[256], before[256];

/* With options of its own in front of, and behind, an MSS of 1460. */
static size_t make(bool ipv6, uint8_t flags, const char *front,
		   size_t front_size, struct inner_packet *made)
{
	struct inner_packet syn = inner_packet_default(ipv6, false);
	size_t length;

	syn.flags = flags;
	syn.payload = 0;
	memset(syn.options, 1, sizeof(syn.options)); /* NOP */
	memcpy(syn.options, front, front_size);
	memcpy(syn.options + front_size, "\2\4\x05\xb4", 4);
	syn.options_size = (front_size + 4 + 3) / 4 * 4;
	length = inner_packet_make(&syn, packet);
	memcpy(before, packet, sizeof(before));
	if (made)
		*made = syn;
	return length;
}

static unsigned mss_of(const struct inner_packet *syn, size_t front_size)
{
	return get16(packet + inner_packet_transport(syn) + 20 + front_size +
		     2);
}

static void test_is_lowered(void **state)
{
	static const uint8_t flags[] = {SYN, SYN | ACK};
	struct inner_packet syn;
	size_t length;

	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		for (unsigned i = 0; i < 2; i++) {
			/* The option may lie across two words. */
			for (size_t front = 0; front < 4; front++) {
				length = make(ipv6, flags[i], "\1\1\1", front,
					      &syn);
				mss_clamp(packet, length, 1335, false);
				assert_int_equal(mss_of(&syn, front),
						 1335 - (ipv6 ? 60 : 40));
				assert_true(
					inner_packet_verify(packet, length));
			}
		}
	}
	length = make(false, SYN, "\4\2\x08\x0a\1\2\3\4\5\6\7\x08", 12, &syn);
	mss_clamp(packet, length, 1335, false);
	assert_int_equal(mss_of(&syn, 12), 1295);
	assert_true(inner_packet_verify(packet, length));
}

static void assert_unchanged(size_t length, size_t largest)
{
	mss_clamp(packet, length, largest, false);
	assert_memory_equal(packet, before, sizeof(before));
}

static void test_is_left(void **state)
{
	size_t length;

	(void)state;
	length = make(false, SYN, "", 0, NULL);
	assert_unchanged(length, 1500); /* it is small enough */
	assert_unchanged(length, 9000);
	assert_unchanged(length, 0);
	length = make(false, ACK, "", 0, NULL);
	assert_unchanged(length, 1335);
	length = make(true, ACK, "", 0, NULL);
	assert_unchanged(length, 1335);
	/* Nothing behind the end of options is one. */
	length = make(false, SYN, "\0", 1, NULL);
	assert_unchanged(length, 1335);
	/* Lengths that lead nowhere. */
	length = make(false, SYN, "\x08\0", 2, NULL);
	assert_unchanged(length, 1335);
	length = make(false, SYN, "\x08\x01", 2, NULL);
	assert_unchanged(length, 1335);
	length = make(false, SYN, "\x08\xff", 2, NULL);
	assert_unchanged(length, 1335);
	length = make(false, SYN, "\2\3", 2, NULL);
	assert_unchanged(length, 1335);
	/* A later fragment has no TCP header. */
	length = make(false, SYN, "", 0, NULL);
	packet[7] = before[7] = 1;
	assert_unchanged(length, 1335);
	/* UDP. */
	length = make(false, SYN, "", 0, NULL);
	packet[9] = before[9] = 17;
	assert_unchanged(length, 1335);
}

static void test_never_too_small(void **state)
{
	struct inner_packet syn;
	size_t length;

	(void)state;
	for (size_t largest = 1; largest < 296; largest++) {
		length = make(false, SYN, "", 0, &syn);
		mss_clamp(packet, length, largest, false);
		assert_int_equal(mss_of(&syn, 0), 256);
	}
}

/* The kernel has left the sum of the pseudo-header, which has no options. */
static void test_partial_checksum(void **state)
{
	struct inner_packet syn;
	size_t length = make(false, SYN, "", 0, &syn);
	struct segment cut;
	struct virtio_net_hdr header;
	uint8_t out[256];

	(void)state;
	length = inner_packet_super(&syn, 0, &header, packet);
	assert_true(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	mss_clamp(packet, length, 1335, true);
	assert_int_equal(mss_of(&syn, 0), 1295);
	assert_int_equal(segment_begin(&cut, &header, packet, length), 0);
	assert_int_equal(segment_next(&cut, out), length);
	assert_true(inner_packet_verify(out, length));
}

static void test_wrong_checksum_stays_wrong(void **state)
{
	size_t length = make(false, SYN, "", 0, NULL);

	(void)state;
	packet[30] ^= 1; /* a port's or number's bit */
	mss_clamp(packet, length, 1335, false);
	assert_false(inner_packet_verify(packet, length));
}

/* In memory of just its size, so that a read beyond the end is found. */
static void test_any_length(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		size_t whole = make(ipv6, SYN, "\1\x08\x0a", 3, NULL);

		for (size_t length = 1; length <= whole; length++) {
			uint8_t *copy = malloc(length);

			assert_non_null(copy);
			memcpy(copy, packet, length);
			mss_clamp(copy, length, 600, false);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_lowered),
		cmocka_unit_test(test_is_left),
		cmocka_unit_test(test_never_too_small),
		cmocka_unit_test(test_partial_checksum),
		cmocka_unit_test(test_wrong_checksum_stays_wrong),
		cmocka_unit_test(test_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
