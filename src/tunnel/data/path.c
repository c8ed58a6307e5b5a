/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/path.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/data/coalesce.h"
#include "tunnel/data/headers.h"
#include "tunnel/data/mss.h"
#include "tunnel/data/oversize.h"
#include "tunnel/data/packet.h"
#include "tunnel/data/segment.h"
#include "tunnel/data/yield.h"
#include "tunnel/dtls/dtls.h"

/* Sealed datagrams that wait are one full run, which the cache still has. */
#define QUEUE_SIZE (64 << 10)
/* One turn of reading the tun device takes no more than this. */
#define TURN_PACKETS 256
#define TURN_BYTES   (1 << 20)
/* A small packet has fewer bytes. */
#define SMALL 512

struct path {
	const struct path_hooks *hooks;
	void *owner;
	struct tun_io tun;
	struct coalesce *coalesce; /* NULL: the device takes single packets */
	struct tun_frame *frame;
	uint8_t *buffer, *queue; /* which has PATH_HEADROOM before it */
	size_t used;
	bool waiting;	/* between path_begin() and path_flush() */
	bool apart;	/* the device has refused joined packets */
	unsigned small; /* UDP packets to tun */
	struct yield yield;
	unsigned count;
	struct udp_run runs[UDP_IO_BATCH];
	struct udp_io *ios[UDP_IO_BATCH]; /* of each run */
	uint64_t bytes[UDP_IO_BATCH];	  /* of inner packets in it */
};

/* Cuts a super-packet into what it was joined of. */
static void emit_apart(struct path *path, const struct virtio_net_hdr *header,
		       const struct iovec *parts, unsigned count)
{
	static const struct virtio_net_hdr plain;
	uint8_t whole[IP_PACKET_MAX], packet[IP_PACKET_MAX];
	struct segment segment;
	size_t length = 0;

	for (unsigned i = 0; i < count; i++) {
		memcpy(whole + length, parts[i].iov_base, parts[i].iov_len);
		length += parts[i].iov_len;
	}
	if (segment_begin(&segment, header, whole, length)) {
		path->hooks->dropped(path->owner, NULL, DROP_SEND);
		return;
	}
	while ((length = segment_next(&segment, packet)) > 0) {
		struct iovec part = {packet, length};

		if (tun_io_write(&path->tun, &plain, &part, 1))
			path->hooks->dropped(path->owner, NULL, DROP_SEND);
	}
}

/* Not for want of room, nor because the device is down. */
static bool is_refused(const struct virtio_net_hdr *header, int err)
{
	return header->gso_type != VIRTIO_NET_HDR_GSO_NONE && err != -EAGAIN &&
	       err != -EIO && err != -ENOBUFS && err != -ENOMEM;
}

/* Each part is a packet, or what is joined to the one before. */
static void emit(void *owner, const struct virtio_net_hdr *header,
		 const struct iovec *parts, unsigned count)
{
	struct path *path = owner;
	int err = tun_io_write(&path->tun, header, parts, count);

	if (!err)
		return;
	if (is_refused(header, err)) {
		if (!path->apart)
			path->hooks->joined_refused(path->owner, err);
		path->apart = true;
		emit_apart(path, header, parts, count);
		return;
	}
	while (count--)
		path->hooks->dropped(path->owner, NULL, DROP_SEND);
}

int path_new(struct path **path, const struct tun_io *tun, unsigned usable,
	     const struct path_hooks *hooks, void *owner)
{
	struct path *new = calloc(1, sizeof(*new));
	int err = 0;

	if (!new)
		return -ENOMEM;
	new->hooks = hooks;
	new->owner = owner;
	new->tun = *tun;
	yield_init(&new->yield);
	/* It is not cleared, so that a page of it is used once it is needed. */
	new->frame = malloc(sizeof(*new->frame));
	new->buffer = malloc(PATH_HEADROOM + QUEUE_SIZE);
	if (!new->frame || !new->buffer)
		err = -ENOMEM;
	else if (tun->header && usable)
		err = coalesce_new(&new->coalesce, usable, emit, new);
	if (err) {
		path_free(new);
		return err;
	}
	new->queue = new->buffer + PATH_HEADROOM;
	*path = new;
	return 0;
}

void path_free(struct path *path)
{
	if (!path)
		return;
	coalesce_free(path->coalesce);
	free(path->frame);
	free(path->buffer);
	free(path);
}

