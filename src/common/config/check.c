/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/inet.h"
#include "common/key.h"
#include "common/tunnel_sockets.h"

/* No link that carries IPv6 has less (RFC 8200, section 5). */
#define IPV6_MTU_LEAST 1280

/* Connections of all clients to one port of one host have these to share. */
#define NAT_PORTS_LEAST 1024u

static void check_required(struct config_source *source)
{
	const struct config_section *section = &source->main;
	enum schema_id id;

	for (id = 0; id < SCHEMA_COUNT; id++) {
		if (schema_key(id)->required & section->kind &&
		    !section->given[id])
			diagnostics_error(&source->reports, section->line,
					  "[%s]: %s is missing",
					  schema_section_name(section->kind),
					  schema_key(id)->name);
	}
}

static void require(struct config_source *source, enum schema_id id,
		    const char *why)
{
	const struct config_section *section = &source->main;

	if (!section->given[id])
		diagnostics_error(&source->reports, section->line,
				  "[%s]: %s is missing%s",
				  schema_section_name(section->kind),
				  schema_key(id)->name, why);
}

/* Either is enough, and one is all. */
static void require_private_key(struct config_source *source)
{
	const unsigned *given = source->main.given;

	if (!given[SCHEMA_PRIVATE_KEY_FILE])
		require(source, SCHEMA_PRIVATE_KEY,
			" (\"minivpn genkey\" makes one), or Certificate, Key "
			"and CA");
	else if (given[SCHEMA_PRIVATE_KEY])
		diagnostics_error(&source->reports,
				  given[SCHEMA_PRIVATE_KEY_FILE],
				  "PrivateKeyFile: not together with "
				  "PrivateKey");
}

static void refuse(struct config_source *source,
		   const struct config_section *section, enum schema_id id)
{
	if (section->given[id])
		diagnostics_error(
			&source->reports, section->given[id],
			"%s: not together with Certificate, Key and CA",
			schema_key(id)->name);
}

static void check_x509(struct config_source *source)
{
	struct config *config = source->config;
	size_t i;

	config->identity = CONFIG_X509;
	refuse(source, &source->main, SCHEMA_PRIVATE_KEY);
	refuse(source, &source->main, SCHEMA_PRIVATE_KEY_FILE);
	refuse(source, &source->main, SCHEMA_SERVER_KEY);
	require(source, SCHEMA_CERTIFICATE, "");
	require(source, SCHEMA_KEY, "");
	require(source, SCHEMA_CA, "");
	for (i = 0; i < config->peer_count; i++)
		refuse(source, &source->peers[i], SCHEMA_PUBLIC_KEY);
}

static void check_keys(struct config_source *source)
{
	struct config *config = source->config;
	size_t i;

	config->identity = CONFIG_KEYS;
	require_private_key(source);
	if (source->main.given[SCHEMA_PEER_NAME])
		diagnostics_error(
			&source->reports, source->main.given[SCHEMA_PEER_NAME],
			"PeerName: goes with Certificate, Key and "
			"CA; with keys it is [Peer NAME] that counts");
	if (config->role == CONFIG_CLIENT)
		require(source, SCHEMA_SERVER_KEY, "");
	for (i = 0; i < config->peer_count; i++) {
		/* A peer without a name has had its error already. */
		if (*config->peers[i].name &&
		    !source->peers[i].given[SCHEMA_PUBLIC_KEY])
			diagnostics_error(&source->reports,
					  source->peers[i].line,
					  "[Peer %s]: PublicKey is missing",
					  config->peers[i].name);
	}
}

static void check_identity(struct config_source *source)
{
	const unsigned *given = source->main.given;

	if (given[SCHEMA_CERTIFICATE] || given[SCHEMA_KEY] ||
	    given[SCHEMA_CA] || given[SCHEMA_CRL] || given[SCHEMA_SERVER_NAME])
		check_x509(source);
	else
		check_keys(source);
}

static void check_own_key(struct config_source *source)
{
	struct config *config = source->config;
	uint8_t own[KEY_SIZE];
	size_t i;

	/* From memory, what is in a file of its own need not be known. */
	if (key_is_zero(config->private_key) ||
	    key_public(config->private_key, own))
		return;
	if (source->main.given[SCHEMA_SERVER_KEY] &&
	    (!memcmp(own, config->server_key, sizeof(own)) ||
	     !memcmp(own, config->other_server_key, sizeof(own))))
		diagnostics_error(
			&source->reports, source->main.given[SCHEMA_SERVER_KEY],
			"ServerKey: this is the public key of this file's "
			"own PrivateKey, not the server's");
	for (i = 0; i < config->peer_count; i++) {
		if (config->peers[i].has_key &&
		    !memcmp(own, config->peers[i].public_key, sizeof(own)))
			diagnostics_error(
				&source->reports,
				source->peers[i].given[SCHEMA_PUBLIC_KEY],
				"PublicKey: this is the server's own");
	}
}

static void check_mtu(struct config_source *source)
{
	const struct config *config = source->config;
	bool ipv6 = config->address6.address.family;
	size_t i;

	if (!config->mtu || config->mtu >= IPV6_MTU_LEAST)
		return;
	for (i = 0; i < config->route_count; i++)
		ipv6 = ipv6 || config->routes[i].address.family == AF_INET6;
	if (ipv6)
		diagnostics_error(&source->reports,
				  source->main.given[SCHEMA_MTU],
				  "MTU = %u: less than %u, which IPv6 needs",
				  config->mtu, IPV6_MTU_LEAST);
}

