/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of keys: where each may stand, what it holds, its range and its
 * default. Reading values is value.c; what keys say of each other is check.c.
 */
#ifndef MINIVPN_COMMON_CONFIG_SCHEMA_H
#define MINIVPN_COMMON_CONFIG_SCHEMA_H

#include <stddef.h>

#include "common/config/value.h"

enum schema_id {
	SCHEMA_LISTEN,
	SCHEMA_ENDPOINT,
	SCHEMA_ADDRESS, /* the server's */
	SCHEMA_NAT,
	SCHEMA_CLIENT_TO_CLIENT,
	SCHEMA_MAX_CLIENTS,
	SCHEMA_PEER_NAME,
	SCHEMA_PEER_ROUTES,
	SCHEMA_TICKET_KEY,
	SCHEMA_SIBLINGS,
	SCHEMA_PUBLIC_KEY,
	SCHEMA_PEER_ADDRESS,
	SCHEMA_SUBNETS,
	SCHEMA_PEER_PRESHARED_KEY,
	SCHEMA_EXPIRES,
	SCHEMA_DISABLED,
	SCHEMA_SERVER,
	SCHEMA_HOP,
	SCHEMA_SERVER_KEY,
	SCHEMA_SERVER_NAME,
	SCHEMA_KILL_SWITCH,
	SCHEMA_EXCLUDE,
	SCHEMA_INBOUND,
	SCHEMA_NAMESPACE,
	SCHEMA_PRIVATE_KEY,
	SCHEMA_PRIVATE_KEY_FILE,
	SCHEMA_PRESHARED_KEY,
	SCHEMA_SECRET,
	SCHEMA_CERTIFICATE,
	SCHEMA_KEY,
	SCHEMA_CA,
	SCHEMA_CRL,
	SCHEMA_ROUTES,
	SCHEMA_DNS,
	SCHEMA_SEARCH,
	SCHEMA_DEVICE,
	SCHEMA_MTU,
	SCHEMA_KEEPALIVE,
	SCHEMA_OFFLOAD,
	SCHEMA_COPY_DSCP,
	SCHEMA_CIPHER,
	SCHEMA_LOG,
	SCHEMA_COUNT,
};

/* The sections, as bits. */
enum schema_section {
	SCHEMA_IN_SERVER = 1,
	SCHEMA_IN_CLIENT = 2,
	SCHEMA_IN_PEER = 4,
};

const struct value_key *schema_key(enum schema_id id);

/* SCHEMA_COUNT where the section has no such key; case does not matter. */
enum schema_id schema_find(enum schema_section section, const char *name);

/*
 * Why name is no key of the section, with what may have been meant, into
 * reason: "unknown key in [Client] (did you mean Server?)".
 */
void schema_explain(enum schema_section section, const char *name,
		    struct reason *reason);

/* "Server", "Client", "Peer". */
const char *schema_section_name(enum schema_section section);

#endif
