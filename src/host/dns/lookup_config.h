/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What resolv.conf(5) says of how names are looked up: the name servers,
 * "search" (or "domain") and the option "ndots". All else counts for libc only.
 */
#ifndef MINIVPN_HOST_DNS_LOOKUP_CONFIG_H
#define MINIVPN_HOST_DNS_LOOKUP_CONFIG_H

#include <stdio.h>

#include "host/dns/lookup_query.h"

#define RESOLVE_SEARCH	    6	/* as many as MAXDNSRCH of libc once had */
#define RESOLVE_DOMAIN_SIZE 256 /* RFC 1035, 2.3.4 */

struct resolve_search {
	unsigned count;
	unsigned ndots; /* names with fewer dots are searched for first */
	char domains[RESOLVE_SEARCH][RESOLVE_DOMAIN_SIZE];
};

struct resolve_config {
	struct resolve_server servers[RESOLVE_SERVERS];
	size_t server_count;
	struct resolve_search search;
};

/*
 * Reads what a file has, which may be NULL where there is none: then, and where
 * it names no server, that is 127.0.0.1, as with libc.
 */
void resolve_config_read(FILE *file, struct resolve_config *config);

#endif