/* Runs of one socket that follow each other go by one call. */
static void send_queue(struct path *path)
{
	unsigned from = 0;

	while (from < path->count) {
		unsigned to = from + 1;

		while (to < path->count && path->ios[to] == path->ios[from])
			to++;
		udp_io_send_runs(path->ios[from], path->runs + from, to - from);
		from = to;
	}
	for (unsigned i = 0; i < path->count; i++) {
		const struct udp_run *run = &path->runs[i];

		path->hooks->sent(path->owner, run,
				  path->bytes[i] * run->sent / run->count);
	}
	path->count = 0;
	path->used = 0;
}

/* Can a datagram of size bytes follow those of the last run? */
static bool can_follow(const struct path *path,
		       const struct path_target *target, size_t size)
{
	const struct udp_run *run;

	if (!path->count || path->ios[path->count - 1] != target->io)
		return false;
	run = &path->runs[path->count - 1];
	return size <= run->segment && run->count < UDP_IO_RUN &&
	       run->length == run->count * run->segment &&
	       run->length + size <= UDP_IO_SIZE && run->tos == target->tos &&
	       run->apart == target->apart &&
	       inet_endpoint_equal(&run->peer, &target->peer) &&
	       inet_address_equal(&run->local, &target->local);
}

/*
 * Reserves room for a datagram of size bytes at most, UDP_IO_SIZE or less, in
 * the last run or, *begins, a new one.
 */
static uint8_t *reserve(struct path *path, const struct path_target *target,
			size_t size, bool *begins)
{
	*begins = !can_follow(path, target, size);
	if (size > QUEUE_SIZE - path->used ||
	    (*begins && path->count == UDP_IO_BATCH)) {
		send_queue(path);
		*begins = true;
	}
	return path->queue + path->used;
}

/* Takes length bytes of what was reserved; negative: nothing was sealed. */
static void commit(struct path *path, const struct path_target *target,
		   bool begins, ssize_t length, size_t inner)
{
	struct udp_run *run;

	if (length < 0) {
		path->hooks->dropped(path->owner, target->traffic, DROP_SEND);
		return;
	}
	if (begins) {
		path->runs[path->count] = (struct udp_run){
			.peer = target->peer,
			.local = target->local,
			.data = path->queue + path->used,
			.segment = (size_t)length,
			.tos = target->tos,
			.apart = target->apart,
		};
		path->ios[path->count] = target->io;
		path->bytes[path->count++] = 0;
	}
	run = &path->runs[path->count - 1];
	run->length += (size_t)length;
	run->count++;
	path->bytes[path->count - 1] += inner;
	path->used += (size_t)length;
}

size_t path_overhead(const struct path_target *target)
{
	return target->link ? NOISE_OVERHEAD
			    : session_overhead(target->session);
}

size_t path_headroom(const struct path_target *target)
{
	return target->link ? NOISE_HEADER : session_headroom(target->session);
}

/*
 * The header of DTLS is longer than the one that it becomes, and reaches into
 * what is before.
 */
static ssize_t seal_hidden(const struct path_target *target, uint8_t *out,
			   size_t size, const uint8_t *plain, size_t length)
{
	const struct noise_link *link = target->link;
	size_t more = DTLS_HEADER + link->explicit - NOISE_HEADER;
	uint8_t *datagram = out - more, before[NOISE_HEADROOM];
	ssize_t sealed;

	if (!link->is_known)
		return -EPIPE;
	memcpy(before, datagram, more);
	sealed = session_seal(target->session, datagram, size + more, plain,
			      length);
	if (sealed > 0)
		sealed = (ssize_t)noise_hide(link->noise, link->secret,
					     link->to, link->explicit,
					     &datagram, (size_t)sealed);
	memcpy(out - more, before, more);
	return sealed ? sealed : -EIO;
}

ssize_t path_seal(const struct path_target *target, uint8_t *out, size_t size,
		  const uint8_t *plain, size_t length)
{
	return target->link ? seal_hidden(target, out, size, plain, length)
			    : session_seal(target->session, out, size, plain,
					   length);
}

/* Each packet is copied to where it is sealed, and stays there. */
static void send_segments(struct path *path, const struct path_target *target,
			  struct segment *segment)
{
	size_t size = segment->size + path_overhead(target);
	size_t headroom = path_headroom(target);

	if (size > UDP_IO_SIZE) {
		commit(path, target, false, -EMSGSIZE, 0);
		return;
	}
	for (unsigned i = 0; i < segment->count; i++) {
		bool begins;
		uint8_t *out = reserve(path, target, size, &begins);
		size_t length = segment_next(segment, out + headroom);
		ssize_t sealed =
			path_seal(target, out, size, out + headroom, length);

		commit(path, target, begins, sealed, length);
	}
}

