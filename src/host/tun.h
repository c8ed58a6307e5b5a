/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tun device (linux/if_tun.h), made by ioctl. It is not persistent: it
 * lives as long as a descriptor of it is open in some process.
 */
#ifndef MINIVPN_HOST_TUN_H
#define MINIVPN_HOST_TUN_H

/*
 * Makes device (IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL) and returns its
 * non-blocking, close-on-exec descriptor in *fd, owned by the caller. -EBUSY:
 * the name is taken; -ENOENT or -ENODEV: no /dev/net/tun (module tun); -EPERM,
 * -EACCES; -EINVAL: no such name can be.
 */
int tun_create(const char *device, int *fd);

#endif
