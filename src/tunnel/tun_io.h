/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inner packets from and to the tun device. */
#ifndef MINIVPN_TUNNEL_TUN_IO_H
#define MINIVPN_TUNNEL_TUN_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One packet: its length in bytes, -EAGAIN where none is there, or -errno. */
ssize_t tun_io_read(int fd, uint8_t *buffer, size_t size);

/* 0, or -errno: -EAGAIN where the device's queue is full, -EIO while down. */
int tun_io_write(int fd, const uint8_t *packet, size_t length);

#endif
