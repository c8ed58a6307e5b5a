/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel settings below /proc/sys by their dotted names, as sysctl(8) has
 * them; a device's name that holds a dot is written with a slash, as there.
 */
#ifndef MINIVPN_HOST_KERNEL_SYSCTL_H
#define MINIVPN_HOST_KERNEL_SYSCTL_H

#include <stddef.h>

#define SYSCTL_KEY_SIZE	  96
#define SYSCTL_VALUE_SIZE 32

/*
 * value without its newline. -ENOENT; -ENAMETOOLONG (key), -EOVERFLOW (value);
 * -EINVAL: a key that leads out of /proc/sys, or a value of several lines.
 */
int sysctl_read(const char *key, char *value, size_t size);

/* -EROFS where /proc/sys is mounted read-only, as in containers. */
int sysctl_write(const char *key, const char *value);

#endif
