/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef IFF_TUN_EXCL
#define IFF_TUN_EXCL 0x8000
#endif

int tun_create(const char *device, int *fd)
{
	struct ifreq request = {
		.ifr_flags = IFF_TUN | IFF_NO_PI | (short)IFF_TUN_EXCL,
	};
	size_t length = strlen(device);
	int new, error;

	/* The kernel would make a name of its own from "" and from "tun%d". */
	if (length == 0 || length >= sizeof(request.ifr_name) ||
	    strchr(device, '%'))
		return -EINVAL;
	memcpy(request.ifr_name, device, length);
	new = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (new < 0)
		return -errno;
	if (ioctl(new, TUNSETIFF, &request) < 0) {
		error = -errno;
		close(new);
		return error;
	}
	*fd = new;
	return 0;
}
