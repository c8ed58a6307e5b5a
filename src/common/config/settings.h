/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a server tells a client about its place in the tunnel: the content of
 * a CONFIG message on the wire, of the channel message that carries it to the
 * host process, and the input of the client's plan. A plain value, no pointers.
 */
#ifndef MINIVPN_COMMON_CONFIG_SETTINGS_H
#define MINIVPN_COMMON_CONFIG_SETTINGS_H

#include "common/inet.h"

/* A certificate that ends within these days is warned about. */
#define SETTINGS_EXPIRY_DAYS 14

/* With all of these used up, a CONFIG still fits into MESSAGE_SIZE. */
#define SETTINGS_ROUTES	     32
#define SETTINGS_DNS	     4
#define SETTINGS_SEARCH	     4
#define SETTINGS_DOMAIN_SIZE 64 /* a search domain with its zero */
#define SETTINGS_NAME_SIZE   64 /* a peer's name with its zero */

struct settings {
	/* The client's own name as the server knows it. */
	char name[SETTINGS_NAME_SIZE];
	/* The client's addresses with the length of the tunnel's network. */
	struct inet_prefix address4, address6;
	/* The server's own inner addresses. */
	struct inet_address server4, server6;
	/* Networks to be reached through the tunnel; 0.0.0.0/0 and ::/0: all.
	 */
	struct inet_prefix routes[SETTINGS_ROUTES];
	unsigned route_count;
	struct inet_address dns[SETTINGS_DNS];
	unsigned dns_count;
	char search[SETTINGS_SEARCH][SETTINGS_DOMAIN_SIZE];
	unsigned search_count;
	/* Bytes of the largest inner packet; 0: not given. */
	unsigned mtu;
	/* Seconds between keepalives; 0: not given. */
	unsigned keepalive;
};

#endif
