/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of keys: where each may stand, what it holds, its range and its
 * default. Reading values is value.c; what keys say of each other is
 * config_check.c.
 */
#ifndef MINIVPN_COMMON_CONFIG_SCHEMA_H
#define MINIVPN_COMMON_CONFIG_SCHEMA_H

#include <stddef.h>

#include "common/config/config.h"

enum schema_id {
	SCHEMA_LISTEN,
	SCHEMA_ENDPOINT,
	SCHEMA_ADDRESS, /* the server's */
	SCHEMA_NAT,
	SCHEMA_CLIENT_TO_CLIENT,
	SCHEMA_MAX_CLIENTS,
	SCHEMA_PUBLIC_KEY,
	SCHEMA_PEER_ADDRESS,
	SCHEMA_SUBNETS,
	SCHEMA_SERVER,
	SCHEMA_SERVER_KEY,
	SCHEMA_SERVER_NAME,
	SCHEMA_KILL_SWITCH,
	SCHEMA_EXCLUDE,
	SCHEMA_INBOUND,
	SCHEMA_NAMESPACE,
	SCHEMA_PRIVATE_KEY,
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

enum schema_flag {
	SCHEMA_REPEATS = 1, /* may be given again: adds to the list */
	SCHEMA_SECRET = 2,  /* its value is never shown */
};

#define SCHEMA_REASON_SIZE 192

struct schema_word {
	const char *word;
	int value;
};

/* A text on its way into config (peer: NULL but in its section). */
struct schema_value {
	const struct schema_key *key;
	struct config *config;
	struct config_peer *peer;
	const char *text;
	bool again; /* not the first time that the key is given here */
	char reason[SCHEMA_REASON_SIZE]; /* set with -EINVAL */
};

struct schema_key {
	const char *name;
	unsigned sections; /* where it may stand */
	unsigned required; /* where it must */
	unsigned flags;
	/* 0; -EINVAL with a reason; -ENOMEM. */
	int (*read)(struct schema_value *value);
	/* What is read where it is not given; NULL: nothing. */
	const char *server_default, *client_default;
	size_t offset;	   /* single values: where in config (peer for peers) */
	unsigned min, max; /* numbers; lists: how many there may be */
	const struct schema_word *words;
};

const struct schema_key *schema_key(enum schema_id id);

/* SCHEMA_COUNT where the section has no such key; case does not matter. */
enum schema_id schema_find(enum schema_section section, const char *name);

/*
 * Why name is no key of the section, with what may have been meant, into
 * reason: "unknown key in [Client] (did you mean Server?)".
 */
void schema_explain(enum schema_section section, const char *name, char *reason,
		    size_t size);

/* "Server", "Client", "Peer". */
const char *schema_section_name(enum schema_section section);

#endif
