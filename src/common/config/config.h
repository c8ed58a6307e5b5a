/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tunnel's file as a checked value: read once by load.c, const from then on.
 * The table of keys, their ranges and defaults is in schema.c, what keys say of
 * each other is checked in check.c. See minivpn.conf(5).
 */
#ifndef MINIVPN_COMMON_CONFIG_CONFIG_H
#define MINIVPN_COMMON_CONFIG_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/settings.h"
#include "common/inet.h"
#include "common/key.h"
#include "common/log.h"

#define CONFIG_PORT	    4433
#define CONFIG_CLIENTS_MOST 65535 /* of MaxClients */
#define CONFIG_REDIRECTS    8	  /* ranges of ports in Listen */
#define CONFIG_NAME_SIZE    32	  /* a tunnel's name with its zero */
/* Networks that a kill switch lets out, once they are merged. */
#define CONFIG_KILL_SWITCH_EXCLUDE 64
/* Of Secret: two while one takes the place of the other. */
#define CONFIG_SECRETS 2
/* A network namespace's name or path, with its zero. */
#define CONFIG_NAMESPACE_SIZE 128

enum config_role { CONFIG_SERVER, CONFIG_CLIENT };
/* What of a client's certificate is its name. */
enum config_peer_name { CONFIG_PEER_CN, CONFIG_PEER_SAN };
enum config_identity { CONFIG_KEYS, CONFIG_X509 };

/* The PEM files that a file may name. */
enum config_pem {
	CONFIG_PEM_CERTIFICATE,
	CONFIG_PEM_KEY,
	CONFIG_PEM_CA,
	CONFIG_PEM_CRL,
	CONFIG_PEMS
};

/* One that stands in the file itself, between <ca> and </ca> for instance. */
struct config_pem_text {
	char *text; /* NULL: it is in a file of its own */
	size_t length;
};

/* none, everything, what the server says (client only), or a list. */
enum config_choice { CONFIG_NONE, CONFIG_DEFAULT, CONFIG_PUSHED, CONFIG_LIST };

enum config_nat { CONFIG_NAT_NO, CONFIG_NAT_ANY, CONFIG_NAT_DEVICE };
enum config_cipher { CONFIG_CIPHER_AUTO, CONFIG_AES_GCM, CONFIG_CHACHA20 };

/*
 * HOST[:PORT] or HOST:FIRST-LAST: a name or an address, not resolved; ports in
 * host order, last 0 where there is one alone.
 */
struct config_host {
	char *host;
	uint16_t port, last;
};

/*
 * Further ports of a server: what is sent to them, at an address (family none:
 * at any of this host), arrives at port to of the same address.
 */
struct config_redirect {
	struct inet_address address;
	struct inet_ports ports;
	uint16_t to;
};

struct config_peer {
	char name[SETTINGS_NAME_SIZE];
	unsigned line; /* of its section's head: see include_file() */
	bool has_key;
	uint8_t public_key[KEY_SIZE];
	uint8_t *preshared_key; /* KEY_SIZE bytes; NULL: none */
	bool disabled;
	int64_t expires; /* Unix time from which it stays out; 0: never */
	/* Fixed addresses; family none: a lease. */
	struct inet_address address4, address6;
	struct inet_prefix *subnets; /* host bits cleared */
	size_t subnet_count;
};

/* What a peer is found by; each a table of its own. */
enum config_index_by {
	CONFIG_BY_NAME,
	CONFIG_BY_KEY,
	CONFIG_BY_ADDRESS4,
	CONFIG_BY_ADDRESS6,
	CONFIG_INDEXES
};

struct config_index {
	uint32_t *slots; /* numbers of peers, from 1 on; 0: nothing */
	size_t mask;	 /* their number, a power of two, less one */
};

struct config {
	enum config_role role;
	char name[CONFIG_NAME_SIZE]; /* the file's base name without .conf */
	char *path;
	char **included; /* files; none where it was read from memory */
	size_t included_count;

	/* Both roles. */
	char device[IFNAMSIZ];
	unsigned mtu;	    /* bytes; 0: auto */
	unsigned keepalive; /* seconds */
	bool offload;
	bool copy_dscp; /* of packets to the outer header */
	enum config_cipher cipher;
	enum log_level log_level;
	enum config_choice routes_choice;
	struct inet_prefix *routes; /* for CONFIG_LIST; host bits cleared */
	size_t route_count;
	enum config_choice dns_choice; /* never CONFIG_DEFAULT */
	struct inet_address *dns;
	size_t dns_count;
	enum config_choice search_choice; /* never CONFIG_DEFAULT */
	char **search;
	size_t search_count;

