/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One name asked of given name servers, by sockets that another process has
 * opened: past the tunnel's routes where they bear its mark, as a client has to
 * find its server while the resolver of this host is at the other end of a dead
 * tunnel. By UDP alone, with room for large answers (RFC 6891). Blocks: for
 * lookup_child.c.
 */
#ifndef MINIVPN_HOST_DNS_LOOKUP_QUERY_H
#define MINIVPN_HOST_DNS_LOOKUP_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"

#define LOOKUP_SERVERS 3 /* as many as MAXNS in resolv.conf(5) */

struct lookup_server {
	struct inet_address address;
	uint32_t scope; /* the link of a link-local address, or 0 */
	uint32_t mark;	/* of what is sent there; 0: none */
};

/*
 * Opens a socket that is connected to a server; -errno. A mark takes
 * CAP_NET_ADMIN.
 */
int lookup_query_open(const struct lookup_server *server);

/*
 * The number of the name's addresses, at most size. 0: there is none; -ENONET:
 * there is no server; -errno: none has an answer. Each server gets a second,
 * and is asked twice.
 */
int lookup_query(const char *name, const int *servers, size_t count,
		 struct inet_address *addresses, size_t size);

/*
 * A datagram that asks for name's records of type (1: A, 28: AAAA); its length
 * or -EINVAL (RFC 1035, section 4.1). large: an answer may be.
 */
int lookup_query_encode(const char *name, unsigned type, unsigned id,
			bool large, void *datagram, size_t size);

/*
 * The addresses in an answer to that: their number; 0: there is none.
 * -EBADMSG: it is no answer to it. -EAGAIN: the server can't say, or not in an
 * answer of that size.
 */
int lookup_query_decode(const void *datagram, size_t length, const char *name,
			unsigned type, unsigned id,
			struct inet_address *addresses, size_t size);

#endif
