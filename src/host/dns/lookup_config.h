/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What resolv.conf(5) says of how names are looked up: the name servers,
 * "search" (or "domain") and the option "ndots". All else counts for libc only.
 */
#ifndef MINIVPN_HOST_DNS_LOOKUP_CONFIG_H
#define MINIVPN_HOST_DNS_LOOKUP_CONFIG_H

#include <stdio.h>

#include "host/dns/lookup_query.h"

#define LOOKUP_SEARCH	   6   /* as many as MAXDNSRCH of libc once had */
#define LOOKUP_DOMAIN_SIZE 256 /* RFC 1035, 2.3.4 */

struct lookup_search {
	unsigned count;
	unsigned ndots; /* names with fewer dots are searched for first */
	char domains[LOOKUP_SEARCH][LOOKUP_DOMAIN_SIZE];
};

struct lookup_config {
	struct lookup_server servers[LOOKUP_SERVERS];
	size_t server_count;
	struct lookup_search search;
};

/*
 * Reads what a file has, which may be NULL where there is none: then, and where
 * it names no server, that is 127.0.0.1, as with libc.
 */
void lookup_config_read(FILE *file, struct lookup_config *config);

#endif
