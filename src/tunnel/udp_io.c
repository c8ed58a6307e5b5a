/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/udp_io.h"

#include <errno.h>
#include <string.h>

union pktinfo_control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

int udp_io_init(struct udp_io *io, int fd)
{
	int family;
	socklen_t length = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0)
		return -errno;
	io->fd = fd;
	io->ipv6 = family == AF_INET6;
	return 0;
}

/* The address that the datagram was sent to (ip(7), ipv6(7)). */
static void read_local(struct msghdr *header, struct inet_address *local)
{
	memset(local, 0, sizeof(*local));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
	     c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*local = inet_address_from_bytes(AF_INET,
							 &info.ipi_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
			   c->cmsg_type == IPV6_PKTINFO &&
			   c->cmsg_len >=
				   CMSG_LEN(sizeof(struct in6_pktinfo))) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*local = inet_address_from_bytes(AF_INET6,
							 &info.ipi6_addr);
		}
	}
}

int udp_io_receive(struct udp_io *io, uint8_t *buffer, size_t size,
		   struct udp_datagram *datagram)
{
	struct sockaddr_storage from = {0};
	union pktinfo_control control;
	struct iovec vector = {buffer, size};
	struct msghdr header = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(io->fd, &header, 0);

	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (header.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	memset(&datagram->peer, 0, sizeof(datagram->peer));
	if (inet_endpoint_from_sockaddr((struct sockaddr *)&from,
					&datagram->peer))
		return -EPROTO;
	read_local(&header, &datagram->local);
	datagram->data = buffer;
	datagram->length = (size_t)got;
	return 0;
}

/* Only the address: a fixed interface would break when routes change. */
static void write_local(struct msghdr *header, union pktinfo_control *control,
			bool ipv6, const struct inet_address *local)
{
	memset(control, 0, sizeof(*control));
	header->msg_control = control;
	if (ipv6) {
		struct inet_endpoint endpoint = {.address = *local};
		struct sockaddr_storage mapped;
		struct in6_pktinfo info = {0};

		inet_endpoint_to_sockaddr_mapped(&endpoint, &mapped);
		info.ipi6_addr = ((struct sockaddr_in6 *)&mapped)->sin6_addr;
		control->head.cmsg_level = IPPROTO_IPV6;
		control->head.cmsg_type = IPV6_PKTINFO;
		control->head.cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(&control->head), &info, sizeof(info));
		header->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, local->bytes,
		       sizeof(info.ipi_spec_dst));
		control->head.cmsg_level = IPPROTO_IP;
		control->head.cmsg_type = IP_PKTINFO;
		control->head.cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(&control->head), &info, sizeof(info));
		header->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

int udp_io_send(struct udp_io *io, const struct inet_endpoint *peer,
		const struct inet_address *local, const uint8_t *data,
		size_t length)
{
	struct sockaddr_storage to;
	union pktinfo_control control;
	struct iovec vector = {(void *)data, length};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};

	if (peer) {
		header.msg_name = &to;
		header.msg_namelen =
			io->ipv6 ? inet_endpoint_to_sockaddr_mapped(peer, &to)
				 : inet_endpoint_to_sockaddr(peer, &to);
	}
	if (local && local->family != AF_UNSPEC)
		write_local(&header, &control, io->ipv6, local);
	if (sendmsg(io->fd, &header, MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

int udp_io_connect(struct udp_io *io, const struct inet_endpoint *peer)
{
	struct sockaddr_storage to = {.ss_family = AF_UNSPEC};
	socklen_t length;

	/* Lets go of the old source address, which the kernel would keep. */
	if (connect(io->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	length = inet_endpoint_to_sockaddr(peer, &to);
	return connect(io->fd, (struct sockaddr *)&to, length) < 0 ? -errno : 0;
}
