/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting with any header before any bytes: nothing is read or written beyond
 * the ends, and what comes out is as long as was said. Joining any series of
 * packets: what comes out, cut again, is what came in, each packet once and
 * those of a flow in their order; IDs alone may differ where they mean nothing.
 *
 * The first byte says which. For cutting a struct virtio_net_hdr and the packet
 * follow, for joining the steps that read_step() describes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/data/checksum.h"
#include "tunnel/data/coalesce.h"
#include "tunnel/data/headers.h"
#include "tunnel/data/segment.h"

#define PACKETS_MAX 200
#define FLOWS	    4
#define EVERYTHING  0x7f

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static uint8_t *exact_copy(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	check(copy != NULL);
	memcpy(copy, bytes, length);
	return copy;
}

static size_t claimed_length(const uint8_t *packet)
{
	if (packet[0] >> 4 == 4)
		return get16(packet + 2);
	return 40 + (size_t)get16(packet + 4);
}

static void fuzz_cut(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr header;
	struct segment cut;
	uint8_t *packet;
	size_t length, total = 0;

	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	size -= sizeof(header);
	packet = exact_copy(data + sizeof(header), size);
	if (segment_begin(&cut, &header, packet, size) == 0) {
		check(cut.count > 0 && cut.size > 0 && cut.size <= size);
		for (unsigned i = 0; i < cut.count; i++) {
			uint8_t *out = malloc(cut.size);

			check(out != NULL);
			length = segment_next(&cut, out);
			check(length > 0 && length <= cut.size);
			check(length == cut.size || i + 1 == cut.count);
			check(out[0] == packet[0]);
			if (cut.count > 1)
				check(claimed_length(out) == length);
			total += length;
			free(out);
		}
		check(segment_next(&cut, NULL) == 0);
		check(total >= size);
	}
	free(packet);
}

struct packet {
	uint8_t *bytes, *copy;
	size_t length;
	bool seen;
};

struct series {
	struct packet packets[PACKETS_MAX];
	unsigned count;
	const uint8_t *data; /* steps not yet taken */
	size_t size;
};

/* Returns the next byte, 0 behind the last one. */
static uint8_t byte(struct series *series)
{
	if (series->size == 0)
		return 0;
	series->size--;
	return *series->data++;
}

/* Odd flows are UDP, the later two IPv6. */
static void make_headers(uint8_t *packet, unsigned flow)
{
	bool ipv6 = flow & 2, udp = flow & 1;
	uint8_t *transport = packet + (ipv6 ? 40 : 20);

	if (ipv6) {
		packet[0] = 0x60;
		packet[6] = udp ? IPPROTO_UDP : IPPROTO_TCP;
		packet[7] = 64;
		packet[8] = packet[24] = 0xfd;
	} else {
		packet[0] = 0x45;
		packet[6] = 0x40;
		packet[8] = 64;
		packet[9] = udp ? IPPROTO_UDP : IPPROTO_TCP;
		packet[12] = packet[16] = 10;
	}
	if (!udp) {
		transport[12] = 0x50;
		transport[13] = 0x10;
	}
}

static size_t headers_size(unsigned flow)
{
	return (flow & 2 ? 40 : 20) + (flow & 1 ? 8 : 20);
}

/* Lengths and checksums as they have to be. */
static void finish(uint8_t *packet, size_t length, unsigned flow)
{
	bool ipv6 = flow & 2, udp = flow & 1;
	size_t header = ipv6 ? 40 : 20;
	uint8_t *field = packet + header + (udp ? 6 : 16);
	uint64_t sum = htons(udp ? IPPROTO_UDP : IPPROTO_TCP);
	uint16_t checksum;

	if (ipv6)
		put16(packet + 4, length - header);
	else
		put16(packet + 2, length);
	if (udp)
		put16(packet + header + 4, length - header);
	memset(field, 0, 2);
	sum += htons(length - header);
	sum = ipv6 ? checksum_add(sum, packet + 8, 32)
		   : checksum_add(sum, packet + 12, 8);
	checksum = ~checksum_fold(
		checksum_add(sum, packet + header, length - header));
	if (udp && checksum == 0)
		checksum = 0xffff;
	memcpy(field, &checksum, 2);
	if (!ipv6) {
		memset(packet + 10, 0, 2);
		checksum = ~checksum_fold(checksum_add(0, packet, 20));
		memcpy(packet + 10, &checksum, 2);
	}
}

/*
 * One step makes one packet: a byte with the flow and the number of edits, one
 * with the size of the payload and whether lengths and checksums are made right
 * after the edits or before, and the edits: offset and what to change there.
 * Without any, the packet goes on with what the flow had last.
 */
static void read_step(struct series *series, uint8_t templates[FLOWS][60],
		      uint32_t sequences[FLOWS])
{
	uint8_t what = byte(series), sizes = byte(series);
	unsigned flow = what % FLOWS, edits = what / FLOWS % 8;
	size_t headers = headers_size(flow), payload = sizes & 0x7f;
	struct packet *packet = &series->packets[series->count++];
	uint32_t sequence = htonl(sequences[flow]);
	uint8_t bytes[60 + 0x7f] = {0};

	packet->length = headers + payload;
	memcpy(bytes, templates[flow], headers);
	if (!(flow & 1))
		memcpy(bytes + headers - 16, &sequence, 4);
	sequences[flow] += payload;
	put16(templates[flow] + 4, get16(templates[flow] + 4) + !(flow & 2));
	if (sizes & 0x80)
		finish(bytes, packet->length, flow);
	while (edits-- > 0) {
		size_t offset = byte(series) % packet->length;

		bytes[offset] ^= byte(series);
	}
	if (!(sizes & 0x80))
		finish(bytes, packet->length, flow);
	packet->bytes = exact_copy(bytes, packet->length);
	packet->copy = exact_copy(bytes, packet->length);
}

