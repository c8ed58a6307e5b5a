/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One name asked of given name servers past the tunnel's routes, by its mark:
 * how a client finds its server while the resolver of this host is at the other
 * end of a dead tunnel. Blocks: for resolve.c's child process.
 */
#ifndef MINIVPN_HOST_RESOLVE_QUERY_H
#define MINIVPN_HOST_RESOLVE_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"

#define RESOLVE_SERVERS 3 /* as many as MAXNS in resolv.conf(5) */

struct resolve_server {
	struct inet_address address;
	uint32_t mark; /* of what is sent there; 0: none */
	int fd;	       /* or -errno: by resolve_query_open() */
};

/*
 * Opens the sockets to them, while there is the privilege to mark them
 * (CAP_NET_ADMIN). They end with the process.
 */
void resolve_query_open(struct resolve_server *servers, size_t count);

/*
 * The name's addresses, at most size; 0 where there is none, with the reason in
 * one line. Each server gets a second, and is asked twice.
 */
size_t resolve_query(const char *name, const struct resolve_server *servers,
		     size_t count, struct inet_address *addresses, size_t size,
		     char *reason, size_t reason_size);

/*
 * A datagram that asks for name's records of type (1: A, 28: AAAA); its length
 * or -EINVAL (RFC 1035, section 4.1).
 */
int resolve_query_encode(const char *name, unsigned type, unsigned id,
			 void *datagram, size_t size);

/*
 * The addresses in an answer to that: their number; 0: there is none.
 * -EBADMSG: it is no answer to it. -EAGAIN: the server can't say.
 */
int resolve_query_decode(const void *datagram, size_t length, const char *name,
			 unsigned type, unsigned id,
			 struct inet_address *addresses, size_t size);

#endif
