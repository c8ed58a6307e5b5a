/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/coalesce.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tunnel/data/coalesce_packet.h"
#include "tunnel/data/headers.h"

/* More flows than that at one moment leave some of their packets single. */
#define FLOWS 16

/*
 * Packets that wait for more. Those behind the first are as long as it is but
 * for the last one, which ends the flow's stay here, so that the place of the
 * next one is known from the first and count.
 */
struct flow {
	struct coalesce_packet first;
	unsigned count;
	size_t length;	  /* of the joined packet */
	uint16_t id_step; /* IPv4: 1, or 0 where all have the same */
	bool verified;	  /* the first; the others always are */
	uint8_t flags;	  /* TCP: of the last */
	struct iovec parts[COALESCE_PARTS_MAX];
};

/*
 * The first used entries of order are in use, the oldest first; tags are
 * theirs.
 */
struct coalesce {
	unsigned usable;
	coalesce_emit emit;
	void *owner;
	unsigned used;
	uint64_t tags[FLOWS];
	struct flow *order[FLOWS];
	struct flow flows[FLOWS];
};

int coalesce_new(struct coalesce **coalesce, unsigned usable,
		 coalesce_emit emit, void *owner)
{
	struct coalesce *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	/* The kernel takes no other offload without checksums. */
	new->usable = (usable & TUN_F_CSUM) ? usable : 0;
	new->emit = emit;
	new->owner = owner;
	for (unsigned i = 0; i < FLOWS; i++)
		new->order[i] = &new->flows[i];
	*coalesce = new;
	return 0;
}

void coalesce_free(struct coalesce *coalesce)
{
	free(coalesce);
}

static void emit_single(const struct coalesce *coalesce, uint8_t *packet,
			size_t length)
{
	const struct virtio_net_hdr header = {0};
	const struct iovec part = {packet, length};

	coalesce->emit(coalesce->owner, &header, &part, 1);
}

static void write_ip(const struct flow *flow)
{
	uint8_t *packet = flow->first.packet;
	uint64_t sum;

	if (flow->first.ipv6) {
		put16(packet + IPV6_LENGTH, flow->length - IPV6_HEADER);
		return;
	}
	put16(packet + IPV4_LENGTH, flow->length);
	put_raw16(packet + IPV4_CHECKSUM, 0);
	sum = checksum_add(0, packet, IPV4_HEADER);
	put_raw16(packet + IPV4_CHECKSUM, ~checksum_fold(sum));
}

/* The checksum is left to whoever needs one, which often is nobody. */
static void write_transport(const struct flow *flow,
			    struct virtio_net_hdr *header)
{
	const struct coalesce_packet *first = &flow->first;
	uint8_t *transport = first->packet + first->transport;
	uint16_t length = htons(flow->length - first->transport);
	uint64_t sum;

	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->hdr_len = first->headers;
	header->gso_size = first->payload;
	header->csum_start = first->transport;
	if (first->udp) {
		header->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		header->csum_offset = UDP_CHECKSUM;
		put_raw16(transport + UDP_LENGTH, length);
		sum = pseudo_sum(first->packet, IPPROTO_UDP);
	} else {
		header->gso_type = first->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
					       : VIRTIO_NET_HDR_GSO_TCPV4;
		header->csum_offset = TCP_CHECKSUM;
		transport[TCP_FLAGS] |= flow->flags & (TCP_PSH | TCP_FIN);
		sum = pseudo_sum(first->packet, IPPROTO_TCP);
	}
	put_raw16(transport + header->csum_offset, checksum_fold(sum + length));
}

/* The flow at this place in the order leaves. */
static void release(struct coalesce *coalesce, unsigned place)
{
	struct flow *flow = coalesce->order[place];
	struct virtio_net_hdr header = {0};

	if (flow->count > 1) {
		write_ip(flow);
		write_transport(flow, &header);
	}
	coalesce->emit(coalesce->owner, &header, flow->parts, flow->count);
	coalesce->used--;
	for (; place < coalesce->used; place++) {
		coalesce->order[place] = coalesce->order[place + 1];
		coalesce->tags[place] = coalesce->tags[place + 1];
	}
	coalesce->order[place] = flow;
}

