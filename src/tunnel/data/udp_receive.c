/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This is the receiving side of udp_io.h. */
#include "tunnel/data/udp_io.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

/* A message that the kernel has joined is at most as long as a datagram. */
#define MESSAGE_SIZE 65536
/*
 * Bytes before the first message, as before the others: a header may become
 * longer in place (tunnel/noise/noise.h).
 */
#define HEADROOM 64
/*
 * Bytes that are received before any of them is handled are so few that the
 * second-level cache holds them.
 */
#define BATCH_BYTES (256 << 10)
#define BATCH_LEAST 4

struct receive_control {
	_Alignas(struct cmsghdr)
		uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
			      2 * CMSG_SPACE(sizeof(int))];
};

struct udp_batch {
	struct mmsghdr messages[UDP_IO_BATCH];
	struct iovec vectors[UDP_IO_BATCH];
	struct sockaddr_in6 peers[UDP_IO_BATCH];
	struct receive_control controls[UDP_IO_BATCH];
	unsigned asked; /* messages in the next call */
	uint8_t *buffers;
};

int udp_batch_new(struct udp_batch **batch)
{
	struct udp_batch *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	/* They are not cleared: pages that no message reaches stay unused. */
	new->buffers = malloc(HEADROOM + (size_t)UDP_IO_BATCH * MESSAGE_SIZE);
	if (!new->buffers) {
		free(new);
		return -ENOMEM;
	}
	new->asked = BATCH_LEAST;
	for (unsigned i = 0; i < UDP_IO_BATCH; i++) {
		struct msghdr *header = &new->messages[i].msg_hdr;

		new->vectors[i].iov_base =
			new->buffers + HEADROOM + (size_t)i *MESSAGE_SIZE;
		new->vectors[i].iov_len = MESSAGE_SIZE;
		header->msg_iov = &new->vectors[i];
		header->msg_iovlen = 1;
		header->msg_name = &new->peers[i];
		header->msg_control = &new->controls[i];
	}
	*batch = new;
	return 0;
}

void udp_batch_free(struct udp_batch *batch)
{
	if (!batch)
		return;
	free(batch->buffers);
	free(batch);
}

/* Asks for as many messages as BATCH_BYTES hold, if they are like the last. */
static void adapt(struct udp_batch *batch, unsigned count)
{
	size_t bytes = 1;

	for (unsigned i = 0; i < count; i++)
		bytes += batch->messages[i].msg_len;
	batch->asked = (unsigned)((size_t)BATCH_BYTES * count / bytes);
	if (batch->asked < BATCH_LEAST)
		batch->asked = BATCH_LEAST;
	if (batch->asked > UDP_IO_BATCH)
		batch->asked = UDP_IO_BATCH;
}

int udp_io_receive(struct udp_io *io, struct udp_batch *batch)
{
	int count;

	for (unsigned i = 0; i < batch->asked; i++) {
		struct msghdr *header = &batch->messages[i].msg_hdr;

		header->msg_namelen = sizeof(batch->peers[i]);
		header->msg_controllen = sizeof(batch->controls[i]);
	}
	count = recvmmsg(io->fd, batch->messages, batch->asked, MSG_DONTWAIT,
			 NULL);
	if (count < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	adapt(batch, (unsigned)count);
	return count;
}

static void read_tos(const struct cmsghdr *control, struct udp_message *message)
{
	size_t size = control->cmsg_len - CMSG_LEN(0);
	int tclass;

	if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS &&
	    size >= sizeof(message->tos)) {
		message->tos = *CMSG_DATA(control);
	} else if (control->cmsg_level == IPPROTO_IPV6 &&
		   control->cmsg_type == IPV6_TCLASS && size >= sizeof(int)) {
		memcpy(&tclass, CMSG_DATA(control), sizeof(tclass));
		message->tos = (uint8_t)tclass;
	}
}

/* Reads the address that it was sent to (ip(7), ipv6(7)), and UDP_GRO. */
static void read_control(struct cmsghdr *control, struct udp_message *message)
{
	const void *data = CMSG_DATA(control);
	size_t size = control->cmsg_len - CMSG_LEN(0);

	if (control->cmsg_level == IPPROTO_IP &&
	    control->cmsg_type == IP_PKTINFO &&
	    size >= sizeof(struct in_pktinfo)) {
		struct in_pktinfo info;

		memcpy(&info, data, sizeof(info));
		message->local =
			inet_address_from_bytes(AF_INET, &info.ipi_addr);
	} else if (control->cmsg_level == IPPROTO_IPV6 &&
		   control->cmsg_type == IPV6_PKTINFO &&
		   size >= sizeof(struct in6_pktinfo)) {
		struct in6_pktinfo info;

		memcpy(&info, data, sizeof(info));
		message->local =
			inet_address_from_bytes(AF_INET6, &info.ipi6_addr);
	} else if (control->cmsg_level == IPPROTO_UDP &&
		   control->cmsg_type == UDP_GRO && size >= sizeof(int)) {
		int segment;

		memcpy(&segment, data, sizeof(segment));
		if (segment > 0)
			message->segment = (size_t)segment;
	} else {
		read_tos(control, message);
	}
}

bool udp_batch_message(const struct udp_batch *batch, unsigned index,
		       struct udp_message *message)
{
	struct msghdr *header =
		(struct msghdr *)&batch->messages[index].msg_hdr;

	if (header->msg_flags & MSG_TRUNC)
		return false;
	memset(message, 0, sizeof(*message));
	if (inet_endpoint_from_sockaddr(header->msg_name, &message->peer))
		return false;
	message->data = header->msg_iov->iov_base;
	message->length = batch->messages[index].msg_len;
	message->segment = message->length;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
	     c = CMSG_NXTHDR(header, c))
		read_control(c, message);
	return true;
}

void udp_message_next(struct udp_message *message,
		      struct udp_datagram *datagram)
{
	size_t length = message->segment < message->length ? message->segment
							   : message->length;

	datagram->peer = message->peer;
	datagram->local = message->local;
	datagram->data = message->data;
	datagram->length = length;
	datagram->tos = message->tos;
	datagram->secret = 0;
	message->data += length;
	message->length -= length;
}