static bool is_plain_ipv4(const uint8_t *packet, size_t length)
{
	return length >= 20 && packet[0] == 0x45;
}

/* The ID of a packet that may not be split, and what two numbers can say. */
static void normalize(uint8_t *packet, size_t length)
{
	size_t tcp = packet[0] >> 4 == 6 ? 40 : 20;
	size_t protocol = tcp == 40 ? 6 : 9;
	uint16_t checksum;

	if (is_plain_ipv4(packet, length) && packet[6] == 0x40 &&
	    checksum_fold(checksum_add(0, packet, 20)) == 0xffff) {
		put16(packet + 4, 0);
		put16(packet + 10, 0);
		checksum = ~checksum_fold(checksum_add(0, packet, 20));
		memcpy(packet + 10, &checksum, 2);
	}
	if (length >= tcp + 20 && packet[protocol] == IPPROTO_TCP &&
	    packet[tcp + 16] == 0xff && packet[tcp + 17] == 0xff)
		put16(packet + tcp + 16, 0);
}

/* Returns whether two packets are of the same TCP or UDP flow beyond doubt. */
static bool same_flow(const struct packet *a, const struct packet *b)
{
	size_t header = a->copy[0] >> 4 == 6 ? 40 : 20;
	size_t protocol = header == 40 ? 6 : 9;
	size_t addresses = header == 40 ? 8 : 12;

	if (a->length < header + 4 || b->length < header + 4 ||
	    a->copy[0] >> 4 != b->copy[0] >> 4 ||
	    (header == 20 && (a->copy[0] != 0x45 || b->copy[0] != 0x45)) ||
	    (header == 20 &&
	     ((a->copy[6] | b->copy[6]) & 0x3f || a->copy[7] || b->copy[7])))
		return false;
	return (a->copy[protocol] == IPPROTO_TCP ||
		a->copy[protocol] == IPPROTO_UDP) &&
	       a->copy[protocol] == b->copy[protocol] &&
	       memcmp(a->copy + addresses, b->copy + addresses,
		      header + 4 - addresses) == 0;
}

static void find(struct series *series, uint8_t *bytes, size_t length)
{
	unsigned found = 0;

	normalize(bytes, length);
	while (found < series->count &&
	       (series->packets[found].seen ||
		series->packets[found].length != length ||
		memcmp(series->packets[found].copy, bytes, length) != 0))
		found++;
	check(found < series->count);
	series->packets[found].seen = true;
	for (unsigned i = 0; i < found; i++)
		check(series->packets[i].seen ||
		      !same_flow(&series->packets[i], &series->packets[found]));
}

static void emit(void *owner, const struct virtio_net_hdr *header,
		 const struct iovec *parts, unsigned count)
{
	struct segment cut;
	size_t length = 0;
	uint8_t *whole;

	check(count > 0 && count <= COALESCE_PARTS_MAX);
	for (unsigned i = 0; i < count; i++)
		length += parts[i].iov_len;
	check(length <= IP_PACKET_MAX);
	whole = calloc(1, length);
	check(whole != NULL);
	length = 0;
	for (unsigned i = 0; i < count; i++) {
		memcpy(whole + length, parts[i].iov_base, parts[i].iov_len);
		length += parts[i].iov_len;
	}
	if (count == 1) {
		find(owner, whole, length);
		free(whole);
		return;
	}
	check(segment_begin(&cut, header, whole, length) == 0);
	check(cut.count == count);
	while (count-- > 0) {
		uint8_t *out = malloc(cut.size);

		check(out != NULL);
		length = segment_next(&cut, out);
		find(owner, out, length);
		free(out);
	}
	free(whole);
}

static void fuzz_join(const uint8_t *data, size_t size)
{
	uint32_t sequences[FLOWS] = {0, 0, 0xffffff80};
	uint8_t templates[FLOWS][60] = {{0}};
	struct series series = {.data = data, .size = size};
	struct coalesce *join;

	for (unsigned i = 0; i < FLOWS; i++)
		make_headers(templates[i], i);
	check(coalesce_new(&join, EVERYTHING, emit, &series) == 0);
	while (series.size > 0 && series.count < PACKETS_MAX) {
		struct packet *packet = &series.packets[series.count];

		read_step(&series, templates, sequences);
		normalize(packet->copy, packet->length);
	}
	for (unsigned i = 0; i < series.count; i++) {
		coalesce_add(join, series.packets[i].bytes,
			     series.packets[i].length);
		if (i % 50 == 49)
			coalesce_flush(join);
	}
	coalesce_flush(join);
	for (unsigned i = 0; i < series.count; i++) {
		check(series.packets[i].seen);
		free(series.packets[i].bytes);
		free(series.packets[i].copy);
	}
	coalesce_free(join);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		fuzz_join(data + 1, size - 1);
	else
		fuzz_cut(data + 1, size - 1);
	return 0;
}
