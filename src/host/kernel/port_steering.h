/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel sorts what comes to a server's port: records of sessions to one
 * socket, what unauthenticated peers send to others, so that a flood fills the
 * buffers of its own socket only, and is dropped there without a word.
 */
#ifndef MINIVPN_HOST_KERNEL_PORT_STEERING_H
#define MINIVPN_HOST_KERNEL_PORT_STEERING_H

#include <stdbool.h>

/*
 * Gives the program that sorts to sockets that share a port by SO_REUSEPORT,
 * by one of them: they were bound in the order of enum tunnel_sort. hidden: the
 * first one gets all, as nobody can tell what a datagram is; the tunnel process
 * has another program while there is a flood. -errno.
 */
int port_steering_attach(int fd, bool hidden);

#endif
