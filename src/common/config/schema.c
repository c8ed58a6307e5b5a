/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/schema.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/config/value.h"

#define SERVER SCHEMA_IN_SERVER
#define CLIENT SCHEMA_IN_CLIENT
#define PEER   SCHEMA_IN_PEER
#define BOTH   (SERVER | CLIENT)

#define IN_CONFIG(field) .offset = offsetof(struct config, field)
#define IN_PEER(field)	 .offset = offsetof(struct config_peer, field)
#define DEFAULT(text)	 .server_default = text, .client_default = text

static const struct value_choice cipher_words[] = {
	{"auto", CONFIG_CIPHER_AUTO},
	{"AES-GCM", CONFIG_AES_GCM},
	{"ChaCha20-Poly1305", CONFIG_CHACHA20},
	{NULL, 0},
};

static const struct value_choice peer_name_words[] = {
	{"CN", CONFIG_PEER_CN},
	{"SAN", CONFIG_PEER_SAN},
	{NULL, 0},
};

static const struct value_choice log_words[] = {
	{"error", LOG_LEVEL_ERROR},   {"warning", LOG_LEVEL_WARNING},
	{"notice", LOG_LEVEL_NOTICE}, {"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},   {NULL, 0},
};

static const struct value_key keys[SCHEMA_COUNT] = {
	[SCHEMA_LISTEN] = {.name = "Listen",
			   .sections = SERVER,
			   .read = value_listen,
			   .flags = VALUE_REPEATS,
			   .server_default = "4433"},
	[SCHEMA_ENDPOINT] = {.name = "Endpoint",
			     .sections = SERVER,
			     .read = value_host,
			     IN_CONFIG(endpoint)},
	[SCHEMA_ADDRESS] = {.name = "Address",
			    .sections = SERVER,
			    .read = value_server_address,
			    .required = SERVER,
			    .flags = VALUE_REPEATS},
	[SCHEMA_NAT] = {.name = "NAT",
			.sections = SERVER,
			.read = value_nat,
			.server_default = "yes"},
	[SCHEMA_CLIENT_TO_CLIENT] = {.name = "ClientToClient",
				     .sections = SERVER,
				     .read = value_switch,
				     .server_default = "no",
				     IN_CONFIG(client_to_client)},
	[SCHEMA_MAX_CLIENTS] = {.name = "MaxClients",
				.sections = SERVER,
				.read = value_number,
				.server_default = "1000",
				IN_CONFIG(max_clients),
				.min = 1,
				.max = CONFIG_CLIENTS_MOST},
	[SCHEMA_PEER_ROUTES] = {.name = "PeerRoutes",
				.sections = SERVER,
				.read = value_switch,
				.server_default = "no",
				IN_CONFIG(peer_routes)},
	[SCHEMA_TICKET_KEY] = {.name = "TicketKey",
			       .sections = SERVER,
			       .read = value_ticket_key,
			       .flags = VALUE_SECRET},
	[SCHEMA_SIBLINGS] = {.name = "Siblings",
			     .sections = SERVER,
			     .read = value_siblings,
			     .flags = VALUE_REPEATS,
			     .max = 32},

	[SCHEMA_PEER_NAME] = {.name = "PeerName",
			      .sections = SERVER,
			      .read = value_word,
			      .server_default = "CN",
			      IN_CONFIG(peer_name),
			      .words = peer_name_words},

	[SCHEMA_PUBLIC_KEY] = {.name = "PublicKey",
			       .sections = PEER,
			       .read = value_public_key,
			       .flags = VALUE_CONFUSED},
	[SCHEMA_PEER_ADDRESS] = {.name = "Address",
				 .sections = PEER,
				 .read = value_peer_address,
				 .flags = VALUE_REPEATS},
	[SCHEMA_SUBNETS] = {.name = "Subnets",
			    .sections = PEER,
			    .read = value_subnets,
			    .flags = VALUE_REPEATS},
	[SCHEMA_PEER_PRESHARED_KEY] = {.name = "PresharedKey",
				       .sections = PEER,
				       .read = value_peer_preshared_key,
				       .flags = VALUE_SECRET},
	[SCHEMA_EXPIRES] = {.name = "Expires",
			    .sections = PEER,
			    .read = value_expires,
			    IN_PEER(expires)},
	[SCHEMA_DISABLED] = {.name = "Disabled",
			     .sections = PEER,
			     .read = value_switch,
			     IN_PEER(disabled)},

	[SCHEMA_SERVER] = {.name = "Server",
			   .sections = CLIENT,
			   .read = value_hosts,
			   .required = CLIENT,
			   .flags = VALUE_REPEATS},
	[SCHEMA_HOP] = {.name = "Hop",
			.sections = CLIENT,
			.read = value_number,
			.client_default = "0",
			IN_CONFIG(hop),
			.min = 0,
			.max = 86400},
	[SCHEMA_SERVER_KEY] = {.name = "ServerKey",
			       .sections = CLIENT,
			       .read = value_server_keys,
			       .flags = VALUE_CONFUSED},
	[SCHEMA_SERVER_NAME] = {.name = "ServerName",
				.sections = CLIENT,
				.read = value_host_name,
				IN_CONFIG(server_name)},
	[SCHEMA_KILL_SWITCH] = {.name = "KillSwitch",
				.sections = CLIENT,
				.read = value_kill_switch,
				.client_default = "no"},
	[SCHEMA_EXCLUDE] = {.name = "Exclude",
			    .sections = CLIENT,
			    .read = value_exclude,
			    .flags = VALUE_REPEATS},
	[SCHEMA_INBOUND] = {.name = "Inbound",
			    .sections = CLIENT,
			    .read = value_switch,
			    .client_default = "yes",
			    IN_CONFIG(inbound)},
	[SCHEMA_NAMESPACE] = {.name = "Namespace",
			      .sections = CLIENT,
			      .read = value_namespace,
			      IN_CONFIG(network_namespace)},

	[SCHEMA_PRIVATE_KEY] = {.name = "PrivateKey",
				.sections = BOTH,
				.read = value_key,
				.flags = VALUE_SECRET,
				IN_CONFIG(private_key)},
	[SCHEMA_PRIVATE_KEY_FILE] = {.name = "PrivateKeyFile",
				     .sections = BOTH,
				     .read = value_text,
				     IN_CONFIG(private_key_file)},
	[SCHEMA_PRESHARED_KEY] = {.name = "PresharedKey",
				  .sections = CLIENT,
				  .read = value_preshared_key,
				  .flags = VALUE_SECRET},
	[SCHEMA_SECRET] = {.name = "Secret",
			   .sections = BOTH,
			   .read = value_secrets,
			   .flags = VALUE_SECRET | VALUE_REPEATS,
			   .max = CONFIG_SECRETS},
	[SCHEMA_CERTIFICATE] = {.name = "Certificate",
				.sections = BOTH,
				.read = value_path,
				IN_CONFIG(certificate)},
	[SCHEMA_KEY] = {.name = "Key",
			.sections = BOTH,
			.read = value_path,
			IN_CONFIG(key)},
	[SCHEMA_CA] = {.name = "CA",
		       .sections = BOTH,
		       .read = value_path,
		       IN_CONFIG(ca)},
	[SCHEMA_CRL] = {.name = "CRL",
			.sections = BOTH,
			.read = value_path,
			IN_CONFIG(crl)},

	[SCHEMA_ROUTES] = {.name = "Routes",
			   .sections = BOTH,
			   .read = value_routes,
			   .flags = VALUE_REPEATS,
			   .server_default = "default",
			   .client_default = "pushed",
			   .max = SETTINGS_ROUTES},
	[SCHEMA_DNS] = {.name = "DNS",
			.sections = BOTH,
			.read = value_dns,
			.flags = VALUE_REPEATS,
			.server_default = "none",
			.client_default = "pushed",
			.max = SETTINGS_DNS},
	[SCHEMA_SEARCH] = {.name = "Search",
			   .sections = BOTH,
			   .read = value_search,
			   .flags = VALUE_REPEATS,
			   .server_default = "none",
			   .client_default = "pushed",
			   .max = SETTINGS_SEARCH},

	[SCHEMA_DEVICE] = {.name = "Device",
			   .sections = BOTH,
			   .read = value_device,
			   DEFAULT("tun0"),
			   IN_CONFIG(device)},
	[SCHEMA_MTU] = {.name = "MTU",
			.sections = BOTH,
			.read = value_number_or_auto,
			DEFAULT("auto"),
			IN_CONFIG(mtu),
			.min = 576,
			.max = 65535},
	[SCHEMA_KEEPALIVE] = {.name = "Keepalive",
			      .sections = BOTH,
			      .read = value_number,
			      DEFAULT("25"),
			      IN_CONFIG(keepalive),
			      .min = 1,
			      .max = 3600},
	[SCHEMA_OFFLOAD] = {.name = "Offload",
			    .sections = BOTH,
			    .read = value_switch,
			    DEFAULT("yes"),
			    IN_CONFIG(offload)},
	[SCHEMA_COPY_DSCP] = {.name = "CopyDSCP",
			      .sections = BOTH,
			      .read = value_switch,
			      DEFAULT("no"),
			      IN_CONFIG(copy_dscp)},
	[SCHEMA_CIPHER] = {.name = "Cipher",
			   .sections = BOTH,
			   .read = value_word,
			   DEFAULT("auto"),
			   IN_CONFIG(cipher),
			   .words = cipher_words},
	[SCHEMA_LOG] = {.name = "Log",
			.sections = BOTH,
			.read = value_word,
			DEFAULT("info"),
			IN_CONFIG(log_level),
			.words = log_words},
};

const struct value_key *schema_key(enum schema_id id)
{
	return &keys[id];
}

const char *schema_section_name(enum schema_section section)
{
	if (section == SERVER)
		return "Server";
	return section == CLIENT ? "Client" : "Peer";
}

enum schema_id schema_find(enum schema_section section, const char *name)
{
	enum schema_id id;

	for (id = 0; id < SCHEMA_COUNT; id++) {
		if (keys[id].sections & section &&
		    !strcasecmp(keys[id].name, name))
			break;
	}
	return id;
}

/*
 * This is Levenshtein's distance without regard to case; it is quadratic, but
 * names of keys are short.
 */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32], i, j, corner, above;
	size_t length = strlen(b);

	if (length >= 32 || strlen(a) >= 32)
		return 32;
	for (j = 0; j <= length; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		corner = row[0]++;
		for (j = 0; j < length; j++) {
			above = row[j + 1];
			if (strncasecmp(&a[i], &b[j], 1))
				corner++;
			if (above + 1 < corner)
				corner = above + 1;
			if (row[j] + 1 < corner)
				corner = row[j] + 1;
			row[j + 1] = corner;
			corner = above;
		}
	}
	return row[length];
}

static const struct value_key *nearest(enum schema_section section,
				       const char *name)
{
	const struct value_key *best = NULL;
	unsigned least = 3;
	enum schema_id id;

	for (id = 0; id < SCHEMA_COUNT; id++) {
		unsigned far = distance(name, keys[id].name);

		/*
		 * A short name is near every other short name, which is no
		 * reason to propose it.
		 */
		if (!(keys[id].sections & section) || far >= least ||
		    far >= strlen(keys[id].name))
			continue;
		best = &keys[id];
		least = far;
	}
	return best;
}

void schema_explain(enum schema_section section, const char *name,
		    struct reason *reason)
{
	const char *here = schema_section_name(section);
	const struct value_key *meant = nearest(section, name);
	unsigned other;

	for (other = SERVER; other <= PEER; other <<= 1) {
		if (schema_find(other, name) == SCHEMA_COUNT)
			continue;
		reason_set(reason, "belongs in [%s], not in [%s]",
			   schema_section_name(other), here);
		return;
	}
	if (meant)
		reason_set(reason, "unknown key in [%s] (did you mean %s?)",
			   here, meant->name);
	else
		reason_set(reason, "unknown key in [%s]", here);
}
