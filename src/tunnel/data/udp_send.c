/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/udp_io.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "common/log.h"

/* The address to send from, a run's TOS, and the size of its datagrams. */
#define CONTROL_SIZE                                                           \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +    \
	 CMSG_SPACE(sizeof(uint16_t)))

/* Runs that go by one call are so few that little stack is cleared. */
#define CALL_RUNS 8

/* What a message on its way to the kernel points at. */
struct envelope {
	struct sockaddr_storage to;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
	struct iovec vector;
};

/* A socket for IPv6 needs both, as IPv4 comes with the other one. */
static int ask_for_tos(const struct udp_io *io)
{
	int on = 1;

	if (setsockopt(io->fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)) < 0 ||
	    (io->ipv6 && setsockopt(io->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on,
				    sizeof(on)) < 0))
		return -errno;
	return 0;
}

int udp_io_init(struct udp_io *io, int fd, bool offload)
{
	int family, value = offload;
	socklen_t length = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0)
		return -errno;
	io->fd = fd;
	io->ipv6 = family == AF_INET6;
	io->logged = false;
	/* If it fails every datagram comes alone, and all else is the same. */
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &value, sizeof(value));
	/* 0 is the default, as each run has its own size. */
	value = 0;
	io->segments = offload && !setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT,
					      &value, sizeof(value));
	return ask_for_tos(io);
}

static void add_control(struct msghdr *header, int level, int type,
			const void *data, size_t size)
{
	uint8_t *at = (uint8_t *)header->msg_control + header->msg_controllen;
	struct cmsghdr control = {
		.cmsg_level = level,
		.cmsg_type = type,
		.cmsg_len = CMSG_LEN(size),
	};

	memcpy(at, &control, sizeof(control));
	memcpy(at + CMSG_LEN(0), data, size);
	header->msg_controllen += CMSG_SPACE(size);
}

/* It is the address alone: a fixed interface would break with new routes. */
static void add_local(struct msghdr *header, bool ipv6,
		      const struct inet_address *local)
{
	if (ipv6) {
		struct inet_endpoint endpoint = {.address = *local};
		struct sockaddr_storage mapped;
		struct in6_pktinfo info = {0};

		inet_endpoint_to_sockaddr_mapped(&endpoint, &mapped);
		info.ipi6_addr = ((struct sockaddr_in6 *)&mapped)->sin6_addr;
		add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info,
			    sizeof(info));
	} else {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, local->bytes,
		       sizeof(info.ipi_spec_dst));
		add_control(header, IPPROTO_IP, IP_PKTINFO, &info,
			    sizeof(info));
	}
}

