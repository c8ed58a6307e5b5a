/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tunnel process is started with: descriptors, its own copy of the file,
 * and whom to become.
 */
#ifndef MINIVPN_TUNNEL_ARGUMENTS_H
#define MINIVPN_TUNNEL_ARGUMENTS_H

#include <sys/types.h>

#include "common/config/config.h"
#include "common/ticket_key.h"
#include "common/tunnel_sockets.h"

struct tunnel_arguments {
	struct config *config; /* this process's own copy */
	/* Sealed memfds of the PEM files that it names; -1: to be read. */
	int pem_fds[CONFIG_PEMS];
	int channel_fd; /* to the host process */
	int tun_fd;
	bool tun_header;     /* see host/kernel/tun.h */
	unsigned tun_usable; /* the same */
	int lock_fd; /* held while this process lives (host/process/lock.h) */
	int udp_fds[TUNNEL_SOCKETS];
	unsigned udp_count;
	/* A server's, shared with the next tunnel process; NULL: it is not. */
	struct ticket_key *ticket_key;
	pid_t parent; /* the process that started this one */
	uid_t uid;    /* whom to become */
	gid_t gid;
};

#endif