static void send_one(struct path *path, const struct path_target *target,
		     const uint8_t *packet, size_t length)
{
	size_t size = length + path_overhead(target);
	ssize_t sealed = -EMSGSIZE;
	bool begins = false;

	if (size <= UDP_IO_SIZE) {
		uint8_t *out = reserve(path, target, size, &begins);

		sealed = path_seal(target, out, size, packet, length);
	}
	commit(path, target, begins, sealed, length);
}

/* Segments are fragmented, as their checksums are complete. */
static void send_fragments(struct path *path, const struct path_target *target,
			   struct segment *segment)
{
	uint8_t whole[IP_PACKET_MAX], part[IP_PACKET_MAX];
	size_t length;

	while ((length = segment_next(segment, whole)) > 0) {
		struct oversize_fragments fragments = {
			.packet = whole,
			.length = length,
			.largest = target->largest,
		};

		/* Where that fails any number is as good. */
		gnutls_rnd(GNUTLS_RND_NONCE, &fragments.id,
			   sizeof(fragments.id));

		while ((length = oversize_fragment(&fragments, part)) > 0)
			send_one(path, target, part, length);
	}
}

/* While it is in doubt what the path carries, a packet may pass after all. */
static void send_oversize(struct path *path, const struct path_target *target,
			  const struct virtio_net_hdr *header,
			  const uint8_t *packet, size_t length,
			  struct segment *segment)
{
	switch (oversize_packet(segment, header, packet, length,
				target->largest)) {
	case OVERSIZE_SEGMENT:
		send_segments(path, target, segment);
		break;
	case OVERSIZE_FRAGMENT:
		send_fragments(path, target, segment);
		break;
	case OVERSIZE_REFUSE:
		if (target->certain)
			path->hooks->refused(path->owner, target, packet,
					     length);
		else
			send_segments(path, target, segment);
		break;
	}
}

/* Sends a packet, or super-packet, that was read from the device. */
static void send_frame(struct path *path, const struct path_target *target,
		       struct tun_frame *frame, size_t length,
		       struct segment *segment)
{
	mss_clamp(frame->packet, length, target->expected,
		  frame->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	if (target->largest && segment->size > target->largest)
		send_oversize(path, target, &frame->header, frame->packet,
			      length, segment);
	else
		send_segments(path, target, segment);
}

static void send_large(struct path *path, const struct path_target *target,
		       const uint8_t *packet, size_t length)
{
	static const struct virtio_net_hdr plain;
	struct segment segment;

	if (segment_begin(&segment, &plain, packet, length))
		path->hooks->dropped(path->owner, NULL, DROP_MALFORMED);
	else
		send_oversize(path, target, &plain, packet, length, &segment);
}

void path_to_peer(struct path *path, const struct path_target *target,
		  const uint8_t *packet, size_t length)
{
	if (target->largest && length > target->largest)
		send_large(path, target, packet, length);
	else
		send_one(path, target, packet, length);
	if (!path->waiting)
		send_queue(path);
}

void path_from_tun(struct path *path)
{
	struct tun_frame *frame = path->frame;
	size_t bytes = 0;

	for (unsigned i = 0; i < TURN_PACKETS && bytes < TURN_BYTES; i++) {
		ssize_t length = tun_io_read(&path->tun, frame);
		struct path_target target = {0};
		struct segment segment;

		if (length < 0)
			break;
		bytes += (size_t)length;
		if (segment_begin(&segment, &frame->header, frame->packet,
				  (size_t)length))
			path->hooks->dropped(path->owner, NULL, DROP_MALFORMED);
		else if (path->hooks->route(path->owner, frame->packet,
					    (size_t)length, &target))
			send_frame(path, &target, frame, (size_t)length,
				   &segment);
	}
	/* All that was read is in one datagram. */
	if (path->count == 1 && path->runs[0].count == 1 && bytes < path->used)
		yield(&path->yield);
	send_queue(path);
}

void path_answer(struct path *path, uint8_t *packet, size_t length)
{
	static const struct virtio_net_hdr plain;
	struct iovec part = {packet, length};

	emit(path, &plain, &part, 1);
}

void path_to_tun(struct path *path, uint8_t *packet, size_t length)
{
	path->small += length <= SMALL && packet_is_udp(packet, length);
	if (!path->coalesce || path->apart) {
		path_answer(path, packet, length);
		return;
	}
	coalesce_add(path->coalesce, packet, length);
	if (!path->waiting)
		coalesce_flush(path->coalesce);
}

void path_begin(struct path *path)
{
	path->waiting = true;
}

void path_flush(struct path *path)
{
	if (path->coalesce)
		coalesce_flush(path->coalesce);
	send_queue(path);
	path->waiting = false;
}

unsigned path_small(struct path *path)
{
	unsigned count = path->small;

	path->small = 0;
	return count;
}