/* Each family has its own control message, also on a socket for both. */
static void add_tos(struct msghdr *header, const struct udp_io *io,
		    const struct udp_run *run)
{
	const int tos = run->tos;
	uint16_t family = run->peer.address.family;

	if (family == AF_INET6 || (family == AF_UNSPEC && io->ipv6))
		add_control(header, IPPROTO_IPV6, IPV6_TCLASS, &tos,
			    sizeof(tos));
	else
		add_control(header, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

/* An address whose family is none is left to the kernel. */
static void address(const struct udp_io *io, struct msghdr *header,
		    struct envelope *envelope, const struct inet_endpoint *peer,
		    const struct inet_address *local)
{
	memset(header, 0, sizeof(*header));
	memset(envelope->control, 0, sizeof(envelope->control));
	header->msg_iov = &envelope->vector;
	header->msg_iovlen = 1;
	if (peer->address.family != AF_UNSPEC) {
		header->msg_name = &envelope->to;
		header->msg_namelen =
			io->ipv6 ? inet_endpoint_to_sockaddr_mapped(
					   peer, &envelope->to)
				 : inet_endpoint_to_sockaddr(peer,
							     &envelope->to);
	}
	header->msg_control = envelope->control;
	if (local->family != AF_UNSPEC)
		add_local(header, io->ipv6, local);
}

static void log_fallback(struct udp_io *io, int err)
{
	if (io->logged)
		return;
	io->logged = true;
	log_notice("the network device, or the kernel, does not cut datagrams "
		   "to size (%s): they are sent one by one where that is so",
		   strerror(-err));
}

/* Sends datagram by datagram, each in a message of its own. */
static void send_apart(struct udp_io *io, struct udp_run *run)
{
	struct mmsghdr messages[UDP_IO_RUN];
	struct iovec vectors[UDP_IO_RUN];
	struct envelope envelope;
	struct msghdr header;
	size_t left = run->length;

	address(io, &header, &envelope, &run->peer, &run->local);
	if (run->tos)
		add_tos(&header, io, run);
	for (unsigned i = 0; i < run->count; i++) {
		vectors[i].iov_base = run->data + i * run->segment;
		vectors[i].iov_len = left < run->segment ? left : run->segment;
		left -= vectors[i].iov_len;
		messages[i].msg_hdr = header;
		messages[i].msg_hdr.msg_iov = &vectors[i];
	}
	while (run->sent < run->count) {
		int sent = sendmmsg(io->fd, messages + run->sent,
				    run->count - run->sent, MSG_NOSIGNAL);

		if (sent < 0) {
			run->error = -errno;
			return;
		}
		run->sent += (unsigned)sent;
	}
}

static void fill(const struct udp_io *io, struct mmsghdr *message,
		 struct envelope *envelope, const struct udp_run *run)
{
	uint16_t segment = (uint16_t)run->segment;

	address(io, &message->msg_hdr, envelope, &run->peer, &run->local);
	envelope->vector.iov_base = run->data;
	envelope->vector.iov_len = run->length;
	if (run->tos)
		add_tos(&message->msg_hdr, io, run);
	if (run->count > 1)
		add_control(&message->msg_hdr, IPPROTO_UDP, UDP_SEGMENT,
			    &segment, sizeof(segment));
}

/*
 * The kernel refuses a run with EIO where the device can't segment it, with
 * EINVAL or EMSGSIZE where its datagrams are larger than the path's MTU and
 * would have to be fragmented.
 */
static void refused(struct udp_io *io, struct udp_run *run, int err)
{
	if (run->count == 1 ||
	    (err != -EIO && err != -EINVAL && err != -EMSGSIZE)) {
		run->error = err;
		return;
	}
	send_apart(io, run);
	if (run->error == err)
		return; /* it was not the segmentation */
	log_fallback(io, err);
	if (err == -EIO)
		io->segments = false;
}

/* Sends as many as go by one call, each as one message: their number. */
static unsigned send_whole(struct udp_io *io, struct udp_run *runs,
			   unsigned count)
{
	struct mmsghdr messages[CALL_RUNS];
	struct envelope envelopes[CALL_RUNS];
	unsigned most = 0;
	int sent;

	while (most < count && most < CALL_RUNS &&
	       ((io->segments && !runs[most].apart) || runs[most].count == 1)) {
		fill(io, &messages[most], &envelopes[most], &runs[most]);
		most++;
	}
	if (!most)
		return 0;
	sent = sendmmsg(io->fd, messages, most, MSG_NOSIGNAL);
	if (sent < 0) {
		refused(io, runs, -errno);
		return 1;
	}
	for (int i = 0; i < sent; i++)
		runs[i].sent = runs[i].count;
	return (unsigned)sent;
}

void udp_io_send_runs(struct udp_io *io, struct udp_run *runs, unsigned count)
{
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++) {
		runs[i].sent = 0;
		runs[i].error = 0;
	}
	while (done < count) {
		unsigned whole = send_whole(io, runs + done, count - done);

		if (!whole)
			send_apart(io, &runs[done]);
		done += whole ? whole : 1;
	}
}

int udp_io_send(struct udp_io *io, const struct inet_endpoint *peer,
		const struct inet_address *local, const uint8_t *data,
		size_t length)
{
	static const struct inet_endpoint connected;
	static const struct inet_address any;
	struct envelope envelope;
	struct msghdr header;

	address(io, &header, &envelope, peer ? peer : &connected,
		local ? local : &any);
	envelope.vector.iov_base = (void *)data;
	envelope.vector.iov_len = length;
	return sendmsg(io->fd, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int udp_io_release(struct udp_io *io)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};

	return connect(io->fd, &none, sizeof(none)) < 0 ? -errno : 0;
}

int udp_io_pin(struct udp_io *io, const struct inet_endpoint *peer)
{
	struct sockaddr_storage to;
	socklen_t length = inet_endpoint_to_sockaddr(peer, &to);

	return connect(io->fd, (struct sockaddr *)&to, length) < 0 ? -errno : 0;
}

int udp_io_connect(struct udp_io *io, const struct inet_endpoint *peer)
{
	/* The kernel would keep the old source address otherwise. */
	int err = udp_io_release(io);

	return err ? err : udp_io_pin(io, peer);
}
