/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path between a tun device and a UDP socket that are the test's own: the
 * device is a pair of sockets that keep the borders of packets, the network the
 * loopback device, and each packet is opened by a real session's other end.
 */
#ifndef MINIVPN_TESTS_PATH_LAB_H
#define MINIVPN_TESTS_PATH_LAB_H

#include <errno.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "tunnel/data/coalesce.h"
#include "tunnel/data/headers.h"
#include "tunnel/data/path.h"
#include "tunnel/data/segment.h"
#include "unit/netns.h"
#include "unit/open_link.h"

#define OVERHEAD 37 /* AES-GCM */

struct lab {
	struct memory_link *link;
	/* With Secret: of the near end, and of the far one. */
	struct noise *noises[2];
	struct noise_link_table tables[2];
	struct noise_link *links[2];
	struct path *path;
	int device; /* the kernel's side of the tun device */
	struct tun_io tun;
	struct udp_io near, far;
	struct udp_batch *batch;
	struct inet_endpoint peer;
	struct traffic traffic;
	/* What the hooks were told. */
	bool nowhere;
	unsigned routed, runs, sent, refused, dropped[DROP_REASONS];
	unsigned joined_refused;
	int refusal; /* -errno */
	/* What it answers. */
	size_t largest;
	bool certain;
	uint64_t bytes;
	int error;
};

static inline bool route(void *owner, const uint8_t *packet, size_t length,
			 struct path_target *target)
{
	struct lab *lab = owner;

	assert_int_equal(packet[0] >> 4, 4);
	assert_int_equal(get16(packet + 2), length);
	lab->routed++;
	target->session = lab->link->ends[LINK_CLIENT].session;
	target->link = lab->links[0];
	target->io = &lab->near;
	target->peer = lab->peer;
	target->traffic = &lab->traffic;
	target->largest = lab->largest;
	target->certain = lab->certain;
	return !lab->nowhere;
}

static inline void sent(void *owner, const struct udp_run *run, uint64_t bytes)
{
	struct lab *lab = owner;

	lab->runs++;
	lab->sent += run->sent;
	lab->bytes += bytes;
	lab->error = run->error;
}

static inline void dropped(void *owner, struct traffic *traffic,
			   enum drop_reason reason)
{
	struct lab *lab = owner;

	assert_true(!traffic || traffic == &lab->traffic);
	lab->dropped[reason]++;
}

static inline void refused(void *owner, const struct path_target *target,
			   const uint8_t *packet, size_t length)
{
	struct lab *lab = owner;

	assert_int_equal(target->largest, lab->largest);
	assert_int_equal(packet[0], 0x45);
	assert_true(length > lab->largest);
	lab->refused++;
}

static inline void joined_refused(void *owner, int err)
{
	struct lab *lab = owner;

	lab->joined_refused++;
	lab->refusal = err;
}

static const struct path_hooks hooks = {
	.route = route,
	.sent = sent,
	.refused = refused,
	.dropped = dropped,
	.joined_refused = joined_refused,
};

static inline int open_socket(struct udp_io *io, struct inet_endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memset(endpoint, 0, sizeof(*endpoint));
	inet_parse_address("127.0.0.1", &endpoint->address);
	length = inet_endpoint_to_sockaddr(endpoint, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length),
			 0);
	inet_endpoint_from_sockaddr((struct sockaddr *)&address, endpoint);
	return udp_io_init(io, fd, true);
}

static inline struct lab *open_lab(unsigned usable)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct inet_endpoint own;
	int ends[2], room = 4 << 20;

	assert_non_null(lab);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends),
		0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	lab->device = ends[0];
	lab->tun.fd = ends[1];
	lab->tun.header = usable != 0;
	assert_int_equal(open_socket(&lab->near, &own), 0);
	assert_int_equal(open_socket(&lab->far, &lab->peer), 0);
	assert_int_equal(udp_batch_new(&lab->batch), 0);
	lab->link = open_link(CONFIG_AES_GCM);
	assert_int_equal(path_new(&lab->path, &lab->tun, usable, &hooks, lab),
			 0);
	return lab;
}

/* From now on nothing is sent but what is hidden. */
static inline void hide(struct lab *lab)
{
	static const uint8_t secret[1][NOISE_SECRET_SIZE] = {{1}};

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(noise_new(&lab->noises[i], secret, 1, i == 1),
				 0);
		assert_int_equal(noise_link_new(&lab->links[i], &lab->tables[i],
						lab->noises[i], 0, lab),
				 0);
		noise_link_open(lab->links[i], 8);
	}
	noise_link_learn(lab->links[0], lab->links[1]->ours);
}

