/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/tun_io.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tunnel/data/coalesce.h"

#define HEADER_SIZE sizeof(struct virtio_net_hdr)

_Static_assert(offsetof(struct tun_frame, packet) ==
		       offsetof(struct tun_frame, header) + HEADER_SIZE,
	       "the kernel writes both at once");

ssize_t tun_io_read(const struct tun_io *io, struct tun_frame *frame)
{
	size_t skipped = io->header ? offsetof(struct tun_frame, header)
				    : offsetof(struct tun_frame, packet);
	ssize_t got = read(io->fd, (uint8_t *)frame + skipped,
			   sizeof(*frame) - skipped);

	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (io->header)
		return got < (ssize_t)HEADER_SIZE ? -EIO
						  : got - (ssize_t)HEADER_SIZE;
	memset(&frame->header, 0, HEADER_SIZE);
	return got;
}

int tun_io_write(const struct tun_io *io, const struct virtio_net_hdr *header,
		 const struct iovec *parts, unsigned count)
{
	struct iovec all[COALESCE_PARTS_MAX + 1];

	if (!io->header)
		return writev(io->fd, parts, (int)count) < 0 ? -errno : 0;
	if (count > COALESCE_PARTS_MAX)
		return -E2BIG;
	all[0].iov_base = (void *)header;
	all[0].iov_len = HEADER_SIZE;
	memcpy(all + 1, parts, count * sizeof(*parts));
	return writev(io->fd, all, (int)count + 1) < 0 ? -errno : 0;
}
