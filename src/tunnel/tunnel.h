/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry point of the tunnel process: all the parsing of what strangers
 * send happens in here, without privileges.
 */
#ifndef MINIVPN_TUNNEL_TUNNEL_H
#define MINIVPN_TUNNEL_TUNNEL_H

#include <sys/types.h>

#include "common/config.h"

/* Server: one for each Listen; client: one for each family. */
#define TUNNEL_SOCKETS 8

struct tunnel_arguments {
	struct config *config; /* this process's own copy */
	int channel_fd;	       /* to the host process */
	int tun_fd;
	bool tun_header;     /* see host/tun.h */
	unsigned tun_usable; /* the same */
	int lock_fd; /* held while this process lives, see host/lock.h */
	int udp_fds[TUNNEL_SOCKETS];
	unsigned udp_count;
	pid_t host; /* our parent */
};

/*
 * Runs the tunnel process to its end: called in a new process, with nothing
 * open but standard error, the descriptors above, and the tunnel's lock.
 */
void tunnel_main(const struct tunnel_arguments *arguments)
	__attribute__((noreturn));

#endif