/* Makes a record of a datagram that was hidden by the near end. */
static inline void restore(struct lab *lab, struct udp_datagram *datagram)
{
	struct noise_header header;
	struct noise_link_id *id;

	assert_true(noise_read(lab->noises[1], 0, datagram->data,
			       datagram->length, &header));
	id = noise_link_find(&lab->tables[1], header.cid);
	assert_non_null(id);
	assert_ptr_equal(id->link, lab->links[1]);
	datagram->length =
		noise_restore(&header, 8, &datagram->data, datagram->length);
	assert_int_not_equal(datagram->length, 0);
}

static inline void close_lab(struct lab *lab)
{
	for (unsigned i = 0; i < 2; i++) {
		noise_link_free(lab->links[i]);
		noise_free(lab->noises[i]);
	}
	path_free(lab->path);
	memory_link_free(lab->link);
	udp_batch_free(lab->batch);
	close(lab->near.fd);
	close(lab->far.fd);
	close(lab->device);
	close(lab->tun.fd);
	free(lab);
}

static inline uint16_t checksum(const uint8_t *data, size_t length,
				uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* This makes a UDP packet of length bytes in all, with true checksums. */
static inline size_t make_packet(uint8_t *packet, size_t length, uint8_t fill)
{
	static const uint8_t addresses[] = {10, 8, 0, 2, 10, 8, 0, 1};
	size_t inner = length - 20;

	memset(packet, fill, length);
	memset(packet, 0, 28);
	packet[0] = 0x45;
	put16(packet + 2, (uint16_t)length);
	packet[6] = 0x40; /* not to be fragmented */
	packet[8] = 64;
	packet[9] = IPPROTO_UDP;
	memcpy(packet + 12, addresses, sizeof(addresses));
	put16(packet + 10, checksum(packet, 20, 0));
	put16(packet + 20, 1000);
	put16(packet + 22, 2000);
	put16(packet + 24, (uint16_t)inner);
	put16(packet + 26, checksum(packet + 12, length - 12,
				    IPPROTO_UDP + (uint32_t)inner));
	return length;
}

/* The kernel has a packet for the tunnel; false: no room for it. */
static inline bool give(struct lab *lab, const struct virtio_net_hdr *header,
			const uint8_t *packet, size_t length)
{
	struct iovec parts[2] = {{(void *)header, sizeof(*header)},
				 {(void *)packet, length}};
	bool plain = !lab->tun.header;

	return writev(lab->device, parts + plain, 2 - plain) > 0;
}

static inline void give_packets(struct lab *lab, unsigned count, size_t length)
{
	static const struct virtio_net_hdr none;
	uint8_t packet[2000];

	for (unsigned i = 0; i < count; i++)
		assert_true(give(lab, &none, packet,
				 make_packet(packet, length, (uint8_t)i)));
}

/* Opens what has come, has it joined, and counts the packets of it. */
static inline unsigned pass_on(struct lab *lab, unsigned *messages)
{
	struct session *session = lab->link->ends[LINK_SERVER].session;
	struct udp_datagram datagram;
	struct udp_message message;
	unsigned packets = 0;
	size_t length;
	uint8_t *record;
	int count;

	while ((count = udp_io_receive(&lab->far, lab->batch)) > 0) {
		path_begin(lab->path);
		for (int i = 0; i < count; i++) {
			assert_true(udp_batch_message(lab->batch, (unsigned)i,
						      &message));
			(*messages)++;
			do {
				udp_message_next(&message, &datagram);
				if (lab->links[1])
					restore(lab, &datagram);
				session_input(session, datagram.data,
					      datagram.length);
				assert_int_equal(
					session_next(session, &record, &length),
					SESSION_RECORD);
				path_to_tun(lab->path, record, length);
				packets++;
			} while (message.length);
		}
		path_flush(lab->path);
	}
	return packets;
}

/* What the kernel gets, after its header; -1 for nothing. */
static inline ssize_t take(struct lab *lab, struct virtio_net_hdr *header,
			   uint8_t *packet, size_t size)
{
	struct iovec parts[2] = {{header, sizeof(*header)}, {packet, size}};
	bool plain = !lab->tun.header;
	ssize_t got = readv(lab->device, parts + plain, 2 - plain);

	return got < 0 || plain ? got : got - (ssize_t)sizeof(*header);
}

#endif