static bool same_pair(const struct coalesce_pair *a,
		      const struct coalesce_pair *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The place of the arrival's flow, coalesce->used where there is none. */
static unsigned find(const struct coalesce *coalesce,
		     const struct coalesce_packet *arrival)
{
	unsigned place = 0;

	while (place < coalesce->used &&
	       (coalesce->tags[place] != arrival->tag ||
		!same_pair(&coalesce->order[place]->first.pair,
			   &arrival->pair)))
		place++;
	return place;
}

/*
 * The flow of fragments, or of packets with options, is not known: nothing of
 * the two hosts may be overtaken.
 */
static void release_pair(struct coalesce *coalesce,
			 const struct coalesce_packet *arrival)
{
	for (unsigned place = 0; place < coalesce->used;) {
		const struct coalesce_packet *first =
			&coalesce->order[place]->first;

		if (first->ipv6 == arrival->ipv6 &&
		    same_pair(&first->pair, &arrival->pair))
			release(coalesce, place);
		else
			place++;
	}
}

static bool is_usable(const struct coalesce *coalesce,
		      const struct coalesce_packet *arrival)
{
	unsigned needed;

	if (arrival->udp)
		needed = arrival->ipv6 ? TUN_F_USO6 : TUN_F_USO4;
	else
		needed = arrival->ipv6 ? TUN_F_TSO6 : TUN_F_TSO4;
	return (coalesce->usable & needed) == needed;
}

static void begin(struct coalesce *coalesce,
		  const struct coalesce_packet *arrival)
{
	struct flow *flow;

	if (coalesce->used == FLOWS)
		release(coalesce, 0);
	coalesce->tags[coalesce->used] = arrival->tag;
	flow = coalesce->order[coalesce->used++];
	flow->first = *arrival;
	flow->count = 1;
	flow->length = arrival->length;
	flow->verified = false;
	flow->parts[0] = (struct iovec){arrival->packet, arrival->length};
}

/*
 * IDs count up, or are all the same where they mean nothing, with DF (RFC 6864,
 * section 4.1); the second packet decides (inet_gro_flush()).
 */
static bool id_follows(struct flow *flow, const struct coalesce_packet *arrival)
{
	const uint8_t *first = flow->first.packet;
	uint16_t step;

	if (arrival->ipv6)
		return true;
	step = get16(arrival->packet + IPV4_ID) - get16(first + IPV4_ID);
	if (flow->count > 1)
		return step == (uint16_t)(flow->id_step * flow->count);
	flow->id_step = step;
	return step == 1 ||
	       (step == 0 && get16(first + IPV4_FRAGMENT) & IPV4_DF);
}

/*
 * A wrong checksum must not become a right one by joining: such packets go as
 * they came. The first is verified when there is a second, as many have none.
 */
static bool verify(struct flow *flow, const struct coalesce_packet *arrival)
{
	if (!flow->verified)
		flow->verified = coalesce_packet_verify(&flow->first);
	return flow->verified && coalesce_packet_verify(arrival);
}

static bool append(struct flow *flow, const struct coalesce_packet *arrival)
{
	if (flow->length + arrival->payload > IP_PACKET_MAX ||
	    !coalesce_packet_follows(arrival, &flow->first, flow->count) ||
	    !id_follows(flow, arrival) || !verify(flow, arrival))
		return false;
	flow->parts[flow->count++] = (struct iovec){
		arrival->packet + arrival->headers,
		arrival->payload,
	};
	flow->length += arrival->payload;
	if (!arrival->udp)
		flow->flags = arrival->packet[arrival->transport + TCP_FLAGS];
	return true;
}

/*
 * This joins a packet to its flow; where it does not follow, the flow leaves
 * first.
 */
static bool take(struct coalesce *coalesce,
		 const struct coalesce_packet *arrival)
{
	unsigned place = find(coalesce, arrival);
	struct flow *flow;

	if (place == coalesce->used)
		return false;
	flow = coalesce->order[place];
	if (!append(flow, arrival)) {
		release(coalesce, place);
		return false;
	}
	if (flow->count == COALESCE_PARTS_MAX ||
	    coalesce_packet_ends(arrival, &flow->first))
		release(coalesce, place);
	return true;
}

void coalesce_add(struct coalesce *coalesce, uint8_t *packet, size_t length)
{
	struct coalesce_packet arrival;

	switch (coalesce_packet_read(&arrival, packet, length)) {
	case COALESCE_FLOW:
		if (take(coalesce, &arrival))
			return;
		if (is_usable(coalesce, &arrival) &&
		    coalesce_packet_begins(&arrival)) {
			begin(coalesce, &arrival);
			return;
		}
		break;
	case COALESCE_ODD:
		release_pair(coalesce, &arrival);
		break;
	case COALESCE_ALIEN:
		break;
	}
	emit_single(coalesce, packet, length);
}

void coalesce_flush(struct coalesce *coalesce)
{
	while (coalesce->used > 0)
		release(coalesce, 0);
}