	/* Who we are, and whom we believe. Paths are absolute or as opened. */
	enum config_identity identity;
	uint8_t private_key[KEY_SIZE]; /* CONFIG_KEYS */
	char *private_key_file;	       /* as written; NULL: in this file */
	uint8_t *preshared_key;	       /* client; as in config_peer */
	/* Shared by a server and its clients; none: plain DTLS. */
	unsigned secret_count;
	uint8_t secrets[CONFIG_SECRETS][KEY_SIZE];
	/* CONFIG_X509; crl may be NULL. Of a text it is a name for messages. */
	char *certificate, *key, *ca, *crl;
	struct config_pem_text pem_texts[CONFIG_PEMS];

	/* Server. */
	struct inet_endpoint *listen; /* address family none: any address */
	size_t listen_count;
	struct config_redirect *redirects;
	size_t redirect_count;
	struct config_host endpoint;	       /* host NULL: not given */
	struct inet_prefix address4, address6; /* own address in its pool */
	enum config_nat nat;
	char nat_device[IFNAMSIZ];
	bool client_to_client;
	enum config_peer_name peer_name; /* CONFIG_X509 */
	bool peer_routes; /* a host route for each connected client */
	bool has_ticket_key;
	uint8_t ticket_key[KEY_SIZE]; /* shared by servers */
	/* Other servers' addresses in the same pool. */
	struct inet_address *siblings;
	size_t sibling_count;
	unsigned max_clients;
	struct config_peer *peers;
	size_t peer_count;
	struct config_index index[CONFIG_INDEXES]; /* config_index() */

	/* Client. */
	struct config_host *servers;
	size_t server_count;
	unsigned hop; /* seconds until another port is taken; 0: never */
	uint8_t server_key[KEY_SIZE];	    /* CONFIG_KEYS */
	uint8_t other_server_key[KEY_SIZE]; /* is as good; all zero: none */
	char *server_name; /* CONFIG_X509; NULL: the host of Server */
	bool kill_switch;
	bool kill_switch_exclude;    /* what exclude says leaves all the same */
	bool kill_switch_lan;	     /* our own private networks: in and out */
	struct inet_prefix *exclude; /* stays outside; host bits cleared */
	size_t exclude_count;
	bool exclude_lan; /* and the networks that our links are in */
	bool inbound;	  /* answers go back by where the question came in */
	char *network_namespace; /* NULL: none */
};

/*
 * Wipes private_key, and that of a certificate, for a process that has no use
 * for it.
 */
void config_hide_key(struct config *config);

/*
 * The same, and for ticket_key, secrets (but not how many there are) and every
 * preshared key, which is then gone.
 */
void config_hide_keys(struct config *config);

/* Wipes ticket_key, but not that there is one. */
void config_hide_ticket_key(struct config *config);

/* Wipes the keys. NULL is allowed. */
void config_free(struct config *config);

/* The names of all files in /etc/minivpn that have one: "home, office". */
void config_names(char *text, size_t size);

/* "FILE" as it is, "NAME" as /etc/minivpn/NAME.conf; malloc'd, or NULL. */
char *config_find(const char *file_or_name);

/* The tunnel's name for a path; -EINVAL where its characters can't be used. */
int config_name(const char *path, char name[CONFIG_NAME_SIZE]);

/* A name of a peer or tunnel: letters, digits and ._@- , not first a dot or -.
 */
bool config_name_valid(const char *name);

/*
 * A network namespace: a name as of a peer, or an absolute path of the same
 * characters and a few more, all of which are one word to a shell.
 */
bool config_namespace_valid(const char *name);

/*
 * Where a PEM file is; NULL where the file names none. What pem_texts has
 * stands in the file itself.
 */
const char *config_pem_path(const struct config *config, enum config_pem pem);

/* The ports of a host. */
struct inet_ports config_host_ports(const struct config_host *host);

/* Is it the address of another server of the same pool? */
bool config_is_sibling(const struct config *config,
		       const struct inet_address *address);

/*
 * Server: the most ports in a row, from 32768 on, that it does not listen on;
 * their number. Systems choose a client's ports there (RFC 6335, and Linux).
 */
size_t config_spare_ports(const struct config *config,
			  struct inet_ports *ports);

/* Server: nobody can come by IPv4. */
bool config_is_ipv6_only(const struct config *config);

/*
 * To be called once all peers are there, and before one is asked for; they stay
 * where they are from then on. -ENOMEM.
 */
int config_index(struct config *config);

/* NULL where there is none. */
const struct config_peer *config_peer_by_name(const struct config *config,
					      const char *name);
const struct config_peer *
config_peer_by_key(const struct config *config,
		   const uint8_t public_key[KEY_SIZE]);
/* Whose fixed address it is. */
const struct config_peer *
config_peer_by_address(const struct config *config,
		       const struct inet_address *address);

#endif
