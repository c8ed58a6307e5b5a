/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry point of the tunnel process: all the parsing of what strangers
 * send happens in here, without privileges.
 */
#ifndef MINIVPN_TUNNEL_TUNNEL_H
#define MINIVPN_TUNNEL_TUNNEL_H

#include <sys/types.h>

#include "common/config/config.h"
#include "common/tunnel_sort.h"

/* A server has TUNNEL_SORTS sockets for each Listen, a client one a family. */
#define TUNNEL_LISTEN  8
#define TUNNEL_SOCKETS (TUNNEL_LISTEN * TUNNEL_SORTS)

struct tunnel_arguments {
	struct config *config; /* this process's own copy */
	/* Sealed memfds of the PEM files that it names; -1: to be read. */
	int pem_fds[CONFIG_PEMS];
	int channel_fd; /* to the host process */
	int tun_fd;
	bool tun_header;     /* see host/kernel/tun.h */
	unsigned tun_usable; /* the same */
	int lock_fd; /* held while this process lives, see host/process/lock.h */
	int udp_fds[TUNNEL_SOCKETS];
	unsigned udp_count;
	pid_t parent; /* the process that started this one */
	uid_t uid;    /* whom to become */
	gid_t gid;
};

/*
 * In the process that will fork tunnel processes, while it is still free: what
 * is the same for all of them is found out, or asked for.
 */
void tunnel_prepare(void);

/*
 * Runs the tunnel process to its end: called in a new process, with nothing
 * open but standard error, the descriptors above, and the tunnel's lock.
 */
void tunnel_main(const struct tunnel_arguments *arguments)
	__attribute__((noreturn));

#endif
