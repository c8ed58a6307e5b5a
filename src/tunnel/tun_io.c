/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/tun_io.h"

#include <errno.h>
#include <unistd.h>

ssize_t tun_io_read(int fd, uint8_t *buffer, size_t size)
{
	ssize_t got = read(fd, buffer, size);

	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return got;
}

int tun_io_write(int fd, const uint8_t *packet, size_t length)
{
	return write(fd, packet, length) < 0 ? -errno : 0;
}
