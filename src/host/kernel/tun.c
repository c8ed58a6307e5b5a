/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/tun.h"

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

/* Linux has these since 6.2, and older headers do not. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define OFFLOAD_TCP (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
#define OFFLOAD_UDP (TUN_F_USO4 | TUN_F_USO6)

int tun_open(int *fd)
{
	*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

int tun_make(int fd, const char *device)
{
	struct ifreq request = {
		.ifr_flags = IFF_TUN | IFF_NO_PI | (short)IFF_TUN_EXCL,
	};
	size_t length = strlen(device);
	unsigned features;

	/* The kernel would make a name of its own from "" and from "tun%d". */
	if (length == 0 || length >= sizeof(request.ifr_name) ||
	    strchr(device, '%'))
		return -EINVAL;
	memcpy(request.ifr_name, device, length);
	if (!ioctl(fd, TUNGETFEATURES, &features) && features & IFF_VNET_HDR)
		request.ifr_flags |= IFF_VNET_HDR;
	return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
}

int tun_create(const char *device, int *fd)
{
	int new, err = tun_open(&new);

	if (err)
		return err;
	err = tun_make(new, device);
	if (err)
		close(new);
	else
		*fd = new;
	return err;
}

int tun_offload(int fd, bool wanted, bool *header, unsigned *usable)
{
	static const unsigned sets[] = {
		OFFLOAD_TCP | OFFLOAD_UDP,
		OFFLOAD_TCP,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
		TUN_F_CSUM,
		0,
	};
	const size_t count = sizeof(sets) / sizeof(*sets);
	struct ifreq request = {0};

	*usable = 0;
	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return -errno;
	*header = request.ifr_flags & IFF_VNET_HDR;
	if (!*header)
		return 0; /* no header could tell what was left to us */
	for (size_t i = wanted ? 0 : count - 1; i < count; i++) {
		if (!ioctl(fd, TUNSETOFFLOAD, (unsigned long)sets[i])) {
			*usable = sets[i];
			break;
		}
	}
	return 0;
}
