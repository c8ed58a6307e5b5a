/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/join_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[IP_PACKET_MAX];

void join_lab_open(struct join_lab *lab, unsigned usable)
{
	memset(lab, 0, sizeof(*lab));
	assert_int_equal(
		coalesce_new(&lab->join, usable, joined_emit, &lab->joined), 0);
}

void join_lab_close(struct join_lab *lab)
{
	for (unsigned i = 0; i < lab->count; i++) {
		free(lab->sent[i].bytes);
		free(lab->sent[i].copy);
	}
	joined_clear(&lab->joined);
	coalesce_free(lab->join);
}

void join_lab_put_bytes(struct join_lab *lab, const uint8_t *bytes,
			size_t length)
{
	unsigned i = lab->count++;

	assert_true(i < JOINED_MAX);
	lab->sent[i].length = length;
	lab->sent[i].bytes = malloc(length ? length : 1);
	lab->sent[i].copy = malloc(length ? length : 1);
	memcpy(lab->sent[i].bytes, bytes, length);
	memcpy(lab->sent[i].copy, bytes, length);
	coalesce_add(lab->join, lab->sent[i].bytes, length);
}

void join_lab_put(struct join_lab *lab, const struct inner_packet *packet)
{
	join_lab_put_bytes(lab, buffer, inner_packet_make(packet, buffer));
}

void join_lab_assert_single(const struct join_lab *lab, unsigned out,
			    unsigned in)
{
	const struct virtio_net_hdr none = {0};
	const struct joined_packet *packet = &lab->joined.packets[out];

	assert_true(out < lab->joined.count);
	assert_memory_equal(&packet->header, &none, sizeof(none));
	assert_int_equal(packet->length, lab->sent[in].length);
	assert_memory_equal(packet->bytes, lab->sent[in].copy, packet->length);
}

/* It is as the kernel would have made it at once. */
static void assert_joined(const struct join_lab *lab, unsigned out,
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

void join_lab_put_segments(struct join_lab *lab,
			   const struct inner_packet *super, uint16_t gso_size)
{
	struct inner_packet segment;

	for (unsigned i = 0; inner_packet_segment(super, gso_size, i, &segment);
	     i++)
		join_lab_put(lab, &segment);
}

void join_lab_check_whole(const struct inner_packet *super, uint16_t gso_size)
{
	struct join_lab lab;

	join_lab_open(&lab, JOIN_LAB_ALL);
	join_lab_put_segments(&lab, super, gso_size);
	coalesce_flush(lab.join);
	assert_int_equal(lab.joined.count, 1);
	assert_int_equal(lab.joined.packets[0].parts, lab.count);
	assert_joined(&lab, 0, super, gso_size);
	join_lab_close(&lab);
}