/*
 * Each has sockets of its own. Clients go out from ports that are not the
 * server's: see struct nft_gateway.
 */
static void check_listen(struct config_source *source)
{
	const struct config *config = source->config;
	struct inet_ports spare;

	if (config->role == CONFIG_SERVER && config->nat != CONFIG_NAT_NO &&
	    config_spare_ports(config, &spare) < NAT_PORTS_LEAST)
		diagnostics_error(
			&source->reports, source->main.given[SCHEMA_LISTEN],
			"Listen: it leaves no %u ports in a row "
			"above 32767, from which clients go out with "
			"NAT = %s",
			NAT_PORTS_LEAST,
			config->nat == CONFIG_NAT_ANY ? "yes"
						      : config->nat_device);
	if (source->config->listen_count > TUNNEL_LISTEN)
		diagnostics_error(&source->reports,
				  source->main.given[SCHEMA_LISTEN],
				  "Listen: given %zu times; a server listens "
				  "on %d addresses and ports at most",
				  source->config->listen_count, TUNNEL_LISTEN);
}

static void check_hop(struct config_source *source)
{
	const struct config *config = source->config;

	for (size_t i = 0; i < config->server_count; i++) {
		if (config->servers[i].last)
			return;
	}
	if (config->hop)
		diagnostics_error(
			&source->reports, source->main.given[SCHEMA_HOP],
			"Hop = %u: Server names no range of ports, as "
			"in HOST:20000-29999",
			config->hop);
}

/* The table of a kill switch has to fit into a line of the journal. */
static void check_kill_switch(struct config_source *source)
{
	const struct config *config = source->config;
	size_t count = config->exclude_count;
	struct inet_prefix *list;

	if (!config->kill_switch_exclude || count <= CONFIG_KILL_SWITCH_EXCLUDE)
		return;
	list = calloc(count, sizeof(*list));
	if (!list) {
		source->reports.exhausted = true;
		return;
	}
	memcpy(list, config->exclude, count * sizeof(*list));
	count = inet_prefixes_merge(list, count);
	free(list);
	if (count > CONFIG_KILL_SWITCH_EXCLUDE)
		diagnostics_error(
			&source->reports,
			source->main.given[SCHEMA_KILL_SWITCH],
			"KillSwitch = yes, exclude: Exclude has %zu "
			"networks, and the kill switch has room for %u: "
			"say fewer and larger ones",
			count, CONFIG_KILL_SWITCH_EXCLUDE);
}

static int by_name(const struct config_peer *a, const struct config_peer *b)
{
	return strcmp(a->name, b->name);
}

static int by_key(const struct config_peer *a, const struct config_peer *b)
{
	return memcmp(a->public_key, b->public_key, KEY_SIZE);
}

static int sort_by_name(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;
	int order = by_name(*x, *y);

	return order ? order : (*x)->line < (*y)->line ? -1 : 1;
}

static int sort_by_key(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;
	int order = by_key(*x, *y);

	return order ? order : (*x)->line < (*y)->line ? -1 : 1;
}

static void check_names(struct config_source *source,
			const struct config_peer **sorted)
{
	const struct config_peer *first = sorted[0];
	char where[DIAGNOSTICS_LINE_SIZE];
	size_t i;

	qsort(sorted, source->config->peer_count, sizeof(*sorted),
	      sort_by_name);
	for (i = 0; i < source->config->peer_count; i++) {
		if (!i || !*first->name || by_name(first, sorted[i])) {
			first = sorted[i];
			continue;
		}
		diagnostics_error(
			&source->reports, sorted[i]->line,
			"[Peer %s]: there is one in %s already", first->name,
			diagnostics_line(&source->reports, sorted[i]->line,
					 first->line, where));
	}
}

static void check_peer_keys(struct config_source *source,
			    const struct config_peer **sorted)
{
	const struct config_peer *first = sorted[0];
	char where[DIAGNOSTICS_LINE_SIZE];
	size_t i;

	qsort(sorted, source->config->peer_count, sizeof(*sorted), sort_by_key);
	for (i = 0; i < source->config->peer_count; i++) {
		size_t index = (size_t)(sorted[i] - source->config->peers);
		unsigned line = source->peers[index].given[SCHEMA_PUBLIC_KEY];

		if (!i || !first->has_key || by_key(first, sorted[i])) {
			first = sorted[i];
			continue;
		}
		diagnostics_error(&source->reports, line,
				  "PublicKey: [Peer %s] in %s has the same",
				  first->name,
				  diagnostics_line(&source->reports, line,
						   first->line, where));
	}
}

/*
 * Peers are sorted and not each compared with each, as there may be thousands.
 */
static void check_unique(struct config_source *source)
{
	struct config *config = source->config;
	const struct config_peer **sorted;
	size_t i;

	sorted = calloc(config->peer_count, sizeof(struct config_peer *));
	if (!sorted) {
		source->reports.exhausted = true;
		return;
	}
	for (i = 0; i < config->peer_count; i++)
		sorted[i] = &config->peers[i];
	check_names(source, sorted);
	check_peer_keys(source, sorted);
	free(sorted);
}

void config_check(struct config_source *source)
{
	if (!source->main.kind)
		return;
	check_required(source);
	check_identity(source);
	check_own_key(source);
	check_mtu(source);
	check_listen(source);
	check_hop(source);
	check_kill_switch(source);
	if (source->config->peer_count)
		check_unique(source);
	config_check_addresses(source);
}
