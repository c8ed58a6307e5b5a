/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/inner_packet.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define TH_CWR 0x80

struct inner_packet inner_packet_default(bool ipv6, bool udp)
{
	struct inner_packet packet = {
		.ipv6 = ipv6,
		.udp = udp,
		.traffic_class = 0x02,
		.hop_limit = 64,
		.id = 0xfffa,
		.fragment = 0x4000,
		.flow_label = 0xabcde,
		.host = 2,
		.source = 40000,
		.destination = 5201,
		.sequence = 0xfffff000,
		.ack = 0x12345678,
		.flags = TH_ACK,
		.window = 501,
		.options_size = 12,
		.payload = 1000,
	};

	/* Two NOPs and a timestamp, as every TCP has them. */
	memcpy(packet.options, "\1\1\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88",
	       12);
	return packet;
}

static void put(uint8_t *bytes, uint32_t value, unsigned size)
{
	while (size-- > 0) {
		bytes[size] = value;
		value >>= 8;
	}
}

static size_t ip_header(const struct inner_packet *packet)
{
	return packet->ipv6 ? 40 : 20;
}

size_t inner_packet_transport(const struct inner_packet *packet)
{
	return ip_header(packet) + packet->extension;
}

size_t inner_packet_headers(const struct inner_packet *packet)
{
	return inner_packet_transport(packet) +
	       (packet->udp ? 8 : 20 + packet->options_size);
}

/* Byte by byte, as RFC 1071 tells it. */
static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo(const struct inner_packet *packet, const uint8_t *bytes,
		       size_t length)
{
	uint32_t sum = packet->udp ? IPPROTO_UDP : IPPROTO_TCP;

	sum += length;
	return packet->ipv6 ? add(sum, bytes + 8, 32) : add(sum, bytes + 12, 8);
}

static void make_ipv4(const struct inner_packet *packet, uint8_t *out,
		      size_t length)
{
	size_t header = inner_packet_transport(packet);

	out[0] = 0x40 | header / 4;
	out[1] = packet->traffic_class;
	put(out + 2, length, 2);
	put(out + 4, packet->id, 2);
	put(out + 6, packet->fragment, 2);
	out[8] = packet->hop_limit;
	out[9] = packet->udp ? IPPROTO_UDP : IPPROTO_TCP;
	memcpy(out + 12, (uint8_t[]){10, 1, 0, packet->host, 10, 2, 0, 9}, 8);
	memset(out + 20, 1, packet->extension); /* NOP */
	put(out + 10, (uint16_t)~fold(add(0, out, header)), 2);
}

/* One header of destination options, filled with PadN, where there is any. */
static void make_ipv6(const struct inner_packet *packet, uint8_t *out,
		      size_t length)
{
	uint8_t protocol = packet->udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint8_t *extension = out + 40;

	put(out, 6u << 28 | packet->traffic_class << 20 | packet->flow_label,
	    4);
	put(out + 4, length - 40, 2);
	out[6] = packet->extension ? IPPROTO_DSTOPTS : protocol;
	out[7] = packet->hop_limit;
	memcpy(out + 8, "\xfd\1", 2);
	out[23] = packet->host;
	memcpy(out + 24, "\xfd\2", 2);
	out[39] = 9;
	if (packet->extension) {
		extension[0] = protocol;
		extension[1] = packet->extension / 8 - 1;
		extension[2] = 1;
		extension[3] = packet->extension - 4;
	}
}

static void make_tcp(const struct inner_packet *packet, uint8_t *out)
{
	put(out, packet->source, 2);
	put(out + 2, packet->destination, 2);
	put(out + 4, packet->sequence, 4);
	put(out + 8, packet->ack, 4);
	out[12] = (20 + packet->options_size) / 4 << 4;
	out[13] = packet->flags;
	put(out + 14, packet->window, 2);
	memcpy(out + 20, packet->options, packet->options_size);
}

size_t inner_packet_make(const struct inner_packet *packet, uint8_t *out)
{
	size_t transport = inner_packet_transport(packet);
	size_t headers = inner_packet_headers(packet);
	size_t length = headers + packet->payload;
	uint16_t checksum;

	memset(out, 0, headers);
	if (packet->ipv6)
		make_ipv6(packet, out, length);
	else
		make_ipv4(packet, out, length);
	for (size_t i = 0; i < packet->payload; i++)
		out[headers + i] = (packet->sequence + i) * 2654435761u >> 24;
	if (packet->udp) {
		put(out + transport, packet->source, 2);
		put(out + transport + 2, packet->destination, 2);
		put(out + transport + 4, length - transport, 2);
	} else {
		make_tcp(packet, out + transport);
	}
	checksum = ~fold(add(pseudo(packet, out, length - transport),
			     out + transport, length - transport));
	if (packet->udp && checksum == 0)
		checksum = 0xffff;
	put(out + transport + (packet->udp ? 6 : 16), checksum, 2);
	return length;
}

size_t inner_packet_super(const struct inner_packet *packet, uint16_t gso_size,
			  struct virtio_net_hdr *header, uint8_t *out)
{
	size_t transport = inner_packet_transport(packet);
	size_t length = inner_packet_make(packet, out);

	*header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.hdr_len = inner_packet_headers(packet),
		.csum_start = transport,
		.csum_offset = packet->udp ? 6 : 16,
		.gso_size = gso_size,
	};
	if (gso_size)
		header->gso_type = packet->udp	  ? VIRTIO_NET_HDR_GSO_UDP_L4
				   : packet->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
						  : VIRTIO_NET_HDR_GSO_TCPV4;
	if (gso_size && !packet->udp && packet->flags & TH_CWR)
		header->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	put(out + transport + header->csum_offset,
	    fold(pseudo(packet, out, length - transport)), 2);
	return length;
}

bool inner_packet_segment(const struct inner_packet *super, uint16_t gso_size,
			  unsigned index, struct inner_packet *segment)
{
	size_t offset = (size_t)index * gso_size;
	size_t rest = super->payload - offset;

	if (offset >= super->payload)
		return false;
	*segment = *super;
	segment->payload = rest < gso_size ? rest : gso_size;
	segment->id += index;
	segment->sequence += offset;
	if (index > 0)
		segment->flags &= ~TH_CWR;
	if (rest > gso_size)
		segment->flags &= ~(TH_PUSH | TH_FIN);
	return true;
}

struct inner_packet inner_packet_after(const struct inner_packet *packet)
{
	struct inner_packet next = *packet;

	next.sequence += packet->payload;
	next.id++;
	next.flags &= ~TH_CWR;
	return next;
}

bool inner_packet_verify(const uint8_t *packet, size_t length)
{
	struct inner_packet known = {.ipv6 = packet[0] >> 4 == 6};
	size_t header = known.ipv6 ? 40 : (packet[0] & 0xf) * 4;
	uint8_t protocol = packet[known.ipv6 ? 6 : 9];

	if (!known.ipv6 && fold(add(0, packet, header)) != 0xffff)
		return false;
	if (known.ipv6 && protocol == IPPROTO_DSTOPTS) {
		protocol = packet[40];
		header += (packet[41] + 1) * 8;
	}
	known.udp = protocol == IPPROTO_UDP;
	return fold(add(pseudo(&known, packet, length - header),
			packet + header, length - header)) == 0xffff;
}
