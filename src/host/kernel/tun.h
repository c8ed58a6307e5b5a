/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tun device (linux/if_tun.h), made by ioctl. It is not persistent: it
 * lives as long as a descriptor of it is open in some process.
 */
#ifndef MINIVPN_HOST_KERNEL_TUN_H
#define MINIVPN_HOST_KERNEL_TUN_H

#include <stdbool.h>

/*
 * Makes device (IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, and IFF_VNET_HDR where the
 * kernel has it) and returns its non-blocking, close-on-exec descriptor in *fd,
 * owned by the caller. -EBUSY: the name is taken; -ENOENT or -ENODEV: no
 * /dev/net/tun (module tun); -EPERM, -EACCES; -EINVAL: no such name can be.
 */
int tun_create(const char *device, int *fd);

/*
 * The same in two steps: the device will be in the network namespace in which
 * the process is at the first one. After the device was deleted by somebody
 * else, tun_make() makes it again by the same descriptor.
 */
int tun_open(int *fd);
int tun_make(int fd, const char *device);

/*
 * Has the kernel leave to the reader of fd what it can: checksums, and cutting
 * large packets into segments; with wanted false nothing. *header: each packet
 * has a struct virtio_net_hdr in front; *usable: the TUN_F_ bits in force.
 * -errno where it can't be told what a packet looks like.
 */
int tun_offload(int fd, bool wanted, bool *header, unsigned *usable);

#endif
