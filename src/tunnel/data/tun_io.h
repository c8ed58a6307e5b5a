/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inner packets from and to the tun device. */
#ifndef MINIVPN_TUNNEL_DATA_TUN_IO_H
#define MINIVPN_TUNNEL_DATA_TUN_IO_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct tun_io {
	int fd;
	bool header; /* a struct virtio_net_hdr before each packet */
};

/* One packet as the device has it, a super-packet perhaps. */
struct tun_frame {
	uint8_t unused[6]; /* aligns the packet */
	struct virtio_net_hdr header;
	uint8_t packet[65536];
};

/* Reads one packet: its length in bytes; -EAGAIN: there is none; or -errno. */
ssize_t tun_io_read(const struct tun_io *io, struct tun_frame *frame);

/*
 * Writes one packet in count parts, COALESCE_PARTS_MAX at most; header is for
 * devices that have one. 0, or -errno: -EAGAIN where the device's queue is
 * full, -EIO while it is down.
 */
int tun_io_write(const struct tun_io *io, const struct virtio_net_hdr *header,
		 const struct iovec *parts, unsigned count);

#endif
